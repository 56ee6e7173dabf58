//! `benchmark lsh`: how well the DHT's cells find experts in a large swarm, against brute force, and beside other ways
//! to cut the space. Cards and questions are made of real text: entries of WordNet, which is
//! the kind that the codebook was trained on (and some of the very text), and the bundled experts' own prompts.

mod bundled;
mod plot;
pub(super) mod speed;
pub(in crate::cli) mod world;

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use polymath_swarm::cells::{Codebook, LOOKUPS_FURTHER, LOOKUPS_MAX};
use polymath_swarm::evaluation::finding::{
    Caps, Directions, FindingReport, Hyperplanes, Placement, World, simulate,
};
use serde_json::json;

use super::super::{Context, session, terminal};
use super::Report;
use crate::config::file::File;
use crate::embedding::Encoder;
use crate::network;

/// Seed of the swarm and of every sample; changing it changes the third decimal.
const SEED: u64 = 17;
/// Principal components that hyperplanes are drawn in.
const COMPONENTS: usize = 32;
/// Bytes of a provider in an answer: peer id, and up to four addresses as Kademlia's protobuf writes them.
const PROVIDER_BYTES: f64 = 160.0;
/// Bytes of an advert besides embeddings and texts: ids, hashes, two signatures, the status.
pub(in crate::cli) const ADVERT_BYTES: f64 = 500.0;

/// What `benchmark lsh` takes.
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Examples:
  daemon benchmark lsh --experts 10000
  daemon benchmark lsh --experts 10000 --text topics.jsonl --json | jq .recall_at_3
  daemon benchmark lsh --experts 10000 --plot docs/finding-frontier.svg

A topic is a line {\"topic\", \"descriptions\": [...], \"exemplars\": [...], \"queries\": [...]}.
Without --text: text of the codebook's own kind, and the bundled experts' prompts.")]
pub(super) struct Arguments {
    /// Experts in the swarm
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(10..=200_000))]
    experts: u32,
    /// Questions asked of it, at most
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    queries: u32,
    /// Topics of your own, JSON lines
    #[arg(long, value_name = "FILE.jsonl")]
    text: Option<PathBuf>,
    /// Draw recall against adverts examined to this file
    #[arg(long, value_name = "FILE.svg")]
    plot: Option<PathBuf>,
}

/// One kind of text and what was found in it.
struct Outcome {
    text: String,
    topics: usize,
    queries: usize,
    /// Share of the queries that some expert fits at all.
    fitting: f64,
    /// Bytes of an advert, mean.
    advert_bytes: f64,
    /// The shipped way first.
    methods: Vec<FindingReport>,
    /// With all adverts at hand.
    speed: speed::Speed,
}

