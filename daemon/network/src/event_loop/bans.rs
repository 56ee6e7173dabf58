//! Shuts peers out, and lets them in again.

use super::EventLoop;
use crate::origins::Origin;
use crate::peers::{id_of, key_of};
use libp2p::PeerId;
use polymath_swarm::identity::PeerKey;
use polymath_swarm::trust::Offence;
use std::collections::{BTreeSet, HashSet};
use std::time::Instant;

impl EventLoop {
    /// A peer has done something against the rules.
    pub(super) fn offended(&mut self, peer: PeerId, offence: Offence) {
        let now = Instant::now();
        let Some((out, let_in)) = self.bans.note(peer, offence, now) else { return };
        if let Some(let_in) = let_in {
            self.swarm.behaviour_mut().shut_out.unblock_peer(let_in);
        }
        tracing::warn!(%peer, offence = offence.name(), seconds = out.as_secs(), "a peer is shut out for a time");
        for origin in self.peers.remotes(peer).filter_map(Origin::of) {
            if self.swarm.behaviour_mut().origins.note(origin, peer, now + out, now) {
                tracing::warn!(?origin, "so many peers from there are shut out that nobody is let in");
            }
        }
        self.shut_out(peer);
    }

    pub(super) fn set_blocked(&mut self, blocked: &BTreeSet<PeerKey>) {
        let blocked: HashSet<PeerId> = blocked.iter().filter_map(|key| id_of(*key)).collect();
        let (new, let_in) = self.bans.set_blocked(blocked);
        for peer in new {
            tracing::info!(%peer, "a peer is blocked");
            self.shut_out(peer);
        }
        for peer in let_in {
            self.swarm.behaviour_mut().shut_out.unblock_peer(peer);
        }
    }

    /// Lets those in whose time is over.
    pub(super) fn let_in(&mut self, now: Instant) {
        for peer in self.bans.over(now) {
            tracing::info!(%peer, "a peer is let in again");
            self.swarm.behaviour_mut().shut_out.unblock_peer(peer);
        }
    }

    /// Its connections are closed, and none is made with it any more; its experts are nobody's.
    fn shut_out(&mut self, peer: PeerId) {
        self.swarm.behaviour_mut().shut_out.block_peer(peer);
        self.swarm.behaviour_mut().kad.remove_peer(&peer);
        let Some(key) = key_of(&peer) else { return };
        self.directory.write(|table| (table.drop_peer(key), ()));
    }
}
