//! One audit: what an expert claims of an answer, held against what its model computes.

use super::{ALARM, Evidence, Null, Reported, divergence, p_of_any};
use crate::identity::Sha256Hash;
use crate::task::{FinishReason, Offer};

/// Misfit of a token (see [`crate::sampling::Sampler::misfit`]) from which it is out of place. The last bits of two shapes of a batch
/// move log-probabilities by thousandths of a nat, flash attention by hundredths; a text from elsewhere leaves several nats.
const OUT_OF_PLACE: f32 = 0.1;
/// Misfit that no honest expert's token has.
const BEYOND_DOUBT: f32 = 1.0;
/// Chance that an honest expert has one token out of place: of 40,800 honest answers none had.
const P_OUT_OF_PLACE: f64 = 1e-3;
/// How much farther than measured an honest expert may be: for processors that nobody measured. Between builds for SSE, AVX2 and
/// AVX-512 honest experts are ten times as far as within one, which is measured (`docs/audit.md`); this is for the next one.
const MARGIN: f64 = 4.0;
/// Chance given to what no honest expert does: convicts at once.
const P_NEVER: f64 = 1e-12;
/// Chance that an honest expert does not open what it committed to: it may have died or been cut off.
pub const P_WITHHELD: f64 = 0.05;

/// Tokens of a text that the settings and the computed distributions do not draw.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Misfits {
    /// Out of place.
    pub out_of_place: u32,
    /// Of those, beyond doubt.
    pub beyond_doubt: u32,
}

impl Misfits {
    /// Counts one token's misfit.
    pub fn add(&mut self, misfit: f32) {
        // NaN would be a fault of the auditor's own model.
        self.out_of_place += u32::from(misfit >= OUT_OF_PLACE);
        self.beyond_doubt += u32::from(misfit >= BEYOND_DOUBT);
    }
}

/// What an expert has signed and opened.
#[derive(Clone, Copy, Debug)]
pub struct Claim<'a> {
    /// What it was asked.
    pub offer: &'a Offer,
    /// The tokens it sent.
    pub answer: &'a [u32],
    /// Hash of the text that it sent with them.
    pub text: Sha256Hash,
    /// Why it stopped.
    pub finish_reason: FinishReason,
    /// Tokens of the templated prompt, as it counts them.
    pub prompt_tokens: u32,
    /// Tokens of context that its card promises.
    pub context_tokens: u32,
    /// What it opened.
    pub evidence: &'a Evidence,
}

/// What a holder of the model computes of the same prompt and answer, in one prefill.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Computed {
    /// The same places.
    pub evidence: Evidence,
    /// Tokens of the templated prompt.
    pub prompt_tokens: u32,
    /// Tokens that should not be there.
    pub misfits: Misfits,
    /// Whether the token that is said to end the turn does.
    pub ends_turn: bool,
    /// Hash of the tokens' text, up to a stop string.
    pub text: Sha256Hash,
    /// Whether one of those came.
    pub stopped: bool,
}

/// What came of an audit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Examination {
    /// In nats a token; infinite where the two cannot be compared.
    pub divergence: f64,
    /// Positions compared.
    pub positions: u32,
    /// Tokens that should not be there.
    pub misfits: Misfits,
    /// Whether the answer stops where nothing stops it.
    pub cut_off: bool,
    /// Whether the text is not that of the tokens.
    pub other_text: bool,
}

impl Examination {
    /// Holds a claim against what was computed. Without a computation (the model's vocabulary has no such token) nothing of the claim
    /// can be true.
    pub fn of(claim: Claim<'_>, computed: Option<&Computed>) -> Self {
        let Claim { offer, answer, text, finish_reason, prompt_tokens, context_tokens, evidence } = claim;
        let positions = u32::try_from(evidence.len()).unwrap_or(u32::MAX);
        let cut_off = match finish_reason {
            FinishReason::Length => {
                let all = u64::from(prompt_tokens) + answer.len() as u64;
                answer.len() < offer.max_tokens as usize && all < u64::from(context_tokens)
            }
            // A stop string or a grammar ends a text without an end of turn.
            FinishReason::Stop => match evidence.end {
                Some(_) => computed.is_some_and(|computed| !computed.ends_turn),
                None => offer.grammar.is_none() && computed.is_none_or(|computed| !computed.stopped),
            },
        };
        let comparable = |computed: &&Computed| {
            computed.prompt_tokens == prompt_tokens
                && evidence.is_drawn_by(&offer.task_id, prompt_tokens, answer)
                && is_whole(&evidence.reported(), &computed.evidence.reported())
        };
        match computed.filter(comparable) {
            Some(computed) => Self {
                divergence: divergence(&evidence.reported(), &computed.evidence.reported()),
                positions,
                misfits: computed.misfits,
                cut_off,
                other_text: computed.text != text,
            },
            None => {
                let (divergence, misfits) = (f64::INFINITY, Misfits::default());
                Self { divergence, positions, misfits, cut_off, other_text: false }
            }
        }
    }