pub(super) async fn run(arguments: Arguments, context: &Context) -> anyhow::Result<Report> {
    let loaded = context.load(File::default())?;
    let assets = session::assets(context, &loaded)?;
    let encoder = context.unless_cancelled(Encoder::open(loaded.config.embedding)).await??;
    let cases = assets.cases_dir();
    let files = match &arguments.text {
        Some(file) => vec![file.clone()],
        None => vec![cases.join("finding_own.jsonl"), cases.join("finding_other.jsonl")],
    };
    let mut outcomes = Vec::new();
    for file in files {
        let topics = world::read(&file)?;
        let vectors =
            context.unless_cancelled(world::embed(&encoder, &topics, &assets.root.join(".build"))).await??;
        let sizes = world::Sizes { experts: arguments.experts as usize, queries: arguments.queries as usize };
        let made = world::make(&topics, vectors, &sizes, SEED);
        let name = file.file_stem().map_or_else(String::new, |s| s.to_string_lossy().into_owned());
        let codebook = encoder.codebook();
        let plotted = arguments.plot.is_some();
        let measured = tokio::task::spawn_blocking(move || {
            let (fitting, methods) = measure(&made, &codebook, plotted);
            Some((fitting, methods, speed::measure(&made, &codebook)?))
        });
        let measured = context.unless_cancelled(measured).await?.context("the simulation failed")?;
        let (fitting, methods, speed) = measured.context("the cards do not fit the codebook")?;
        outcomes.push(Outcome {
            text: name,
            topics: topics.len(),
            queries: world::count(&topics, &sizes),
            fitting,
            advert_bytes: world::card_bytes(&topics, encoder.dimension()) + ADVERT_BYTES,
            methods,
            speed,
        });
    }
    let bundled = match &arguments.text {
        Some(_) => Vec::new(),
        None => context.unless_cancelled(bundled::measure(&encoder, &assets)).await??,
    };
    if let Some(path) = &arguments.plot {
        let series: Vec<(&str, &[FindingReport])> =
            outcomes.iter().map(|o| (o.text.as_str(), o.methods.as_slice())).collect();
        std::fs::write(path, plot::svg(&series, arguments.experts))
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    let text = as_table(&arguments, &outcomes) + &bundled_table(&bundled);
    Ok(Report { text, json: as_json(&arguments, &outcomes, &bundled) })
}

/// The share of queries that some expert fits, and every method's figures; with `frontier` more settings of each.
fn measure(world: &World, codebook: &Codebook, frontier: bool) -> (f64, Vec<FindingReport>) {
    let both = LOOKUPS_MAX + LOOKUPS_FURTHER;
    let cells = Placement::by_codebook("cells", world, codebook, LOOKUPS_MAX);
    let further = if frontier { &[both, 1, 2, 4, 6][..] } else { &[both] };
    let further: Vec<Placement> = further.iter().map(|n| cells.with_lookups(world, codebook, *n)).collect();
    let mut placements = vec![cells];
    placements.extend(further);
    let any = Directions::any();
    let principal = Directions::principal(&world.pool, COMPONENTS);
    let bits: &[(usize, usize)] =
        if frontier { &[(8, 4), (12, 8), (6, 4), (10, 4), (12, 4), (14, 4)] } else { &[(8, 4), (12, 8)] };
    for (kind, directions) in [("random hyperplanes", &any), ("PCA hyperplanes", &principal)] {
        for (bits, tables) in bits {
            let planes = Hyperplanes::new(directions, codebook.dimension(), *bits, *tables, SEED);
            placements.push(Placement::by_hyperplanes(&format!("{kind} {bits} x {tables}"), world, &planes));
        }
    }
    let caps = Caps {
        kept: network::PROVIDERS_PER_KEY_MAX,
        fittest: network::FITTEST_PER_KEY,
        returned: network::PROVIDERS_PER_LOOKUP_MAX,
    };
    let none = Caps { kept: usize::MAX, fittest: usize::MAX, returned: usize::MAX };
    let mut reports = simulate(world, &placements[..1], none, SEED);
    for report in &mut reports {
        report.method = "cells, nothing capped".to_owned();
    }
    let mut all = simulate(world, &placements, caps, SEED);
    all.extend(reports);
    (world.fitting(), all)
}

fn bytes(report: &FindingReport, advert_bytes: f64) -> f64 {
    report.returned * PROVIDER_BYTES + report.examined * advert_bytes
}

fn as_json(arguments: &Arguments, outcomes: &[Outcome], bundled: &[bundled::Found]) -> serde_json::Value {
    let method = |report: &FindingReport, outcome: &Outcome| {
        let mut value = json!(report);
        if let Some(object) = value.as_object_mut() {
            object.insert("bytes_per_query".to_owned(), json!(bytes(report, outcome.advert_bytes).round()));
        }
        value
    };
    let texts: Vec<serde_json::Value> = outcomes
        .iter()
        .map(|outcome| {
            json!({
                "text": outcome.text,
                "topics": outcome.topics,
                "queries": outcome.queries,
                "fitting_share": outcome.fitting,
                "route_ms": outcome.speed.query.json(),
                "route_best_first": outcome.speed.best_first,
                "methods": outcome.methods.iter().map(|m| method(m, outcome)).collect::<Vec<_>>(),
            })
        })
        .collect();
    let mut value = outcomes
        .first()
        .and_then(|outcome| outcome.methods.first().map(|report| method(report, outcome)))
        .unwrap_or_default();
    if let Some(object) = value.as_object_mut() {
        object.insert("experts".to_owned(), json!(arguments.experts));
        object.insert("texts".to_owned(), json!(texts));
        object.insert("bundled".to_owned(), json!(bundled));
    }
    value
}

fn as_table(arguments: &Arguments, outcomes: &[Outcome]) -> String {
    let mut text = String::new();
    let headers = [
        "METHOD", "R@1", "R@3", "SCORE", "LOOKUPS", "EXAMINED", "SHARE", "KEYS", "MEAN", "P99", "MAX",
        "KB/QUERY",
    ];
    for outcome in outcomes {
        let rows: Vec<Vec<String>> = outcome
            .methods
            .iter()
            .map(|m| {
                vec![
                    m.method.clone(),
                    format!("{:.3}", m.recall_at_1),
                    format!("{:.3}", m.recall_at_3),
                    format!("{:.4}", m.score_ratio),
                    format!("{:.1}", m.lookups),
                    format!("{:.0}", m.examined),
                    format!("{:.2}%", m.examined_share * 100.0),
                    format!("{:.1}", m.announced),
                    format!("{:.0}", m.providers.mean),
                    m.providers.p99.to_string(),
                    m.providers.max.to_string(),
                    format!("{:.0}", bytes(m, outcome.advert_bytes) / 1e3),
                ]
            })
            .collect();
        text.push_str(&format!(
            "{}: {} experts of {} topics, {} queries, {:.0}% of which some expert fits\n{}\
             with all adverts here: chosen in {:.2} ms (p99 {:.2}), {:.1}% the best of all\n\n",
            outcome.text,
            arguments.experts,
            outcome.topics,
            outcome.queries,
            outcome.fitting * 100.0,
            terminal::table(terminal::Style::detect(), &headers, &rows),
            outcome.speed.query.median,
            outcome.speed.query.p99,
            outcome.speed.best_first * 100.0,
        ));
    }
    text
}

fn bundled_table(bundled: &[bundled::Found]) -> String {
    if bundled.is_empty() {
        return String::new();
    }
    let row = |found: &bundled::Found| {
        vec![
            found.expert.clone(),
            found.questions.to_string(),
            format!("{:.1}%", found.found * 100.0),
            format!("{:.1}%", found.found_further * 100.0),
        ]
    };
    let headers = ["EXPERT", "QUESTIONS", "FOUND", "FURTHER"];
    let rows: Vec<Vec<String>> = bundled.iter().map(row).collect();
    let table = terminal::table(terminal::Style::detect(), &headers, &rows);
    format!(
        "the bundled experts' own questions: the expert is announced in one of {LOOKUPS_MAX} cells, and of {} more\n{table}",
        LOOKUPS_FURTHER,
    )
}
