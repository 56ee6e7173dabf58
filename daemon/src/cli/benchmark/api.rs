//! `benchmark api`: what REST adds to a question's own time, against the same questions put to the coordinator
//! and to a bare worker in this process, in turns; and a thousand streams at once.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::api::client::{ChatCompletionRequest, ChatMessage, PolymathClient};
use anyhow::Context as _;
use clap::Args;
use futures::StreamExt as _;
use serde_json::json;

use super::super::{Context, session, terminal};
use super::measure::Spread;
use super::{HEADERS, Report, questions, row};
use crate::catalog;
use crate::config::Config;
use crate::config::file::File;
use crate::coordinator::{Event, Question, Target};
use crate::inference::{self, Request, Worker};
use crate::node::Node;

/// Tokens of an answer.
const TOKENS: u32 = 256;
/// Slots of the expert: the streams of the throughput figure.
const SLOTS: u32 = 8;
/// Time for all streams to end: they wait for each other.
const STREAMS_END: Duration = Duration::from_secs(600);

/// What `benchmark api` takes.
#[derive(Clone, Debug, Args)]
pub(super) struct Arguments {
    /// The bundled expert to measure with
    #[arg(long, value_name = "ID", default_value = "chemistry")]
    expert: String,
    /// Questions of each kind
    #[arg(long, alias = "rounds", value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u32).range(5..=10_000))]
    pub(super) iterations: u32,
    /// Streams at once
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=2_000))]
    streams: u32,
}

/// A node that serves REST, and the same model without one.
struct Bench {
    node: Node,
    client: PolymathClient,
    worker: Worker,
    model: String,
    expert: String,
}

/// Milliseconds.
struct Added {
    direct_first: Spread,
    rest_first: Spread,
    /// REST less direct, question by question.
    first: Spread,
    /// The same for each token after the first.
    token: Spread,
}

/// Answers a second.
struct Throughput {
    streams: usize,
    worker: f64,
    rest: f64,
}

pub(super) async fn run(arguments: Arguments, context: &Context) -> anyhow::Result<Report> {
    let loaded = context.load(File::default())?;
    let assets = session::assets(context, &loaded)?;
    let card = assets.experts_dir().join(&arguments.expert).join(catalog::CARD_NAME);
    let questions = questions(&card.with_file_name("cases_unseen.jsonl"), arguments.iterations)?;
    let folder = tempfile::Builder::new().prefix("polymath-").tempdir().context("no temporary folder")?;
    let mut config = Config::embedded(&assets, vec![card.clone()], folder.path());
    config.api.rest = Some(SocketAddr::from(([127, 0, 0, 1], 0)));
    // As many as are asked for may wait, and their deadlines are far.
    config.ask.questions = arguments.streams.max(64);
    config.ask.deadline_ms = u32::try_from(STREAMS_END.as_millis()).unwrap_or(u32::MAX);
    for expert in &mut config.experts {
        expert.slots = SLOTS;
        expert.queue = arguments.streams.min(inference::QUEUE_MAX);
    }
    let entry = catalog::resolve(&catalog::Config { card: Some(card), ..catalog::Config::default() })?;
    let worker = Worker::load(inference::Config {
        model_path: entry.model_path,
        context_tokens: entry.max_context,
        slots: SLOTS,
        ..inference::Config::default()
    })
    .await?;
    let node = Node::start(config).await?;
    let url = format!("http://{}", node.summary().rest.context("REST is not served")?);
    let client = PolymathClient::builder().rest(url).timeout(STREAMS_END).build()?;
    let bench = Bench {
        node,
        client,
        worker,
        model: format!("expert:{}", arguments.expert),
        expert: arguments.expert,
    };
    let measured = context
        .unless_cancelled(async {
            let added = bench.added(&questions).await?;
            let mut throughputs = Vec::new();
            for streams in [1, 4, SLOTS as usize] {
                throughputs.push(bench.throughput(&questions, streams).await?);
            }
            let before = resident_bytes()?;
            let held = bench.hold(&questions, arguments.streams as usize).await?;
            Ok::<_, anyhow::Error>((added, throughputs, before, held))
        })
        .await;
    bench.node.shutdown().await;
    let (added, throughputs, before, held) = measured??;
    let throughput = |t: &Throughput| json!({ "streams": t.streams, "worker": t.worker, "rest": t.rest, "ratio": t.rest / t.worker });
    let json = json!({
        "rounds": arguments.iterations,
        "first_token_ms": { "direct": added.direct_first.json(), "rest": added.rest_first.json(), "added": added.first.json() },
        "added_per_token_ms": added.token.json(),
        "requests_per_second": throughputs.iter().map(throughput).collect::<Vec<_>>(),
        "held": {
            "streams": arguments.streams, "answered": held.answered, "seconds": held.seconds,
            "resident_bytes_before": before, "resident_bytes_peak": held.peak_bytes,
        },
    });
    let rows = vec![
        row("first token, asked in the process", &added.direct_first, "ms"),
        row("first token, through REST", &added.rest_first, "ms"),
        row("REST adds to the first token", &added.first, "ms"),
        row("REST adds to each further token", &added.token, "ms"),
    ];
    let mut text = terminal::table(terminal::Style::detect(), &HEADERS, &rows);
    for t in &throughputs {
        text.push_str(&format!(
            "{} at once: {:.0} answers/s through REST, {:.0} from the worker alone, ratio {:.3}\n",
            t.streams,
            t.rest,
            t.worker,
            t.rest / t.worker
        ));
    }
    text.push_str(&format!(
        "{} streams at once: {} answered in {:.1} s; resident {} before, {} at the most\n",
        arguments.streams,
        held.answered,
        held.seconds,
        terminal::bytes(before),
        terminal::bytes(held.peak_bytes)
    ));
    Ok(Report { text, json })
}

