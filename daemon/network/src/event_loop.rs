//! The one task that owns the swarm.
//!
//! ```text
//! Network handles ──Command──▶ ┌───────────┐ ◀── libp2p events ── Swarm
//!                              │ EventLoop │ ◀── Checked ──────── tasks that verify adverts
//! Directory (readers) ◀─writes─└───────────┘ ◀── tick ─────────── timer
//! ```
//!
//! Every reaction is short and awaits nothing: verification runs in tasks of its own and comes back as an
//! event, replies go through oneshot channels, task streams are served elsewhere. The reactions are grouped
//! by what they are about: [`attested`], [`bans`], [`commands`], [`connections`], [`discovery`], [`fetches`], [`gossip`], [`lookups`],
//! [`own`], [`ranks`], [`reach`], [`served`]. The loop ends when it is told to or when the last handle is dropped; either way it says goodbye
//! for its experts first.

mod attested;
mod bans;
mod calls;
mod commands;
mod connections;
mod discovery;
mod fetches;
mod gossip;
mod lookups;
mod own;
mod ranks;
mod reach;
mod served;

pub(super) use commands::Command;
pub(super) use own::Announcement;
pub(super) use served::Services;

use super::addresses::{Locality, try_bind};
use super::bans::{Bans, OffenceCounts};
use super::behaviour::{Behaviour, BehaviourEvent, Names};
use super::bootstrap::Bootstrap;
use super::checks::{Checked, Checker};
use super::directory::Writer;
use super::peers::{Peers, id_of};
use super::reach::{Reach, Router};
use super::{Error, Identity, clock};
use attested::Attested;
pub(super) use fetches::ACTIVE_MAX as EXCHANGES_MAX;
use fetches::Fetches;
use futures::StreamExt as _;
use libp2p::core::transport::ListenerId;
use libp2p::swarm::SwarmEvent;
use libp2p::{Multiaddr, PeerId, Swarm};
use lookups::Lookups;
pub(super) use lookups::{DEADLINE as LOOKUP_DEADLINE, PROVIDERS_PER_LOOKUP_MAX};
use own::Own;
use polymath_swarm::cells::Codebook;
use polymath_swarm::embedding::SpaceId;
use polymath_swarm::identity::PeerKey;
use polymath_swarm::trust::{Book, Offence};
use std::io;
use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, timeout};

/// How often time-driven work is looked at; the resolution of every pause below.
const TICK: Duration = Duration::from_millis(100);
/// With more than this part of all the peers that a node may have, connections that nobody uses make room for new ones.
const CROWDED_PART: usize = 2;
/// How often what is stale is swept out.
const SWEEP_INTERVAL: Duration = Duration::from_secs(1);
/// How long a listener may take to come up; binding is immediate, names of interfaces take a moment.
const LISTEN_TIMEOUT: Duration = Duration::from_secs(5);
/// How long goodbyes may take to leave; they are sent at once, this is for the sockets.
const GOODBYE_TIME: Duration = Duration::from_millis(250);

/// What the loop needs to know of the world, fixed at start.
pub(super) struct Surroundings {
    pub(super) identity: Identity,
    pub(super) names: Names,
    pub(super) space: SpaceId,
    pub(super) codebook: Arc<Codebook>,
    pub(super) checker: Checker,
    pub(super) peers_max: u32,
}

/// The swarm and all state around it.
pub(super) struct EventLoop {
    swarm: Swarm<Behaviour>,
    commands: mpsc::Receiver<Command>,
    directory: Writer,
    surroundings: Surroundings,
    locality: Locality,
    peers: Peers,
    bootstrap: Bootstrap,
    reach: Reach,
    own: Own,
    fetches: Fetches,
    checks: JoinSet<(PeerId, Checked)>,
    attested: Attested,
    services: Services,
    lookups: Lookups,
    ranks: ranks::Ranks,
    routing: discovery::Routing,
    probing: connections::Probes,
    suspects: connections::Suspects,
    bans: Bans,
    /// What is seen on task streams, which are served elsewhere.
    offences: mpsc::Receiver<(PeerKey, Offence)>,
    swept: Instant,
}

