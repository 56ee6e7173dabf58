//! The words that a prompt and a card share.
//!
//! Sentence embeddings blur figures, units and rare names; a card that uses a prompt's own words says more. Among
//! the experts that similarity puts first, each gets the share of the prompt's words that its card uses, a word
//! weighing more the fewer of these cards use it (inverse document frequency, Spärck Jones 1972, over the finalists
//! alone, so that a directory of thousands costs nothing). Words are compared by hash, without plural endings; of
//! figures and of words in capitals the shape counts ("0x4F", "MCMXC"), since no card lists every number.

use std::sync::Arc;

/// Distinct words of one text or card that count: cards hold 17 texts of some twenty words.
const TERMS_MAX: usize = 512;
/// Letters a word must have to lose its plural ending.
const PLURAL_LETTERS_MIN: usize = 4;
/// Digits beyond which numbers look alike.
const DIGITS_MAX: usize = 4;

/// The distinct words of a text, as sorted hashes; cheap to clone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Terms(Arc<[u64]>);

impl Terms {
    /// The words of all `texts` together.
    pub fn of<'a>(texts: impl IntoIterator<Item = &'a str>) -> Self {
        let mut all = Vec::new();
        for text in texts {
            for word in text.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()) {
                if all.len() >= 2 * TERMS_MAX {
                    break;
                }
                add(word, &mut all);
            }
        }
        all.sort_unstable();
        all.dedup();
        all.truncate(TERMS_MAX);
        Self(all.into())
    }

    fn has(&self, term: u64) -> bool {
        self.0.binary_search(&term).is_ok()
    }

    /// For each of `cards`, the weighted share in [0, 1] of these words that it uses.
    pub(super) fn shares(&self, cards: &[&Terms]) -> Vec<f32> {
        let mut shares = vec![0.0; cards.len()];
        let mut whole = 0.0;
        for term in self.0.iter() {
            let using = cards.iter().filter(|card| card.has(*term)).count();
            let weight = (1.0 + cards.len() as f32 / (1 + using) as f32).ln();
            whole += weight;
            for (share, _) in shares.iter_mut().zip(cards).filter(|(_, card)| card.has(*term)) {
                *share += weight;
            }
        }
        if whole > 0.0 {
            shares.iter_mut().for_each(|share| *share /= whole);
        }
        shares
    }
}

fn add(word: &str, all: &mut Vec<u64>) {
    if word.bytes().all(|b| b.is_ascii_digit()) {
        all.push(hash(&["#", &"0".repeat(word.len().min(DIGITS_MAX))]));
        return;
    }
    if word.contains(|c: char| c.is_ascii_digit()) {
        all.push(hash(&["#", "mixed"]));
        return;
    }
    if word.chars().count() > 1 && word.chars().all(char::is_uppercase) {
        all.push(hash(&["#", "capitals"]));
    }
    let lower = word.to_lowercase();
    let long = lower.chars().count() >= PLURAL_LETTERS_MIN;
    all.push(hash(&[if long { lower.trim_end_matches('s') } else { &lower }]));
}

/// FNV-1a in 64 bits: the same on every machine, and a thousand words do not collide.
fn hash(pieces: &[&str]) -> u64 {
    pieces
        .iter()
        .flat_map(|piece| piece.bytes())
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rarer_words_weigh_more_and_shapes_count() {
        let (units, numerals) =
            (Terms::of(["Convert 5 miles to feet."]), Terms::of(["Convert MCMXC to a number.", "0x4F"]));
        let of = |text: &str| Terms::of([text]).shares(&[&units, &numerals]);
        let shares = of("Convert 7 miles");
        assert!(shares[0] > 0.9 && shares[1] < 0.5, "{shares:?}");
        let shares = of("XIV, 0x1B");
        assert!(shares[0] == 0.0 && shares[1] > 0.5, "{shares:?}");
        assert_eq!(of(""), [0.0, 0.0]);
        assert_eq!(Terms::of(["mile"]), Terms::of(["Miles!"]));
    }

    #[test]
    fn a_huge_text_is_bounded() {
        let text: String =
            (0..100_000u32).map(|n| format!("w{} ", char::from_u32(0x4e00 + n % 5_000).unwrap())).collect();
        assert!(Terms::of([text.as_str()]).0.len() <= TERMS_MAX);
    }
}