    /// Whether this audit is an alarm by itself.
    pub fn is_alarm(&self) -> bool {
        self.divergence >= ALARM || self.misfits.beyond_doubt > 0 || self.cut_off || self.other_text
    }

    /// A bound on the chance that an honest expert's audit comes out like this or worse, in (0, 1]. Without a null distribution the
    /// distance counts only as an alarm.
    pub fn p(&self, nulls: &[Null]) -> f64 {
        if self.is_alarm() {
            return P_NEVER;
        }
        let of_distance = if nulls.is_empty() { 1.0 } else { p_of_any(nulls, self.divergence / MARGIN) };
        let misfits = i32::try_from(self.misfits.out_of_place).unwrap_or(i32::MAX);
        of_distance.min(P_OUT_OF_PLACE.powi(misfits)).max(f64::MIN_POSITIVE)
    }
}

/// Whether the same tokens are reported, each with as many alternatives, all different, likeliest first: what is left out, or said of
/// another token, would hide a distance.
fn is_whole(reported: &[Reported], computed: &[Reported]) -> bool {
    let is_sound = |of: &Reported| {
        let mut ids: Vec<u32> = of.top.iter().map(|(id, _)| *id).collect();
        ids.sort_unstable();
        of.top.is_sorted_by_key(|(_, steps)| *steps) && ids.windows(2).all(|pair| pair[0] != pair[1])
    };
    let same = |(a, b): (&Reported, &Reported)| a.id == b.id && a.top.len() == b.top.len() && is_sound(a);
    reported.len() == computed.len() && reported.iter().zip(computed).all(same)
}

#[cfg(test)]
mod tests {
    use super::super::Notes;
    use super::*;
    use crate::sampling::Settings;
    use crate::task::Message;

    fn offer(stop: &[&str]) -> Offer {
        Offer {
            task_id: [5; 16],
            card: Sha256Hash::default(),
            messages: vec![Message { role: "user".into(), content: "hello".into() }],
            sampling: Settings::default(),
            seed: 1,
            max_tokens: 9,
            deadline_ms: 1_000,
            price_micro_max: 0,
            stop: stop.iter().map(|s| (*s).to_owned()).collect(),
            top_logprobs: 0,
            grammar: None,
            private: false,
            continues: Vec::new(),
        }
    }

    fn evidence(ended: bool) -> Evidence {
        let reported = |id: u32| Reported { id, steps: 100, top: vec![(id, 100), (id + 1, 6_000)] };
        let mut notes = Notes::new([5; 16], 12);
        while let Some(place) = notes.of_prompt().first().copied() {
            notes.note_prompt(reported(place));
        }
        [4, 5, 6].iter().for_each(|id| notes.note_answer(|| reported(*id)));
        if ended {
            notes.note_end(reported(2));
        }
        notes.finish()
    }

    fn claim<'a>(offer: &'a Offer, evidence: &'a Evidence, finish_reason: FinishReason) -> Claim<'a> {
        let (answer, text) = (&[4, 5, 6], Sha256Hash::of(b"text"));
        Claim { offer, answer, text, finish_reason, prompt_tokens: 12, context_tokens: 64, evidence }
    }

    fn computed(evidence: &Evidence) -> Computed {
        Computed {
            evidence: evidence.clone(),
            prompt_tokens: 12,
            ends_turn: true,
            text: Sha256Hash::of(b"text"),
            ..Computed::default()
        }
    }

    #[test]
    fn the_same_numbers_pass() {
        let (offer, evidence) = (offer(&[]), evidence(true));
        let found = Examination::of(claim(&offer, &evidence, FinishReason::Stop), Some(&computed(&evidence)));
        assert_eq!((found.divergence, found.positions, found.cut_off), (0.0, 15, false));
        assert_eq!(found.p(&[]), 1.0);
    }

