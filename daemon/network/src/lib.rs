//! The swarm of nodes: who is there, which experts they have, and the streams over which tasks travel.
//!
//! A [`Network`] is a handle to one event loop that owns one libp2p swarm with one key pair; a process can
//! hold several that know nothing of each other. What the loop learns and believes is in the [`Directory`].
//!
//! An expert becomes known like this: its node signs a *card* and short-lived *statuses* (`wire`), says in
//! the DHT which cells of the embedding space it serves (`store`), and gossips the statuses. Whoever meets
//! the node, hears a status of an unknown card, or looks a cell up, asks the node itself for its adverts
//! (`exchange`), verifies them off the loop (`checks`) and puts them into the directory (`directory`).
//! It is forgotten when it says goodbye, falls silent, or cannot be dialled.
//!
//! What this crate does not do: choose experts, run models, retry tasks, or trust what a card claims beyond
//! that its embeddings are those of its text. It is the only one that names libp2p, and a crate of its own because libp2p's types take a compiler long.

mod addresses;
mod attested;
pub mod audit;
mod bans;
mod behaviour;
mod bootstrap;
mod checks;
mod clock;
mod codec;
mod directory;
mod error;
mod event_loop;
mod exchange;
#[cfg(test)]
mod fixtures;
mod gate;
mod identity;
mod origins;
mod peers;
mod pings;
mod reach;
pub mod receipts;
mod rules;
mod store;
mod streams;
pub mod task;
#[cfg(test)]
mod tests;
mod transport;

pub use bans::OffenceCounts;
pub use directory::Directory;
pub use error::Error;
pub use identity::{FILE as IDENTITY_FILE, Identity};
pub use peers::{PeerInfo, Probe};
pub use polymath_wire::advert::{WireError, card_hash};
pub use reach::{NetworkInfo, RelayInfo, Verdict};
pub use rules::rules;

/// Providers that one node keeps under one key.
pub const PROVIDERS_PER_KEY_MAX: usize = store::PROVIDERS_PER_KEY_MAX;
/// So many of these are the fittest for the cell of all that were announced to it; the others a random sample.
pub const FITTEST_PER_KEY: usize = store::FITTEST_PER_KEY;
/// Providers that the lookup of one cell follows up; of more, a random sample.
pub const PROVIDERS_PER_LOOKUP_MAX: usize = event_loop::PROVIDERS_PER_LOOKUP_MAX;

use event_loop::{Announcement, Command, EventLoop, Services, Surroundings};
use futures::future::BoxFuture;
use libp2p::{Multiaddr, PeerId};
use polymath_proto::v1::AuditResponse;
use polymath_swarm::audit::{Computed, Evidence, Replay};
use polymath_swarm::capability::{Advert, Card};
use polymath_swarm::cells::{CellId, Codebook};
use polymath_swarm::embedding::SpaceId;
use polymath_swarm::identity::{PeerKey, Sha256Hash};
use polymath_swarm::ledger::{Settlement, Version};
use polymath_swarm::private::SwarmKeys;
use polymath_swarm::task::{Offer, TaskError};
use polymath_swarm::trust::{Book, Contradiction};
use polymath_wire::audit::{Request, opening_of, replayed_of};
use polymath_wire::receipt::settlements_of;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Instant;
use streams::Streams;
use tokio::sync::{mpsc, oneshot, watch};
use tracing::Instrument as _;

/// Requests of handles waiting for the loop, which answers each within microseconds.
const COMMANDS_MAX: usize = 64;
/// Offences on task streams waiting for the loop; more of them say no more.
const OFFENCES_MAX: usize = 256;
/// Listeners in a configuration: QUIC and TCP on IPv4 and IPv6, twice.
const LISTENERS_MAX: usize = 8;

