//! A large swarm on one core: nodes that come and go, the records that they publish, and questions of nodes that
//! know no expert yet.
//!
//! [`simulate`] plays events by time: a node leaves and another joins ([`Setup::churn`]), looks after its routing table,
//! publishes its provider records, is asked. Walks through the DHT are played peer by peer with the latencies of the
//! public internet (`latency`), by libp2p's rules (`walk`, `table`); records by those of a node's store
//! (`shelf`); connections are bounded as a node bounds them (`links`); a question by those of a node's lookups, exchanges and checks (`question`). The node's
//! own numbers come in as [`Rules`], so that a change of one is tried here first.
//!
//! **A lookup succeeds** if the node, when it goes on, holds the checked advert of a live expert from the question's cells. It
//! counts if there was one: a live node other than the asker with an expert in these cells, in the swarm for a
//! minute. Beside it stands how often the expert is from the best cell, the first that had such a node.
//!
//! Not played: gossip and what a node has learnt by it, shared bandwidth, NATs that let nobody in, hostile nodes.

mod latency;
mod links;
mod publication;
mod question;
mod queue;
mod shelf;
mod swarm;
mod table;
mod tally;
mod walk;

pub use tally::Report;

use queue::{Event, Micros, SECOND};
use swarm::Swarm;

/// The swarm and how long it is watched.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Setup {
    /// Nodes there at any time.
    pub nodes: u32,
    /// Experts, shared out evenly.
    pub adverts: u32,
    /// Share of the nodes that leave, and join, in an hour.
    pub churn: f64,
    /// Seconds before the first question: records and routing tables take that long to become what churn makes of them.
    pub warm_up_s: u32,
    /// Seconds in which questions are asked.
    pub watched_s: u32,
    /// Questions.
    pub questions: u32,
    /// Draws everything.
    pub seed: u64,
}

impl Setup {
    /// Experts of a node, by its number.
    fn adverts_of(&self, node: u32) -> u32 {
        let nodes = self.nodes.max(1);
        self.adverts / nodes + u32::from(node < self.adverts % nodes)
    }
}

/// What experts announce and questions look up.
#[derive(Clone, Debug, Default)]
pub struct Layout {
    /// First 64 bits of each cell's DHT key.
    pub keys: Vec<u64>,
    /// Cells of each card; every expert draws a card.
    pub cards: Vec<Vec<u32>>,
    /// Cells that each prompt looks up, the best first; every question draws a prompt.
    pub prompts: Vec<Vec<u32>>,
}

/// The real node's numbers. Times are in microseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rules {
    /// Providers kept under a key.
    pub providers_per_key: usize,
    /// Providers followed up for one cell.
    pub providers_per_lookup: usize,
    /// How long a record lives.
    pub record_lifetime: u64,
    /// How often a node publishes.
    pub publication_interval: u64,
    /// How often a node looks after its routing table.
    pub refresh_interval: u64,
    /// How long a walk may take; one that is late publishes nothing.
    pub query_timeout: u64,
    /// How long a dial to a dead peer takes.
    pub dial_timeout: u64,
    /// How long a question waits for experts.
    pub deadline: u64,
    /// Exchanges and checks of one question at once.
    pub exchanges: usize,
    /// How long the encoder takes to check a card.
    pub check: u64,
    /// Bytes of an advert.
    pub advert_bytes: f64,
    /// Bytes of an answer with adverts.
    pub response_bytes: f64,
    /// Connections of a node.
    pub connections_max: usize,
    /// A connection that has not been used for so long is closed.
    pub connection_idle: u64,
    /// Whether a node that has no room closes what has been idle longest, rather than refuse.
    pub makes_room: bool,
    /// Whether a peer that cannot be dialled is taken out of the routing table.
    pub forgets_unreachable: bool,
    /// Whether providers are asked for the experts in the cells looked up, not for all of theirs.
    pub fetches_by_cell: bool,
    /// Whether the cards of the best cell are checked first, not those of all providers in turns.
    pub checks_best_first: bool,
}

/// Plays the swarm. `progress` is told now and then what share is done.
pub fn simulate(setup: &Setup, rules: &Rules, layout: &Layout, mut progress: impl FnMut(f64)) -> Report {
    let end = (Micros::from(setup.warm_up_s) + Micros::from(setup.watched_s)) * SECOND;
    let mut swarm = Swarm::new(setup, rules, layout);
    if layout.prompts.is_empty() || layout.cards.is_empty() || setup.nodes == 0 {
        return swarm.report(end);
    }
    swarm.schedule_turnover(0);
    let pause = Micros::from(setup.watched_s) * SECOND / Micros::from(setup.questions.max(1));
    for number in 0..Micros::from(setup.questions) {
        swarm.queue.push(Micros::from(setup.warm_up_s) * SECOND + number * pause, Event::Ask);
    }
    let mut told = 0;
    while let Some((now, event)) = swarm.queue.pop() {
        if now >= end {
            break;
        }
        match event {
            Event::Turnover => swarm.turn_over(now),
            Event::Refresh(node) => swarm.refresh(node, now),
            Event::Publish(node) => swarm.publish(node, now),
            Event::Ask => swarm.ask(now),
        }
        if now - told >= SECOND {
            told = now;
            progress(now as f64 / end as f64);
        }
    }
    swarm.report(end)
}

#[cfg(test)]
mod fixtures;
#[cfg(test)]
mod tests;
