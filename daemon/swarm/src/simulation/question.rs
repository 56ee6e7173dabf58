//! One question of a node that knows no expert: eight walks at once, one request to each provider found, and a check of
//! every card that comes back, as `event_loop/{lookups,fetches}.rs` and `network/checks.rs` do it.
//!
//! A provider takes one of the places for exchanges until its cards are checked. Cards are checked by one encoder,
//! those of several providers in turns, and all of one provider count once the last is done. What is not done
//! at the deadline does not count. Whoever asks is a node drawn at random.

use super::queue::{Micros, SECOND};
use super::swarm::Swarm;
use super::tally::{Asked, CONNECT_BYTES, REQUEST_BYTES};
use super::walk::Reach;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashSet, VecDeque};

/// A node counts as announced so long after it has joined.
pub(super) const ANNOUNCED: Micros = 60 * SECOND;
/// Providers in one answer: libp2p takes the first twenty.
const PROVIDERS_PER_ANSWER: usize = super::table::K;
/// Providers that may wait for an exchange (`fetches.rs`).
const QUEUE_MAX: usize = 1_024;
/// Bytes that a connection carries in its first round trip, doubled in each that follows (RFC 9002: ten packets).
const FIRST_WINDOW_BYTES: f64 = 12_000.0;

/// A provider that a walk has found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Found {
    at: Micros,
    lookup: usize,
    provider: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Done {
    /// The provider has answered, or cannot be reached.
    Exchange(u32, bool),
    /// The encoder has checked a card.
    Check,
}

/// The exchanges and checks of one question.
#[derive(Default)]
struct Following {
    pending: BinaryHeap<Reverse<(Micros, Done)>>,
    active: usize,
    queue: VecDeque<u32>,
    /// Providers whose cards wait for the encoder, and how many each; the first is being checked.
    checks: VecDeque<(u32, u32)>,
    seen: HashSet<u32>,
    given: Vec<HashSet<u32>>,
}

