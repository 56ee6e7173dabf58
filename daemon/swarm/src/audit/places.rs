//! Which tokens an expert must report: drawn from the asker's nonce, the task's id, so that none can be prepared.

use sha2::{Digest, Sha256};
use std::collections::BTreeSet;

/// Tokens of a prompt that are reported: they carry several times what an answer's do, for answers are mostly sure.
pub const PROMPT_PLACES: usize = 16;
/// Tokens at the prompt's end among which they are drawn: what stands before may come from a cache of an earlier task, and
/// then has no logits; so many are read again in one small batch.
const PROMPT_WINDOW: u32 = 32;
/// Tokens of an answer that are reported: all of most answers; of longer ones as many, evenly from everywhere.
pub const ANSWER_PLACES: usize = 256;

/// Places in a prompt of so many tokens, ascending, from 1 (the first token has none before it); all of them if they are few.
pub fn prompt_places(nonce: &[u8; 16], prompt_tokens: u32) -> Vec<u32> {
    let window = prompt_tokens.saturating_sub(1).min(PROMPT_WINDOW);
    let first = prompt_tokens - window;
    if window as usize <= PROMPT_PLACES {
        return (first..prompt_tokens).collect();
    }
    let mut places = BTreeSet::new();
    for turn in 0u32.. {
        let hash = drawn(b"polymath/1/audit-places\0", nonce, turn);
        for chunk in hash.chunks_exact(4) {
            let word = chunk.iter().fold(0u32, |word, byte| word << 8 | u32::from(*byte));
            // The bias of the remainder is below one in a million.
            places.insert(first + word % window);
            if places.len() == PROMPT_PLACES {
                return places.into_iter().collect();
            }
        }
    }
    Vec::new()
}

/// Where the report of an answer's token `place` goes: a slot below [`ANSWER_PLACES`], over what stood there, or nowhere. Reservoir
/// sampling (Vitter 1985): however long the answer becomes, every token stays with the same chance, and whoever writes it
/// does not know how long that is.
pub(super) fn answer_slot(nonce: &[u8; 16], place: u32) -> Option<usize> {
    if (place as usize) < ANSWER_PLACES {
        return Some(place as usize);
    }
    let hash = drawn(b"polymath/1/audit-answer\0", nonce, place);
    let word = hash.iter().take(8).fold(0u64, |word, byte| word << 8 | u64::from(*byte));
    let slot = usize::try_from(word % (u64::from(place) + 1)).unwrap_or(usize::MAX);
    (slot < ANSWER_PLACES).then_some(slot)
}

/// Places of an answer of so many tokens that are reported, ascending.
pub fn answer_places(nonce: &[u8; 16], tokens: u32) -> Vec<u32> {
    let mut slots: Vec<u32> = Vec::with_capacity(ANSWER_PLACES.min(tokens as usize));
    for place in 0..tokens {
        let Some(slot) = answer_slot(nonce, place) else { continue };
        match slots.get_mut(slot) {
            Some(replaced) => *replaced = place,
            None => slots.push(place),
        }
    }
    slots.sort_unstable();
    slots
}

fn drawn(label: &[u8], nonce: &[u8; 16], turn: u32) -> [u8; 32] {
    Sha256::new_with_prefix(label).chain_update(nonce).chain_update(turn.to_le_bytes()).finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_nonce_decides() {
        assert_eq!(prompt_places(&[0; 16], 5), [1, 2, 3, 4]);
        assert_eq!(prompt_places(&[0; 16], 0), [0u32; 0]);
        assert_ne!(prompt_places(&[0; 16], 400), prompt_places(&[1; 16], 400));
        assert_eq!(prompt_places(&[7; 16], 400), prompt_places(&[7; 16], 400));
    }

    #[test]
    fn a_long_answers_places_come_from_everywhere() {
        assert_eq!(answer_places(&[0; 16], 5), [0, 1, 2, 3, 4]);
        let places = answer_places(&[7; 16], 10_000);
        assert_eq!(places.len(), ANSWER_PLACES);
        let late = places.iter().filter(|place| **place >= 5_000).count();
        assert!((96..160).contains(&late), "{late}");
    }

    proptest! {
        #[test]
        fn places_ascend_within_the_prompt(nonce in any::<[u8; 16]>(), tokens in 0u32..10_000) {
            let places = prompt_places(&nonce, tokens);
            prop_assert!(places.is_sorted_by(|a, b| a < b));
            prop_assert_eq!(places.len(), PROMPT_PLACES.min(tokens.saturating_sub(1) as usize));
            prop_assert!(places.iter().all(|place| (1..tokens).contains(place)));
            prop_assert!(places.iter().all(|place| *place + PROMPT_WINDOW >= tokens));
        }
    }
}
