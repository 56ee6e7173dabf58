//! Metrics of whole behaviours: did the answer hold what was expected, did the right expert come first, was
//! the question cut where it should be. Pure functions from predictions to figures; running the swarm and
//! reading case files is the caller's work.

mod answer;
pub mod finding;
mod intent;
mod paired;
mod plan;
mod route;
mod split;

pub use answer::exact_match;
pub(crate) use answer::normalise;
pub use intent::{IntentCase, IntentReport};
pub use paired::{Paired, mcnemar_exact};
pub use plan::{PlanCase, PlanPrediction, PlanReport};
pub use route::{RouteCase, RouteReport, auroc, top_k};
pub use split::Half;
