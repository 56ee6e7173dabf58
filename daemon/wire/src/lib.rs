//! What strangers send, between its bytes and the policy crate's types: every decoder of the network in one crate.
//!
//! | module | protocol |
//! |---|---|
//! | [`advert`] | `/polymath/advert/2` and gossiped statuses |
//! | [`task`] in [`frame`]s | `/polymath/task/4` |
//! | [`audit`] | `/polymath/audit/2` |
//! | [`receipt`] | `/polymath/receipt/2` |
//! | [`attestation`] | gossip on what nodes think of each other |
//!
//! Size is checked before anything is decoded, lengths and kinds on the way; what a decoder returns is within bounds, and
//! the policy crate has the last word on its meaning. Signatures are verified where it says so, by the caller elsewhere.
//!
//! Nothing here reads a socket, a clock or a file, and nothing spawns: the daemon's `network` moves the bytes. So the
//! fuzzers (`daemon/fuzz`) build it in seconds, without libp2p or llama.cpp.

pub mod advert;
pub mod attestation;
pub mod audit;
mod field;
#[cfg(test)]
mod fixtures;
pub mod frame;
pub mod receipt;
pub mod task;