/// What came of many streams at once.
struct Held {
    answered: usize,
    seconds: f64,
    peak_bytes: u64,
}

impl Bench {
    fn request(&self, question: &str) -> ChatCompletionRequest {
        let mut request = ChatCompletionRequest::new(&self.model, [ChatMessage::user(question)]);
        request.max_tokens = Some(TOKENS);
        request
    }

    async fn added(&self, questions: &[String]) -> anyhow::Result<Added> {
        let mut columns: [Vec<f64>; 4] = Default::default();
        for (round, question) in questions.iter().enumerate() {
            // The model has read the question before either is timed, and each goes first every other time.
            self.direct(question).await?;
            let (direct, rest) = if round % 2 == 0 {
                let direct = self.direct(question).await?;
                (direct, self.through_rest(question).await?)
            } else {
                let rest = self.through_rest(question).await?;
                (self.direct(question).await?, rest)
            };
            let steps = f64::from(direct.tokens.max(2) - 1);
            let row = [
                direct.first,
                rest.first,
                rest.first - direct.first,
                ((rest.last - rest.first) - (direct.last - direct.first)) / steps,
            ];
            columns.iter_mut().zip(row).for_each(|(column, value)| column.push(value));
        }
        let [direct_first, rest_first, first, token] = columns.map(Spread::of);
        Ok(Added { direct_first, rest_first, first, token })
    }

    /// Times in milliseconds since the question was put.
    async fn direct(&self, question: &str) -> anyhow::Result<Times> {
        let asked = Instant::now();
        let target = Target::Expert(self.expert.clone());
        let question = Question { target, max_tokens: Some(TOKENS), ..Question::new(question) };
        let mut events = self.node.coordinator().ask(question);
        let mut times = Times::default();
        while let Some(event) = events.recv().await {
            match event? {
                Event::Answering { .. } => times.note(asked),
                Event::Answer(answer) => times.tokens = answer.usage.completion_tokens,
                _ => {}
            }
        }
        Ok(times)
    }

    async fn through_rest(&self, question: &str) -> anyhow::Result<Times> {
        let asked = Instant::now();
        let mut chunks = self.client.chat_completion_stream(self.request(question));
        let mut times = Times::default();
        while let Some(chunk) = chunks.next().await {
            if !chunk?.text().is_empty() {
                times.note(asked);
            }
        }
        Ok(times)
    }

    /// Answers a second from so many askers at once, of the worker alone and through REST, in turns.
    async fn throughput(&self, questions: &[String], streams: usize) -> anyhow::Result<Throughput> {
        let (mut worker, mut rest) = (0.0, 0.0);
        // Twice each, in turns: whatever else the machine does meets both.
        for _ in 0..2 {
            worker += rate(questions, streams, async |question: &str| {
                self.worker.generate(Request::question(question, TOKENS))?.text().await?;
                Ok(())
            })
            .await?;
            rest += rate(questions, streams, async |question: &str| {
                self.client.chat_completion(self.request(question)).await?;
                Ok(())
            })
            .await?;
        }
        Ok(Throughput { streams, worker: worker / 2.0, rest: rest / 2.0 })
    }

    /// Opens so many streams at once and reads each to its end.
    async fn hold(&self, questions: &[String], streams: usize) -> anyhow::Result<Held> {
        let started = Instant::now();
        let peak = std::cell::Cell::new(resident_bytes()?);
        let all = futures::future::join_all(
            questions.iter().cycle().take(streams).map(|question| self.through_rest(question)),
        );
        let sampled = async {
            loop {
                peak.set(peak.get().max(resident_bytes().unwrap_or(0)));
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        let answers = tokio::select! {
            answers = all => answers,
            () = sampled => Vec::new(),
        };
        let answered = answers.iter().filter(|a| a.as_ref().is_ok_and(|t| t.last > 0.0)).count();
        Ok(Held { answered, seconds: started.elapsed().as_secs_f64(), peak_bytes: peak.get() })
    }
}

#[derive(Default)]
struct Times {
    first: f64,
    last: f64,
    tokens: u32,
}

impl Times {
    fn note(&mut self, asked: Instant) {
        let now = asked.elapsed().as_secs_f64() * 1e3;
        if self.first == 0.0 {
            self.first = now;
        }
        self.last = now;
    }
}

async fn rate(
    questions: &[String],
    streams: usize,
    answer: impl AsyncFn(&str) -> anyhow::Result<()>,
) -> anyhow::Result<f64> {
    let started = Instant::now();
    let mut running =
        futures::stream::iter(questions).map(|question| answer(question)).buffer_unordered(streams);
    while let Some(done) = running.next().await {
        done?;
    }
    Ok(questions.len() as f64 / started.elapsed().as_secs_f64())
}

/// Memory of this process.
fn resident_bytes() -> anyhow::Result<u64> {
    let text = std::fs::read_to_string("/proc/self/statm").context("no /proc/self/statm here")?;
    let pages: u64 = text.split(' ').nth(1).and_then(|pages| pages.parse().ok()).context("statm is odd")?;
    Ok(pages * 4_096)
}
