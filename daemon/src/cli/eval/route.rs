//! `eval route`: cards and prompts of anyone's making, embedded by the configured encoder and ranked by the
//! policy that nodes route by, beside the simple method: similarity to the description and the three best exemplars.
//!
//! Prompts fall into two halves by their hash ([`Half`]). The constants of the score were chosen on the dev half of the public
//! prompts and on the bundled experts' trained phrasings; the reported half is the one to look at.

use std::collections::HashMap;
use std::path::PathBuf;

use clap::Args;
use polymath_swarm::evaluation::{Half, RouteCase, RouteReport};
use polymath_swarm::score::{NEAR_CELLS, Outcomes, Profile, Query, Record, rank};
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::{Context, Json, terminal};
use super::cards::{self, BATCH};
use super::{cases, percent};
use crate::config::file::File;
use crate::embedding::Encoder;

/// What `eval route` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  daemon eval route --cards cards.json --prompts prompts.jsonl
  daemon eval route --cards cards.json --prompts prompts.jsonl --feedback
  daemon eval route --cards cards.json --prompts prompts.jsonl --json | jq .halves[1].top1

Cards are {\"experts\": [{\"id\", \"description\", \"exemplars\": [...]}]}, or a folder of
experts such as models/experts; a prompt is a line
{\"prompt\": \"...\", \"expert\": \"id\"}, with null for one that no expert fits. Without such
prompts each is asked once more with its expert left out.")]
pub(in crate::cli) struct Arguments {
    /// The cards: JSON, or a folder of experts
    #[arg(long, value_name = "FILE.json|DIR")]
    cards: PathBuf,
    /// The prompts, JSON lines
    #[arg(long, value_name = "FILE.jsonl")]
    prompts: PathBuf,
    /// Also judge each answer to the dev half, and see what that does to the reported one
    #[arg(long)]
    feedback: bool,
    #[command(flatten)]
    json: Json,
}

#[derive(Deserialize)]
struct Prompt {
    prompt: String,
    expert: Option<String>,
}

/// A prompt with what ranking needs of it.
struct Asked {
    query: Query,
    cells: Vec<u32>,
    expert: Option<String>,
    half: Half,
}

/// Figures of some prompts: as routed, and by the simple method.
struct Figures {
    name: &'static str,
    routed: RouteReport,
    simple: RouteReport,
}

pub(super) async fn run(arguments: Arguments, context: Context) -> anyhow::Result<()> {
    let cards = cards::read(&arguments.cards)?;
    let prompts: Vec<Prompt> = cases::read(&arguments.prompts)?;
    let known = |id: &String| cards.iter().any(|c| c.id == *id);
    if let Some(id) = prompts.iter().filter_map(|p| p.expert.as_ref()).find(|id| !known(id)) {
        anyhow::bail!("{} names the expert `{id}`, which has no card", arguments.prompts.display());
    }
    let loaded = context.load(File::default())?;
    let encoder = context.unless_cancelled(Encoder::open(loaded.config.embedding)).await??;
    let profiles = context.unless_cancelled(cards::profiles(&encoder, &cards)).await??;
    let asked = context.unless_cancelled(embedded(&encoder, prompts)).await??;
    let figures =
        [("all", None), ("dev", Some(Half::Dev)), ("reported", Some(Half::Reported))].map(|(name, half)| {
            let of_half: Vec<&Asked> = asked.iter().filter(|a| half.is_none_or(|h| a.half == h)).collect();
            Figures {
                name,
                routed: routed(&of_half, &profiles, false),
                simple: routed(&of_half, &profiles, true),
            }
        });
    let learned = arguments.feedback.then(|| learned(&asked, &profiles));
    if arguments.json.json {
        return terminal::json(&object(&figures, learned.as_ref()));
    }
    let auroc = |r: &RouteReport| r.no_expert_auroc.map_or_else(|| "-".to_owned(), |a| format!("{a:.3}"));
    let mut rows = Vec::new();
    let mut row = |name: &str, cell: &dyn Fn(&Figures) -> String| {
        rows.push(std::iter::once(name.to_owned()).chain(figures.iter().map(cell)).collect::<Vec<_>>());
    };
    row("right expert first", &|f| percent(f.routed.top1));
    row("  by the simple method", &|f| percent(f.simple.top1));
    row("among the first three", &|f| percent(f.routed.top3));
    row("  by the simple method", &|f| percent(f.simple.top3));
    row("no-expert AUROC", &|f| auroc(&f.routed));
    row("  by similarity alone", &|f| auroc(&f.simple));
    row("refused, its expert there", &|f| percent(f.routed.refused_with_expert));
    row("refused, its expert not there", &|f| percent(f.routed.refused_without));
    let heads = ["ROUTING", "ALL", "DEV", "REPORTED"];
    let mut text = format!("{} prompts, {} cards\n", figures[0].routed.cases, cards.len());
    text.push_str(&terminal::table(terminal::Style::detect(), &heads, &rows));
    if let Some(learned) = &learned {
        text.push_str(&format!(
            "after {} verdicts on the dev half, right expert first on the reported one: {} (before {})\n",
            learned.verdicts,
            percent(learned.after),
            percent(learned.before)
        ));
    }
    Ok(terminal::say(&text)?)
}

/// The keys that scripts depend on; those of all prompts stand at the top.
fn object(figures: &[Figures; 3], learned: Option<&Learned>) -> Value {
    let one = |f: &Figures| {
        json!({
            "name": f.name,
            "cases": f.routed.cases,
            "top1": f.routed.top1,
            "top3": f.routed.top3,
            "top1_simple": f.simple.top1,
            "top3_simple": f.simple.top3,
            "no_expert_auroc": f.routed.no_expert_auroc,
            "no_expert_auroc_simple": f.simple.no_expert_auroc,
            "refused_with_expert": f.routed.refused_with_expert,
            "refused_without_expert": f.routed.refused_without,
        })
    };
    let mut object = one(&figures[0]);
    if let Some(fields) = object.as_object_mut() {
        fields.insert("halves".into(), json!([one(&figures[1]), one(&figures[2])]));
        if let Some(learned) = learned {
            let learned = json!({ "verdicts": learned.verdicts, "top1_before": learned.before, "top1_after": learned.after });
            fields.insert("feedback".into(), learned);
        }
    }
    object
}

async fn embedded(encoder: &Encoder, prompts: Vec<Prompt>) -> anyhow::Result<Vec<Asked>> {
    let bar = terminal::progress(prompts.len() as u64, "route");
    let codebook = encoder.codebook();
    let mut asked = Vec::with_capacity(prompts.len());
    for batch in prompts.chunks(BATCH) {
        let embeddings = encoder.embed(batch.iter().map(|p| p.prompt.clone()).collect()).await?;
        for (prompt, embedding) in batch.iter().zip(embeddings) {
            let half = Half::of(&prompt.prompt);
            let (cells, background) = codebook.survey(&embedding).unwrap_or_default();
            let cells = cells.iter().take(NEAR_CELLS).map(|cell| cell.index).collect();
            let query = Query::new(&prompt.prompt, embedding).against(background);
            asked.push(Asked { query, cells, expert: prompt.expert.clone(), half });
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    Ok(asked)
}

/// Ranks each prompt; if all have an expert, once more without it.
fn routed(asked: &[&Asked], profiles: &[Profile<String>], simply: bool) -> RouteReport {
    let leave_out = asked.iter().all(|a| a.expert.is_some());
    let mut cases = Vec::with_capacity(2 * asked.len());
    for one in asked {
        let plain = Query::by_meaning(one.query.embedding.clone());
        let query = if simply { &plain } else { &one.query };
        cases.push(case(query, profiles, one.expert.clone()));
        if leave_out {
            let others = profiles.iter().filter(|profile| Some(&profile.key) != one.expert.as_ref());
            cases.push(case(query, others, None));
        }
    }
    RouteReport::of(&cases)
}

fn case<'a>(
    query: &Query,
    profiles: impl IntoIterator<Item = &'a Profile<String>>,
    expert: Option<String>,
) -> RouteCase {
    let ranked = rank(query, profiles);
    let coverage = ranked.first().map_or(0.0, |r| r.factors.coverage);
    RouteCase { expert, ranked: ranked.into_iter().map(|r| r.key).collect(), coverage }
}

/// What verdicts on the dev half did to the reported one.
struct Learned {
    verdicts: usize,
    before: f64,
    after: f64,
}

/// Asks the dev half in order, with a verdict on whoever came first, good if it was the right one.
fn learned(asked: &[Asked], profiles: &[Profile<String>]) -> Learned {
    let mut records: HashMap<String, Record> = HashMap::new();
    let first = |records: &HashMap<String, Record>, one: &Asked| {
        let profiles: Vec<Profile<String>> = profiles
            .iter()
            .map(|profile| {
                let record = records.get(&profile.key);
                let outcomes = record.map_or_else(Outcomes::default, |r| r.near(&one.cells));
                Profile { outcomes, ..profile.clone() }
            })
            .collect();
        rank(&one.query, &profiles).into_iter().next().map(|r| (r.key, r.factors.claim))
    };
    let right = |records: &HashMap<String, Record>| {
        let reported: Vec<&Asked> =
            asked.iter().filter(|a| a.half == Half::Reported && a.expert.is_some()).collect();
        let right = reported.iter().filter(|a| first(records, a).map(|(key, _)| key) == a.expert).count();
        right as f64 / reported.len().max(1) as f64
    };
    let before = right(&records);
    let mut verdicts = 0;
    for one in asked.iter().filter(|a| a.half == Half::Dev && a.expert.is_some()) {
        let (Some((chosen, claim)), Some(cell)) = (first(&records, one), one.cells.first()) else { continue };
        let outcome = Outcomes::one(Some(&chosen) == one.expert.as_ref(), claim);
        records.entry(chosen).or_default().note(*cell, outcome, 1.0);
        verdicts += 1;
    }
    Learned { verdicts, before, after: right(&records) }
}
