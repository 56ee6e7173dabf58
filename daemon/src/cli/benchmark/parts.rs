//! The parts of a question, one by one and without a swarm: how long each takes on this machine.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context as _;
use clap::Args;
use ed25519_dalek::SigningKey;
use polymath_swarm::audit::TOP_MAX;
use polymath_swarm::capability::{Card, Status};
use polymath_swarm::cells::{Codebook, LOOKUPS_MAX};
use polymath_swarm::embedding::{Embedding, Int8Vector};
use polymath_swarm::identity::{Domain, Envelope, Sha256Hash};
use polymath_swarm::sampling::{Sampler, Settings, log_sum_exp, logprob_of, top_logprobs_of};
use polymath_swarm::score::Shelf;
use polymath_swarm::task::{Message, Offer};
use polymath_wire::task::{Packet, Report as Frame, Request};
use polymath_wire::{advert, frame, task};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::json;

use super::super::{Context, session, terminal};
use super::lsh::speed;
use super::measure::Spread;
use super::{HEADERS, Report, row};
use crate::catalog;
use crate::config::file::File;
use crate::embedding::Encoder;

/// What these suites take.
#[derive(Clone, Copy, Debug, Args)]
pub(super) struct Arguments {
    /// Times that each thing is measured
    #[arg(long, value_name = "N", default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    iterations: u32,
}

/// Questions are some twenty tokens long.
const QUESTION: &str = "What is the capital of Peru, and how many kilometres is it from there to Cusco?";
/// Texts embedded together: a card's.
const BATCH: usize = 16;
/// Bytes hashed at a time: a mebibyte, as of a model file.
const HASHED_BYTES: usize = 1 << 20;
/// Tokens of the sampling suite's vocabularies: a bundled expert's, and that of a model that people talk to (SmolLM2).
const VOCABULARIES: [usize; 2] = [1_024, 49_152];
/// Experts of the routing suite.
const EXPERTS: usize = 10_000;
/// Vectors of each: a description and eight exemplars.
const VECTORS: usize = 9;
/// How far each component of a made vector lies from a cell's centre at the most: the cosine is 0.87.
const SPREAD: f32 = 0.05;
/// Seed of what is made.
const SEED: u64 = 17;
/// Microseconds of a second.
const MICROSECONDS: f64 = 1e6;

