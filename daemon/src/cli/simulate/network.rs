//! `simulate` without more: thousands of nodes that come and go, and whether their experts are still found.
//!
//! Cards and questions are made of real text, as `benchmark lsh` makes them, so that some cells are crowded and some
//! are not. Every expert draws one of a few thousand cards: their number changes how many share a cell,
//! not how unevenly.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use polymath_swarm::cells::{CellId, Codebook, LOOKUPS_MAX, dht_key};
use polymath_swarm::embedding::SpaceId;
use polymath_swarm::evaluation::finding::{Placement, World};
use polymath_swarm::simulation::{Layout, Report, Rules, Setup, simulate};
use serde_json::json;

use super::super::benchmark::lsh::{ADVERT_BYTES, world};
use super::super::{Context, Json, session, terminal};
use super::plot;
use crate::config::file::File;
use crate::embedding::Encoder;
use crate::network;

/// Cards that experts draw from: enough for the cells' crowds to be those of many more.
const CARDS: usize = 4_000;
/// Questions that askers draw from. Records are played for their cells alone, one in ten of all.
const PROMPTS: usize = 128;
/// Draws cards and questions.
const SEED: u64 = 17;
/// Steps of the progress bar.
const STEPS: u64 = 1_000;

/// What `simulate` takes where nothing else is said.
#[derive(Debug, Args)]
pub(super) struct Network {
    /// Nodes
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(50..=200_000))]
    nodes: u32,
    /// Experts, shared out evenly; several numbers are several runs
    #[arg(long, value_name = "N,...", value_delimiter = ',', default_value = "100000", value_parser = clap::value_parser!(u32).range(1..=2_000_000))]
    adverts: Vec<u32>,
    /// Share of the nodes that leaves, and joins, in an hour; several are several runs
    #[arg(long, value_name = "SHARE,...", value_delimiter = ',', default_value = "0.3", value_parser = rate)]
    churn: Vec<f64>,
    /// Hours in which questions are asked, once the first records have had their time
    #[arg(long, value_name = "N", default_value_t = 0.5, value_parser = hours)]
    hours: f64,
    /// Questions
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    lookups: u32,
    /// Draws everything but cards and questions
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Draw how long questions take to this file
    #[arg(long, value_name = "FILE.svg")]
    plot: Option<PathBuf>,
    #[command(flatten)]
    json: Json,
    #[command(flatten)]
    what_if: WhatIf,
}

/// Rules that differ from a node's.
#[derive(Debug, Args)]
#[command(next_help_heading = "What if")]
struct WhatIf {
    /// Rules that a node does not have: room, forget, by-cell, best-first
    #[arg(
        long = "try",
        value_name = "RULE,...",
        value_enum,
        value_delimiter = ',',
        hide_possible_values = true
    )]
    tried: Vec<Tried>,
    /// Seconds that a walk through the DHT may take [default: a node's]
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    query_timeout: Option<f64>,
    /// Seconds until a dial to nobody fails [default: a node's]
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    dial_timeout: Option<f64>,
    /// Minutes between two publications; records live three times as long [default: a node's]
    #[arg(long, value_name = "MINUTES", value_parser = seconds)]
    publish_every: Option<f64>,
    /// Connections of a node [default: the settings']
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    connections: Option<u32>,
    /// Milliseconds to check a card: nine texts to embed
    #[arg(long, value_name = "MS", default_value_t = 27, value_parser = clap::value_parser!(u32).range(0..=10_000))]
    check_ms: u32,
}

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Tried {
    /// A node without room closes the connection that has been idle longest
    Room,
    /// Whoever cannot be dialled is taken out of the routing table
    Forget,
    /// Providers are asked for the experts in the cells looked up alone
    ByCell,
    /// Exchanges and checks of the best cell come first
    BestFirst,
}

fn rate(text: &str) -> Result<f64, String> {
    let rate = text.parse().ok().filter(|rate| (0.0..=60.0).contains(rate));
    rate.ok_or_else(|| "write a number from 0 to 60".to_owned())
}

