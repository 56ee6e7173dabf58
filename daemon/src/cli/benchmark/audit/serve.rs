//! Answers as experts serve them, and their audits.

use std::path::Path;
use std::time::Instant;

use futures::{Stream, StreamExt as _};
use polymath_swarm::audit::{Claim, Computed, Evidence, Examination, Replay};
use polymath_swarm::identity::Sha256Hash;
use polymath_swarm::sampling::Settings;
use polymath_swarm::task::{Backing, FinishReason, Message, Offer, TaskEvent};
use sha2::{Digest, Sha256};

use super::super::super::terminal;
use crate::catalog::Entry;
use crate::coordinator::computed;
use crate::inference::{self, Request, Worker};

/// Tokens of an answer: the longest scratchpads have about 250.
const TOKENS_MAX: u32 = 256;
/// Temperature of answers that are drawn.
const TEMPERATURE: f32 = 0.8;
/// Temperature at which another seed says something else: these experts are all but sure of what they say.
const HOT: f32 = 1.5;

/// How a model is run.
#[derive(Clone, Copy, Debug)]
pub(in crate::cli) struct Setting {
    pub(in crate::cli) name: &'static str,
    slots: u32,
    threads: u32,
    flash_attention: bool,
    temperature: f32,
}

impl Setting {
    /// The auditor's own first.
    pub(in crate::cli) fn all() -> [Self; 5] {
        let plain = Self { name: "one slot", slots: 1, threads: 1, flash_attention: false, temperature: 0.0 };
        [
            plain,
            Self { name: "eight slots", slots: 8, ..plain },
            Self { name: "two threads", threads: 2, ..plain },
            Self { name: "flash attention", slots: 4, flash_attention: true, ..plain },
            Self { name: "drawn at random", slots: 4, temperature: TEMPERATURE, ..plain },
        ]
    }

    fn hot() -> Self {
        Self { temperature: HOT, ..Self::all()[4] }
    }

    /// What is offered to an expert that is run so.
    pub(super) fn offer(self, asked: &Asked) -> Offer {
        asked.offer(self.temperature)
    }
}

/// A prompt and how often it was asked before.
#[derive(Clone, Debug)]
pub(in crate::cli) struct Asked {
    pub(super) prompt: String,
    pub(super) round: u32,
}

impl Asked {
    pub(in crate::cli) fn new(prompt: &str, round: u32) -> Self {
        Self { prompt: prompt.to_owned(), round }
    }

