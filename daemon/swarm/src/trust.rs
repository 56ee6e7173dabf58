//! How far a node relies on an expert of another: by what it has seen itself, and a little by what others say.
//!
//! Three things are kept apart, since each has its own remedy. *Reliability*: does it finish what it took on, and as fast as it
//! says? ([`Conduct`]). *Honesty*: does it run what it claims? ([`crate::audit::Standing`]). *Quality*: are its answers good? That one is
//! part of competence, by where the prompts lie ([`crate::score::Record`]). What was seen fades ([`Tally`]).
//!
//! [`eigentrust`] spreads trust along endorsements from the peers that a node itself trusts, so that strangers who endorse each
//! other gain nothing. [`simulate`] shows what all of it does in a swarm with bad experts.

mod attest;
mod conduct;
mod eigentrust;
mod offences;
mod simulate;
mod tier;

pub use attest::{Attestation, Book, Contradiction, Endorsement, NotTaken};
pub use conduct::{Conduct, Tally};
pub use eigentrust::{Endorsed, eigentrust};
pub use offences::{Offence, Record};
pub use simulate::{Block, Kind, World, simulate};
pub use tier::{Tier, Words};

/// Trust at most in an expert of which nobody can find out if it runs what it claims: one that can be audited comes first where both
/// fit alike, and one that fits much better is asked all the same.
pub const UNVERIFIABLE_MAX: f32 = 0.8;