fn hours(text: &str) -> Result<f64, String> {
    let hours = text.parse().ok().filter(|hours| (0.05..=100.0).contains(hours));
    hours.ok_or_else(|| "write a number from 0.05 to 100".to_owned())
}

fn seconds(text: &str) -> Result<f64, String> {
    let time = text.parse().ok().filter(|time| (0.1..=10_000.0).contains(time));
    time.ok_or_else(|| "write a number from 0.1 to 10000".to_owned())
}

impl WhatIf {
    fn apply(&self, rules: &mut Rules) {
        let micros = |seconds: f64| (seconds * 1e6) as u64;
        for tried in &self.tried {
            match tried {
                Tried::Room => rules.makes_room = true,
                Tried::Forget => rules.forgets_unreachable = true,
                Tried::ByCell => rules.fetches_by_cell = true,
                Tried::BestFirst => rules.checks_best_first = true,
            }
        }
        rules.query_timeout = self.query_timeout.map_or(rules.query_timeout, micros);
        rules.dial_timeout = self.dial_timeout.map_or(rules.dial_timeout, micros);
        if let Some(minutes) = self.publish_every {
            rules.publication_interval = micros(60.0 * minutes);
            rules.record_lifetime = 3 * rules.publication_interval;
        }
    }
}

pub(super) async fn run(arguments: Network, context: Context) -> anyhow::Result<()> {
    let loaded = context.load(File::default())?;
    let assets = session::assets(&context, &loaded)?;
    let encoder = context.unless_cancelled(Encoder::open(loaded.config.embedding)).await??;
    let topics = world::read(&assets.root.join("cases").join("finding_own.jsonl"))?;
    let vectors =
        context.unless_cancelled(world::embed(&encoder, &topics, &assets.root.join(".build"))).await??;
    let sizes = world::Sizes { experts: CARDS, queries: PROMPTS };
    let made = world::make(&topics, vectors, &sizes, SEED);
    let peers_max = arguments.what_if.connections.unwrap_or(loaded.config.network.peers_max);
    let advert_bytes = world::card_bytes(&topics, encoder.dimension()) + ADVERT_BYTES;
    let check = Duration::from_millis(arguments.what_if.check_ms.into());
    let mut rules = network::rules(peers_max, advert_bytes, check);
    arguments.what_if.apply(&mut rules);
    let (codebook, space) = (encoder.codebook(), encoder.space());
    let setups = arguments.setups(&rules);
    let played = tokio::task::spawn_blocking(move || {
        let layout = layout(&made, &codebook, space);
        setups.iter().map(|setup| play(setup, &rules, &layout)).collect::<Vec<Report>>()
    });
    let reports = context.unless_cancelled(played).await?.context("the simulation failed")?;
    if let Some(path) = &arguments.plot {
        let deadline_ms = rules.deadline as f64 / 1e3;
        std::fs::write(path, plot::svg(&reports, deadline_ms))
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    if arguments.json.json { terminal::json(&as_json(&reports)) } else { as_table(&reports) }
}

impl Network {
    /// A run for each number of experts and churn.
    fn setups(&self, rules: &Rules) -> Vec<Setup> {
        let of = |adverts: u32, churn: f64| Setup {
            nodes: self.nodes,
            adverts,
            churn,
            // By then the records of nodes that left are as many as they get.
            warm_up_s: (rules.record_lifetime / 1_000_000) as u32,
            watched_s: (self.hours * 3_600.0) as u32,
            questions: self.lookups,
            seed: self.seed,
        };
        self.adverts
            .iter()
            .flat_map(|adverts| self.churn.iter().map(move |churn| of(*adverts, *churn)))
            .collect()
    }
}

fn layout(made: &World, codebook: &Codebook, space: SpaceId) -> Layout {
    let placement = Placement::by_codebook("cells", made, codebook, LOOKUPS_MAX);
    let key = |index: u32| {
        let [a, b, c, d, e, f, g, h, ..] = dht_key("simulation", "", space, CellId { level: 0, index });
        u64::from_be_bytes([a, b, c, d, e, f, g, h])
    };
    Layout {
        keys: (0..codebook.len() as u32).map(key).collect(),
        cards: placement.announced.iter().map(|keys| keys.iter().map(|(key, _)| *key).collect()).collect(),
        prompts: placement.looked_up,
    }
}

fn play(setup: &Setup, rules: &Rules, layout: &Layout) -> Report {
    let bar = terminal::progress(STEPS, &format!("churn {}", setup.churn));
    let report = simulate(setup, rules, layout, |share| bar.set_position((share * STEPS as f64) as u64));
    bar.finish_and_clear();
    report
}

fn as_json(reports: &[Report]) -> serde_json::Value {
    let mut value = reports.first().map_or_else(|| json!({}), |first| json!(first));
    if let Some(object) = value.as_object_mut() {
        object.insert("runs".to_owned(), json!(reports));
    }
    value
}

/// A figure of a run and how people read it.
type Figure = (&'static str, fn(&Report) -> String);

/// The lines of the table.
const FIGURES: [Figure; 21] = [
    ("lookups that found a live expert", |r| percent(r.lookup_success)),
    ("and one of the best cell", |r| percent(r.best_cell_success)),
    ("hops of a walk, p50 and p99", |r| format!("{}, {}", r.hops_p50, r.hops_p99)),
    ("ms to the first expert, p50 and p99", |r| pair(r.latency_ms_p50, r.latency_ms_p99)),
    ("ms to one of the best cell, likewise", |r| pair(r.best_ms_p50, r.best_ms_p99)),
    ("ms until the node goes on, p50", |r| format!("{:.0}", r.finished_ms_p50)),
    ("providers asked by a question", |r| format!("{:.1}", r.exchanges_per_question)),
    ("of these gone", |r| format!("{:.1}", r.ghosts_probed)),
    ("checked in time", |r| format!("{:.1}", r.usable_per_question)),
    ("peers asked by a walk", |r| format!("{:.1}", r.walk_peers)),
    ("of these gone", |r| format!("{:.1}", r.walk_dead)),
    ("of these without room", |r| format!("{:.1}", r.walk_refused)),
    ("ms of a walk", |r| format!("{:.0}", r.walk_ms)),
    ("walks that ran out of time", |r| percent(r.walks_late)),
    ("publications that reached nobody", |r| percent(r.publications_failed)),
    ("live providers on record, where keys have room", |r| {
        r.providers_known.map_or_else(String::new, percent)
    }),
    ("records of nodes that are gone", |r| percent(r.records_ghosts)),
    ("records that a node keeps", |r| format!("{:.0}", r.records_per_node)),
    ("KB/s that a node sends to keep them", |r| format!("{:.1}", r.bytes_per_node_s / 1e3)),
    ("KB moved by a question", |r| format!("{:.0}", r.bytes_per_question / 1e3)),
    ("nodes that left and joined", |r| r.turnovers.to_string()),
];

fn percent(share: f64) -> String {
    format!("{:.2}%", share * 100.0)
}

fn pair(p50: f64, p99: f64) -> String {
    format!("{p50:.0}, {p99:.0}")
}

fn as_table(reports: &[Report]) -> anyhow::Result<()> {
    let names: Vec<String> =
        reports.iter().map(|r| format!("{} ADVERTS, CHURN {}", r.adverts, r.churn)).collect();
    let nodes = reports.first().map_or_else(String::new, |r| format!("{} NODES", r.nodes));
    let headers: Vec<&str> =
        std::iter::once(nodes.as_str()).chain(names.iter().map(String::as_str)).collect();
    let line = |(name, of): &Figure| {
        std::iter::once((*name).to_owned()).chain(reports.iter().map(of)).collect::<Vec<String>>()
    };
    let rows: Vec<Vec<String>> = FIGURES.iter().map(line).collect();
    Ok(terminal::say(&terminal::table(terminal::Style::detect(), &headers, &rows))?)
}
