//! What a node has learned of an expert: how its answers turned out, by where their prompts lay.
//!
//! Outcomes are counted by the cell of the prompt (see [`crate::cells`]), together with what the expert's card had
//! claimed for it. Whoever does as well as claimed needs no correction; so what is learned is the surplus: the mean of a
//! Beta posterior of the share of good answers, whose prior is centred on the claims made and worth [`PRIOR`]
//! outcomes, less those claims. Competence is the claim with the surplus added to its log odds.
//!
//! Among experts that are as good as equal the first is drawn, each by one sample of its posterior (Thompson sampling:
//! Thompson 1933, Chapelle and Li 2011), so that experts with little record are tried now and then and those with a good
//! one mostly.

use super::{Factors, Ranked};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use rand_distr::{Beta, Distribution as _};
use std::collections::BTreeMap;

/// How many outcomes the claims are worth. Of 2, 4 and 8 all learn; a lower one lets a single slip weigh more.
const PRIOR: f32 = 4.0;
/// What a surplus of one adds to the log odds.
const GAIN: f32 = 4.0;
/// Cells whose outcomes count for a prompt: its nearest. Of 1, 4 and 8, the last learns most.
pub const NEAR_CELLS: usize = 8;
/// Outcomes below which an expert has no record to speak of.
const RECORD_MIN: f32 = 1.0;
/// Difference in log odds of competence up to which two experts are as good as equal: similarities within 0.007.
const TIE_LOG_ODDS: f32 = 0.1;
/// Share of the best score that an equal must have: a busier twin is no equal.
const TIE_SCORE: f32 = 0.98;
/// How far log odds are told apart: beyond, all are as good as certain.
const LOG_ODDS_MAX: f32 = 12.0;
/// Outcomes kept of one expert: beyond, the oldest half of its weight is forgotten.
const WEIGHT_MAX: f32 = 1_000.0;

/// Weighted numbers of good and bad outcomes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Outcomes {
    /// Answers that were good.
    pub good: f32,
    /// Answers that were not.
    pub bad: f32,
    /// The sum of what the card had claimed for all of them, each 0 to 1.
    pub claimed: f32,
}

impl Outcomes {
    /// Both kinds together.
    pub fn count(&self) -> f32 {
        self.good + self.bad
    }

    /// Whether there are enough of them to speak of a record.
    pub fn is_record(&self) -> bool {
        self.count() >= RECORD_MIN
    }

    /// One outcome, of an answer for which the card claimed `claim`.
    pub fn one(is_good: bool, claim: f32) -> Self {
        let good = f32::from(u8::from(is_good));
        Self { good, bad: 1.0 - good, claimed: if claim.is_nan() { 0.0 } else { claim.clamp(0.0, 1.0) } }
    }

    fn add(&mut self, other: Self, weight: f32) {
        self.good += weight * other.good;
        self.bad += weight * other.bad;
        self.claimed += weight * other.claimed;
    }

    /// Nothing below zero, and no more claimed than there are outcomes.
    fn bounded(self) -> Self {
        let (good, bad) = (self.good.max(0.0), self.bad.max(0.0));
        Self { good, bad, claimed: self.claimed.clamp(0.0, good + bad) }
    }

    /// A belief in [0, 1] with the posterior's mean surplus in its log odds.
    pub fn corrected(&self, belief: f32) -> f32 {
        shifted(belief, (self.good - self.claimed) / (PRIOR + self.count()))
    }

    /// The same with a sample of the posterior in place of its mean.
    fn drawn(&self, belief: f32, random: &mut StdRng) -> f32 {
        // Without outcomes the belief at hand is the only claim.
        let claim = if self.count() > 0.0 { self.claimed / self.count() } else { belief };
        let claim = claim.clamp(0.0, 1.0);
        match Beta::new(PRIOR * claim + self.good, PRIOR * (1.0 - claim) + self.bad) {
            Ok(share) => shifted(belief, share.sample(random) - claim),
            // Claims of 0 or 1 and nothing against them: no density, nothing to draw.
            Err(_) => self.corrected(belief),
        }
    }
}

fn shifted(belief: f32, surplus: f32) -> f32 {
    if surplus == 0.0 || belief.is_nan() {
        return belief;
    }
    1.0 / (1.0 + (-log_odds(belief) - GAIN * surplus).exp())
}

