//! One walk towards a key, as libp2p's `ClosestPeersIter` does it: three peers asked at once, twenty once three answers
//! in a row brought nobody nearer, until the twenty nearest that are not known to be dead have answered.
//!
//! A walk is played at once, with a clock of its own: in its few seconds one node in several thousand comes or
//! goes. A peer costs a handshake and a request, a dead one the time that a dial takes to fail; the
//! walk waits for it where it is among the nearest. What time the whole may take is the node's rule.

use super::Rules;
use super::latency::Place;
use super::links::Links;
use super::queue::Micros;
use super::table::{K, Peer, Table};
use crate::evaluation::finding::Draw;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Peers asked at once while the walk makes progress: Kademlia's α, as libp2p has it.
const ALPHA: usize = 3;
/// A peer that has not answered for so long is not waited for.
const PEER_TIMEOUT: Micros = 10_000_000;
/// Candidates remembered, nearest first. libp2p remembers all: while a walk waits for somebody who is gone, it goes on to ask
/// others, some hundred in five seconds.
const CANDIDATES_MAX: usize = 10 * K;

/// Everybody there ever was, by number; who has left is not alive.
#[derive(Debug, Default)]
pub(super) struct Peers {
    pub(super) ids: Vec<u64>,
    pub(super) alive: Vec<bool>,
    pub(super) places: Vec<Place>,
    pub(super) tables: Vec<Table>,
    pub(super) links: Links,
}

/// Whether one node reaches another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// They are connected.
    Connected,
    /// A handshake comes first.
    New,
    /// One of them holds as many connections as it may.
    Full,
    /// There is nobody any more.
    Gone,
}

impl Peers {
    /// Whether `from`, which has `opened` connections that are not counted yet, reaches `to`.
    pub(super) fn reach(&self, (from, opened): (u32, usize), to: u32, now: Micros, rules: &Rules) -> Reach {
        if !self.alive[to as usize] {
            Reach::Gone
        } else if self.links.has(from, to, now, rules) {
            Reach::Connected
        } else if self.links.room(from, now, rules) <= opened || self.links.room(to, now, rules) == 0 {
            Reach::Full
        } else {
            Reach::New
        }
    }

    /// The two have talked: they are connected, and identify tells each of the other.
    pub(super) fn meet(&mut self, a: u32, b: u32, now: Micros, rules: &Rules) {
        let Self { ids, alive, tables, links, .. } = self;
        links.touch(a, b, now, rules);
        for (of, whom) in [(a, b), (b, a)] {
            tables[of as usize].meet(ids[whom as usize], whom, now, |node| alive[node as usize]);
        }
    }
}

/// One peer's answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Answer {
    /// Since the walk began.
    pub(super) at: Micros,
    pub(super) node: u32,
}

/// What came of a walk.
#[derive(Clone, Debug, Default)]
pub(super) struct Course {
    /// By time.
    pub(super) answers: Vec<Answer>,
    /// Ids of peers that were dialled in vain, though the dial may fail after the walk has ended.
    pub(super) dead: Vec<u64>,
    /// The nearest that answered; None if time was up before.
    pub(super) closest: Option<Vec<u32>>,
    pub(super) took: Micros,
    /// Peers asked.
    pub(super) asked: u32,
    /// Those of them that could not be connected to, for want of room.
    pub(super) refused: u32,
    /// New connections.
    pub(super) opened: u32,
    /// Depth of the nearest that answered, the hops of the lookup: 1 for peers known before, 2 for those that they name.
    pub(super) depth: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    New,
    Waiting,
    Succeeded,
    Failed,
}

#[derive(Clone, Copy, Debug)]
struct Candidate {
    distance: u64,
    node: u32,
    depth: u8,
    state: State,
}

enum Step {
    Ask(usize),
    Wait,
    Finish,
}

struct Walk {
    target: u64,
    candidates: Vec<Candidate>,
    waiting: usize,
    /// Answers in a row that brought nobody nearer.
    idle: usize,
}

/// Walks from the node `from` towards `target`, having set out at `start`.
pub(super) fn walk(
    peers: &Peers,
    (from, start): (u32, Micros),
    target: u64,
    rules: &Rules,
    draw: &mut Draw,
) -> Course {
    let mut near = Vec::with_capacity(4 * K);
    peers.tables[from as usize].closest(target, K, &mut near);
    let mut walk = Walk { target, candidates: Vec::with_capacity(CANDIDATES_MAX + K), waiting: 0, idle: 0 };
    walk.learn(&near, from, 1);
    let (mut course, mut pending, mut now) = (Course::default(), BinaryHeap::new(), 0);
    let (place, mut opened) = (peers.places[from as usize], 0);
    loop {
        match walk.step() {
            Step::Ask(at) => {
                let Candidate { distance, node, .. } = walk.candidates[at];
                walk.candidates[at].state = State::Waiting;
                walk.waiting += 1;
                course.asked += 1;
                let reach = peers.reach((from, opened), node, start, rules);
                let takes = match reach {
                    Reach::Gone => rules.dial_timeout.min(PEER_TIMEOUT),
                    Reach::Full => 0,
                    Reach::Connected => place.round_trip(&peers.places[node as usize], draw),
                    Reach::New => {
                        let other = &peers.places[node as usize];
                        place.round_trip(other, draw) + place.round_trip(other, draw)
                    }
                };
                match reach {
                    Reach::Gone => course.dead.push(peers.ids[node as usize]),
                    Reach::Full => course.refused += 1,
                    Reach::New => opened += 1,
                    Reach::Connected => {}
                }
                pending.push(Reverse((
                    now + takes,
                    distance,
                    matches!(reach, Reach::Connected | Reach::New),
                )));
                continue;
            }
            Step::Finish => {
                course.closest = Some(walk.closest());
                break;
            }
            Step::Wait => {}
        }
        let Some(Reverse((at, distance, answers))) = pending.pop() else { break };
        now = at.min(rules.query_timeout);
        if at >= rules.query_timeout {
            break;
        }
        let Some(candidate) = walk.settle(distance, answers) else { continue };
        if candidate.state == State::Failed {
            continue;
        }
        course.answers.push(Answer { at, node: candidate.node });
        peers.tables[candidate.node as usize].closest(target, K + 1, &mut near);
        near.retain(|peer| peer.node != from);
        near.truncate(K);
        walk.hear(&near, candidate, from);
    }
    (course.took, course.opened) = (now, opened as u32);
    course.depth = walk.succeeded().next().map_or(0, |nearest| nearest.depth);
    course
}