impl EventLoop {
    pub(super) fn new(
        swarm: Swarm<Behaviour>,
        commands: mpsc::Receiver<Command>,
        directory: Writer,
        (bootstrap, mut reach): (Bootstrap, Reach),
        surroundings: Surroundings,
        (services, book): (Services, Arc<RwLock<Book>>),
        (counts, offences): (OffenceCounts, mpsc::Receiver<(PeerKey, Offence)>),
    ) -> Self {
        if swarm.behaviour().router.is_enabled() {
            reach.router = Router::Asked;
        }
        Self {
            swarm,
            commands,
            directory,
            surroundings,
            locality: Locality::default(),
            peers: Peers::default(),
            bootstrap,
            reach,
            own: Own::default(),
            fetches: Fetches::default(),
            checks: JoinSet::new(),
            attested: Attested::new(book),
            services,
            lookups: Lookups::default(),
            ranks: ranks::Ranks::default(),
            routing: discovery::Routing::default(),
            probing: connections::Probes::default(),
            suspects: connections::Suspects::default(),
            bans: Bans::new(counts, Instant::now()),
            offences,
            swept: Instant::now(),
        }
    }

    /// Opens the listeners and waits until each has an address.
    ///
    /// # Errors
    /// [`Error::Listen`] names the address that cannot be listened on.
    pub(super) async fn listen(&mut self, addresses: &[(String, Multiaddr)]) -> Result<(), Error> {
        let mut waiting: Vec<(ListenerId, &String)> = Vec::new();
        for (text, address) in addresses {
            let fault = |cause| Error::Listen { address: text.clone(), cause };
            try_bind(address).map_err(fault)?;
            let id = self.swarm.listen_on(address.clone()).map_err(|error| fault(io::Error::other(error)))?;
            waiting.push((id, text));
        }
        let deadline = tokio::time::Instant::now() + LISTEN_TIMEOUT;
        while let Some((_, first)) = waiting.first() {
            let event = tokio::time::timeout_at(deadline, self.swarm.select_next_some()).await;
            let timed_out = |_| Error::Listen {
                address: (*first).clone(),
                cause: io::Error::new(io::ErrorKind::TimedOut, "no address after five seconds"),
            };
            match event.map_err(timed_out)? {
                SwarmEvent::NewListenAddr { listener_id, address } => {
                    waiting.retain(|(id, _)| *id != listener_id);
                    self.on_listening(address);
                }
                SwarmEvent::ListenerClosed { listener_id, reason: Err(cause), .. } => {
                    let address = waiting.iter().find(|(id, _)| *id == listener_id).unwrap_or(&waiting[0]).1;
                    return Err(Error::Listen { address: address.clone(), cause });
                }
                event => self.on_swarm_event(event),
            }
        }
        Ok(())
    }

    /// Runs until told to stop.
    pub(super) async fn run(mut self) {
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let finished: Option<oneshot::Sender<()>> = loop {
            tokio::select! {
                event = self.swarm.select_next_some() => self.on_swarm_event(event),
                command = self.commands.recv() => match command {
                    None => break None,
                    Some(Command::Shutdown { reply }) => break Some(reply),
                    Some(command) => self.on_command(command),
                },
                Some(checked) = self.checks.join_next() => self.on_checked(checked),
                served = self.services.audited.next() => self.on_audit_served(served),
                served = self.services.settled.next() => self.on_settlement_served(served),
                Some((peer, offence)) = self.offences.recv() => {
                    id_of(peer).into_iter().for_each(|peer| self.offended(peer, offence));
                }
                _ = tick.tick() => self.on_tick(),
            }
        };
        self.say_goodbye().await;
        if let Some(finished) = finished {
            // Whoever asked may have given up waiting.
            let _ = finished.send(());
        }
    }

