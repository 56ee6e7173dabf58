//! What happened, counted, and the figures that come of it.

use super::queue::{Micros, SECOND};
use super::swarm::Swarm;
use super::walk::Course;

/// Bytes of a Kademlia request or an advert request: key, framing, one packet's headers and its acknowledgement.
pub(super) const REQUEST_BYTES: f64 = 150.0;
/// Bytes of a peer or provider in an answer: its id and up to four addresses as Kademlia's protobuf writes them.
const PEER_BYTES: f64 = 160.0;
/// Bytes of a new connection both ways: QUIC's two padded first packets, the certificates, the ends of the
/// handshake, identify's two messages and the names of the protocols spoken.
pub(super) const CONNECT_BYTES: f64 = 6_000.0;
/// Bytes of a record on its way: key, provider, four addresses, headers.
const RECORD_BYTES: f64 = 320.0;
/// Points of a distribution that a plot is drawn from.
const POINTS: usize = 200;

/// Walks of one kind.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Flow {
    walks: u64,
    asked: u64,
    answers: u64,
    dead: u64,
    refused: u64,
    opened: u64,
    late: u64,
    named: u64,
    took: u64,
}

impl Flow {
    pub(super) fn count(&mut self, course: &Course) {
        self.walks += 1;
        self.asked += u64::from(course.asked);
        self.answers += course.answers.len() as u64;
        self.dead += course.dead.len() as u64;
        self.refused += u64::from(course.refused);
        self.opened += u64::from(course.opened);
        self.late += u64::from(course.closest.is_none());
        self.took += course.took;
    }

    /// Counts providers in an answer.
    pub(super) fn name(&mut self, providers: usize) {
        self.named += providers as u64;
    }

    fn mean(&self, count: u64) -> f64 {
        count as f64 / self.walks.max(1) as f64
    }

    /// Bytes of a walk, both ways.
    fn bytes(&self) -> f64 {
        let answers = self.mean(self.answers) * super::table::K as f64 * PEER_BYTES;
        let opened = self.mean(self.opened) * CONNECT_BYTES;
        self.mean(self.asked) * REQUEST_BYTES + opened + answers + self.mean(self.named) * PEER_BYTES
    }
}

/// One question and what came of it.
#[derive(Clone, Debug, Default)]
pub(super) struct Asked {
    /// Providers whose adverts were checked, and when.
    pub(super) usable: Vec<(Micros, u32)>,
    /// The first of them.
    pub(super) usable_at: Option<Micros>,
    /// The first of them that has an expert in the best cell.
    pub(super) best_at: Option<Micros>,
    /// When nothing more was to be expected.
    pub(super) finished: Micros,
    pub(super) exchanges: u32,
    /// Of these those that were gone.
    pub(super) ghosts: u32,
    pub(super) bytes: f64,
}

/// All counts.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    pub(super) publication: Flow,
    pub(super) refresh: Flow,
    pub(super) question: Flow,
    /// Keys published, walks of care that a real node makes, records stored at some keeper or none.
    pub(super) published: u64,
    pub(super) refreshed: u64,
    pub(super) stored: u64,
    pub(super) unpublished: u64,
    pub(super) joined: u64,
    pub(super) unanswerable: u64,
    pub(super) asked: Vec<Asked>,
    /// Of each walk of a question.
    pub(super) hops: Vec<u8>,
}

