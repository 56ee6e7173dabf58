//! A question for an expert by its name: one task, nothing is routed.

use super::{Coordinator, Error, Planned, PlannedTask};
use polymath_swarm::plan::Plan;
use polymath_swarm::score::Filter;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// Experts that are listed to whoever asks for an unknown one: gRPC carries the message in a header, and nobody reads a thousand names.
const LISTED_MAX: usize = 20;
/// Characters that are told back of the name asked for; a card's has fewer.
const NAME_CHARS_MAX: usize = 100;

impl Coordinator {
    /// One task for the experts of this name.
    pub(super) fn named(
        &self,
        name: &str,
        plan: Plan,
        filter: &Filter,
        plan_time: Duration,
    ) -> Result<(Plan, Planned), Error> {
        let started = Instant::now();
        let candidates = self.inner.router.named(name, filter);
        if candidates.is_empty() {
            let ids: BTreeSet<String> = self.experts().iter().map(|e| e.card.id.clone()).collect();
            let unmet = || self.inner.router.unmet_by(name, filter).join(", ");
            return Err(unknown(name, &ids, unmet));
        }
        let tasks = plan
            .tasks()
            .map(|task| PlannedTask {
                task: task.clone(),
                reading: None,
                candidates: candidates.clone(),
                shown: None,
            })
            .collect();
        let (embed, route) = (Duration::ZERO, started.elapsed());
        let planned = Planned { tasks, embed, plan: plan_time, route, veil: None, no_expert: None };
        Ok((plan, planned))
    }
}

/// That nobody of this name can be asked. `ids` are those of all experts; `unmet` says which conditions those of this name do not meet.
fn unknown(name: &str, ids: &BTreeSet<String>, unmet: impl FnOnce() -> String) -> Error {
    let known = if ids.contains(name) {
        format!("the ones of that name do not meet the conditions ({})", unmet())
    } else if ids.is_empty() {
        "no expert is known at all".to_owned()
    } else {
        let listed: Vec<&str> = ids.iter().take(LISTED_MAX).map(String::as_str).collect();
        let more = match ids.len() - listed.len() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        format!("there are {}{more}", listed.join(", "))
    };
    Error::UnknownExpert { name: name.chars().take(NAME_CHARS_MAX).collect(), known }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(name: &str, experts: usize) -> String {
        let ids: BTreeSet<String> = (0..experts).map(|i| format!("expert-{i:04}")).collect();
        unknown(name, &ids, || "trust".to_owned()).to_string()
    }

    #[test]
    fn an_unknown_name_is_answered_briefly_in_any_swarm() {
        let error = told(&"ü".repeat(1 << 20), 1_200);
        assert!(error.len() < 1_024, "{} bytes", error.len());
        assert!(error.ends_with("expert-0018, expert-0019 and 1180 more"), "{error}");
        assert!(told("x", 20).ends_with("expert-0018, expert-0019"));
        assert!(told("x", 0).ends_with("no expert is known at all"));
        assert!(told("expert-0001", 2).contains("(trust)"));
    }
}