/// One expert's outcomes by cell.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Record {
    cells: BTreeMap<u32, Outcomes>,
    all: Outcomes,
}

impl Record {
    /// From stored parts; anything that is not a weight of 0 or more is left out.
    pub fn of(cells: impl IntoIterator<Item = (u32, Outcomes)>) -> Self {
        let mut record = Self::default();
        for (cell, outcomes) in cells {
            let sound = |v: f32| (0.0..=WEIGHT_MAX).contains(&v);
            if sound(outcomes.good) && sound(outcomes.bad) && sound(outcomes.claimed) {
                let outcomes = outcomes.bounded();
                record.cells.entry(cell).or_default().add(outcomes, 1.0);
                record.all.add(outcomes, 1.0);
            }
        }
        record
    }

    /// Adds `outcomes` for a prompt of `cell`; a negative weight takes back what was added.
    pub fn note(&mut self, cell: u32, outcomes: Outcomes, weight: f32) {
        let before = self.cells.get(&cell).copied().unwrap_or_default();
        let mut after = before;
        after.add(outcomes, weight);
        after = after.bounded();
        self.all.add(before, -1.0);
        self.all.add(after, 1.0);
        if after.count() > 0.0 {
            self.cells.insert(cell, after);
        } else {
            self.cells.remove(&cell);
        }
        if self.all.count() > WEIGHT_MAX {
            let half = |outcomes: Outcomes| {
                let mut halved = Outcomes::default();
                halved.add(outcomes, 0.5);
                halved
            };
            *self = Self::of(self.cells.iter().map(|(cell, outcomes)| (*cell, half(*outcomes))));
        }
    }

    /// Outcomes of one cell.
    pub fn cell(&self, cell: u32) -> Outcomes {
        self.cells.get(&cell).copied().unwrap_or_default()
    }

    /// All outcomes, each weighing 1.
    pub fn all(&self) -> Outcomes {
        self.all
    }

    /// The cells with their outcomes.
    pub fn cells(&self) -> impl Iterator<Item = (u32, Outcomes)> + '_ {
        self.cells.iter().map(|(cell, outcomes)| (*cell, *outcomes))
    }

    /// What counts for a prompt whose nearest cells are `nearest`.
    pub fn near(&self, nearest: &[u32]) -> Outcomes {
        let mut sum = Outcomes::default();
        nearest.iter().take(NEAR_CELLS).for_each(|cell| sum.add(self.cell(*cell), 1.0));
        sum.bounded()
    }
}

/// Draws who comes first among those that are as good as the best; the others keep their places. The same `seed` draws
/// the same. An expert without a record may come before one that has one only if `strangers` allows; says whether
/// one did.
pub fn explore<K>(ranked: &mut [Ranked<K>], seed: u64, strangers: bool) -> bool {
    let Some(best) = ranked.first().map(|r| (r.factors, r.score)) else { return false };
    let is_tied = |r: &Ranked<K>| {
        let apart = log_odds(best.0.competence) - log_odds(r.factors.competence);
        apart.abs() <= TIE_LOG_ODDS && r.score >= TIE_SCORE * best.1
    };
    let known = best.0.outcomes.is_record();
    let tied = ranked.iter().take_while(|r| is_tied(r)).count();
    let mut random = StdRng::seed_from_u64(seed);
    let mut first = (0, f32::NEG_INFINITY, 0);
    for (at, r) in ranked[..tied].iter().enumerate() {
        // Everybody draws, so that who is left out does not change the others' luck.
        let Factors { claim, outcomes, trust, availability, .. } = r.factors;
        let drawn = outcomes.drawn(claim, &mut random) * trust * availability;
        // Beliefs near 1 draw the same number in the last bit: luck decides, not the key.
        let luck = random.next_u64();
        let allowed = at == 0 || strangers || !known || r.factors.outcomes.is_record();
        if allowed && (drawn > first.1 || (drawn == first.1 && luck > first.2)) {
            first = (at, drawn, luck);
        }
    }
    let stranger = first.0 > 0 && known && !ranked[first.0].factors.outcomes.is_record();
    ranked[..=first.0].rotate_right(1);
    stranger
}