impl Swarm<'_> {
    /// Asks once, of whatever the draw says.
    pub(super) fn ask(&mut self, now: Micros) {
        let asker = self.living[self.draw.below(self.living.len())];
        let prompt = self.draw.below(self.prompts());
        let cells = self.asked(prompt);
        let Some(best) = cells.iter().copied().find(|cell| self.has_announced(*cell, asker, now)) else {
            self.tally.unanswerable += 1;
            return;
        };
        let (found, walked) = self.look_up(&cells, asker, now);
        let mut asked = Asked::default();
        let followed = self.follow(&found, &cells, (asker, now), &mut asked);
        asked.finished = followed.max(walked).min(self.rules.deadline);
        asked.usable_at = asked.usable.first().map(|(at, _)| *at);
        asked.best_at = asked.usable.iter().find(|(_, node)| self.offers(*node, best)).map(|(at, _)| *at);
        self.tally.asked.push(asked);
    }

    /// Whether somebody else with an expert in `cell` has been there long enough to be found.
    fn has_announced(&mut self, cell: u16, asker: u32, now: Micros) -> bool {
        let Self { cells, peers, joined, .. } = self;
        let members = &mut cells[usize::from(cell)].members;
        members.retain(|node| peers.alive[*node as usize]);
        members.iter().any(|node| *node != asker && joined[*node as usize] + ANNOUNCED <= now)
    }

    fn offers(&self, node: u32, cell: u16) -> bool {
        let offers = &self.offers[node as usize];
        offers
            .get(offers.partition_point(|(other, _)| *other < cell))
            .is_some_and(|(found, _)| *found == cell)
    }

    /// Walks to every cell; the providers found by time, and when the last walk ended.
    fn look_up(&mut self, cells: &[u16], asker: u32, now: Micros) -> (Vec<Found>, Micros) {
        let (mut found, mut ended) = (Vec::new(), 0);
        let now_s = (now / SECOND) as u32;
        for (lookup, cell) in cells.iter().enumerate() {
            let key = self.cells[usize::from(*cell)].key;
            let own = self.kept_by(asker, *cell, asker, (now_s, usize::MAX));
            found.extend(own.into_iter().map(|provider| Found { at: 0, lookup, provider }));
            let course = self.walk(asker, key, now);
            ended = ended.max(course.took);
            for answer in &course.answers {
                let kept = self.kept_by(answer.node, *cell, asker, (now_s, PROVIDERS_PER_ANSWER));
                self.tally.question.name(kept.len());
                let of = |provider| Found { at: answer.at, lookup, provider };
                found.extend(kept.into_iter().map(of));
            }
            self.tally.question.count(&course);
            self.tally.hops.push(course.depth);
        }
        found.sort_unstable();
        (found, ended)
    }

    /// The providers of `cell` that `node` names: itself first, then others at random.
    fn kept_by(&mut self, node: u32, cell: u16, asker: u32, (now_s, most): (u32, usize)) -> Vec<u32> {
        let mut named: Vec<u32> = Vec::new();
        if node != asker && self.offers(node, cell) {
            named.push(node);
        }
        let holders = &self.cells[usize::from(cell)].holders;
        if let Some((_, shelf)) = holders.iter().find(|(holder, _)| *holder == node) {
            named.extend(shelf.sample(asker, now_s, most - named.len(), &mut self.draw));
        }
        named
    }

    /// Asks the providers for their adverts and checks these; gives the time when all is done, or the deadline.
    fn follow(
        &mut self,
        found: &[Found],
        cells: &[u16],
        (asker, begun): (u32, Micros),
        asked: &mut Asked,
    ) -> Micros {
        let mut following = Following { given: vec![HashSet::new(); cells.len()], ..Following::default() };
        let (mut arrivals, mut now) = (found.iter().peekable(), 0);
        loop {
            let arrival = arrivals.peek().map(|found| found.at);
            let done = following.pending.peek().map(|Reverse((at, _))| *at);
            let Some(next) = arrival.into_iter().chain(done).min() else { return now };
            now = next;
            if now >= self.rules.deadline {
                return self.rules.deadline;
            }
            if arrival == Some(now) {
                let Some(found) = arrivals.next() else { continue };
                let given = &mut following.given[found.lookup];
                let is_new = given.len() < self.rules.providers_per_lookup && given.insert(found.provider);
                if is_new && following.seen.insert(found.provider) {
                    self.exchange(found.provider, cells, (asker, begun, now), &mut following, asked);
                }
                continue;
            }
            let Some(Reverse((_, done))) = following.pending.pop() else { continue };
            let settled = match done {
                Done::Exchange(node, true) => {
                    let adverts = self.adverts(node, cells);
                    following.checks.push_back((node, adverts));
                    if following.checks.len() == 1 {
                        following.pending.push(Reverse((now + self.rules.check, Done::Check)));
                    }
                    false
                }
                Done::Exchange(_, false) => true,
                Done::Check => self.checked(&mut following, cells, now, asked),
            };
            if settled {
                following.active -= 1;
                if let Some(waiting) = self.next_waiting(&mut following, cells) {
                    self.exchange(waiting, cells, (asker, begun, now), &mut following, asked);
                }
            }
        }
    }

    /// Whose turn for an exchange it is: the first that came, or the first of the best cell.
    fn next_waiting(&self, following: &mut Following, cells: &[u16]) -> Option<u32> {
        let queue = &mut following.queue;
        let best = (0..queue.len()).min_by_key(|at| self.rank(queue[*at], cells));
        queue.remove(best.filter(|_| self.rules.checks_best_first).unwrap_or(0))
    }

    /// A card is checked: the next one's turn. Says whether it was its provider's last.
    fn checked(&self, following: &mut Following, cells: &[u16], now: Micros, asked: &mut Asked) -> bool {
        let Some((node, left)) = following.checks.pop_front() else { return false };
        match (left > 1, self.rules.checks_best_first) {
            // What was begun is ended, unless better has come: the first of equals is taken below.
            (true, true) => following.checks.push_front((node, left - 1)),
            (true, false) => following.checks.push_back((node, left - 1)),
            (false, _) => asked.usable.push((now, node)),
        }
        if self.rules.checks_best_first {
            let best = (0..following.checks.len()).min_by_key(|at| self.rank(following.checks[*at].0, cells));
            if let Some(best) = best.and_then(|at| following.checks.remove(at)) {
                following.checks.push_front(best);
            }
        }
        if !following.checks.is_empty() {
            following.pending.push(Reverse((now + self.rules.check, Done::Check)));
        }
        left <= 1
    }

    /// Begins an exchange with `node`, or has it wait for a place.
    fn exchange(
        &mut self,
        node: u32,
        cells: &[u16],
        (asker, begun, now): (u32, Micros, Micros),
        following: &mut Following,
        asked: &mut Asked,
    ) {
        if following.active >= self.rules.exchanges {
            if following.queue.len() < QUEUE_MAX {
                following.queue.push_back(node);
            }
            return;
        }
        following.active += 1;
        asked.exchanges += 1;
        let reach = self.peers.reach((asker, 0), node, begun + now, self.rules);
        let (takes, answers) = match reach {
            Reach::Gone => {
                asked.ghosts += 1;
                (self.rules.dial_timeout, false)
            }
            Reach::Full => (0, false),
            Reach::Connected | Reach::New => {
                let bytes = f64::from(self.adverts(node, cells)) * self.rules.advert_bytes;
                asked.bytes += REQUEST_BYTES + bytes;
                let windows = (bytes / FIRST_WINDOW_BYTES + 1.0).log2().ceil().max(1.0) as u32;
                let rounds = windows + u32::from(reach == Reach::New);
                asked.bytes += f64::from(u8::from(reach == Reach::New)) * CONNECT_BYTES;
                let (own, other) = (self.peers.places[asker as usize], self.peers.places[node as usize]);
                ((0..rounds).map(|_| own.round_trip(&other, &mut self.draw)).sum(), true)
            }
        };
        if answers {
            self.peers.meet(asker, node, begun + now, self.rules);
        }
        following.pending.push(Reverse((now + takes, Done::Exchange(node, answers))));
    }

    /// The place of the best cell that `node` has an expert in.
    fn rank(&self, node: u32, cells: &[u16]) -> usize {
        cells.iter().position(|cell| self.offers(node, *cell)).unwrap_or(cells.len())
    }

    /// Adverts that `node` answers with: all that fit in an answer, or those in the cells asked for.
    fn adverts(&self, node: u32, cells: &[u16]) -> u32 {
        let all = match self.rules.fetches_by_cell {
            false => self.setup.adverts_of(node % self.setup.nodes.max(1)),
            true => {
                let of_cells = self.offers[node as usize].iter().filter(|(cell, _)| cells.contains(cell));
                let experts: HashSet<u16> = of_cells.map(|(_, expert)| *expert).collect();
                experts.len() as u32
            }
        };
        all.min((self.rules.response_bytes / self.rules.advert_bytes.max(1.0)) as u32).max(1)
    }
}
