//! How peers and providers are found: seeds, identify, mDNS, and Kademlia's routing table.

use super::EventLoop;
use crate::store::KEY_BYTES;
use libp2p::kad::{self, ProviderRecord};
use libp2p::swarm::dial_opts::DialOpts;
use libp2p::{PeerId, identify, mdns};
use polymath_swarm::trust::Offence;
use std::time::{Duration, Instant};

/// A key is ours to keep if no more than this many known peers are nearer to it: twice Kademlia's k, since a
/// publisher may not know all the peers that we know.
const NEARER_PEERS_MAX: usize = 40;
/// After a new peer, wait for others that come with it before looking for neighbours or publishing again.
const SETTLE_TIME: Duration = Duration::from_millis(200);
/// Neighbours are looked for no more often than this while the table grows; records are published anew each time that it has doubled. A walk asks the
/// twenty nearest, of whom one that keeps a record is enough.
const TEND_INTERVAL: Duration = Duration::from_secs(2);

/// With so many peers in the table, new ones are no nearer than those that are there.
const SETTLED_PEERS: usize = 40;

/// What is to be done about the routing table.
#[derive(Debug, Default)]
pub(super) struct Routing {
    /// When to look for neighbours and publish anew, if the table has changed.
    due: Option<Instant>,
    tended: Option<Instant>,
    /// Peers in the table when our records were published last.
    published: usize,
}

impl Routing {
    /// Whether our records are to be published again, now that there are so many peers in the table.
    fn has_doubled(&mut self, peers: usize) -> bool {
        let doubled = peers > 0 && peers >= 2 * self.published;
        // A table that has shrunk counts as twice what is left of it, so that it is published again before it is as large as it was.
        self.published = if doubled { peers } else { self.published.min(2 * peers) };
        doubled
    }
}

impl EventLoop {
    pub(super) fn dial_seeds(&mut self, now: Instant) {
        for address in self.bootstrap.due(now) {
            let dial = DialOpts::from(address.clone());
            let connection = dial.connection_id();
            self.bootstrap.dialling(&address, connection);
            if let Err(error) = self.swarm.dial(dial) {
                tracing::debug!(%address, %error, "seed not dialled");
                self.bootstrap.failed(connection, now);
            }
        }
    }

    pub(super) fn on_identify(&mut self, event: identify::Event) {
        let identify::Event::Received { peer_id: peer, connection_id, info } = event else { return };
        self.bootstrap.welcomed(peer);
        let remote = self.peers.remote_address(peer, connection_id);
        let addresses = self.locality.worth_dialling(info.listen_addrs, remote);
        for lost in self.peers.identified(peer, connection_id, &info.agent_version, addresses.clone()) {
            // Gossip and requests would go on using it for as long as it seems to stand.
            tracing::debug!(%peer, %lost, "the peer was restarted; a connection to its earlier run is closed");
            self.swarm.close_connection(lost);
        }
        if info.protocol_version != self.surroundings.names.identify {
            tracing::debug!(%peer, version = info.protocol_version, "not of our swarm");
            return;
        }
        if info.protocols.contains(&self.surroundings.names.kad) {
            let kad = &mut self.swarm.behaviour_mut().kad;
            let mut outdated = Vec::new();
            if let Some(bucket) = kad.kbucket(peer) {
                let entry = bucket.iter().find(|e| *e.node.key.preimage() == peer);
                outdated.extend(entry.into_iter().flat_map(|e| e.node.value.iter().cloned()));
            }
            outdated.retain(|old| !addresses.contains(old));
            // Kademlia itself would keep every address a peer ever claimed.
            if !addresses.is_empty() {
                outdated.iter().for_each(|old| _ = kad.remove_address(&peer, old));
            }
            for address in addresses {
                kad.add_address(&peer, address);
            }
        }
        if info.protocols.contains(&crate::exchange::PROTOCOL) {
            self.fetch_all(peer);
        }
    }