    fn offer(&self, temperature: f32) -> Offer {
        Offer {
            task_id: self.nonce(),
            card: Sha256Hash::default(),
            messages: vec![Message { role: "user".to_owned(), content: self.prompt.clone() }],
            sampling: Settings { temperature, ..Settings::default() },
            seed: u64::from(self.round) + 1,
            max_tokens: TOKENS_MAX,
            deadline_ms: 60_000,
            price_micro_max: 0,
            stop: Vec::new(),
            top_logprobs: 0,
            grammar: None,
            private: false,
            continues: Vec::new(),
        }
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
pub(in crate::cli) struct Audited {
    pub(in crate::cli) examination: Examination,
    pub(super) served_seconds: f64,
    pub(super) audit_seconds: f64,
}

/// What an expert reports of one answer.
#[derive(Clone, Debug)]
pub(in crate::cli) struct Report {
    pub(super) offer: Offer,
    pub(super) ids: Vec<u32>,
    pub(super) text: Sha256Hash,
    pub(super) finish_reason: FinishReason,
    pub(super) prompt_tokens: u32,
    pub(super) evidence: Evidence,
    pub(super) seconds: f64,
}

/// A cheat by hand, on an honest expert's reports.
#[derive(Clone, Copy, Debug)]
pub(super) enum Forgery {
    /// Everything that belongs to the question before.
    AnotherPromptsAnswer,
    /// The text of the question before, with the log-probabilities that the model has for it here.
    AnotherPromptsText,
    /// The text that another seed draws, with the log-probabilities that the model has for it.
    AnotherSeedsText,
    /// The first half of the text, as if that were all.
    CutOff,
}

impl Forgery {
    pub(super) const ALL: [(Self, &'static str); 4] = [
        (Self::AnotherPromptsAnswer, "another prompt's answer"),
        (Self::AnotherPromptsText, "another text, right log-probabilities"),
        (Self::AnotherSeedsText, "another seed's text"),
        (Self::CutOff, "cut off"),
    ];

    /// How the answers that it forges are drawn.
    pub(super) fn setting(self) -> Setting {
        match self {
            Self::AnotherSeedsText => Setting::hot(),
            _ => Setting::all()[0],
        }
    }
}

/// A model as somebody serves it.
pub(in crate::cli) struct Served {
    worker: Worker,
    setting: Setting,
}

impl Served {
    pub(in crate::cli) async fn load(entry: &Entry, file: &Path, setting: Setting) -> anyhow::Result<Self> {
        let config = inference::Config {
            model_path: file.to_owned(),
            context_tokens: entry.max_context,
            slots: setting.slots,
            queue: 64,
            threads: setting.threads,
            flash_attention: setting.flash_attention,
            ..inference::Config::default()
        };
        Ok(Self { worker: Worker::load(config).await?, setting })
    }

    /// Seconds of an answer to each of these prompts in turn, every other one with its evidence noted, beginning with or without.
    pub(super) async fn seconds(&self, prompts: &[Asked], first_noted: bool) -> anyhow::Result<Vec<f64>> {
        let mut all = Vec::with_capacity(prompts.len());
        for (turn, asked) in prompts.iter().enumerate() {
            let offer = asked.offer(0.0);
            let nonce = ((turn % 2 == 0) == first_noted).then_some(offer.task_id);
            let started = Instant::now();
            self.worker.generate(self.request(&offer, nonce))?.text().await?;
            all.push(started.elapsed().as_secs_f64());
        }
        Ok(all)
    }

    fn request(&self, offer: &Offer, nonce: Option<[u8; 16]>) -> Request {
        Request {
            messages: offer.messages.clone(),
            sampling: offer.sampling.clone(),
            seed: offer.seed,
            nonce,
            ..Request::question("", offer.max_tokens)
        }
    }

    /// What it reports of its answers, in the order of what is asked; as many at once as it has slots.
    pub(in crate::cli) fn reports(
        &self,
        asked: impl Stream<Item = anyhow::Result<Asked>>,
    ) -> impl Stream<Item = anyhow::Result<Report>> {
        asked
            .map(move |asked| async move { self.answer(self.setting.offer(&asked?)).await })
            .buffered(self.setting.slots as usize)
    }

    async fn answer(&self, offer: Offer) -> anyhow::Result<Report> {
        let started = Instant::now();
        let mut generation = self.worker.generate(self.request(&offer, Some(offer.task_id)))?;
        let (mut ids, mut said) = (Vec::new(), String::new());
        while let Some(event) = generation.next().await {
            match event? {
                TaskEvent::Tokens { ids: more, text, .. } => {
                    ids.extend(more);
                    said.push_str(&text);
                }
                TaskEvent::Done { finish_reason, prompt_tokens, backing, .. } => {
                    let Backing::Noted(evidence) = backing else { anyhow::bail!("nothing was noted") };
                    let (evidence, seconds) = (*evidence, started.elapsed().as_secs_f64());
                    let text = Sha256Hash::of(said.as_bytes());
                    return Ok(Report { offer, ids, text, finish_reason, prompt_tokens, evidence, seconds });
                }
                TaskEvent::Accepted { .. } => {}
            }
        }
        anyhow::bail!("an answer did not end")
    }
}

/// Who holds the claimed file.
pub(in crate::cli) struct Auditor {
    worker: Worker,
    context_tokens: u32,
}

impl Auditor {
    pub(in crate::cli) async fn load(entry: &Entry) -> anyhow::Result<Self> {
        let worker = Served::load(entry, &entry.model_path, Setting::all()[0]).await?.worker;
        let context_tokens = worker.facts().context_tokens;
        Ok(Self { worker, context_tokens })
    }

    /// The file's hash.
    pub(in crate::cli) fn model(&self) -> Sha256Hash {
        self.worker.facts().sha256
    }

    /// Audits an answer to every prompt.
    pub(in crate::cli) async fn audit_all(
        &self,
        entry: &Entry,
        served: &Served,
        prompts: &[Asked],
        name: &str,
    ) -> anyhow::Result<Vec<Audited>> {
        let reports = served.reports(futures::stream::iter(prompts).map(|asked| Ok(asked.clone())));
        self.audit_reports(reports, prompts.len(), &format!("{}, {name}", entry.id)).await
    }

    /// Audits what an expert reports of so many answers.
    pub(in crate::cli) async fn audit_reports(
        &self,
        reports: impl Stream<Item = anyhow::Result<Report>>,
        count: usize,
        title: &str,
    ) -> anyhow::Result<Vec<Audited>> {
        let bar = terminal::progress(count as u64, title);
        tokio::pin!(reports);
        let mut audits = Vec::with_capacity(count);
        while let Some(report) = reports.next().await {
            let report = report?;
            let (claimed, offer) = (report.clone(), report.offer);
            audits.extend(self.audit(&offer, &claimed).await?);
            bar.inc(1);
        }
        bar.finish_and_clear();
        Ok(audits)
    }

    /// Audits forged answers of an expert that has the right model.
    pub(super) async fn audit_forged(
        &self,
        entry: &Entry,
        served: &Served,
        prompts: &[Asked],
        (forgery, name): (Forgery, &str),
    ) -> anyhow::Result<Vec<Audited>> {
        let bar = terminal::progress(prompts.len() as u64, &format!("{}, {name}", entry.id));
        let temperature = served.setting.temperature;
        let mut audits = Vec::new();
        for (before, asked) in prompts.iter().zip(prompts.iter().skip(1)) {
            bar.inc(1);
            let offer = asked.offer(temperature);
            let own = served.answer(offer.clone()).await?;
            let forged = match forgery {
                Forgery::AnotherPromptsAnswer => served.answer(before.offer(temperature)).await?,
                Forgery::AnotherPromptsText => {
                    let other = served.answer(before.offer(temperature)).await?;
                    if other.ids == own.ids {
                        continue;
                    }
                    self.dressed(&own, other.ids, other.evidence.end.map(|end| end.id)).await?
                }
                Forgery::AnotherSeedsText => {
                    let other = served.answer(Offer { seed: offer.seed + 1_000, ..offer.clone() }).await?;
                    // What is all but sure comes out the same whatever the seed.
                    if other.ids == own.ids {
                        continue;
                    }
                    self.dressed(&own, other.ids, other.evidence.end.map(|end| end.id)).await?
                }
                Forgery::CutOff => {
                    let half = own.ids[..own.ids.len() / 2].to_vec();
                    if half.is_empty() {
                        continue;
                    }
                    self.dressed(&own, half, None).await?
                }
            };
            audits.extend(self.audit(&offer, &forged).await?);
        }
        bar.finish_and_clear();
        Ok(audits)
    }

    /// A report of `ids` in place of its own, with the log-probabilities that the model has for them.
    async fn dressed(&self, own: &Report, ids: Vec<u32>, end: Option<u32>) -> anyhow::Result<Report> {
        let computed = self.computed(&own.offer, &ids, end).await?;
        let computed = computed.unwrap_or_default();
        let (evidence, text) = (computed.evidence, computed.text);
        Ok(Report { ids, text, evidence, finish_reason: FinishReason::Stop, ..own.clone() })
    }

    async fn computed(
        &self,
        offer: &Offer,
        ids: &[u32],
        end: Option<u32>,
    ) -> anyhow::Result<Option<Computed>> {
        let replay = Replay::of(offer, self.model(), ids, end);
        Ok(computed(&self.worker, &replay).await?)
    }

    /// None where nothing was said: then there is nothing to audit.
    async fn audit(&self, offer: &Offer, report: &Report) -> anyhow::Result<Option<Audited>> {
        let end = report.evidence.end.as_ref().map(|end| end.id);
        if report.ids.is_empty() && end.is_none() {
            return Ok(None);
        }
        let started = Instant::now();
        let computed = self.computed(offer, &report.ids, end).await?;
        let claim = Claim {
            offer,
            answer: &report.ids,
            text: report.text,
            finish_reason: report.finish_reason,
            prompt_tokens: report.prompt_tokens,
            context_tokens: self.context_tokens,
            evidence: &report.evidence,
        };
        let examination = Examination::of(claim, computed.as_ref());
        let audit_seconds = started.elapsed().as_secs_f64();
        Ok(Some(Audited { examination, served_seconds: report.seconds, audit_seconds }))
    }
}