impl Walk {
    fn is_full(&self) -> bool {
        self.waiting >= if self.idle >= ALPHA { K } else { ALPHA }
    }

    /// What is to be done now.
    fn step(&self) -> Step {
        let full = self.is_full();
        let mut answered = Some(0);
        for (at, candidate) in self.candidates.iter().enumerate() {
            match candidate.state {
                State::Waiting if full => return Step::Wait,
                // It may still turn out to be among the nearest.
                State::Waiting => answered = None,
                State::Succeeded => {
                    answered = answered.map(|count| count + 1);
                    if answered.is_some_and(|count| count >= K) {
                        return Step::Finish;
                    }
                }
                State::New if full => return Step::Wait,
                State::New => return Step::Ask(at),
                State::Failed => {}
            }
        }
        if self.waiting > 0 { Step::Wait } else { Step::Finish }
    }

    /// A peer has answered or cannot be reached; None if it was forgotten meanwhile.
    fn settle(&mut self, distance: u64, answers: bool) -> Option<Candidate> {
        self.waiting -= 1;
        let at = self.candidates.binary_search_by_key(&distance, |c| c.distance).ok()?;
        let candidate = &mut self.candidates[at];
        candidate.state = if answers { State::Succeeded } else { State::Failed };
        Some(*candidate)
    }

    /// Takes in whom a peer has named.
    fn hear(&mut self, named: &[Peer], by: Candidate, from: u32) {
        let few = self.candidates.len() < K;
        let range = self.candidates.get(K - 1).or(self.candidates.last()).map_or(u64::MAX, |c| c.distance);
        let nearer = self.learn(named, from, by.depth.saturating_add(1)).is_some_and(|least| least < range);
        self.idle = if few || nearer { 0 } else { self.idle + 1 };
    }

    /// Puts in candidates not known yet; gives the least distance of them.
    fn learn(&mut self, named: &[Peer], from: u32, depth: u8) -> Option<u64> {
        let mut least = None;
        for peer in named.iter().filter(|peer| peer.node != from) {
            let distance = peer.id ^ self.target;
            let Err(at) = self.candidates.binary_search_by_key(&distance, |c| c.distance) else { continue };
            if at >= CANDIDATES_MAX {
                continue;
            }
            self.candidates.insert(at, Candidate { distance, node: peer.node, depth, state: State::New });
            least = Some(least.map_or(distance, |least: u64| least.min(distance)));
        }
        self.candidates.truncate(CANDIDATES_MAX);
        least
    }

    fn succeeded(&self) -> impl Iterator<Item = &Candidate> {
        self.candidates.iter().filter(|candidate| candidate.state == State::Succeeded)
    }

    fn closest(&self) -> Vec<u32> {
        self.succeeded().take(K).map(|candidate| candidate.node).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{peers, rules};
    use super::*;

    fn nearest(peers: &Peers, target: u64, except: u32) -> Vec<u32> {
        let mut all: Vec<u32> =
            (0..peers.ids.len() as u32).filter(|n| *n != except && peers.alive[*n as usize]).collect();
        all.sort_unstable_by_key(|node| peers.ids[*node as usize] ^ target);
        all.truncate(K);
        all
    }

    #[test]
    fn a_walk_finds_the_nearest_of_all() {
        let mut draw = Draw::new(2);
        let peers = peers(1_000, &mut draw);
        let rules = super::super::Rules { query_timeout: 60_000_000, ..rules() };
        for from in 0..50 {
            let target = draw.bits();
            let course = walk(&peers, (from, 0), target, &rules, &mut draw);
            assert_eq!(course.closest.unwrap(), nearest(&peers, target, from));
            assert!(course.took > 0 && course.dead.is_empty() && course.asked >= K as u32);
            assert!(course.answers.is_sorted_by_key(|answer| answer.at));
        }
    }

    #[test]
    fn the_dead_cost_their_dial_and_a_walk_its_time() {
        let mut draw = Draw::new(4);
        let mut peers = peers(500, &mut draw);
        let target = draw.bits();
        for node in nearest(&peers, target, 0).into_iter().step_by(4) {
            peers.alive[node as usize] = false;
        }
        let patient = super::super::Rules { query_timeout: 60_000_000, ..rules() };
        let course = walk(&peers, (0, 0), target, &patient, &mut draw);
        assert_eq!(course.closest.unwrap(), nearest(&peers, target, 0));
        assert!(course.dead.len() >= 5 && course.took >= patient.dial_timeout);
        let hasty = super::super::Rules { query_timeout: 3_000_000, ..rules() };
        let course = walk(&peers, (0, 0), target, &hasty, &mut draw);
        assert_eq!((course.closest, course.took), (None, 3_000_000));
        assert!(!course.answers.is_empty(), "what was answered in time counts");
    }
}
