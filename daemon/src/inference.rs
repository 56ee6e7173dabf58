//! Runs models: llama.cpp behind a handle.
//!
//! A [`Worker`] is a clonable handle to one OS thread that owns one model and its context; no other thread
//! ever calls llama.cpp for that model. A request travels so:
//!
//! ```text
//! Worker::generate ─ seat? ─ command ─▶ thread: template, tokenise, too long? ─▶ queue ─▶ slot
//!        │ no seat: Busy                                                               │ one decode a step
//!        ▼                                                                             ▼
//!   Generation ◀───────────── bounded channel of events ◀──── sample, stop strings, whole UTF-8
//! ```
//!
//! Each step of the thread decodes one batch: the next token of every slot that is answering and a chunk of
//! the prompts that are still being read. Batches are short, because llama.cpp cannot be interrupted inside
//! one: a cancelled or expired task gives up its slot at the next step. A reader that does not keep up fills
//! its own channel and pauses its own slot, nothing else.
//!
//! Files are checked before llama.cpp sees them (`check`, `gguf`), since it says little about bad ones
//! and ends the process on some. The KV cache is split, one stream a slot, and flash attention is on or off as
//! configured, never "auto": both move logits in their last bits, so both are pinned and announced.
//!
//! A [`Hot`] model has its worker when it is wanted, within a [`Budget`] of memory; a [`Service`] is a server that the owner
//! runs, and a [`Backend`] is either.
//!
//! Not here: which expert answers what (`coordinator`), where files come from (`catalog`).

mod backend;
mod budget;
mod check;
mod engine;
mod error;
mod gguf;
mod grammar;
mod hot;
mod memory;
mod prompt;
mod request;
mod service;
mod serving;
mod template;
mod text;
mod worker;

use serde::{Deserialize, Serialize};
use std::path::PathBuf;

pub use budget::Budget;
pub use error::Error;
pub use grammar::Grammar;
pub use hot::Hot;
pub use prompt::Prompt;
pub use request::{Request, SCORED_TOKENS_MAX, STOP_BYTES_MAX, ScoreRequest, Scored};
pub use service::{Config as ServiceConfig, Service};
pub use serving::Backend;
pub use template::Clockwork;
pub use worker::{Generation, Worker};

/// Sequences of one context; llama.cpp itself allows 256, but a slot costs a whole context of KV cache.
pub const SLOTS_MAX: u32 = 64;
/// Waiting tasks of one model: beyond this a wait is longer than any deadline.
pub const QUEUE_MAX: u32 = 1_024;
/// Tokens a second that an answer may be held to: more than any machine gives.
pub const TOKENS_PER_SECOND_MAX: u32 = 100_000;
/// Threads of one model: more than any machine gains from.
pub const THREADS_MAX: u32 = 256;

/// How one model is run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The GGUF file.
    pub model_path: PathBuf,
    /// Tokens of prompt and answer together, for each slot; 0 takes what the model was trained with, at most
    /// 8,192.
    pub context_tokens: u32,
    /// Tasks that run at once; each has its own context of KV cache.
    pub slots: u32,
    /// Tasks that may wait for a slot; one more is answered busy.
    pub queue: u32,
    /// CPU threads of a decode step. One by default: the model shares its machine, and OpenMP threads on busy
    /// cores wait for each other.
    pub threads: u32,
    /// Layers that run on the GPU; needs the feature `cuda`, `metal` or `vulkan`.
    pub gpu_layers: u32,
    /// Tokens a second that each answer may have at the most; 0 is as many as the machine gives. For whoever wants
    /// a cooler or quieter machine, or an even share of it: the thread sleeps between tokens, other answers go on.
    pub tokens_per_second: u32,
    /// Flash attention (Dao et al. 2022). Off by default: llama.cpp's sums in half precision on the CPU, which
    /// moved log-probabilities between batch shapes up to 3e-3 where they stay within 4e-4 without it, and
    /// audits rest on that closeness. It saves memory with long contexts and time on GPUs.
    pub flash_attention: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            model_path: PathBuf::new(),
            context_tokens: 0,
            slots: 4,
            queue: 16,
            threads: 1,
            gpu_layers: 0,
            tokens_per_second: 0,
            flash_attention: false,
        }
    }
}

impl Config {
    /// Says which field is out of bounds.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let bounds = [
            ("slots", self.slots, 1, SLOTS_MAX),
            ("queue", self.queue, 0, QUEUE_MAX),
            ("threads", self.threads, 1, THREADS_MAX),
            ("tokens_per_second", self.tokens_per_second, 0, TOKENS_PER_SECOND_MAX),
        ];
        match bounds.iter().find(|(_, value, low, high)| !(low..=high).contains(&value)) {
            None => Ok(()),
            Some((field, value, low, high)) => {
                Err(Error::Invalid(format!("{field} is {value}; it must be {low} to {high}")))
            }
        }
    }
}

/// How far the loading of a model is, in per cent; `None` while none is being loaded.
pub type Loading = tokio::sync::watch::Sender<Option<u8>>;

/// Bytes of memory that can be had without swapping; `None` where the system does not tell.
pub fn memory_available() -> Option<u64> {
    memory::available()
}

/// Bytes that a model will take in memory, estimated from its header.
///
/// # Errors
/// What is wrong with the file.
pub fn memory_needed(config: &Config) -> Result<u64, Error> {
    check::needed(config)
}

/// How busy a worker is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SlotUse {
    /// Tasks it can run at once.
    pub slots: u32,
    /// Of those, free now.
    pub free: u32,
    /// Tasks waiting for a slot.
    pub queued: u32,
}

#[cfg(test)]
mod tests;
