//! What handles ask of the loop.

use super::calls::Answer;
use super::own::Announcement;
use super::{Error, EventLoop};
use crate::streams::Reply;
use crate::{NetworkInfo, PeerInfo};
use libp2p::{Multiaddr, PeerId};
use polymath_proto::v1::{AuditResponse, SettleResponse};
use polymath_swarm::cells::CellId;
use polymath_swarm::identity::{PeerKey, Sha256Hash};
use polymath_swarm::ledger::Version;
use polymath_swarm::trust::Contradiction;
use polymath_wire::audit::Request;
use std::collections::BTreeSet;
use tokio::sync::oneshot;

/// One request of a handle, with the way back. Whoever asked may have given up waiting: failed replies are
/// ignored throughout.
pub(crate) enum Command {
    Announce { announcement: Box<Announcement>, reply: oneshot::Sender<Result<Sha256Hash, Error>> },
    Withdraw { card: Sha256Hash, reply: oneshot::Sender<()> },
    Find { cells: Vec<CellId>, reply: oneshot::Sender<Result<usize, Error>> },
    Audit { peer: PeerId, addresses: Vec<Multiaddr>, request: Request, answer: Answer<AuditResponse> },
    Settle { peer: PeerId, addresses: Vec<Multiaddr>, receipts: Vec<Version>, answer: Answer<SettleResponse> },
    SetBlocked { blocked: BTreeSet<PeerKey> },
    SetEndorsed { endorsed: BTreeSet<PeerKey> },
    Accuse { contradiction: Box<Contradiction> },
    OpenStream { peer: PeerId, addresses: Vec<Multiaddr>, reply: Reply },
    Peers { reply: oneshot::Sender<Vec<PeerInfo>> },
    Probe { peer: PeerId, addresses: Vec<Multiaddr>, answer: Answer<usize> },
    Info { reply: oneshot::Sender<NetworkInfo> },
    ListenAddresses { reply: oneshot::Sender<Vec<String>> },
    Leave { reply: oneshot::Sender<()> },
    Shutdown { reply: oneshot::Sender<()> },
}

impl EventLoop {
    pub(super) fn on_command(&mut self, command: Command) {
        match command {
            Command::Announce { announcement, reply } => {
                let _ = reply.send(self.announce(*announcement));
            }
            Command::Withdraw { card, reply } => {
                self.withdraw(card);
                let _ = reply.send(());
            }
            Command::Find { cells, reply } => self.find(&cells, reply),
            Command::Audit { peer, addresses, request, answer } => {
                self.meet(peer, addresses);
                self.ask_audit(peer, request, answer);
            }
            Command::Settle { peer, addresses, receipts, answer } => {
                self.meet(peer, addresses);
                self.ask_settlement(peer, &receipts, answer);
            }
            Command::SetBlocked { blocked } => self.set_blocked(&blocked),
            Command::SetEndorsed { endorsed } => self.set_endorsed(endorsed),
            Command::Accuse { contradiction } => self.accuse(*contradiction),
            Command::OpenStream { peer, addresses, reply } => {
                // A dial that fails at once answers those who wait, so they must be waiting by then.
                self.swarm.behaviour_mut().tasks.open(peer, reply);
                self.meet(peer, addresses);
            }
            Command::Peers { reply } => {
                let _ = reply.send(self.peers.infos());
            }
            Command::Probe { peer, addresses, answer } => self.probe_for(peer, addresses, answer),
            Command::Info { reply } => {
                let _ = reply.send(self.network_info());
            }
            Command::ListenAddresses { reply } => {
                let local = *self.swarm.local_peer_id();
                let full = |address: &Multiaddr| match address.clone().with_p2p(local) {
                    Ok(full) | Err(full) => full.to_string(),
                };
                let _ = reply.send(self.swarm.listeners().map(full).collect());
            }
            Command::Leave { reply } => {
                self.publish_goodbyes();
                let _ = reply.send(());
            }
            Command::Shutdown { reply } => {
                // `run` ends the loop itself; a second request finds it ending.
                let _ = reply.send(());
            }
        }
    }
}
