//! Publication: every few minutes a node walks to each of its keys and leaves a record with the twenty nearest.
//!
//! Records are played for the cells that questions look in; of the others only the traffic is counted. Publications of one
//! key within a minute share one walk's result, whoever walks: the walks of different nodes towards a key
//! end at the same twenty, and a result that is up to a minute old is worse than a fresh one, never better. What
//! the walks that are not played would have taught their node about its own table is played: it dials the three
//! nearest to each key, and meets the last that answered the shared walk.

use super::queue::{Event, Micros, SECOND};
use super::shelf::Shelf;
use super::swarm::Swarm;
use super::walk::Reach;

/// How long a walk's result is shared.
const SHARED: Micros = 60 * SECOND;
/// Peers that a walk dials first (Kademlia's α), and of those it ends with as many are met by whoever shares it.
const DIALLED: usize = 3;
/// A key's holders keep what is offered if they know no more than so many peers nearer to it (`event_loop/discovery.rs`).
const NEARER_PEERS_MAX: usize = 40;

/// The last walk towards a key.
#[derive(Debug)]
pub(super) struct Walked {
    at: Micros,
    /// Those that take records; None if time was up before they were found.
    keepers: Option<Vec<u32>>,
    /// Whoever answered last.
    met: Vec<u32>,
}

impl Swarm<'_> {
    /// A node publishes all its keys, as it does every few minutes.
    pub(super) fn publish(&mut self, node: u32, now: Micros) {
        if !self.peers.alive[node as usize] {
            return;
        }
        let keys = self.keys[node as usize];
        self.tally.published += u64::from(keys);
        if self.rules.forgets_unreachable {
            (0..keys).for_each(|_| self.dial_first(node));
        }
        let mut cells: Vec<u16> = self.offers[node as usize].iter().map(|(cell, _)| *cell).collect();
        cells.dedup();
        for cell in cells {
            self.publish_in(usize::from(cell), node, now);
        }
        self.queue.push(now + self.rules.publication_interval, Event::Publish(node));
    }

    /// What a walk begins with, towards a random key: whoever is gone is noticed.
    fn dial_first(&mut self, node: u32) {
        let mut near = Vec::new();
        let target = self.draw.bits();
        let table = &mut self.peers.tables[node as usize];
        table.closest(target, DIALLED, &mut near);
        let gone = near.iter().filter(|peer| !self.peers.alive[peer.node as usize]);
        gone.for_each(|peer| table.forget(peer.id));
    }

    fn publish_in(&mut self, cell: usize, node: u32, now: Micros) {
        if self.cells[cell].walked.as_ref().is_none_or(|walked| now - walked.at >= SHARED) {
            let key = self.cells[cell].key;
            let course = self.walk(node, key, now);
            self.tally.publication.count(&course);
            let met = course.answers.iter().rev().take(DIALLED).map(|answer| answer.node).collect();
            let keepers = course.closest.map(|closest| self.keepers(closest, key));
            self.cells[cell].walked = Some(Walked { at: now, keepers, met });
        }
        // Taken out, so that the swarm can be changed meanwhile.
        let Some(walked) = self.cells[cell].walked.take() else { return };
        for met in &walked.met {
            let reach = self.peers.reach((node, 0), *met, now, self.rules);
            if *met != node && matches!(reach, Reach::Connected | Reach::New) {
                self.peers.meet(node, *met, now, self.rules);
            }
        }
        match &walked.keepers {
            Some(keepers) => {
                self.tally.stored += 1;
                self.store(cell, node, keepers, now);
            }
            None => self.tally.unpublished += 1,
        }
        self.cells[cell].walked = Some(walked);
    }

    /// The keepers take a record of `node`, whoever of them is still there.
    fn store(&mut self, cell: usize, node: u32, keepers: &[u32], now: Micros) {
        let holders = &mut self.cells[cell].holders;
        let now_s = (now / SECOND) as u32;
        let until_s = now_s + (self.rules.record_lifetime / SECOND) as u32;
        for keeper in keepers.iter().filter(|keeper| **keeper != node) {
            let alive = self.peers.alive[*keeper as usize];
            if !alive
                || (!self.rules.makes_room
                    && self.peers.reach((node, 0), *keeper, now, self.rules) == Reach::Full)
            {
                continue;
            }
            let shelf = match holders.iter_mut().position(|(holder, _)| holder == keeper) {
                Some(place) => &mut holders[place].1,
                None => {
                    holders.retain(|(holder, _)| self.peers.alive[*holder as usize]);
                    holders.push((*keeper, Shelf::default()));
                    let last = holders.len() - 1;
                    &mut holders[last].1
                }
            };
            shelf.offer(node, (now_s, until_s), self.rules.providers_per_key, &mut self.draw);
        }
    }

    /// Those of `closest` that take a record for `key`: they know no more than forty peers that are nearer.
    fn keepers(&self, closest: Vec<u32>, key: u64) -> Vec<u32> {
        let mut near = Vec::new();
        let mut takes = |node: &u32| {
            let own = self.peers.ids[*node as usize] ^ key;
            self.peers.tables[*node as usize].closest(key, NEARER_PEERS_MAX + 1, &mut near);
            near.iter().filter(|peer| peer.id ^ key < own).count() <= NEARER_PEERS_MAX
        };
        closest.into_iter().filter(|node| takes(node)).collect()
    }
}