/// How a node takes part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Multiaddresses to listen on; port 0 takes a free one. Empty: this node only dials.
    pub listen: Vec<String>,
    /// Multiaddresses of nodes to start from; `/p2p/<peer id>` at the end is optional.
    pub bootstrap: Vec<String>,
    /// Whether to look for nodes on the LAN by multicast DNS.
    pub mdns: bool,
    /// Nodes of different namespaces never meet: letters, digits, `-`, `_` and `.`.
    pub namespace: String,
    /// What others see as this node's software.
    pub agent: String,
    /// Connections at most; a quarter of them is kept for peers that this node chooses itself.
    pub peers_max: u32,
    /// Whether this node relays for others, which takes an address that they reach.
    pub relay: bool,
    /// Multiaddresses of relays, `/p2p/<peer id>` at the end, that hold a place for this node.
    pub relays: Vec<String>,
    /// Whether to ask the router for an open port (UPnP).
    pub upnp: bool,
    /// The keys of a private swarm: nobody without them gets in, and their name takes the namespace's place.
    #[serde(skip)]
    pub private: Option<Arc<SwarmKeys>>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: vec!["/ip4/0.0.0.0/udp/4001/quic-v1".to_owned(), "/ip4/0.0.0.0/tcp/4001".to_owned()],
            bootstrap: Vec::new(),
            mdns: true,
            namespace: "public".to_owned(),
            agent: concat!("polymath/", env!("CARGO_PKG_VERSION")).to_owned(),
            // The peers that a node watches, as the design says.
            peers_max: 200,
            relay: false,
            relays: Vec::new(),
            upnp: true,
            private: None,
        }
    }
}

/// How many tasks an expert can run, runs and has waiting.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SlotUse {
    /// Tasks it can run at once.
    pub slots: u32,
    /// Of those, free now.
    pub free: u32,
    /// Tasks that wait.
    pub queued: u32,
}

/// What a status says of an expert beside its slots.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ExpertState {
    /// Measured speed of one answer.
    pub tokens_per_second: f32,
    /// Whether it begins at once, or has a model to load first.
    pub is_loaded: bool,
}

/// Tells whether a card's embeddings are those of its text. The node implements it by embedding it again.
pub trait ClaimCheck: Send + Sync + 'static {
    /// Whether the claim holds.
    fn check(&self, card: Arc<Card>) -> BoxFuture<'_, bool>;
}

/// A handle to one swarm. Cheap to clone; the network stops when the last is dropped.
#[derive(Clone)]
pub struct Network {
    commands: mpsc::Sender<Command>,
    directory: Directory,
    streams: Streams,
    peer: PeerKey,
    book: Arc<RwLock<Book>>,
    counts: OffenceCounts,
}

impl Network {
    /// Listens, begins to dial the bootstrap peers, and has `service` do what others ask for.
    ///
    /// # Errors
    /// [`Error::Listen`] if a port is in use, [`Error::Address`] and [`Error::Namespace`] for settings that do
    /// not parse; each names its culprit.
    pub async fn start(
        config: Config,
        identity: Identity,
        space: SpaceId,
        codebook: Arc<Codebook>,
        claims: Arc<dyn ClaimCheck>,
        service: Arc<impl task::Service + audit::Service + receipts::Service>,
    ) -> Result<Self, Error> {
        let shown = if config.private.is_some() { "(private)" } else { &config.namespace };
        let span = tracing::info_span!("network", peer = %identity.peer_id(), namespace = shown);
        let listen = parse_listen(&config.listen)?;
        let (mut event_loop, network) = Self::build(&config, identity, space, codebook, claims, service)?;
        event_loop.listen(&listen).instrument(span.clone()).await?;
        tokio::spawn(event_loop.run().instrument(span));
        Ok(network)
    }

