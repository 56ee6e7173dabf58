//! Who is connected to whom: a connection stays until it has been idle for long, and a node holds no more than its limit.
//!
//! Where both have room a new one costs a round trip; where one has none the dial fails, unless nodes make room by
//! closing what has been idle longest. A real node keeps a quarter of its places for those that it dials itself; here
//! either side may fill all of them.

use super::Rules;
use super::queue::{Micros, SECOND};

/// Connections of all nodes.
#[derive(Debug, Default)]
pub(super) struct Links {
    /// For each node its peers and when each was last used, in seconds.
    lists: Vec<Vec<(u32, u32)>>,
}

impl Links {
    /// One more node, without connections.
    pub(super) fn add(&mut self) {
        self.lists.push(Vec::new());
    }

    /// All connections of `node` end; others notice within seconds.
    pub(super) fn clear(&mut self, node: u32) {
        for (peer, _) in std::mem::take(&mut self.lists[node as usize]) {
            self.lists[peer as usize].retain(|(other, _)| *other != node);
        }
    }

    /// Whether the two are connected.
    pub(super) fn has(&self, a: u32, b: u32, now: Micros, rules: &Rules) -> bool {
        let since = idle_since(now, rules);
        self.lists[a as usize].iter().any(|(peer, used)| *peer == b && *used >= since)
    }

    /// Connections that `node` may still open or take.
    pub(super) fn room(&self, node: u32, now: Micros, rules: &Rules) -> usize {
        let list = &self.lists[node as usize];
        if rules.makes_room || list.len() < rules.connections_max {
            return if rules.makes_room { usize::MAX } else { rules.connections_max - list.len() };
        }
        let since = idle_since(now, rules);
        rules.connections_max.saturating_sub(list.iter().filter(|(_, used)| *used >= since).count())
    }

    /// The two have used their connection, which is opened if there was none.
    pub(super) fn touch(&mut self, a: u32, b: u32, now: Micros, rules: &Rules) {
        let now_s = (now / SECOND) as u32;
        let since = idle_since(now, rules);
        for (of, whom) in [(a, b), (b, a)] {
            let list = &mut self.lists[of as usize];
            if let Some((_, used)) = list.iter_mut().find(|(peer, _)| *peer == whom) {
                *used = now_s;
                continue;
            }
            if list.len() >= rules.connections_max {
                list.retain(|(_, used)| *used >= since);
            }
            if list.len() >= rules.connections_max
                && let Some(idlest) = (0..list.len()).min_by_key(|at| list[*at].1)
            {
                let (peer, _) = list.swap_remove(idlest);
                self.lists[peer as usize].retain(|(other, _)| *other != of);
            }
            self.lists[of as usize].push((whom, now_s));
        }
    }

    /// Connections of `node`.
    pub(super) fn count(&self, node: u32) -> usize {
        self.lists[node as usize].len()
    }
}

/// The second since which a connection must have been used to be still there.
fn idle_since(now: Micros, rules: &Rules) -> u32 {
    (now.saturating_sub(rules.connection_idle) / SECOND) as u32
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::rules;
    use super::*;

    #[test]
    fn a_full_node_takes_nobody_or_makes_room() {
        let strict = Rules { connections_max: 2, connection_idle: 10 * SECOND, makes_room: false, ..rules() };
        let mut links = Links::default();
        (0..5).for_each(|_| links.add());
        links.touch(0, 1, 0, &strict);
        links.touch(0, 2, 5 * SECOND, &strict);
        assert!(links.has(0, 1, 9 * SECOND, &strict) && links.has(2, 0, 9 * SECOND, &strict));
        assert_eq!((links.room(0, 9 * SECOND, &strict), links.room(1, 9 * SECOND, &strict)), (0, 1));
        assert_eq!(links.room(0, 12 * SECOND, &strict), 1, "one has been idle for long");
        assert!(!links.has(0, 1, 12 * SECOND, &strict));
        let kind = Rules { makes_room: true, ..strict };
        links.touch(0, 3, 9 * SECOND, &kind);
        assert!(!links.has(1, 0, 9 * SECOND, &kind) && links.has(3, 0, 9 * SECOND, &kind));
        assert_eq!(links.count(0), 2);
        links.clear(0);
        assert_eq!((links.count(0), links.count(2), links.count(3)), (0, 0, 0));
    }
}
