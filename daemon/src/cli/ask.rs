//! `ask`: a question in, one answer out, with who said what.

mod conditions;
mod human;
mod json;
mod prompt;
mod transcript;

use clap::Args;
use futures::StreamExt as _;

use super::session::{Session, wire};
use super::{Context, Json, terminal};
use crate::config::file::File;
pub(super) use conditions::Conditions;
pub(super) use human::{Human, plan_text};
pub(super) use json::{factors, hex, rounded};
pub(super) use prompt::Prompt;
pub(super) use transcript::Transcript;

/// What `ask` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  daemon ask \"What is the capital of France?\"
  daemon ask \"What is the capital of Peru? Spell it backwards.\" --stream --explain
  daemon ask --experts 3 --json \"Convert 5 km to m, and what is 17 + 25?\" | jq -r .answer
  daemon ask - < question.txt

With no node running here, the bundled experts answer inside this process.")]
pub(super) struct Arguments {
    #[command(flatten)]
    prompt: Prompt,
    #[command(flatten)]
    wishes: Wishes,
    /// Print the experts' texts while they come
    #[arg(long, conflicts_with = "json")]
    stream: bool,
    /// Show the plan, and the candidates with the factors of their scores
    #[arg(long, conflicts_with = "json")]
    explain: bool,
    #[command(flatten)]
    json: Json,
}

/// How the question is to be answered.
#[derive(Clone, Debug, Default, Args)]
pub(super) struct Wishes {
    /// Different experts that the question may use: for its tasks first, then for second opinions on the least sure
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=16))]
    experts: Option<u32>,
    /// Tokens that each expert may write
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    max_tokens: Option<u32>,
    /// 0 takes the likeliest token each time
    #[arg(long, value_name = "T", value_parser = temperature)]
    temperature: Option<f32>,
    /// Repeats the same draw
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// It matters much: every task goes to two experts at once
    #[arg(long)]
    high_priority: bool,
    #[command(flatten)]
    conditions: Conditions,
}

fn temperature(text: &str) -> Result<f32, String> {
    let value: f32 = text.parse().map_err(|_| "not a number".to_owned())?;
    (0.0..=2.0).contains(&value).then_some(value).ok_or_else(|| "write 0 to 2".to_owned())
}

impl Wishes {
    /// The same, with `experts` where the command line does not say.
    #[cfg(test)]
    pub(super) fn with_experts(mut self, experts: u32) -> Self {
        self.experts.get_or_insert(experts);
        self
    }

    /// Different experts that the question may use, if said.
    pub(super) fn experts(&self) -> Option<u32> {
        self.experts
    }

    /// The request for `prompt`.
    pub(super) fn request(&self, prompt: String) -> wire::ChatRequest {
        wire::ChatRequest {
            prompt,
            experts: self.experts.unwrap_or_default(),
            max_tokens: self.max_tokens.unwrap_or_default(),
            temperature: self.temperature,
            seed: self.seed,
            high_priority: self.high_priority,
            filter: self.conditions.filter(),
            ..Default::default()
        }
    }
}

pub(super) async fn run(arguments: Arguments, context: Context) -> anyhow::Result<()> {
    let prompt = context.unless_cancelled(arguments.prompt.read()).await??;
    let loaded = context.load(File::default())?;
    let session = Session::open(&context, &loaded).await?;
    let request = arguments.wishes.request(prompt);
    let outcome = context.unless_cancelled(converse(&session, request, &arguments)).await;
    session.close().await;
    outcome?
}

async fn converse(
    session: &Session,
    request: wire::ChatRequest,
    arguments: &Arguments,
) -> anyhow::Result<()> {
    if !arguments.json.json {
        let mut human = Human::new(terminal::Style::detect(), arguments.stream, arguments.explain);
        let transcript = ask(session, request, |event, transcript| human.event(event, transcript)).await?;
        return human.end(&transcript);
    }
    let transcript = ask(session, request, |_, _| Ok(())).await;
    match transcript {
        Ok(transcript) => {
            terminal::json(&json::answer(&transcript))?;
            transcript.outcome()
        }
        Err(error) => Err(error),
    }
}

/// Asks, hands each event to `watch` after the transcript took it, and returns the whole. An error that the
/// node reports in place of an answer is kept in the transcript.
pub(super) async fn ask(
    session: &Session,
    request: wire::ChatRequest,
    mut watch: impl FnMut(&wire::chat_event::Body, &Transcript) -> anyhow::Result<()>,
) -> anyhow::Result<Transcript> {
    let mut events = session.node().chat(request).await?;
    let mut transcript = Transcript::default();
    let mut loading = terminal::Loading::default();
    while let Some(body) = events.next().await {
        let body = body?;
        match &body {
            wire::chat_event::Body::Loading(said) => {
                let who = said.expert.as_ref().map(|expert| expert.expert.as_str()).unwrap_or_default();
                loading.show(who, said.percent);
            }
            _ => loading.clear(),
        }
        transcript.note(&body);
        watch(&body, &transcript)?;
    }
    Ok(transcript)
}