/// Figures of one simulated swarm. Times are in milliseconds, bytes are sent (as many are received).
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Report {
    /// Nodes there at any time.
    pub nodes: u32,
    /// Experts there at any time.
    pub adverts: u32,
    /// Share of the nodes that leave in an hour.
    pub churn: f64,
    /// Share of the questions with an announced live expert in their cells that ended with one, checked.
    pub lookup_success: f64,
    /// Likewise with one in the best cell that had any.
    pub best_cell_success: f64,
    /// Those questions.
    pub lookups: usize,
    /// Questions to which nobody announced had anything; not counted.
    pub unanswerable: u64,
    /// Hops of a question's walk: peers on the way to the nearest to the key, itself included.
    pub hops_p50: u8,
    /// Likewise.
    pub hops_p99: u8,
    /// Until the first live expert was known and checked; the deadline where there was none.
    pub latency_ms_p50: f64,
    /// Likewise.
    pub latency_ms_p99: f64,
    /// Until a live expert of the best cell was.
    pub best_ms_p50: f64,
    /// Likewise.
    pub best_ms_p99: f64,
    /// Until nothing more was to be expected, which is when a node goes on.
    pub finished_ms_p50: f64,
    /// Providers asked by a question, mean.
    pub exchanges_per_question: f64,
    /// Providers asked that were gone, mean.
    pub ghosts_probed: f64,
    /// Live providers of a question whose cards were checked in time.
    pub usable_per_question: f64,
    /// Share of the walks to publish or look up that had not found the nearest when their time was up.
    pub walks_late: f64,
    /// Peers asked by such a walk, and those of them that were gone.
    pub walk_peers: f64,
    /// Likewise.
    pub walk_dead: f64,
    /// A walk, mean.
    pub walk_ms: f64,
    /// Share of the publications of a key that reached nobody, since the walk was late.
    pub publications_failed: f64,
    /// Share of the announced live providers, of cells with no more than a key keeps, that some keeper knows. None if all
    /// cells have more.
    pub providers_known: Option<f64>,
    /// Share of the records kept whose provider is gone.
    pub records_ghosts: f64,
    /// Records that a node keeps for others, mean.
    pub records_per_node: f64,
    /// Sent by a node for publication, routing tables and records. Not gossip.
    pub bytes_per_node_s: f64,
    /// Moved by one question.
    pub bytes_per_question: f64,
    /// Peers that a node asks in a second to keep tables and records.
    pub peers_asked_per_node_s: f64,
    /// Peers of a walk that could not be connected to for want of room.
    pub walk_refused: f64,
    /// New connections of a walk.
    pub walk_opened: f64,
    /// Connections of a node at the end, mean.
    pub connections: f64,
    /// Nodes that left and joined.
    pub turnovers: u64,
    /// Events and requests played.
    pub events: u64,
    /// Milliseconds to the first usable expert, from the quickest to the slowest question.
    pub latencies_ms: Vec<f64>,
    /// Likewise to one of the best cell.
    pub best_latencies_ms: Vec<f64>,
}

