//! States of sequences that lost their slot, kept in memory: whoever comes back with the same beginning (a conversation
//! that goes on, a common system prompt, a question asked again) does not have it read again.
//!
//! llama.cpp copies a sequence's part of the KV cache out and in again, bit for bit. An entry is found by its tokens:
//! the one that shares the longest beginning. The least recently used go first.

use llama_cpp_2::context::LlamaContext;
use llama_cpp_2::context::session::LlamaStateSeqFlags;
use llama_cpp_2::token::LlamaToken;
use std::collections::VecDeque;

/// Bytes of states kept for any model: thousands of short prompts of a small one.
const BYTES_MIN: u64 = 32 * 1024 * 1024;
/// Share of the model's own size that they may take, if that is more.
const MODEL_SHARE: u64 = 8;
/// States kept: each is compared with every new prompt.
const ENTRIES_MAX: usize = 4_096;
/// Tokens that a copy must save over what a slot holds: fewer are read as fast as copied.
const TOKENS_SAVED_MIN: usize = 4;

struct Entry {
    tokens: Vec<LlamaToken>,
    state: Vec<u8>,
}

/// The states, least recently used first.
pub(super) struct Prefixes {
    entries: VecDeque<Entry>,
    bytes: u64,
    bytes_max: u64,
}

impl Prefixes {
    /// Room beside a model of `model_bytes`.
    pub(super) fn beside(model_bytes: u64) -> Self {
        Self { entries: VecDeque::new(), bytes: 0, bytes_max: BYTES_MIN.max(model_bytes / MODEL_SHARE) }
    }

    /// Keeps the state of sequence `id`, which holds `cached`, before it is cut to its first `kept` tokens.
    pub(super) fn save(&mut self, context: &LlamaContext<'_>, id: i32, cached: &[LlamaToken], kept: usize) {
        let held = |entry: &Entry| entry.tokens.starts_with(cached);
        if cached.len() < kept + TOKENS_SAVED_MIN || self.entries.iter().any(held) {
            return;
        }
        if context.kv_cache_seq_pos_min(id) != 0 {
            // A sliding window or a recurrent state: it could not be cut to what the next task shares.
            return;
        }
        let flags = LlamaStateSeqFlags::empty();
        let size = context.state_seq_get_size_ext(id, flags);
        if size == 0 || size as u64 > self.bytes_max {
            return;
        }
        let mut state = vec![0; size];
        // SAFETY: llama.cpp writes what it said a line above: nothing has touched the context since.
        #[expect(unsafe_code, reason = "the binding leaves the buffer's size to its caller")]
        let written = unsafe { context.state_seq_get_data_ext(state.as_mut_ptr(), id, flags) };
        if written == size {
            self.insert(Entry { tokens: cached.to_vec(), state });
        }
    }

    fn insert(&mut self, new: Entry) {
        // What this state begins with is in it.
        self.retain(|entry| !new.tokens.starts_with(&entry.tokens));
        self.bytes += new.state.len() as u64;
        self.entries.push_back(new);
        while self.bytes > self.bytes_max || self.entries.len() > ENTRIES_MAX {
            let Some(oldest) = self.entries.pop_front() else { break };
            self.bytes -= oldest.state.len() as u64;
        }
    }

    /// Puts the state with the longest beginning of `row` into the empty sequence `id` if it saves enough over the `shared`
    /// tokens that are there without; returns the tokens that the sequence then holds.
    pub(super) fn restore(
        &mut self,
        context: &mut LlamaContext<'_>,
        id: i32,
        row: &[LlamaToken],
        shared: usize,
    ) -> Option<Vec<LlamaToken>> {
        let lengths = self.entries.iter().map(|entry| common(&entry.tokens, row));
        let (at, length) = lengths.enumerate().max_by_key(|(_, length)| *length)?;
        if length < shared + TOKENS_SAVED_MIN {
            return None;
        }
        let entry = self.entries.remove(at)?;
        // SAFETY: the bytes are what this context itself wrote.
        #[expect(unsafe_code, reason = "the binding takes any bytes for a state")]
        let restored =
            unsafe { context.state_seq_set_data_ext(&entry.state, id, LlamaStateSeqFlags::empty()) };
        if !restored {
            self.bytes -= entry.state.len() as u64;
            return None;
        }
        let tokens = entry.tokens.clone();
        self.entries.push_back(entry);
        Some(tokens)
    }

    fn retain(&mut self, keep: impl Fn(&Entry) -> bool) {
        let bytes = &mut self.bytes;
        self.entries.retain(|entry| {
            let kept = keep(entry);
            *bytes -= if kept { 0 } else { entry.state.len() as u64 };
            kept
        });
    }
}

/// Tokens at the beginning of both.
pub(super) fn common(a: &[LlamaToken], b: &[LlamaToken]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(tokens: &[i32], bytes: usize) -> Entry {
        Entry { tokens: tokens.iter().map(|t| LlamaToken::new(*t)).collect(), state: vec![0; bytes] }
    }

    #[test]
    fn the_oldest_go_and_what_is_in_another_is_not_kept_twice() {
        let mut prefixes = Prefixes { entries: VecDeque::new(), bytes: 0, bytes_max: 100 };
        prefixes.insert(entry(&[1, 2], 40));
        prefixes.insert(entry(&[1, 2, 3], 50));
        assert_eq!((prefixes.entries.len(), prefixes.bytes), (1, 50), "the longer one holds the shorter");
        prefixes.insert(entry(&[4], 40));
        prefixes.insert(entry(&[5], 40));
        assert_eq!((prefixes.entries.len(), prefixes.bytes), (2, 80));
        assert_eq!(prefixes.entries[0].tokens, [LlamaToken::new(4)]);
    }
}
