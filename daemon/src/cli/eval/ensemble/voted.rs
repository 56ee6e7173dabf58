//! Cases put to a node, judged by its tasks' results: the line that names dissenters is no part of them.

use std::time::Instant;

use polymath_swarm::evaluation::exact_match;

use super::super::super::ask::{Transcript, ask};
use super::super::super::session::{Session, wire};
use super::super::super::terminal;
use super::super::ask::results;
use super::super::cases::AnswerCase;
use crate::api::client;

/// What became of the cases.
pub(super) struct Voted {
    /// Whether each was answered exactly.
    pub(super) right: Vec<bool>,
    /// Cases with second opinions that all said the same.
    pub(super) unanimous: usize,
    /// Cases with second opinions.
    pub(super) opined: usize,
    /// Milliseconds a question took.
    pub(super) mean_ms: f64,
}

/// Asks the cases one after another, with second opinions if `experts` is given: questions side by side would make
/// experts busy, and a busy expert's question may go to the next that fits.
pub(super) async fn ask_all(
    session: &Session,
    cases: &[AnswerCase],
    experts: Option<u32>,
    name: &str,
) -> anyhow::Result<Voted> {
    let bar = terminal::progress(cases.len() as u64, name);
    let mut voted = Voted { right: Vec::with_capacity(cases.len()), unanimous: 0, opined: 0, mean_ms: 0.0 };
    for case in cases {
        let One { right, unanimous, opined, ms } = one(session, case, experts).await?;
        voted.right.push(right);
        voted.unanimous += usize::from(unanimous);
        voted.opined += usize::from(opined);
        voted.mean_ms += ms / cases.len() as f64;
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(voted)
}

struct One {
    right: bool,
    unanimous: bool,
    opined: bool,
    ms: f64,
}

async fn one(session: &Session, case: &AnswerCase, experts: Option<u32>) -> anyhow::Result<One> {
    let request = wire::ChatRequest {
        prompt: case.prompt.clone(),
        experts: experts.unwrap_or_default(),
        ..Default::default()
    };
    let started = Instant::now();
    let transcript = match ask(session, request, |_, _| Ok(())).await {
        Ok(transcript) => transcript,
        // An answer refused is an answer missed; a node that is gone ends the run.
        Err(error) => match error.downcast_ref::<client::Error>().map(client::Error::code) {
            None | Some("transport" | "not_running" | "protocol") => return Err(error),
            Some(_) => Transcript::default(),
        },
    };
    let ms = started.elapsed().as_secs_f64() * 1e3;
    let finished = || transcript.tasks.iter().filter_map(|task| task.finished.as_ref());
    let consensus: Vec<_> = finished().filter_map(|f| f.consensus.as_ref()).collect();
    let opined = !consensus.is_empty();
    let unanimous = opined && consensus.iter().all(|c| c.opinions.iter().all(|o| o.agrees));
    Ok(One { right: exact_match(&case.expect, &results(&transcript)), unanimous, opined, ms })
}
