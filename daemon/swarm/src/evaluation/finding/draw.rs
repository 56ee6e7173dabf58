//! Seeded random numbers for simulations: SplitMix64, since nothing here is a secret.

use crate::cells::splitmix64;

/// A generator; the same seed gives the same numbers on every machine.
#[derive(Clone, Debug)]
pub struct Draw {
    seed: u64,
    index: u64,
}

impl Draw {
    /// A generator of `seed`'s numbers.
    pub fn new(seed: u64) -> Self {
        Self { seed: splitmix64(seed), index: 0 }
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.index += 1;
        splitmix64(self.seed ^ splitmix64(self.index))
    }

    /// A number below `end`, 0 if that is 0. The bias of the remainder is below 2^-32 for the sizes of a simulation.
    pub fn below(&mut self, end: usize) -> usize {
        (self.bits() % (end.max(1) as u64)) as usize
    }

    /// A number between 0 and 1, neither of them.
    pub fn uniform(&mut self) -> f64 {
        ((self.bits() >> 11) as f64 + 0.5) / (1u64 << 53) as f64
    }

    /// A standard normal number (Box & Muller 1958).
    pub fn normal(&mut self) -> f32 {
        let (radius, angle) = (self.uniform(), self.uniform());
        ((-2.0 * radius.ln()).sqrt() * (std::f64::consts::TAU * angle).cos()) as f32
    }

    /// Leaves `most` of `items`, drawn at random without replacement; all of them if there are no more.
    pub fn sample<T>(&mut self, items: &mut Vec<T>, most: usize) {
        if items.len() > most {
            self.draw_first(items, most);
            items.truncate(most);
        }
    }

    /// Puts `items` in random order.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        self.draw_first(items, items.len());
    }

    /// The first `count` places are drawn at random (Fisher & Yates 1938).
    fn draw_first<T>(&mut self, items: &mut [T], count: usize) {
        for place in 0..count {
            let other = place + self.below(items.len() - place);
            items.swap(place, other);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_is_even_and_repeats_with_its_seed() {
        let mut counts = [0usize; 10];
        let mut draw = Draw::new(7);
        for _ in 0..10_000 {
            let mut items: Vec<usize> = (0..10).collect();
            draw.sample(&mut items, 3);
            items.iter().for_each(|item| counts[*item] += 1);
        }
        assert!(counts.iter().all(|count| (2_700..3_300).contains(count)), "{counts:?}");
        let again = |seed| {
            (0..5).map(|_| 0).scan(Draw::new(seed), |draw, _: i32| Some(draw.bits())).collect::<Vec<_>>()
        };
        assert_eq!(again(7), again(7));
        assert_ne!(again(7), again(8));
    }

    #[test]
    fn normal_numbers_are_normal() {
        let mut draw = Draw::new(1);
        let values: Vec<f32> = (0..20_000).map(|_| draw.normal()).collect();
        let mean = values.iter().sum::<f32>() / 20_000.0;
        let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f32>() / 20_000.0;
        assert!(mean.abs() < 0.03 && (variance - 1.0).abs() < 0.04, "{mean} {variance}");
    }
}
