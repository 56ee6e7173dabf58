//! The swarm as it stands: who is there, what each offers, which records lie where; and how it changes.
//!
//! Publication has a room of its own (`publication`).

use super::publication::Walked;
use super::queue::{Event, Micros, Queue, SECOND};
use super::shelf::Shelf;
use super::table::{K, Table};
use super::tally::Tally;
use super::walk::{Course, Peers, walk};
use super::{Layout, Rules, Setup};
use crate::evaluation::finding::Draw;

/// Walks towards random keys in one round of care. libp2p walks once for each bucket, a dozen times: care is
/// a little worse here than it is.
const RANDOM_WALKS: usize = 1;
/// A node publishes so long after it has joined: the time that walks for a dozen buckets take.
const SETTLING: Micros = 10 * SECOND;
/// A cell that no question looks in.
const UNWATCHED: u16 = u16::MAX;

/// A cell that questions look in.
#[derive(Debug, Default)]
pub(super) struct Cell {
    pub(super) key: u64,
    /// Nodes that keep records of it.
    pub(super) holders: Vec<(u32, Shelf)>,
    /// Nodes with an expert in it, the dead among them until the next look.
    pub(super) members: Vec<u32>,
    pub(super) walked: Option<Walked>,
}

/// Everything there is.
pub(super) struct Swarm<'a> {
    pub(super) setup: &'a Setup,
    pub(super) rules: &'a Rules,
    layout: &'a Layout,
    pub(super) peers: Peers,
    pub(super) joined: Vec<Micros>,
    /// For each node the watched cells of its experts: cell and expert, by cell.
    pub(super) offers: Vec<Vec<(u16, u16)>>,
    /// Keys that each node publishes, watched or not.
    pub(super) keys: Vec<u32>,
    pub(super) living: Vec<u32>,
    pub(super) cells: Vec<Cell>,
    /// Watched cell of each cell.
    watched: Vec<u16>,
    pub(super) draw: Draw,
    pub(super) queue: Queue,
    pub(super) tally: Tally,
}

impl<'a> Swarm<'a> {
    /// A swarm whose nodes know each other; their publications are spread over the first interval.
    pub(super) fn new(setup: &'a Setup, rules: &'a Rules, layout: &'a Layout) -> Self {
        let mut watched = vec![UNWATCHED; layout.keys.len()];
        let mut cells: Vec<Cell> = Vec::new();
        for cell in layout.prompts.iter().flatten() {
            if let Some(place) = watched.get_mut(*cell as usize)
                && *place == UNWATCHED
                && cells.len() < usize::from(UNWATCHED)
            {
                *place = cells.len() as u16;
                cells.push(Cell { key: layout.keys[*cell as usize], ..Cell::default() });
            }
        }
        let mut swarm = Self {
            setup,
            rules,
            layout,
            peers: Peers::default(),
            joined: Vec::new(),
            offers: Vec::new(),
            keys: Vec::new(),
            living: Vec::new(),
            cells,
            watched,
            draw: Draw::new(setup.seed),
            queue: Queue::default(),
            tally: Tally::default(),
        };
        (0..setup.nodes).for_each(|_| _ = swarm.add(0));
        acquaint(&mut swarm.peers, &mut swarm.draw);
        for node in 0..setup.nodes {
            let publishes = swarm.within(rules.publication_interval);
            swarm.queue.push(publishes, Event::Publish(node));
            let refreshes = swarm.within(rules.refresh_interval);
            swarm.queue.push(refreshes, Event::Refresh(node));
        }
        swarm
    }

    fn within(&mut self, span: Micros) -> Micros {
        (self.draw.uniform() * span as f64) as Micros
    }

    /// A node that knows nobody yet.
    fn add(&mut self, now: Micros) -> u32 {
        let node = self.peers.ids.len() as u32;
        let id = self.draw.bits();
        self.peers.ids.push(id);
        self.peers.alive.push(true);
        self.peers.places.push(super::latency::Place::draw(&mut self.draw));
        self.peers.tables.push(Table::new(id));
        self.peers.links.add();
        self.joined.push(now);
        self.living.push(node);
        let (mut offers, mut keys) = (Vec::new(), Vec::new());
        for expert in 0..self.setup.adverts_of(node % self.setup.nodes.max(1)) {
            let drawn = self.draw.below(self.layout.cards.len());
            let Some(card) = self.layout.cards.get(drawn) else { break };
            keys.extend(card.iter().copied());
            let watched = card.iter().filter_map(|cell| self.watched.get(*cell as usize));
            offers.extend(watched.filter(|cell| **cell != UNWATCHED).map(|cell| (*cell, expert as u16)));
        }
        keys.sort_unstable();
        keys.dedup();
        offers.sort_unstable();
        offers.dedup();
        offers.shrink_to_fit();
        for (cell, _) in &offers {
            let members = &mut self.cells[usize::from(*cell)].members;
            if members.last() != Some(&node) {
                members.push(node);
            }
        }
        self.keys.push(keys.len() as u32);
        self.offers.push(offers);
        node
    }

