//! Stub: the lead's.
pub mod client;