    #[test]
    fn who_stops_where_nothing_stops_is_an_alarm() {
        let (none, some) = (evidence(false), evidence(true));
        let stops = |offer: &Offer, evidence: &Evidence, reason, found| {
            let computed = Computed { ends_turn: found, stopped: found, ..computed(evidence) };
            Examination::of(claim(offer, evidence, reason), Some(&computed)).is_alarm()
        };
        use FinishReason::{Length, Stop};
        assert!(stops(&offer(&[]), &none, Stop, false), "no end of turn, no stop string");
        assert!(stops(&offer(&[]), &some, Stop, false), "what it calls the end of turn is none");
        assert!(!stops(&offer(&[]), &some, Stop, true));
        assert!(!stops(&offer(&["x"]), &none, Stop, true), "a stop string has ended it");
        assert!(stops(&offer(&["x"]), &none, Stop, false), "one was asked for and did not come");
        let grammar = Offer { grammar: Some("start: \"x\"".into()), ..offer(&[]) };
        assert!(!stops(&grammar, &none, Stop, false), "a grammar may have ended it");
        assert!(stops(&offer(&[]), &none, Length, false), "three of nine tokens");
        assert!(!stops(&Offer { max_tokens: 3, ..offer(&[]) }, &none, Length, false));
    }

    #[test]
    fn tokens_out_of_place_add_up_and_far_ones_convict() {
        let examined = |misfits: &[f32]| {
            let mut all = Misfits::default();
            misfits.iter().for_each(|m| all.add(*m));
            let (divergence, positions, misfits) = (0.0, 3, all);
            Examination { divergence, positions, misfits, cut_off: false, other_text: false }.p(&[])
        };
        assert_eq!(examined(&[0.0, 0.09]), 1.0);
        assert!((examined(&[0.2]) - 1e-3).abs() < 1e-9 && (examined(&[0.2, 0.3]) - 1e-6).abs() < 1e-12);
        assert_eq!(examined(&[1.5]), P_NEVER);
        assert!(examined(&[f32::NAN]) == 1.0);
    }

    #[test]
    fn another_text_beside_the_right_tokens_is_an_alarm() {
        let (offer, evidence) = (offer(&[]), evidence(true));
        let told = Claim { text: Sha256Hash::of(b"lies"), ..claim(&offer, &evidence, FinishReason::Stop) };
        assert!(Examination::of(told, Some(&computed(&evidence))).is_alarm());
    }

    #[test]
    fn what_is_left_out_hides_no_distance() {
        let (offer, honest) = (offer(&[]), evidence(true));
        let changes: &[fn(&mut Evidence)] = &[
            |e| e.answer[0].reported.top.clear(),
            |e| e.prompt[2].reported.top.truncate(1),
            |e| e.prompt[2].reported.id += 9,
            |e| e.prompt[2].reported.top[1].0 = e.prompt[2].reported.top[0].0,
            |e| e.answer[1].reported.top.reverse(),
        ];
        for (index, change) in changes.iter().enumerate() {
            let mut thinned = honest.clone();
            change(&mut thinned);
            let found =
                Examination::of(claim(&offer, &thinned, FinishReason::Stop), Some(&computed(&honest)));
            assert_eq!(found.divergence, f64::INFINITY, "change {index}");
        }
    }

    #[test]
    fn another_prompt_or_other_places_cannot_be_compared() {
        let (offer, evidence) = (offer(&[]), evidence(true));
        let shorter = Computed { prompt_tokens: 11, ..computed(&evidence) };
        let claimed = claim(&offer, &evidence, FinishReason::Stop);
        assert_eq!(Examination::of(claimed, Some(&shorter)).divergence, f64::INFINITY);
        assert_eq!(Examination::of(claimed, None).p(&[]), P_NEVER);
        let moved = Offer { task_id: [6; 16], ..offer.clone() };
        let mut less = evidence.clone();
        less.prompt.pop();
        for (offer, evidence) in [(&moved, &evidence), (&offer, &less)] {
            // With twelve tokens every place is drawn, so only a missing one shows.
            let found =
                Examination::of(claim(offer, evidence, FinishReason::Stop), Some(&computed(evidence)));
            assert_eq!(found.divergence.is_infinite(), evidence.prompt.len() < 11);
        }
    }
}