    /// The next time that a node leaves: a Poisson process, so that sessions are exponential.
    pub(super) fn schedule_turnover(&mut self, now: Micros) {
        let per_second = f64::from(self.setup.nodes) * self.setup.churn / 3_600.0;
        if per_second > 0.0 {
            let wait = -self.draw.uniform().ln() / per_second;
            self.queue.push(now + (wait * SECOND as f64) as Micros, Event::Turnover);
        }
    }

    /// Somebody leaves without a word, and somebody else joins.
    pub(super) fn turn_over(&mut self, now: Micros) {
        let place = self.draw.below(self.living.len());
        let gone = self.living.swap_remove(place) as usize;
        self.tally.joined += 1;
        self.peers.alive[gone] = false;
        self.peers.tables[gone] = Table::new(self.peers.ids[gone]);
        self.peers.links.clear(gone as u32);
        self.offers[gone] = Vec::new();
        let seed = self.living.get(self.draw.below(self.living.len())).copied();
        let node = self.add(now);
        if let Some(seed) = seed {
            self.peers.meet(node, seed, now, self.rules);
            let target = self.peers.ids[node as usize];
            self.care(node, target, now);
            self.refresh(node, now);
        }
        self.queue.push(now + SETTLING, Event::Publish(node));
        self.schedule_turnover(now);
    }

    /// A round of care: whoever is near, and a few random places.
    pub(super) fn refresh(&mut self, node: u32, now: Micros) {
        if !self.peers.alive[node as usize] {
            return;
        }
        let own = self.peers.ids[node as usize];
        self.care(node, own, now);
        for _ in 0..RANDOM_WALKS {
            let target = self.draw.bits();
            self.care(node, target, now);
        }
        self.tally.refreshed += 1 + self.peers.tables[node as usize].used() as u64;
        self.queue.push(now + self.rules.refresh_interval, Event::Refresh(node));
    }

    fn care(&mut self, node: u32, target: u64, now: Micros) {
        let course = self.walk(node, target, now);
        self.tally.refresh.count(&course);
    }

    /// A walk, and what both sides learn from it.
    pub(super) fn walk(&mut self, from: u32, target: u64, now: Micros) -> Course {
        let course = walk(&self.peers, (from, now), target, self.rules, &mut self.draw);
        for answer in &course.answers {
            self.peers.meet(from, answer.node, now, self.rules);
        }
        if self.rules.forgets_unreachable {
            let table = &mut self.peers.tables[from as usize];
            course.dead.iter().for_each(|id| table.forget(*id));
        }
        course
    }

    /// Watched cells of a prompt, in its order.
    pub(super) fn asked(&self, prompt: usize) -> Vec<u16> {
        let cells = self.layout.prompts.get(prompt).into_iter().flatten();
        let watched = cells.filter_map(|cell| self.watched.get(*cell as usize).copied());
        watched.filter(|cell| *cell != UNWATCHED).collect()
    }

    /// How many prompts there are.
    pub(super) fn prompts(&self) -> usize {
        self.layout.prompts.len()
    }

    /// Share of all cells that are watched.
    pub(super) fn watched_share(&self) -> f64 {
        self.cells.len() as f64 / self.layout.keys.len().max(1) as f64
    }
}

/// Fills every table with up to twenty random peers a bucket, as it is after a long time without churn.
pub(super) fn acquaint(peers: &mut Peers, draw: &mut Draw) {
    let mut sorted: Vec<(u64, u32)> = peers.ids.iter().copied().zip(0..).collect();
    sorted.sort_unstable();
    for (id, table) in peers.ids.iter().zip(&mut peers.tables) {
        for shared in 0..u64::BITS {
            // Whoever shares so many bits and differs in the next.
            let low = (id ^ (1 << (63 - shared))) & (u64::MAX << (63 - shared));
            let high = low | (u64::MAX >> shared >> 1);
            let from = sorted.partition_point(|(other, _)| *other < low);
            let to = sorted.partition_point(|(other, _)| *other <= high);
            let mut bucket: Vec<(u64, u32)> = match to - from <= 2 * K {
                true => sorted[from..to].to_vec(),
                // Of many, a few that are drawn are hardly ever the same.
                false => (0..2 * K).map(|_| sorted[from + draw.below(to - from)]).collect(),
            };
            draw.sample(&mut bucket, K);
            bucket.into_iter().for_each(|(other, node)| table.meet(other, node, 0, |_| true));
            if sorted.partition_point(|(other, _)| *other < id & (u64::MAX << (63 - shared))) + 1
                == sorted.partition_point(|(other, _)| *other <= id | (u64::MAX >> shared >> 1))
            {
                // Nobody shares more bits.
                break;
            }
        }
    }
}
