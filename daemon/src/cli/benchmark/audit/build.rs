//! Other builds of this program: what honest experts compute where llama.cpp uses other instructions.
//!
//! Such a build answers in a process of its own (`audit answers`, which is for this alone): prompts come in on its standard input, what an
//! expert reports goes out, one JSON object a line each.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::str::FromStr;

use anyhow::Context as _;
use clap::Args;
use futures::{Stream, StreamExt as _};
use polymath_swarm::audit::Evidence;
use polymath_swarm::identity::Sha256Hash;
use polymath_swarm::task::FinishReason;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::Command;

use super::super::super::{Context, session, terminal};
use super::serve::{Asked, Report, Served, Setting};
use crate::catalog::{self, Entry};
use crate::config::file::File;

/// What `audit answers` takes.
#[derive(Debug, Args)]
pub(in crate::cli) struct Arguments {
    /// Id of a bundled expert
    id: String,
    /// How it is run
    #[arg(long)]
    setting: String,
}

/// Another build, and what it is called.
#[derive(Clone, Debug)]
pub(in crate::cli) struct Build {
    pub(in crate::cli) name: String,
    program: PathBuf,
}

impl FromStr for Build {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('=') {
            Some((name, program)) if !name.is_empty() && !program.is_empty() => {
                Ok(Self { name: name.to_owned(), program: program.into() })
            }
            _ => Err("write NAME=PROGRAM, such as 'SSE build=/opt/sse/daemon'"),
        }
    }
}

#[derive(Deserialize, Serialize)]
struct Question {
    prompt: String,
    round: u32,
}

#[derive(Deserialize, Serialize)]
struct Answer {
    ids: Vec<u32>,
    text_sha256: String,
    is_stopped: bool,
    prompt_tokens: u32,
    evidence: Evidence,
    seconds: f64,
}

impl Build {
    /// What an expert of this build reports of its answer to each prompt, in their order.
    pub(in crate::cli) fn reports<'a>(
        &'a self,
        assets: &Path,
        entry: &Entry,
        setting: Setting,
        prompts: &'a [Asked],
    ) -> anyhow::Result<impl Stream<Item = anyhow::Result<Report>> + 'a> {
        let what = || format!("{} ({})", self.program.display(), self.name);
        let mut child = Command::new(&self.program)
            .arg("--assets")
            .arg(assets)
            .args(["audit", "answers", &entry.id, "--setting", setting.name])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start {}", what()))?;
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
        let (mut stdin, stdout) = stdin.zip(stdout).context("a process without its streams")?;
        let questions: Vec<String> = prompts
            .iter()
            .map(|asked| Question { prompt: asked.prompt.clone(), round: asked.round })
            .map(|question| serde_json::to_string(&question))
            .collect::<Result<_, _>>()?;
        // Beside the reading: both pipes are small. What goes wrong shows in that answers are missing.
        tokio::spawn(async move {
            for question in questions {
                stdin.write_all((question + "\n").as_bytes()).await?;
            }
            stdin.shutdown().await
        });
        let lines = BufReader::new(stdout).lines();
        let answers = futures::stream::unfold((lines, child), |(mut lines, child)| async move {
            let line = lines.next_line().await.transpose()?;
            Some((line, (lines, child)))
        });
        let missing = futures::stream::repeat_with(|| Err(std::io::ErrorKind::UnexpectedEof.into()));
        Ok(futures::stream::iter(prompts).zip(answers.chain(missing)).map(move |(asked, line)| {
            let line = line.with_context(|| format!("{} answers no more", what()))?;
            let answer: Answer =
                serde_json::from_str(&line).with_context(|| format!("{} is not of this version", what()))?;
            let text = Sha256Hash::from_hex(&answer.text_sha256).context("a hash that is none")?;
            let finish_reason = if answer.is_stopped { FinishReason::Stop } else { FinishReason::Length };
            Ok(Report {
                offer: setting.offer(asked),
                ids: answer.ids,
                text,
                finish_reason,
                prompt_tokens: answer.prompt_tokens,
                evidence: answer.evidence,
                seconds: answer.seconds,
            })
        }))
    }
}

/// Answers what comes in on standard input, as an expert would.
pub(in crate::cli) async fn answer(arguments: Arguments, context: &Context) -> anyhow::Result<()> {
    let loaded = context.load(File::default())?;
    let assets = session::assets(context, &loaded)?;
    let card = assets.experts_dir().join(&arguments.id).join(catalog::CARD_NAME);
    let entry = catalog::resolve(&catalog::Config { card: Some(card), ..catalog::Config::default() })?;
    let setting = Setting::all().into_iter().find(|setting| setting.name == arguments.setting);
    let setting = setting.context("no such setting")?;
    let served = Served::load(&entry, &entry.model_path, setting).await?;
    let lines = BufReader::new(tokio::io::stdin()).lines();
    let asked = futures::stream::try_unfold(lines, |mut lines| async move {
        let Some(line) = lines.next_line().await? else { return Ok(None) };
        let question: Question = serde_json::from_str(&line)?;
        anyhow::Ok(Some((Asked::new(&question.prompt, question.round), lines)))
    });
    let reports = served.reports(asked);
    tokio::pin!(reports);
    while let Some(report) = context.unless_cancelled(reports.next()).await? {
        let Report { ids, text, finish_reason, prompt_tokens, evidence, seconds, .. } = report?;
        let is_stopped = finish_reason == FinishReason::Stop;
        let text_sha256 = text.to_string();
        let answer = Answer { ids, text_sha256, is_stopped, prompt_tokens, evidence, seconds };
        terminal::line(&serde_json::to_string(&answer)?)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_build_has_a_name_and_a_program() {
        let build: Build = "SSE build=/opt/a=b/daemon".parse().unwrap();
        assert_eq!(
            (build.name.as_str(), build.program.as_path()),
            ("SSE build", Path::new("/opt/a=b/daemon"))
        );
        for bad in ["", "SSE", "=daemon", "SSE="] {
            assert!(bad.parse::<Build>().unwrap_err().contains("NAME=PROGRAM"), "{bad}");
        }
    }
}
