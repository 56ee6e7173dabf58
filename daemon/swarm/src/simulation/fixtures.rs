//! Small swarms for tests.

use super::queue::SECOND;
use super::walk::Peers;
use super::{Layout, Rules, Setup, latency, links, swarm, table};
use crate::evaluation::finding::Draw;

/// Numbers of the size that a real node has, with time enough.
pub(super) fn rules() -> Rules {
    Rules {
        providers_per_key: 64,
        providers_per_lookup: 60,
        record_lifetime: 1_800 * SECOND,
        publication_interval: 600 * SECOND,
        refresh_interval: 300 * SECOND,
        query_timeout: 10 * SECOND,
        dial_timeout: 5 * SECOND,
        deadline: 3 * SECOND,
        exchanges: 64,
        check: 27_000,
        advert_bytes: 5_000.0,
        response_bytes: 256_000.0,
        connections_max: 200,
        connection_idle: 600 * SECOND,
        makes_room: true,
        forgets_unreachable: true,
        fetches_by_cell: true,
        checks_best_first: true,
    }
}

pub(super) fn setup() -> Setup {
    Setup {
        nodes: 300,
        adverts: 900,
        churn: 0.3,
        warm_up_s: 1_800,
        watched_s: 1_800,
        questions: 400,
        seed: 7,
    }
}

/// Cells of which some are crowded and some are not.
pub(super) fn layout() -> Layout {
    let mut draw = Draw::new(11);
    let mut cell = || (draw.uniform() * draw.uniform() * 400.0) as u32;
    let cards = (0..200).map(|_| (0..24).map(|_| cell()).collect()).collect();
    let prompts = (0..20).map(|_| (0..8).map(|_| cell()).collect()).collect();
    Layout { keys: (0..400).map(|_| draw.bits()).collect(), cards, prompts }
}

/// Nodes that know each other.
pub(super) fn peers(count: usize, draw: &mut Draw) -> Peers {
    let ids: Vec<u64> = (0..count).map(|_| draw.bits()).collect();
    let mut peers = Peers {
        alive: vec![true; count],
        places: (0..count).map(|_| latency::Place::draw(draw)).collect(),
        tables: ids.iter().map(|id| table::Table::new(*id)).collect(),
        links: links::Links::default(),
        ids,
    };
    (0..count).for_each(|_| peers.links.add());
    swarm::acquaint(&mut peers, draw);
    peers
}