    /// The loop, which neither listens nor runs yet, and its handle.
    fn build(
        config: &Config,
        identity: Identity,
        space: SpaceId,
        codebook: Arc<Codebook>,
        claims: Arc<dyn ClaimCheck>,
        service: Arc<impl task::Service + audit::Service + receipts::Service>,
    ) -> Result<(EventLoop, Self), Error> {
        let namespace = config.private.as_ref().map_or(&config.namespace, |keys| &keys.namespace);
        let names = behaviour::Names::new(namespace, space)?;
        let bootstrap = bootstrap::Bootstrap::new(&config.bootstrap, Instant::now())?;
        let reach = reach::Reach::new(&config.relays, Instant::now())?;
        let (task_streams, incoming) = streams::Behaviour::new();
        let swarm = behaviour::build(config, &identity, &names, task_streams)?;
        let (offended, offences) = mpsc::channel(OFFENCES_MAX);
        let streams = Streams::start(incoming, &identity, service.clone(), offended);
        let counts = OffenceCounts::default();
        let (commands, received) = mpsc::channel(COMMANDS_MAX);
        let (writer, directory) = directory::Writer::new();
        let peer = identity.peer();
        let checker = checks::Checker::new(space, codebook.dimension(), claims);
        let peers_max = config.peers_max;
        let surroundings = Surroundings { identity, names, space, codebook, checker, peers_max };
        let book = Arc::new(RwLock::new(Book::default()));
        let served = (Services::new(service.clone(), service), book.clone());
        let event_loop = EventLoop::new(
            swarm,
            received,
            writer,
            (bootstrap, reach),
            surroundings,
            served,
            (counts.clone(), offences),
        );
        Ok((event_loop, Self { commands, directory, streams, peer, book, counts }))
    }

    /// This node's key.
    pub fn peer(&self) -> PeerKey {
        self.peer
    }

    /// Announces an expert: signs its card, publishes its status every ten seconds and when its slots change,
    /// and provides its cells in the DHT. `state` is asked whenever a status is signed;
    /// `price_micro` is that of a generated token.
    ///
    /// # Errors
    /// [`Error::Card`] if the card is out of bounds, of another space or too large.
    pub async fn announce(
        &self,
        card: Card,
        price_micro: u64,
        slots: watch::Receiver<SlotUse>,
        state: impl Fn() -> ExpertState + Send + Sync + 'static,
    ) -> Result<Sha256Hash, Error> {
        let announcement = Box::new(Announcement { card, price_micro, slots, state: Box::new(state) });
        self.request(|reply| Command::Announce { announcement, reply }).await?
    }

    /// Takes an announced expert back and tells the others.
    pub async fn withdraw(&self, card: Sha256Hash) {
        // A network that has stopped announces nothing.
        let _ = self.request(|reply| Command::Withdraw { card, reply }).await;
    }

    /// The experts known.
    pub fn directory(&self) -> Directory {
        self.directory.clone()
    }

    /// Looks up to eight cells up in the DHT, asks the providers that are not known yet for their adverts, and
    /// returns how many experts that brought into the directory. Takes three seconds at most.
    ///
    /// # Errors
    /// [`Error::Busy`] if too many lookups are under way, [`Error::Stopped`].
    pub async fn find(&self, cells: Vec<CellId>) -> Result<usize, Error> {
        self.request(|reply| Command::Find { cells, reply }).await?
    }

    /// Offers a task to an expert in the directory and waits until it is accepted. Dropping the task cancels
    /// it.
    ///
    /// # Errors
    /// As the expert says, or [`TaskError::Unreachable`]; [`TaskError::Refused`] with `unknown_expert` if the
    /// directory has no such expert on that peer.
    pub async fn open_task(&self, peer: PeerKey, offer: Offer) -> Result<task::RemoteTask, TaskError> {
        self.open_task_watched(peer, offer, task::Loading::default()).await
    }

    /// As [`Self::open_task`]; what the expert says of a model that it has to load first goes to `loading`.
    ///
    /// # Errors
    /// Likewise.
    pub async fn open_task_watched(
        &self,
        peer: PeerKey,
        offer: Offer,
        loading: task::Loading,
    ) -> Result<task::RemoteTask, TaskError> {
        let advert = self.directory.get(peer, offer.card).ok_or_else(|| TaskError::Refused {
            code: "unknown_expert".to_owned(),
            message: "the directory has no such expert on that peer".to_owned(),
        })?;
        let id = peers::id_of(peer).ok_or_else(|| TaskError::Unreachable("no valid peer key".to_owned()))?;
        let addresses = advert.status.addresses.iter().filter_map(|a| a.parse::<Multiaddr>().ok()).collect();
        let (reply, opening) = oneshot::channel();
        let command = Command::OpenStream { peer: id, addresses, reply };
        let stopped = |_| TaskError::Unreachable(Error::Stopped.to_string());
        self.commands.send(command).await.map_err(stopped)?;
        self.streams.ask(opening, &advert, offer, loading).await
    }

