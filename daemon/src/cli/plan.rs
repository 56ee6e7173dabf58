//! `plan`: how a question would be cut, and who could answer each part. Nobody is asked.

use clap::Args;
use serde_json::{Value, json};

use super::ask::{Conditions, Prompt, Transcript, factors, plan_text, rounded};
use super::exit::Refused;
use super::session::{Session, wire};
use super::{Context, Json, terminal};
use crate::config::file::File;

/// What `plan` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  daemon plan \"What is the capital of France? Spell it backwards.\"
  daemon plan --private \"Thank Ada Byron for her letter. What is 12 times 7?\"
  daemon plan --json \"Boiling point of gold, and 12 * 12\" | jq '.tasks[].text'

With no node running here, the bundled experts are ranked inside this process. Exits with 4 if
nobody could answer any part.")]
pub(super) struct Arguments {
    #[command(flatten)]
    prompt: Prompt,
    #[command(flatten)]
    conditions: Conditions,
    #[command(flatten)]
    json: Json,
}

pub(super) async fn run(arguments: Arguments, context: Context) -> anyhow::Result<()> {
    let prompt = context.unless_cancelled(arguments.prompt.read()).await??;
    let loaded = context.load(File::default())?;
    let session = Session::open(&context, &loaded).await?;
    let reply =
        context.unless_cancelled(session.node().plan_with(prompt, arguments.conditions.filter())).await;
    session.close().await;
    let plan = reply??;
    let no_expert = plan.no_expert.clone();
    if arguments.json.json {
        terminal::json(&object(&plan))?;
    } else {
        let mut transcript = Transcript::default();
        transcript.note(&wire::chat_event::Body::Planned(plan));
        terminal::say(&plan_text(terminal::Style::detect(), &transcript.tasks))?;
    }
    if no_expert.is_empty() {
        return Ok(());
    }
    // As `ask` would say it.
    let message = format!("no expert fits this question; {no_expert}");
    Err(Refused { code: "no_expert".to_owned(), message }.into())
}

/// The keys that scripts depend on.
fn object(plan: &wire::PlanReply) -> Value {
    let candidate = |c: &wire::Candidate| {
        json!({
            "expert": c.expert,
            "peer_id": c.peer_id,
            "score": rounded(c.score),
            "factors": factors(c),
        })
    };
    let task = |t: &wire::PlannedTask| {
        json!({
            "id": t.id,
            "text": t.text,
            "depends_on": t.depends_on,
            "intent": Some(&t.intent).filter(|intent| !intent.is_empty()),
            "complexity": t.complexity.map(rounded),
            "shown": Some(&t.shown).filter(|shown| !shown.is_empty()),
            "candidates": t.candidates.iter().map(candidate).collect::<Vec<_>>(),
        })
    };
    json!({ "tasks": plan.tasks.iter().map(task).collect::<Vec<_>>() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_object_has_the_promised_keys() {
        let candidates = vec![wire::Candidate { expert: "words".into(), score: 0.5, ..Default::default() }];
        let tasks = vec![wire::PlannedTask {
            id: 2,
            text: "t".into(),
            depends_on: vec![1],
            candidates,
            intent: "maths".into(),
            complexity: Some(0.5),
            shown: String::new(),
        }];
        let expected = json!({ "tasks": [{
            "id": 2, "text": "t", "depends_on": [1], "intent": "maths", "complexity": 0.5, "shown": null, "candidates": [{ "expert": "words", "peer_id": "", "score": 0.5, "factors": {
                "claim": 0.0, "good": 0.0, "bad": 0.0, "competence": 0.0, "coverage": 0.0, "trust": 0.0, "availability": 0.0,
            } }],
        }]});
        assert_eq!(object(&wire::PlanReply { tasks, ..Default::default() }), expected);
    }
}
