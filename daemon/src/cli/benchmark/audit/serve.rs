//! Answers as experts serve them, and their audits.

use std::path::Path;
use std::time::Instant;

use futures::StreamExt as _;
use polymath_swarm::audit::{Reported, TOP_MAX, divergence, prompt_places};
use polymath_swarm::task::{Message, TaskEvent, TokenLogprobs};
use sha2::{Digest, Sha256};

use super::super::super::terminal;
use crate::catalog::Entry;
use crate::inference::{self, Request, ScoreRequest, Worker};

/// Tokens of an answer: the longest scratchpads have about 250.
const TOKENS_MAX: u32 = 256;

/// How a model is run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Setting {
    pub(super) name: &'static str,
    slots: u32,
    threads: u32,
    flash_attention: bool,
}

impl Setting {
    /// The auditor's own first.
    pub(super) fn all() -> [Self; 4] {
        let plain = Self { name: "one slot", slots: 1, threads: 1, flash_attention: false };
        [
            plain,
            Self { name: "eight slots", slots: 8, ..plain },
            Self { name: "two threads", threads: 2, ..plain },
            Self { name: "flash attention", slots: 4, flash_attention: true, ..plain },
        ]
    }
}

/// A prompt and how often it was asked before.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) prompt: String,
    pub(super) round: u32,
}

impl Asked {
    pub(super) fn new(prompt: &str, round: u32) -> Self {
        Self { prompt: prompt.to_owned(), round }
    }

    fn messages(&self) -> Vec<Message> {
        vec![Message { role: "user".to_owned(), content: self.prompt.clone() }]
    }

    /// An asker would draw it; a benchmark repeats itself.
    fn nonce(&self) -> [u8; 16] {
        let mut nonce = [0; 16];
        nonce.copy_from_slice(&Sha256::digest(format!("{}\0{}", self.round, self.prompt))[..16]);
        nonce
    }
}

/// One answer's audit.
#[derive(Clone, Debug)]
pub(super) struct Audited {
    /// In nats a token.
    pub(super) divergence: f64,
    /// How much likelier another token is than one that a greedy draw is said to have taken, at the most, in nats.
    pub(super) gap: f32,
    pub(super) served_seconds: f64,
    pub(super) audit_seconds: f64,
}

/// What an expert reports of one answer.
struct Report {
    ids: Vec<u32>,
    answer: Vec<Reported>,
    prompt: Vec<Reported>,
    places: Vec<u32>,
    seconds: f64,
}

/// A model as somebody serves it.
pub(super) struct Served {
    worker: Worker,
    slots: u32,
}

impl Served {
    pub(super) async fn load(entry: &Entry, file: &Path, setting: Setting) -> anyhow::Result<Self> {
        let config = inference::Config {
            model_path: file.to_owned(),
            context_tokens: entry.max_context,
            slots: setting.slots,
            queue: 64,
            threads: setting.threads,
            flash_attention: setting.flash_attention,
            ..inference::Config::default()
        };
        Ok(Self { worker: Worker::load(config).await?, slots: setting.slots })
    }

    async fn answer(&self, asked: &Asked) -> anyhow::Result<Report> {
        let started = Instant::now();
        let request =
            Request { top_logprobs: TOP_MAX as u32, ..Request::question(asked.prompt.as_str(), TOKENS_MAX) };
        let mut generation = self.worker.generate(request)?;
        let (mut ids, mut answer) = (Vec::new(), Vec::new());
        while let Some(event) = generation.next().await {
            if let TaskEvent::Tokens { ids: more, logprobs, .. } = event? {
                answer.extend(more.iter().zip(&logprobs).map(|(id, of)| Reported::of(*id, of)));
                ids.extend(more);
            }
        }
        let seconds = started.elapsed().as_secs_f64();
        let messages = asked.messages();
        let length = self.worker.prompt(messages.clone()).await?.ids.len() as u32;
        let places = prompt_places(&asked.nonce(), length);
        let request = ScoreRequest {
            messages,
            ids: ids.clone(),
            prompt_places: places.clone(),
            top_logprobs: TOP_MAX as u32,
            deadline: None,
        };
        // A node notes these while it reads the prompt; the engine does not do that yet.
        let scored = self.worker.score(request).await?;
        let prompt = scored.prompt.iter().map(|(id, of)| Reported::of(*id, of)).collect();
        Ok(Report { ids, answer, prompt, places, seconds })
    }
}

