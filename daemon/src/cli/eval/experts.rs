//! `eval experts`: phrasings seen in training beside phrasings never seen.

use std::path::Path;

use clap::Args;
use serde_json::json;

use super::super::{Context, Json, session, terminal};
use super::cases::{self, AnswerCase};
use super::lone::Lone;
use super::{percent, share};
use crate::catalog::{self, Entry};
use crate::config::file::File;

/// The ability of experts that cut prompts.
const PLANNER: &str = "planner";

/// What `eval experts` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  daemon eval experts
  daemon eval experts geography units
  daemon eval experts --json | jq '.experts[] | {id, unseen: .unseen.exact_match}'

Each expert's folder holds cases_seen.jsonl and cases_unseen.jsonl.")]
pub(in crate::cli) struct Arguments {
    /// Only these ids
    #[arg(value_name = "ID")]
    ids: Vec<String>,
    #[command(flatten)]
    json: Json,
}

/// One set of cases, asked.
struct Figure {
    cases: usize,
    exact_match: f64,
    /// Of a planner: share of the prompts that it cuts in the right places, however it spells the parts.
    splits: Option<f64>,
}

struct Row {
    id: String,
    seen: Option<Figure>,
    unseen: Option<Figure>,
}

pub(super) async fn run(arguments: Arguments, context: Context) -> anyhow::Result<()> {
    let loaded = context.load(File::default())?;
    let folder = session::assets(&context, &loaded)?.experts_dir();
    let mut rows = Vec::new();
    for card in catalog::bundled(&folder)? {
        let entry =
            catalog::resolve(&catalog::Config { card: Some(card.clone()), ..catalog::Config::default() })?;
        if arguments.ids.is_empty() || arguments.ids.contains(&entry.id) {
            let beside = card.parent().unwrap_or(&folder).to_owned();
            rows.push(context.unless_cancelled(measure(&entry, &beside)).await??);
        }
    }
    anyhow::ensure!(!rows.is_empty(), "no such expert in {}", folder.display());
    if arguments.json.json {
        return terminal::json(&object(&rows));
    }
    Ok(terminal::say(&table(&rows))?)
}

async fn measure(entry: &Entry, folder: &Path) -> anyhow::Result<Row> {
    let expert = Lone::load(entry).await?;
    let seen = figure(entry, &expert, &folder.join("cases_seen.jsonl")).await?;
    let unseen = figure(entry, &expert, &folder.join("cases_unseen.jsonl")).await?;
    Ok(Row { id: entry.id.clone(), seen, unseen })
}

/// An expert may come without a set; one that has an unreadable set is an error.
async fn figure(entry: &Entry, expert: &Lone, path: &Path) -> anyhow::Result<Option<Figure>> {
    if !path.exists() {
        return Ok(None);
    }
    let cases: Vec<AnswerCase> = cases::read(path)?;
    let bar = terminal::progress(cases.len() as u64, &entry.id);
    let hits = expert.hits(&cases, || bar.inc(1)).await?;
    let splits = if entry.abilities.iter().any(|ability| ability == PLANNER) {
        Some(share(expert.cuts(&cases).await?, cases.len()))
    } else {
        None
    };
    bar.finish_and_clear();
    Ok(Some(Figure { cases: cases.len(), exact_match: share(hits, cases.len()), splits }))
}

/// The middle of the unseen figures, and the lowest.
fn summary(rows: &[Row]) -> Option<(f64, f64)> {
    let mut figures: Vec<f64> =
        rows.iter().filter_map(|r| r.unseen.as_ref()).map(|f| f.exact_match).collect();
    figures.sort_by(f64::total_cmp);
    let (lowest, middle) = (*figures.first()?, figures.len() / 2);
    let upper = *figures.get(middle)?;
    let median = if figures.len() % 2 == 1 { upper } else { (figures.get(middle - 1)? + upper) / 2.0 };
    Some((median, lowest))
}

fn object(rows: &[Row]) -> serde_json::Value {
    let figure = |f: &Option<Figure>| {
        f.as_ref().map(|f| {
            let mut figure = json!({ "cases": f.cases, "exact_match": f.exact_match });
            if let Some(splits) = f.splits {
                figure["splits"] = json!(splits);
            }
            figure
        })
    };
    let row = |r: &Row| json!({ "id": r.id, "seen": figure(&r.seen), "unseen": figure(&r.unseen) });
    let summary = summary(rows);
    json!({
        "experts": rows.iter().map(row).collect::<Vec<_>>(),
        "unseen": { "median": summary.map(|s| s.0), "minimum": summary.map(|s| s.1) },
    })
}

fn table(rows: &[Row]) -> String {
    let figure = |f: &Option<Figure>| match f {
        Some(f) => {
            let splits = f.splits.map(|s| format!(" (cut right {})", percent(s))).unwrap_or_default();
            format!("{} of {}{splits}", percent(f.exact_match), f.cases)
        }
        None => "-".to_owned(),
    };
    let cells: Vec<Vec<String>> =
        rows.iter().map(|r| vec![r.id.clone(), figure(&r.seen), figure(&r.unseen)]).collect();
    let style = terminal::Style::detect();
    let mut text = terminal::table(style, &["EXPERT", "SEEN PHRASINGS", "UNSEEN PHRASINGS"], &cells);
    if let Some((median, lowest)) = summary(rows) {
        text.push_str(&format!("\nunseen: median {}, lowest {}\n", percent(median), percent(lowest)));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle() {
        let row = |exact_match| Row {
            id: String::new(),
            seen: None,
            unseen: Some(Figure { cases: 1, exact_match, splits: None }),
        };
        assert_eq!(summary(&[row(0.9), row(0.5), row(1.0)]), Some((0.9, 0.5)));
        assert_eq!(summary(&[row(0.5), row(1.0)]), Some((0.75, 0.5)));
        assert_eq!(summary(&[]), None);
    }
}