fn log_odds(p: f32) -> f32 {
    (p / (1.0 - p)).ln().clamp(-LOG_ODDS_MAX, LOG_ODDS_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranked(key: u32, claim: f32, outcomes: Outcomes) -> Ranked<u32> {
        let competence = outcomes.corrected(claim);
        let factors = Factors { claim, outcomes, competence, coverage: claim, trust: 1.0, availability: 1.0 };
        Ranked { key, score: factors.score(), factors }
    }

    #[test]
    fn equals_that_claim_the_most_share_the_work() {
        let mut firsts = [0; 4];
        for seed in 0..400 {
            let mut all: Vec<_> = (0..4).map(|key| ranked(key, 0.983, Outcomes::default())).collect();
            explore(&mut all, seed, true);
            firsts[all[0].key as usize] += 1;
        }
        assert!(firsts.iter().all(|first| (60..150).contains(first)), "{firsts:?}");
    }

    /// So many outcomes of answers for which 0.9 was claimed.
    fn outcomes(good: f32, bad: f32) -> Outcomes {
        Outcomes { good, bad, claimed: 0.9 * (good + bad) }
    }

    #[test]
    fn surprises_correct_the_claim_where_the_prompts_were_alike() {
        let mut record = Record::default();
        for _ in 0..4 {
            record.note(7, Outcomes::one(false, 0.9), 1.0);
        }
        let near = record.near(&[8, 7, 9]).corrected(0.9);
        assert!(near < 0.7, "{near}");
        assert_eq!(record.near(&[1, 2, 3]).corrected(0.9), 0.9);
        assert!((outcomes(9.0, 1.0).corrected(0.9) - 0.9).abs() < 1e-4, "as claimed");
        assert!(outcomes(10.0, 0.0).corrected(0.9) > 0.91);
        record.note(7, Outcomes::one(false, 0.9), -4.0);
        assert_eq!(record, Record::default());
        for belief in [0.0, 1.0, f32::MIN_POSITIVE] {
            assert!((0.0..=1.0).contains(&outcomes(0.0, 50.0).corrected(belief)));
        }
    }

    #[test]
    fn stored_nonsense_is_left_out_and_weight_is_bounded() {
        let nan = Outcomes { good: f32::NAN, bad: 0.0, claimed: 0.0 };
        let negative = Outcomes { good: -1.0, bad: 0.0, claimed: 0.0 };
        assert_eq!(Record::of([(1, nan), (2, negative)]), Record::default());
        let much = Record::of([(1, Outcomes { good: 1.0, bad: 0.0, claimed: 900.0 })]);
        assert_eq!(much.all().claimed, 1.0);
        let mut record = Record::default();
        for n in 0..3_000 {
            record.note(n % 5, Outcomes::one(true, 0.5), 1.0);
        }
        assert!(record.all().count() <= WEIGHT_MAX + 1.0, "{:?}", record.all());
    }

    #[test]
    fn equals_are_drawn_by_their_record_and_others_keep_their_place() {
        let (proven, doubtful) = (outcomes(30.0, 0.0), outcomes(27.0, 3.5));
        let first = |seed| {
            let mut list =
                [ranked(1, 0.97, proven), ranked(2, 0.97, proven), ranked(3, 0.6, Outcomes::default())];
            explore(&mut list, seed, true);
            assert_eq!(list[2].key, 3);
            list[0].key
        };
        let firsts: Vec<u32> = (0..200).map(first).collect();
        let ones = firsts.iter().filter(|k| **k == 1).count();
        assert!((60..140).contains(&ones), "{ones} of 200");
        assert_eq!(firsts, (0..200).map(first).collect::<Vec<_>>(), "the seed decides");
        let mut apart = [ranked(1, 0.97, proven), ranked(2, 0.9, doubtful)];
        assert!((0..50).all(|seed| {
            explore(&mut apart, seed, true);
            apart[0].key == 1
        }));
    }

    #[test]
    fn strangers_pass_the_proven_only_when_allowed() {
        let list = || [ranked(1, 0.9, outcomes(9.0, 1.0)), ranked(2, 0.9, Outcomes::default())];
        let tried = |strangers| (0..100).filter(|seed| explore(&mut list(), *seed, strangers)).count();
        assert_eq!(tried(false), 0);
        assert!(tried(true) > 10, "{}", tried(true));
        let mut nobody: [Ranked<u32>; 0] = [];
        assert!(!explore(&mut nobody, 1, true));
    }
}
