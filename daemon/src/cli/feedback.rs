//! `feedback`: whether an answer was good.

use std::str::FromStr as _;

use clap::{Args, ValueEnum};
use serde_json::json;

use super::ask::rounded;
use super::session::{Session, wire};
use super::{Context, Json, terminal};
use crate::config::file::File;
use crate::coordinator::TaskId;

/// What `feedback` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  daemon feedback 0f3c5b7a9d2e4c618f00a1b2c3d4e5f6 good
  daemon feedback \"$(daemon ask --json '17 + 25?' | jq -r '.plan.tasks[0].task_id')\" bad

`ask --json` and `ask --explain` show the ids. The verdict counts for the expert where
prompts are alike, and a later one takes its place. Needs the node that was asked.")]
pub(super) struct Arguments {
    /// Id of the task, 32 hexadecimal digits
    #[arg(value_name = "TASK-ID", value_parser = TaskId::from_str)]
    task: TaskId,
    /// What its answer was
    #[arg(value_enum)]
    verdict: Verdict,
    #[command(flatten)]
    json: Json,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Verdict {
    Good,
    Bad,
}

pub(super) async fn run(arguments: Arguments, context: Context) -> anyhow::Result<()> {
    let loaded = context.load(File::default())?;
    let session = Session::running(&loaded.config).await?;
    let good = matches!(arguments.verdict, Verdict::Good);
    let request = wire::FeedbackRequest { task_id: arguments.task.to_bytes().to_vec(), good };
    let standing = context.unless_cancelled(session.node().feedback(request)).await??;
    if arguments.json.json {
        return terminal::json(&json!({
            "expert": standing.expert,
            "peer_id": standing.peer_id,
            "good": rounded(standing.good),
            "bad": rounded(standing.bad),
        }));
    }
    let wire::FeedbackReply { expert, good, bad, .. } = &standing;
    let (good, bad) = (count(*good), count(*bad));
    Ok(terminal::line(&format!("noted: {expert} has {good} good and {bad} bad answers here"))?)
}

/// A weighted number: cross-checks count for a fraction.
fn count(weight: f32) -> String {
    format!("{weight:.2}").trim_end_matches('0').trim_end_matches('.').to_owned()
}
