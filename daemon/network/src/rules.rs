//! The numbers by which this module finds experts, as the simulation of a large swarm takes them: what is changed here is
//! changed there. Not played there: that full keys keep the fittest of the providers (`store`); half of the places are theirs.

use super::behaviour::{CONNECTION_TIMEOUT, IDLE_MAX, PUBLICATION_INTERVAL, QUERY_TIMEOUT};
use super::event_loop::{EXCHANGES_MAX, LOOKUP_DEADLINE};
use super::store::RECORD_LIFETIME;
use super::{PROVIDERS_PER_KEY_MAX, PROVIDERS_PER_LOOKUP_MAX};
use polymath_swarm::simulation::Rules;
use polymath_wire::advert::RESPONSE_BYTES_MAX;
use std::time::Duration;

/// libp2p's own interval for looking after its routing table, which we leave as it is.
const REFRESH_INTERVAL: Duration = Duration::from_secs(5 * 60);

/// The rules of a node that holds `peers_max` connections, whose adverts have `advert_bytes`, and which checks a card in `check`.
pub fn rules(peers_max: u32, advert_bytes: f64, check: Duration) -> Rules {
    let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    Rules {
        providers_per_key: PROVIDERS_PER_KEY_MAX,
        providers_per_lookup: PROVIDERS_PER_LOOKUP_MAX,
        record_lifetime: micros(RECORD_LIFETIME),
        publication_interval: micros(PUBLICATION_INTERVAL),
        refresh_interval: micros(REFRESH_INTERVAL),
        query_timeout: micros(QUERY_TIMEOUT),
        // A host that is gone answers neither QUIC nor TCP.
        dial_timeout: micros(CONNECTION_TIMEOUT),
        deadline: micros(LOOKUP_DEADLINE),
        exchanges: EXCHANGES_MAX,
        check: micros(check),
        advert_bytes,
        response_bytes: RESPONSE_BYTES_MAX as f64,
        connections_max: peers_max as usize,
        connection_idle: micros(IDLE_MAX),
        // Where half of the places are taken, whoever is idle goes, which leaves room; checks take turns.
        makes_room: true,
        forgets_unreachable: true,
        fetches_by_cell: true,
        checks_best_first: false,
    }
}