    fn on_swarm_event(&mut self, event: SwarmEvent<BehaviourEvent>) {
        match event {
            SwarmEvent::Behaviour(event) => self.on_behaviour_event(event),
            SwarmEvent::ConnectionEstablished { peer_id, connection_id, endpoint, .. } => {
                self.on_connected(peer_id, connection_id, &endpoint);
            }
            SwarmEvent::ConnectionClosed { peer_id, connection_id, cause, .. } => {
                self.on_disconnected(peer_id, connection_id, cause.as_ref());
            }
            SwarmEvent::OutgoingConnectionError { peer_id, connection_id, error } => {
                self.on_dial_failed(peer_id, connection_id, &error);
            }
            SwarmEvent::NewListenAddr { address, .. } => self.on_listening(address),
            SwarmEvent::ExpiredListenAddr { address, .. } => self.on_not_listening(&address),
            SwarmEvent::ListenerError { error, .. } => tracing::warn!(%error, "a listener reports an error"),
            SwarmEvent::ListenerClosed { listener_id, addresses, reason }
                if !self.on_relay_lost(listener_id, &addresses) =>
            {
                tracing::warn!(?addresses, ?reason, "a listener has closed");
            }
            _ => {}
        }
    }

    fn on_behaviour_event(&mut self, event: BehaviourEvent) {
        match event {
            BehaviourEvent::Exchange(event) => self.on_exchange(event),
            BehaviourEvent::Audits(event) => self.on_audit(event),
            BehaviourEvent::Receipts(event) => self.on_receipts(event),
            BehaviourEvent::Gossip(event) => self.on_gossip(event),
            BehaviourEvent::Identify(event) => self.on_identify(event),
            BehaviourEvent::Pings(event) => self.on_ping(event),
            BehaviourEvent::Mdns(event) => self.on_mdns(event),
            BehaviourEvent::Kad(event) => self.on_kad(event),
            BehaviourEvent::Circuits(event) => self.on_circuit(event),
            BehaviourEvent::Probed(event) => self.on_probed(event),
            BehaviourEvent::Router(event) => self.on_router(event),
            BehaviourEvent::Punching(event) => self.on_punched(&event),
            BehaviourEvent::Relay(event) => tracing::debug!(?event, "as a relay"),
            BehaviourEvent::Probing(event) => tracing::trace!(?event, "tried a peer's address"),
            BehaviourEvent::ShutOut(never) | BehaviourEvent::Limits(never) | BehaviourEvent::Tasks(never) => {
                match never {}
            }
        }
    }

    fn on_tick(&mut self) {
        let now = Instant::now();
        self.dial_seeds(now);
        self.tend_relays(now);
        self.try_again(now);
        self.punch_again(now);
        self.tend_routing(now);
        self.publish_due(now);
        self.repeat_words(now);
        self.end_lookups(now);
        self.end_probes(now);
        if now.duration_since(self.swept) >= SWEEP_INTERVAL {
            self.swept = now;
            self.directory.write(|table| (table.sweep(clock::now()), ()));
            self.swarm.behaviour_mut().kad.store_mut().sweep(now);
            self.refresh_silent(now);
            let crowded = self.peers.len() > self.surroundings.peers_max as usize / CROWDED_PART;
            self.swarm.behaviour_mut().tasks.set_crowded(crowded);
            self.let_in(now);
            self.dial_suspect(now);
        }
    }

    /// Tells the swarm that this node's experts leave, closes every connection, and lets both get out.
    async fn say_goodbye(&mut self) {
        self.publish_goodbyes();
        // One turn of the swarm hands the goodbyes to the connections before these are closed.
        let _ = timeout(GOODBYE_TIME / 5, async {
            loop {
                self.swarm.select_next_some().await;
            }
        })
        .await;
        for peer in self.peers.ids() {
            // It may have gone by itself.
            let _ = self.swarm.disconnect_peer_id(peer);
        }
        let _ = timeout(GOODBYE_TIME, async {
            while self.swarm.network_info().num_peers() > 0 {
                self.swarm.select_next_some().await;
            }
        })
        .await;
    }
}