/// What a suite has measured, row by row.
#[derive(Default)]
struct Rows(Vec<(&'static str, Spread)>);

impl Rows {
    /// Times `work`, in microseconds.
    fn time<T>(&mut self, what: &'static str, iterations: u32, mut work: impl FnMut(u32) -> T) {
        let times = (0..iterations).map(|round| {
            let started = Instant::now();
            black_box(work(round));
            started.elapsed().as_secs_f64() * MICROSECONDS
        });
        self.0.push((what, Spread::of(times.collect())));
    }

    fn report(self) -> Report {
        let rows: Vec<Vec<String>> = self.0.iter().map(|(what, spread)| row(what, spread, "us")).collect();
        let object = |(what, spread): &(&str, Spread)| {
            let mut object = spread.json();
            object["name"] = json!(what);
            object
        };
        let json = json!({ "unit": "us", "rows": self.0.iter().map(object).collect::<Vec<_>>() });
        let text = terminal::table(terminal::Style::detect(), &HEADERS, &rows);
        Report { text, json }
    }
}

pub(super) async fn embedding(arguments: Arguments, context: &Context) -> anyhow::Result<Report> {
    let encoder = encoder(context).await?;
    let mut rows = Rows::default();
    let long = QUESTION.repeat(10);
    for (what, texts) in [
        ("a question of 20 tokens", vec![QUESTION.to_owned()]),
        ("a text of 200 tokens", vec![long]),
        ("16 questions together", vec![QUESTION.to_owned(); BATCH]),
    ] {
        let mut times = Vec::new();
        for round in 0..arguments.iterations {
            // Another text each time: what was embedded before is remembered.
            let texts = texts.iter().enumerate().map(|(at, text)| format!("{text} {round} {at}")).collect();
            let started = Instant::now();
            black_box(context.unless_cancelled(encoder.embed(texts)).await??);
            times.push(started.elapsed().as_secs_f64() * MICROSECONDS);
        }
        rows.0.push((what, Spread::of(times)));
    }
    let mut times = Vec::new();
    for _ in 0..arguments.iterations {
        let started = Instant::now();
        black_box(encoder.embed(vec![QUESTION.to_owned()]).await?);
        times.push(started.elapsed().as_secs_f64() * MICROSECONDS);
    }
    rows.0.push(("a question that is remembered", Spread::of(times)));
    Ok(rows.report())
}

pub(super) async fn hashing(arguments: Arguments, context: &Context) -> anyhow::Result<Report> {
    let (codebook, queries) = made(context).await?;
    let mut rows = Rows::default();
    let bytes = vec![7u8; HASHED_BYTES];
    rows.time("SHA-256 of 64 bytes", arguments.iterations, |_| Sha256Hash::of(&bytes[..64]));
    rows.time("SHA-256 of a mebibyte", arguments.iterations, |_| Sha256Hash::of(&bytes));
    rows.time("the cell of a text", arguments.iterations, |round| codebook.nearest(at(&queries, round), 1));
    Ok(rows.report())
}

pub(super) async fn cells(arguments: Arguments, context: &Context) -> anyhow::Result<Report> {
    let (codebook, queries) = made(context).await?;
    let card: Vec<Embedding> = queries.iter().take(VECTORS).cloned().collect();
    let mut rows = Rows::default();
    let n = arguments.iterations;
    rows.time("the 8 cells in which a question looks", n, |r| codebook.lookups(at(&queries, r), LOOKUPS_MAX));
    rows.time("a question's cells and its likeness to ordinary text", n, |r| {
        codebook.survey(at(&queries, r))
    });
    rows.time("the cells in which a card is announced", n, |_| codebook.cells_of(&card));
    Ok(rows.report())
}

pub(super) async fn serialisation(arguments: Arguments, context: &Context) -> anyhow::Result<Report> {
    let card = bundled_card(context).await?;
    let encoded = advert::encode_card(&card)?;
    let offer = task::encode_request(Request::Offer(Box::new(offer())));
    let offered = frame::encode(&offer);
    let packet = packet();
    let packed = frame::encode(&task::encode_report(Frame::Tokens(packet.clone())));
    let read = |bytes: &[u8]| frame::first(bytes, frame::FRAME_BYTES_MAX);
    let mut rows = Rows::default();
    let n = arguments.iterations;
    rows.time("a card to bytes", n, |_| advert::encode_card(&card));
    rows.time("a card from bytes", n, |_| advert::decode_card(&encoded));
    rows.time("a packet of 8 tokens to bytes", n, |_| {
        frame::encode(&task::encode_report(Frame::Tokens(packet.clone())))
    });
    rows.time("a packet of 8 tokens from bytes", n, |_| {
        read(&packed).map(|found| found.map(|(found, _)| task::decode_report(found)))
    });
    rows.time("an offer from bytes", n, |_| {
        read(&offered).map(|found| found.map(|(found, _)| task::decode_request(found)))
    });
    Ok(rows.report())
}

pub(super) async fn signing(arguments: Arguments, context: &Context) -> anyhow::Result<Report> {
    let card = bundled_card(context).await?;
    let key = SigningKey::from_bytes(&[7; 32]);
    let payload = advert::encode_card(&card)?;
    let status = advert::encode_status(&status());
    let (card, signed) = (
        Envelope::seal(&key, Domain::Card, payload.clone()),
        Envelope::seal(&key, Domain::Status, status.clone()),
    );
    let mut rows = Rows::default();
    let n = arguments.iterations;
    rows.time("signing a status", n, |_| Envelope::seal(&key, Domain::Status, status.clone()));
    rows.time("checking a status", n, |_| signed.verify(Domain::Status));
    rows.time("signing a card", n, |_| Envelope::seal(&key, Domain::Card, payload.clone()));
    rows.time("checking a card", n, |_| card.verify(Domain::Card));
    Ok(rows.report())
}

pub(super) async fn routing(arguments: Arguments, context: &Context) -> anyhow::Result<Report> {
    let (codebook, queries) = made(context).await?;
    let choosing = tokio::task::spawn_blocking(move || {
        let mut random = StdRng::seed_from_u64(SEED);
        let mut shelf = Shelf::default();
        for key in 0..EXPERTS {
            let embeddings =
                (0..VECTORS).filter_map(|_| near_a_cell(&codebook, &mut random)).map(|e| e.quantise());
            shelf.insert(key, Arc::new(speed::bare(embeddings.collect())));
        }
        shelf.sort(&codebook, usize::MAX);
        let choose = |round: u32| speed::routed(&shelf, &codebook, at(&queries, round), u64::from(round));
        // The first touch of every card's memory is not what is measured.
        (0..arguments.iterations / 2).for_each(|round| _ = black_box(choose(round)));
        let mut rows = Rows::default();
        rows.time("choosing among 10,000 experts", arguments.iterations, choose);
        rows.report()
    });
    context.unless_cancelled(choosing).await?.context("the choice failed")
}

pub(super) fn sampling(arguments: Arguments) -> Report {
    let mut random = StdRng::seed_from_u64(SEED);
    // Sums of twelve: bell-shaped, with the spread that a trained model's logits have.
    let mut logit = || (0..12).map(|_| random.random_range(-2.0..2.0f32)).sum::<f32>();
    let [small, large] = VOCABULARIES.map(|tokens| (0..tokens).map(|_| logit()).collect::<Vec<f32>>());
    let greedy = Sampler { settings: Settings::default(), seed: SEED };
    let drawn = Settings { temperature: 0.8, top_p: 0.95, ..Settings::default() };
    let nucleus = Sampler { settings: drawn, seed: SEED };
    let noted = |logits: &[f32]| {
        let total = log_sum_exp(logits);
        (logprob_of(logits, 0, total), top_logprobs_of(logits, TOP_MAX, total))
    };
    let mut rows = Rows::default();
    let n = arguments.iterations;
    rows.time("drawing the likeliest of 1,024", n, |round| greedy.draw(&small, &[], round));
    rows.time("drawing the likeliest of 49,152", n, |round| greedy.draw(&large, &[], round));
    rows.time("drawing one of 1,024 at random, top-p 0.95", n, |round| nucleus.draw(&small, &[], round));
    rows.time("drawing one of 49,152 at random, top-p 0.95", n, |round| nucleus.draw(&large, &[], round));
    rows.time("noting one of 1,024 for audits", n, |_| noted(&small));
    rows.time("noting one of 49,152 for audits", n, |_| noted(&large));
    rows.report()
}

fn at(queries: &[Embedding], round: u32) -> &Embedding {
    &queries[round as usize % queries.len()]
}

async fn encoder(context: &Context) -> anyhow::Result<Encoder> {
    let loaded = context.load(File::default())?;
    Ok(context.unless_cancelled(Encoder::open(loaded.config.embedding)).await??)
}

/// The codebook, and questions that lie as questions do.
async fn made(context: &Context) -> anyhow::Result<(Arc<Codebook>, Vec<Embedding>)> {
    let codebook = encoder(context).await?.codebook();
    let mut random = StdRng::seed_from_u64(SEED + 1);
    let queries: Vec<Embedding> = (0..512).filter_map(|_| near_a_cell(&codebook, &mut random)).collect();
    anyhow::ensure!(!queries.is_empty(), "the codebook has no cells");
    Ok((codebook, queries))
}

fn near_a_cell(codebook: &Codebook, random: &mut StdRng) -> Option<Embedding> {
    let centre = codebook.centre_of(random.random_range(0..codebook.len() as u32))?;
    let moved: Vec<f32> =
        centre.as_slice().iter().map(|value| value + SPREAD * random.random_range(-1.0..1.0f32)).collect();
    Embedding::new(&moved)
}

/// The card of a bundled expert as it is announced, but for its model.
async fn bundled_card(context: &Context) -> anyhow::Result<Card> {
    let loaded = context.load(File::default())?;
    let path = session::assets(context, &loaded)?.experts_dir().join("geography").join(catalog::CARD_NAME);
    let entry = catalog::resolve(&catalog::Config { card: Some(path), ..catalog::Config::default() })?;
    let encoder = encoder(context).await?;
    let texts = std::iter::once(&entry.description).chain(&entry.exemplars).cloned().collect();
    let embeddings: Vec<Int8Vector> = encoder.embed(texts).await?.iter().map(Embedding::quantise).collect();
    Ok(entry.card(speed::bare(Vec::new()).model, encoder.space(), embeddings))
}

fn status() -> Status {
    Status {
        card: Sha256Hash::of(b"card"),
        addresses: vec!["/ip4/192.0.2.1/udp/4820/quic-v1".to_owned()],
        slots: 4,
        free_slots: 3,
        tokens_per_second: 40.0,
        price_micro: 0,
        sequence: 1,
        expires: 1,
        leaving: false,
        cold: false,
    }
}

fn offer() -> Offer {
    Offer {
        task_id: [1; 16],
        card: Sha256Hash::of(b"card"),
        messages: vec![Message { role: "user".to_owned(), content: QUESTION.to_owned() }],
        sampling: Settings::default(),
        seed: 7,
        max_tokens: 256,
        deadline_ms: 10_000,
        price_micro_max: 0,
        stop: Vec::new(),
        top_logprobs: 0,
        grammar: None,
        private: false,
        continues: Vec::new(),
    }
}

fn packet() -> Packet {
    Packet {
        sequence: 1,
        ids: (1_000..1_008).collect(),
        text: "the capital of Peru is Lima, ".to_owned(),
        logprobs: Vec::new(),
        running: Sha256Hash::of(b"running"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn made_vectors_lie_as_far_from_their_cells_as_is_said() {
        let centre: Vec<f32> = (0..384).map(|at| ((at * 7 % 13) as f32 - 6.0) / 10.0).collect();
        let codebook = Codebook::from_centres(&[Embedding::new(&centre).unwrap()]).unwrap();
        let mut random = StdRng::seed_from_u64(SEED);
        let cosines = (0..200).map(|_| {
            near_a_cell(&codebook, &mut random).unwrap().similarity(&codebook.centre_of(0).unwrap())
        });
        let mean = cosines.sum::<f32>() / 200.0;
        assert!((mean - 0.87).abs() < 0.01, "{mean}");
    }

    #[test]
    fn what_is_made_goes_to_bytes_and_back() {
        let packed = frame::encode(&task::encode_report(Frame::Tokens(packet())));
        let (read, _) = frame::first(&packed, frame::FRAME_BYTES_MAX).unwrap().unwrap();
        assert_eq!(task::decode_report(read).unwrap(), Frame::Tokens(packet()));
        let offered = frame::encode(&task::encode_request(Request::Offer(Box::new(offer()))));
        let (read, _) = frame::first(&offered, frame::FRAME_BYTES_MAX).unwrap().unwrap();
        assert_eq!(task::decode_request(read).unwrap(), Request::Offer(Box::new(offer())));
        assert_eq!(advert::decode_status(&advert::encode_status(&status())).unwrap(), status());
    }
}