    /// Has an expert open what it committed to for a task that this node asked. Whether it may be believed is for the caller to
    /// verify.
    ///
    /// # Errors
    /// As the expert says, or [`TaskError::Unreachable`].
    pub async fn challenge(
        &self,
        peer: PeerKey,
        task_id: [u8; 16],
    ) -> Result<(Evidence, [u8; 64]), TaskError> {
        let request = Request::Challenge { task_id };
        opening_of(self.audit(peer, &[], request).await?)
    }

    /// Has a node that serves the same model compute an answer again; `None` if the model cannot have written it.
    ///
    /// # Errors
    /// As the node says, or [`TaskError::Unreachable`].
    pub async fn replay(&self, auditor: &Advert, replay: Replay) -> Result<Option<Computed>, TaskError> {
        let request = Request::Replay(Box::new(replay));
        replayed_of(self.audit(auditor.peer, &auditor.status.addresses, request).await?)
    }

    /// Says to an expert's node what this one owes it, at most [`SETTLED_AT_ONCE_MAX`](polymath_swarm::ledger::SETTLED_AT_ONCE_MAX)
    /// receipts at once; one settlement for each. Their signatures are for the caller to verify.
    ///
    /// # Errors
    /// As the node says, or [`TaskError::Unreachable`].
    pub async fn settle(
        &self,
        expert: PeerKey,
        receipts: Vec<Version>,
    ) -> Result<Vec<Settlement>, TaskError> {
        let known = self.directory.adverts().into_iter().find(|advert| advert.peer == expert);
        let addresses = known.map(|advert| advert.status.addresses.clone()).unwrap_or_default();
        let count = receipts.len();
        let response = self
            .call(expert, &addresses, |(peer, addresses), answer| Command::Settle {
                peer,
                addresses,
                receipts,
                answer,
            })
            .await?;
        settlements_of(response, count)
    }

    /// Has nothing to do with these peers, and with others again.
    pub async fn set_blocked(&self, blocked: BTreeSet<PeerKey>) {
        // A network that has stopped has nothing to do with anybody.
        let _ = self.commands.send(Command::SetBlocked { blocked }).await;
    }

    /// What peers have done against the rules.
    pub fn offences(&self) -> &OffenceCounts {
        &self.counts
    }

    /// Says to the swarm, now and again, that this node's owner vouches for these, and for others no more.
    pub async fn set_endorsed(&self, endorsed: BTreeSet<PeerKey>) {
        // A network that has stopped says nothing.
        let _ = self.commands.send(Command::SetEndorsed { endorsed }).await;
    }

    /// Shows the swarm that an expert contradicted itself.
    pub async fn accuse(&self, contradiction: Contradiction) {
        // As above.
        let _ = self.commands.send(Command::Accuse { contradiction: Box::new(contradiction) }).await;
    }

    /// Reads what nodes have said of each other.
    pub fn attested<T>(&self, read: impl FnOnce(&Book) -> T) -> T {
        read(&self.book.read().unwrap_or_else(PoisonError::into_inner))
    }

    async fn audit(
        &self,
        peer: PeerKey,
        addresses: &[String],
        request: Request,
    ) -> Result<AuditResponse, TaskError> {
        self.call(peer, addresses, |(peer, addresses), answer| Command::Audit {
            peer,
            addresses,
            request,
            answer,
        })
        .await
    }

    async fn call<A>(
        &self,
        peer: PeerKey,
        addresses: &[String],
        command: impl FnOnce((PeerId, Vec<Multiaddr>), oneshot::Sender<Result<A, TaskError>>) -> Command,
    ) -> Result<A, TaskError> {
        let peer =
            peers::id_of(peer).ok_or_else(|| TaskError::Unreachable("no valid peer key".to_owned()))?;
        let addresses = addresses.iter().filter_map(|a| a.parse::<Multiaddr>().ok()).collect();
        let (answer, response) = oneshot::channel();
        let stopped = || TaskError::Unreachable(Error::Stopped.to_string());
        self.commands.send(command((peer, addresses), answer)).await.map_err(|_| stopped())?;
        response.await.map_err(|_| stopped())?
    }

