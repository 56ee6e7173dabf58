//! What the tests of this module are made of: cards, statuses, a claim check and a task service that are
//! plainly fake, and real nodes on loopback.

use super::event_loop::EventLoop;
use super::task::{Delivery, Job, Service};
use super::{ClaimCheck, Config, ExpertState, Identity, Network, SlotUse};
use super::{audit, receipts};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use polymath_swarm::audit::{Computed, Evidence, Replay, Reported};
use polymath_swarm::capability::{Card, ExpertKind, ModelFacts, Status};
use polymath_swarm::cells::Codebook;
use polymath_swarm::embedding::{Embedding, SpaceId};
use polymath_swarm::identity::{PeerKey, Sha256Hash};
use polymath_swarm::ledger::{Settlement, Version};
use polymath_swarm::task::{Commitment, Offer, TaskError};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::watch;

pub(super) const DIMENSION: usize = 16;
/// How long a condition may take before a test fails; generous, since machines that test are busy.
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) fn space() -> SpaceId {
    Sha256Hash::of(b"test space")
}

/// A vector near axis `axis`.
pub(super) fn vector(axis: usize) -> Embedding {
    let values: Vec<f32> = (0..DIMENSION).map(|i| if i == axis % DIMENSION { 1.0 } else { 0.05 }).collect();
    Embedding::new(&values).unwrap()
}

/// One cell an axis.
pub(super) fn codebook() -> Arc<Codebook> {
    let centres: Vec<Embedding> = (0..DIMENSION).map(vector).collect();
    Arc::new(Codebook::from_centres(&centres).unwrap())
}

/// A card whose description lies on `axis` and whose exemplar on the next.
pub(super) fn card(id: &str, axis: usize) -> Card {
    Card {
        id: id.to_owned(),
        kind: ExpertKind::Model,
        description: format!("Knows all about axis {axis}"),
        exemplars: vec![format!("What of axis {axis}?")],
        model: ModelFacts {
            sha256: Sha256Hash::of(id.as_bytes()),
            architecture: "llama".to_owned(),
            parameters: 1_000,
            quantisation: "F16".to_owned(),
            context_tokens: 256,
            flash_attention: false,
            unified_kv: false,
        },
        licence: "Apache-2.0".to_owned(),
        languages: vec!["en".to_owned()],
        abilities: vec!["chat".to_owned()],
        space: space(),
        embeddings: vec![vector(axis).quantise(), vector(axis + 1).quantise()],
        temperature: 0.0,
    }
}

pub(super) fn status(card: Sha256Hash, sequence: u64, expires: u64) -> Status {
    Status {
        card,
        addresses: Vec::new(),
        slots: 2,
        free_slots: 2,
        tokens_per_second: 10.0,
        price_micro: 0,
        sequence,
        expires,
        leaving: false,
        cold: false,
    }
}

/// Believes every card, or none, and counts what it is asked.
pub(super) struct FakeClaims {
    pub(super) honest: bool,
    pub(super) asked: AtomicUsize,
}

impl FakeClaims {
    pub(super) fn new(honest: bool) -> Arc<Self> {
        Arc::new(Self { honest, asked: AtomicUsize::new(0) })
    }
}

impl ClaimCheck for FakeClaims {
    fn check(&self, _: Arc<Card>) -> BoxFuture<'_, bool> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        async { self.honest }.boxed()
    }
}

/// Is always busy, for 7 ms; as an auditor it knows no task, and computes the same of every answer that ended.
pub(super) struct BusyService;

impl Service for BusyService {
    fn accept(&self, _: PeerKey, _: Offer) -> BoxFuture<'_, Result<Job, TaskError>> {
        async { Err(TaskError::Busy { retry_after_ms: 7 }) }.boxed()
    }

    fn committed(&self, _: PeerKey, _: Commitment, _: Evidence) {}

    fn delivered(&self, _: PeerKey, _: Delivery) {}
}

impl receipts::Service for BusyService {
    fn settle(
        &self,
        _: PeerKey,
        receipts: Vec<Version>,
    ) -> BoxFuture<'_, Result<Vec<Settlement>, TaskError>> {
        let signed = receipts.iter().map(|version| Settlement::Countersigned(version.signature)).collect();
        async { Ok(signed) }.boxed()
    }
}

impl audit::Service for BusyService {
    fn opened(&self, peer: PeerKey, task_id: [u8; 16]) -> Result<(Commitment, Evidence), TaskError> {
        let _ = (peer, task_id);
        Err(TaskError::Refused { code: "unknown_task".to_owned(), message: "never heard of it".to_owned() })
    }

