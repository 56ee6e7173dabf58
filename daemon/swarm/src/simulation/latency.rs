//! How long a round trip takes: nodes on a plane, each behind an access link, with jitter and loss.
//!
//! Two coordinates and a height are what fits measured round trips well (Vivaldi, Dabek et al. 2004). The sizes
//! are such that round trips come out like those of the King data set (Gummadi et al. 2002; 1,740 name
//! servers): half of them below 160 ms, one in twenty below 50 and one in twenty above 300.
//!
//! Not here: bandwidth shared between transfers, NATs that let nobody in, paths that are down for one pair alone.

use super::queue::Micros;
use crate::evaluation::finding::Draw;

/// Milliseconds from one edge of the plane to the other: a random pair is half of this apart.
const PLANE_MS: f64 = 240.0;
/// Round trip over a node's access link, median.
const ACCESS_MS: f64 = 12.0;
/// Spread of access links, as the logarithm's standard deviation: one in forty has 50 ms.
const ACCESS_SPREAD: f64 = 0.7;
/// Jitter of a round trip, likewise: one in forty takes a third longer than usual.
const JITTER: f64 = 0.15;
/// Share of round trips that lose a packet, as over Wi-Fi and mobile links.
const LOSS: f64 = 0.01;
/// What a lost packet costs besides: half a round trip and the peer's delay, as QUIC's probe time-out has it (RFC 9002).
const LOSS_MS: f64 = 100.0;

/// Where a node is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    x_ms: f32,
    y_ms: f32,
    access_ms: f32,
}

impl Place {
    /// A place drawn at random.
    pub(super) fn draw(draw: &mut Draw) -> Self {
        Self {
            x_ms: (PLANE_MS * draw.uniform()) as f32,
            y_ms: (PLANE_MS * draw.uniform()) as f32,
            access_ms: (ACCESS_MS * (ACCESS_SPREAD * f64::from(draw.normal())).exp()) as f32,
        }
    }

    /// One round trip to `other` and back, this time.
    pub(super) fn round_trip(&self, other: &Self, draw: &mut Draw) -> Micros {
        let apart = (self.x_ms - other.x_ms).hypot(self.y_ms - other.y_ms);
        let usual = f64::from(apart + self.access_ms + other.access_ms);
        let mut took = usual * (JITTER * f64::from(draw.normal())).exp();
        if draw.uniform() < LOSS {
            took += 0.5 * usual + LOSS_MS;
        }
        (took * 1_000.0) as Micros
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trips_are_spread_like_those_of_the_internet() {
        let mut draw = Draw::new(3);
        let places: Vec<Place> = (0..2_000).map(|_| Place::draw(&mut draw)).collect();
        let mut trips: Vec<f64> = (0..20_000)
            .map(|_| {
                let (a, b) = (draw.below(2_000), draw.below(2_000));
                places[a].round_trip(&places[b], &mut draw) as f64 / 1_000.0
            })
            .collect();
        trips.sort_by(f64::total_cmp);
        let at = |share: f64| trips[(share * 20_000.0) as usize];
        assert!((140.0..180.0).contains(&at(0.5)), "{}", at(0.5));
        assert!(
            (40.0..80.0).contains(&at(0.05)) && (230.0..330.0).contains(&at(0.95)),
            "{} {}",
            at(0.05),
            at(0.95)
        );
    }
}