/// Who holds the claimed file.
pub(super) struct Auditor {
    worker: Worker,
}

impl Auditor {
    pub(super) async fn load(entry: &Entry) -> anyhow::Result<Self> {
        Ok(Self { worker: Served::load(entry, &entry.model_path, Setting::all()[0]).await?.worker })
    }

    /// Audits an answer to every prompt.
    pub(super) async fn audit_all(
        &self,
        entry: &Entry,
        served: &Served,
        prompts: &[Asked],
        name: &str,
    ) -> anyhow::Result<Vec<Audited>> {
        let bar = terminal::progress(prompts.len() as u64, &format!("{}, {name}", entry.id));
        let mut reports = futures::stream::iter(prompts)
            .map(|asked| async move { Ok::<_, anyhow::Error>((asked, served.answer(asked).await?)) })
            .buffered(served.slots as usize);
        let mut audits = Vec::with_capacity(prompts.len());
        while let Some(report) = reports.next().await {
            let (asked, report) = report?;
            audits.extend(self.audit(asked, &report).await?);
            bar.inc(1);
        }
        bar.finish_and_clear();
        Ok(audits)
    }

    /// Audits of reports whose text is another prompt's answer: what is reported is right, what was sent is not.
    pub(super) async fn audit_swapped(
        &self,
        entry: &Entry,
        served: &Served,
        prompts: &[Asked],
    ) -> anyhow::Result<Vec<Audited>> {
        let bar = terminal::progress(prompts.len() as u64, &format!("{}, another prompt's text", entry.id));
        let mut audits = Vec::new();
        for pair in prompts.windows(2) {
            let (own, other) = (served.answer(&pair[0]).await?, served.answer(&pair[1]).await?);
            bar.inc(1);
            if own.ids == other.ids {
                continue;
            }
            let answer = other.ids.iter().zip(&own.answer).map(|(id, of)| Reported { id: *id, ..of.clone() });
            let answer: Vec<Reported> = answer.collect();
            let ids = answer.iter().map(|of| of.id).collect();
            audits.extend(self.audit(&pair[0], &Report { ids, answer, ..own }).await?);
        }
        bar.finish_and_clear();
        Ok(audits)
    }

    /// None where nothing was said: then there is nothing to audit.
    async fn audit(&self, asked: &Asked, report: &Report) -> anyhow::Result<Option<Audited>> {
        if report.ids.is_empty() {
            return Ok(None);
        }
        let started = Instant::now();
        let length = self.worker.prompt(asked.messages()).await?.ids.len() as u32;
        let places = prompt_places(&asked.nonce(), length);
        let same_places = places == report.places;
        let request = ScoreRequest {
            messages: asked.messages(),
            ids: report.ids.clone(),
            prompt_places: places,
            top_logprobs: TOP_MAX as u32,
            deadline: None,
        };
        let scored = match self.worker.score(request).await {
            Ok(scored) if same_places => scored,
            // Another tokeniser reads another prompt, and writes tokens that the claimed model has not.
            Ok(_) | Err(inference::Error::Invalid(_)) => {
                return Ok(Some(Audited {
                    divergence: f64::INFINITY,
                    gap: f32::INFINITY,
                    served_seconds: report.seconds,
                    audit_seconds: started.elapsed().as_secs_f64(),
                }));
            }
            Err(error) => return Err(anyhow::Error::from(error).context("the auditor's own scoring")),
        };
        let audit_seconds = started.elapsed().as_secs_f64();
        let of_prompt = scored.prompt.iter().map(|(_, of)| of.clone());
        let computed: Vec<TokenLogprobs> = of_prompt.chain(scored.answer.iter().cloned()).collect();
        let reported: Vec<Reported> = report.prompt.iter().chain(&report.answer).cloned().collect();
        let gaps = report.ids.iter().zip(&scored.answer).map(|(id, of)| gap(*id, of));
        let gap = gaps.fold(0.0, f32::max);
        let divergence = divergence(&reported, &computed);
        Ok(Some(Audited { divergence, gap, served_seconds: report.seconds, audit_seconds }))
    }
}

/// How much likelier the likeliest token is than this one, which a greedy draw took.
fn gap(id: u32, computed: &TokenLogprobs) -> f32 {
    match computed.top.first() {
        Some((best, logprob)) if *best != id => (logprob - computed.logprob).max(0.0),
        _ => 0.0,
    }
}