    fn replay(&self, _: PeerKey, replay: Replay) -> BoxFuture<'_, Result<Option<Computed>, TaskError>> {
        let evidence =
            Evidence { end: Some(Reported { id: 3, steps: 4, top: vec![(3, 4)] }), ..Evidence::default() };
        let computed = Computed { evidence, prompt_tokens: 7, ..Computed::default() };
        async move { Ok(replay.ended.then_some(computed)) }.boxed()
    }
}

/// An event loop that neither listens nor runs, for what it does when something comes.
pub(super) fn event_loop() -> EventLoop {
    let (claims, service) = (FakeClaims::new(true), Arc::new(BusyService));
    Network::build(&config(&[]), Identity::ephemeral(), space(), codebook(), claims, service).unwrap().0
}

/// A node on loopback, with the sender of its experts' slots.
pub(super) struct Node {
    pub(super) network: Network,
    pub(super) address: String,
    slots: watch::Sender<SlotUse>,
}

pub(super) fn config(bootstrap: &[&str]) -> Config {
    Config {
        listen: vec!["/ip4/127.0.0.1/udp/0/quic-v1".to_owned()],
        bootstrap: bootstrap.iter().map(|a| (*a).to_owned()).collect(),
        mdns: false,
        namespace: "test".to_owned(),
        ..Config::default()
    }
}

/// A port of loopback for QUIC where nobody listens: below those that the system gives to whoever asks for any, lest another test gets it
/// before it is used, and for each process elsewhere.
pub(super) fn free_port() -> u16 {
    /// From here on: the system's begin at 32768 (`ip_local_port_range`).
    const FIRST: u16 = 20_000;
    const PORTS: u16 = 12_000;
    static TRIED: AtomicUsize = AtomicUsize::new(0);
    let own = usize::try_from(std::process::id()).unwrap();
    let mut ports = (0..PORTS).map(|_| {
        let number = 37 * own + TRIED.fetch_add(1, Ordering::Relaxed);
        FIRST + u16::try_from(number % usize::from(PORTS)).unwrap()
    });
    let is_free = |port: &u16| std::net::UdpSocket::bind(("127.0.0.1", *port)).is_ok();
    ports.find(is_free).expect("a port that is free")
}

impl Node {
    pub(super) async fn start(bootstrap: &[&str]) -> Self {
        Self::start_with(config(bootstrap), Identity::ephemeral(), FakeClaims::new(true)).await
    }

    pub(super) async fn start_with(config: Config, identity: Identity, claims: Arc<dyn ClaimCheck>) -> Self {
        let service = Arc::new(BusyService);
        let network = Network::start(config, identity, space(), codebook(), claims, service).await.unwrap();
        let address = network.listen_addresses().await.remove(0);
        let slots = watch::Sender::new(SlotUse { slots: 2, free: 2, queued: 0 });
        Self { network, address, slots }
    }

    pub(super) async fn announce(&self, id: &str, axis: usize) -> Sha256Hash {
        self.network
            .announce(card(id, axis), 0, self.slots.subscribe(), || ExpertState {
                tokens_per_second: 10.0,
                is_loaded: true,
            })
            .await
            .unwrap()
    }

    pub(super) fn set_free(&self, free: u32) {
        self.slots.send_modify(|slots| slots.free = free);
    }

    /// Names of the experts in this node's directory, sorted.
    pub(super) fn experts(&self) -> Vec<String> {
        let adverts = self.network.directory().adverts();
        let mut ids: Vec<String> = adverts.iter().map(|advert| advert.card.id.clone()).collect();
        ids.sort();
        ids
    }

    /// Waits until the directory holds exactly these experts.
    pub(super) async fn sees(&self, expected: &[&str]) {
        self.until(&format!("experts {expected:?}"), || self.experts() == expected).await;
    }

    /// Waits for a condition on the directory.
    pub(super) async fn until(&self, what: &str, condition: impl Fn() -> bool) {
        let mut changed = self.network.directory().changed();
        let met = async {
            while !condition() {
                if changed.changed().await.is_err() {
                    tokio::task::yield_now().await;
                }
            }
        };
        if tokio::time::timeout(PATIENCE, met).await.is_err() && !condition() {
            panic!("waited in vain for {what}; have {:?}", self.experts());
        }
    }
}

/// Waits for a condition that no directory tells of.
pub(super) async fn eventually<F: Future<Output = bool>>(what: &str, mut condition: impl FnMut() -> F) {
    let met = async {
        while !condition().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, met).await.is_ok(), "waited in vain for {what}");
}
