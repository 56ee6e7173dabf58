//! Polymath's policy, pure: what an expert is, which cells it lives in, how well it fits, how a question is
//! cut, how a token is drawn, how several answers become one, how an answer is scored.
//!
//! Nothing in this crate reads a clock, a file, a socket or an entropy source, and nothing spawns: time,
//! randomness and peers come in as arguments. That is what lets fuzzers, simulations and the property tests
//! run it by the million, and what lets an auditor repeat another node's decisions to the letter.

pub mod aggregate;
pub mod audit;
pub mod capability;
pub mod cells;
pub mod embedding;
pub mod evaluation;
pub mod identity;
pub mod ledger;
pub mod plan;
pub mod private;
pub mod sampling;
pub mod sanitise;
pub mod score;
pub mod simulation;
pub mod task;
pub mod trust;
pub mod veil;