impl Swarm<'_> {
    /// The figures, `seconds` after the swarm began.
    pub(super) fn report(&self, now: Micros) -> Report {
        let tally = &self.tally;
        let count = tally.asked.len().max(1) as f64;
        let sum = |of: fn(&Asked) -> f64| tally.asked.iter().map(of).sum::<f64>() / count;
        let deadline = self.rules.deadline;
        let times = |of: &dyn Fn(&Asked) -> Option<Micros>| {
            let mut all: Vec<f64> =
                tally.asked.iter().map(|a| of(a).unwrap_or(deadline) as f64 / 1_000.0).collect();
            all.sort_unstable_by(f64::total_cmp);
            all
        };
        let (latencies, best) = (times(&|asked| asked.usable_at), times(&|asked| asked.best_at));
        let finished = times(&|asked| Some(asked.finished));
        let mut hops = tally.hops.clone();
        hops.sort_unstable();
        let node_seconds = f64::from(self.setup.nodes) * (now as f64 / SECOND as f64);
        let walks = [(tally.publication, tally.published), (tally.refresh, tally.refreshed)];
        let peers_asked =
            walks.iter().map(|(flow, n)| flow.mean(flow.asked) * *n as f64).sum::<f64>() / node_seconds;
        let stored = tally.stored as f64 / (tally.stored + tally.unpublished).max(1) as f64;
        let records = tally.published as f64 * stored * super::table::K as f64 * RECORD_BYTES;
        let bytes = walks.iter().map(|(flow, n)| flow.bytes() * *n as f64).sum::<f64>() + records;
        let (publication, question) = (tally.publication, tally.question);
        let both = |of: fn(&Flow) -> u64| {
            (of(&publication) + of(&question)) as f64 / (publication.walks + question.walks).max(1) as f64
        };
        let (known, ghosts, kept) = self.records(now);
        Report {
            nodes: self.setup.nodes,
            adverts: self.setup.adverts,
            churn: self.setup.churn,
            lookup_success: sum(|asked| f64::from(u8::from(asked.usable_at.is_some()))),
            best_cell_success: sum(|asked| f64::from(u8::from(asked.best_at.is_some()))),
            lookups: tally.asked.len(),
            unanswerable: tally.unanswerable,
            hops_p50: quantile(&hops, 0.5),
            hops_p99: quantile(&hops, 0.99),
            latency_ms_p50: quantile(&latencies, 0.5),
            latency_ms_p99: quantile(&latencies, 0.99),
            best_ms_p50: quantile(&best, 0.5),
            best_ms_p99: quantile(&best, 0.99),
            finished_ms_p50: quantile(&finished, 0.5),
            exchanges_per_question: sum(|asked| f64::from(asked.exchanges)),
            ghosts_probed: sum(|asked| f64::from(asked.ghosts)),
            usable_per_question: sum(|asked| asked.usable.len() as f64),
            walks_late: both(|flow| flow.late),
            walk_peers: both(|flow| flow.asked),
            walk_dead: both(|flow| flow.dead),
            walk_ms: both(|flow| flow.took) / 1_000.0,
            publications_failed: 1.0 - stored,
            providers_known: known,
            records_ghosts: ghosts,
            records_per_node: kept / f64::from(self.setup.nodes.max(1)) / self.watched_share(),
            bytes_per_node_s: bytes / node_seconds,
            bytes_per_question: sum(|asked| asked.bytes) + question.bytes() * question.walks as f64 / count,
            peers_asked_per_node_s: peers_asked,
            walk_refused: both(|flow| flow.refused),
            walk_opened: both(|flow| flow.opened),
            connections: self.living.iter().map(|node| self.peers.links.count(*node) as f64).sum::<f64>()
                / self.living.len().max(1) as f64,
            turnovers: tally.joined,
            events: self.queue.count() + publication.asked + question.asked + tally.refresh.asked,
            latencies_ms: points(&latencies),
            best_latencies_ms: points(&best),
        }
    }

    /// Share of live providers known, share of records whose provider is gone, records in all.
    fn records(&self, now: Micros) -> (Option<f64>, f64, f64) {
        let now_s = (now / SECOND) as u32;
        let (mut providers, mut known, mut kept, mut ghosts) = (0u64, 0u64, 0u64, 0u64);
        for cell in &self.cells {
            let is_alive = |node: &u32| self.peers.alive[*node as usize];
            let holders: Vec<_> = cell.holders.iter().filter(|(node, _)| is_alive(node)).collect();
            for (_, shelf) in &holders {
                kept += shelf.len(now_s) as u64;
                ghosts += shelf.providers(now_s).filter(|provider| !is_alive(provider)).count() as u64;
            }
            let members: Vec<u32> = cell.members.iter().copied().filter(is_alive).collect();
            if members.len() > self.rules.providers_per_key {
                continue;
            }
            let announced = |node: &&u32| self.joined[**node as usize] + super::question::ANNOUNCED <= now;
            for node in members.iter().filter(announced) {
                providers += 1;
                known += u64::from(holders.iter().any(|(_, shelf)| shelf.holds(*node, now_s)));
            }
        }
        let known = (providers > 0).then(|| known as f64 / providers as f64);
        (known, ghosts as f64 / kept.max(1) as f64, kept as f64)
    }
}

/// The value that a share of the sorted values is not above.
fn quantile<T: Copy + Default>(sorted: &[T], share: f64) -> T {
    sorted.get(((sorted.len().saturating_sub(1)) as f64 * share) as usize).copied().unwrap_or_default()
}

fn points(sorted: &[f64]) -> Vec<f64> {
    (0..=POINTS).map(|n| quantile(sorted, n as f64 / POINTS as f64)).collect()
}
