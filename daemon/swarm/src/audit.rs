//! Whether an expert's answers come from the model that it claims.
//!
//! An expert reports the log-probabilities of what it wrote; whoever holds the same model file computes them again in one prefill
//! (teacher forcing). Honest ones differ in the last bits, by batch shape, threads and processor; another model, another
//! quantisation or an earlier checkpoint differs by orders of magnitude more. [`divergence`] measures one audit, a [`Null`] says
//! how likely an honest expert is to show as much, [`Suspicion`] adds up what all audits of an expert say.
//!
//! One audit convicts nobody but the blatant: the sum is a CUSUM of e-values (Shin, Ramdas and Rinaldo 2022), valid however
//! often one looks.

mod divergence;
mod evidence;
mod examine;
mod null;
mod places;
mod replay;
mod standing;
mod suspicion;

pub use divergence::{ALARM, Reported, STEP, TOP_MAX, divergence};
pub use evidence::{Evidence, Notes, Position};
pub use examine::{Claim, Computed, Examination, Misfits, P_WITHHELD};
pub use null::{Null, NullError, p_of_any};
pub use places::{ANSWER_PLACES, PROMPT_PLACES, answer_places, prompt_places};
pub use replay::{REPLAY_TOKENS_MAX, REPLAY_TOP, Replay, Scores};
pub use standing::Standing;
pub use suspicion::{Finding, Suspicion};
