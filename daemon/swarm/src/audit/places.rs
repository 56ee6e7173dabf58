//! Which tokens of a prompt an expert must report: drawn from the asker's nonce, so that none can be prepared.

use sha2::{Digest, Sha256};
use std::collections::BTreeSet;

/// Tokens of a prompt that are reported: they carry several times what an answer's do, for answers are mostly sure.
pub const PROMPT_PLACES: usize = 16;

/// Places in a prompt of so many tokens, ascending, from 1 (the first token has none before it); all of them if they are few.
pub fn prompt_places(nonce: &[u8; 16], prompt_tokens: u32) -> Vec<u32> {
    let all = prompt_tokens.saturating_sub(1);
    if all as usize <= PROMPT_PLACES {
        return (1..=all).collect();
    }
    let mut places = BTreeSet::new();
    for turn in 0u32.. {
        let mut hash = Sha256::new_with_prefix(b"polymath/1/audit-places\0");
        hash.update(nonce);
        hash.update(turn.to_le_bytes());
        for chunk in hash.finalize().chunks_exact(4) {
            let drawn = chunk.iter().fold(0u32, |word, byte| word << 8 | u32::from(*byte));
            // The bias of the remainder is below one in a million for any prompt.
            places.insert(1 + drawn % all);
            if places.len() == PROMPT_PLACES {
                return places.into_iter().collect();
            }
        }
    }
    Vec::new()
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

    proptest! {
        #[test]
        fn places_ascend_within_the_prompt(nonce in any::<[u8; 16]>(), tokens in 0u32..10_000) {
            let places = prompt_places(&nonce, tokens);
            prop_assert!(places.is_sorted_by(|a, b| a < b));
            prop_assert_eq!(places.len(), PROMPT_PLACES.min(tokens.saturating_sub(1) as usize));
            prop_assert!(places.iter().all(|place| (1..tokens).contains(place)));
        }
    }
}