    pub(super) fn on_mdns(&mut self, event: mdns::Event) {
        let mdns::Event::Discovered(found) = event else { return };
        for (peer, address) in found {
            // Whoever answers multicast is on our LAN: its address is as good as its packet.
            if self.peers.contains(&peer) || self.peers.len() >= self.surroundings.peers_max as usize {
                continue;
            }
            let dial = DialOpts::peer_id(peer).addresses(vec![address]).build();
            if let Err(error) = self.swarm.dial(dial) {
                tracing::trace!(%peer, %error, "not dialled");
            }
        }
    }

    pub(super) fn on_kad(&mut self, event: kad::Event) {
        match event {
            kad::Event::InboundRequest {
                request: kad::InboundRequest::AddProvider { record: Some(record) },
            } => {
                self.on_provider_record(record);
            }
            kad::Event::OutboundQueryProgressed {
                id,
                result: kad::QueryResult::GetProviders(result),
                step,
                ..
            } => {
                let providers = match result {
                    Ok(kad::GetProvidersOk::FoundProviders { providers, .. }) => providers,
                    _ => Default::default(),
                };
                self.on_providers(id, providers, step.last);
            }
            kad::Event::RoutingUpdated { is_new_peer: true, .. } => {
                self.routing.due.get_or_insert_with(|| Instant::now() + SETTLE_TIME);
                self.ask_unasked();
            }
            _ => {}
        }
    }

    /// Looks for neighbours and publishes our records to them, after the routing table has grown.
    pub(super) fn tend_routing(&mut self, now: Instant) {
        let recently = self.routing.tended.is_some_and(|t| now.duration_since(t) < TEND_INTERVAL);
        if recently || self.routing.due.is_none_or(|due| due > now) {
            return;
        }
        self.routing.due = None;
        self.routing.tended = Some(now);
        let (local, kad) = (*self.swarm.local_peer_id(), &mut self.swarm.behaviour_mut().kad);
        let peers = kad.kbuckets().map(|bucket| bucket.num_entries()).sum();
        if peers <= SETTLED_PEERS {
            kad.get_closest_peers(local);
        }
        if self.routing.has_doubled(peers) {
            self.provide_all();
        }
    }

    /// Keeps a provider record if its key is one of ours and near us. libp2p has checked that it came from
    /// the provider itself.
    fn on_provider_record(&mut self, record: ProviderRecord) {
        if record.key.as_ref().len() != KEY_BYTES || !self.is_near(&record.key) {
            tracing::debug!(provider = %record.provider, "a provider record is not ours to keep");
            return;
        }
        let told = record.addresses.iter().cloned();
        let addresses = self.locality.worth_dialling(told, self.peers.any_remote_address(record.provider));
        let record = ProviderRecord { addresses, ..record };
        let provider = record.provider;
        if let Err(error) = self.keep_record(record) {
            tracing::debug!(%provider, %error, "a provider record is refused");
            // At a full key it was not drawn, which is nobody's fault.
            if matches!(error, kad::store::Error::MaxProvidedKeys) {
                self.offended(provider, Offence::Flooded);
            }
        }
    }

    fn is_near(&mut self, key: &kad::RecordKey) -> bool {
        let key = kad::KBucketKey::new(key.clone());
        let local = kad::KBucketKey::from(*self.swarm.local_peer_id());
        let ours = local.distance(&key);
        let nearer = |peer: &kad::KBucketKey<PeerId>| peer.distance(&key) < ours;
        let kad = &mut self.swarm.behaviour_mut().kad;
        kad.get_closest_local_peers(&key).take_while(nearer).take(NEARER_PEERS_MAX + 1).count()
            <= NEARER_PEERS_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_published_whenever_the_table_has_doubled() {
        let mut routing = Routing::default();
        let published = |routing: &mut Routing, peers| routing.has_doubled(peers);
        let grown: Vec<usize> = (0..70).filter(|peers| published(&mut routing, *peers)).collect();
        assert_eq!(grown, [1, 2, 4, 8, 16, 32, 64]);
        // A partition leaves three of them, and heals.
        assert!(!published(&mut routing, 3) && !published(&mut routing, 5));
        assert!(published(&mut routing, 12));
    }
}