    /// The connected peers.
    pub async fn peers(&self) -> Vec<PeerInfo> {
        self.request(|reply| Command::Peers { reply }).await.unwrap_or_default()
    }

    /// How this node is reached.
    ///
    /// # Errors
    /// [`Error::Stopped`].
    pub async fn info(&self) -> Result<NetworkInfo, Error> {
        self.request(|reply| Command::Info { reply }).await
    }

    /// Asks a peer for what it offers, over a new connection if there is none, and says how long it took to answer.
    ///
    /// # Errors
    /// [`TaskError::Unreachable`] says why it cannot be reached.
    pub async fn probe(&self, peer: PeerKey) -> Result<Probe, TaskError> {
        let known = self.directory.adverts().into_iter().find(|advert| advert.peer == peer);
        let addresses = known.map(|advert| advert.status.addresses.clone()).unwrap_or_default();
        let started = Instant::now();
        let call = |(peer, addresses), answer| Command::Probe { peer, addresses, answer };
        let experts = self.call(peer, &addresses, call).await?;
        let took = started.elapsed();
        let info = self.peers().await.into_iter().find(|info| info.peer == peer);
        Ok(Probe { took, experts, info })
    }

    /// The addresses that this node really listens on, each ending in `/p2p/<peer id>`.
    pub async fn listen_addresses(&self) -> Vec<String> {
        self.request(|reply| Command::ListenAddresses { reply }).await.unwrap_or_default()
    }

    /// Says goodbye for the experts, so that nobody asks them any more; tasks that are under way go on.
    pub async fn leave(&self) {
        // A network that has stopped is gone already.
        let _ = self.request(|reply| Command::Leave { reply }).await;
    }

    /// Waits until what is done for others has been told to them, to the last word; whoever comes meanwhile is told `busy`.
    pub async fn served(&self) {
        self.streams.served().await;
    }

    /// Stops taking tasks, says goodbye for the experts, closes every connection. Idempotent.
    pub async fn shutdown(&self) {
        self.streams.stop();
        // Stopped already is as good.
        let _ = self.request(|reply| Command::Shutdown { reply }).await;
        self.streams.stopped().await;
    }

    async fn request<T>(&self, command: impl FnOnce(oneshot::Sender<T>) -> Command) -> Result<T, Error> {
        let (reply, answer) = oneshot::channel();
        self.commands.send(command(reply)).await.map_err(|_| Error::Stopped)?;
        answer.await.map_err(|_| Error::Stopped)
    }
}

/// Binds an address to listen on and lets it go again; one that is no multiaddress with an IP address is left to [`Network::start`].
///
/// # Errors
/// Why it cannot be listened on.
pub fn try_listen(address: &str) -> std::io::Result<()> {
    address.parse::<Multiaddr>().map_or(Ok(()), |address| addresses::try_bind(&address))
}

/// The text form of a key's libp2p peer id, `12D3KooW…`. For a key that is no point of the curve, its digits.
pub fn peer_id_text(peer: PeerKey) -> String {
    peers::id_of(peer).map_or_else(|| Sha256Hash(peer.0).to_string(), |id| id.to_string())
}

/// The key that a peer id's text form stands for, if it is an Ed25519 one.
pub fn peer_of_text(text: &str) -> Option<PeerKey> {
    text.parse().ok().and_then(|id| peers::key_of(&id))
}

fn parse_listen(addresses: &[String]) -> Result<Vec<(String, Multiaddr)>, Error> {
    if addresses.len() > LISTENERS_MAX {
        return Err(Error::TooManyListeners(addresses.len()));
    }
    let parse = |text: &String| match text.parse() {
        Ok(address) => Ok((text.clone(), address)),
        Err(cause) => Err(Error::Address { what: "listen", address: text.clone(), cause }),
    };
    addresses.iter().map(parse).collect()
}
