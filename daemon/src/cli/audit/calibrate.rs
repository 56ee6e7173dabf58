//! `audit calibrate`: what honest audits of a model look like, in each setting that experts run it in.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use polymath_swarm::audit::Null;
use serde::Deserialize;
use serde_json::json;

use super::super::benchmark::audit::build::Build;
use super::super::benchmark::audit::serve::{Asked, Audited, Auditor, Served, Setting};
use super::super::{Context, Json, session, terminal};
use crate::catalog::{self, Entry};
use crate::config::file::File;
use crate::coordinator::{NullFile, NullSetting};

/// Audits of each setting at the least: fewer tell nothing of rare ones.
const AUDITS_MIN: usize = 100;

/// What `audit calibrate` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  daemon audit calibrate geography chemistry
  daemon audit calibrate geography --audits 1000
  daemon audit log --limit 10000 --json > honest.json
  daemon audit calibrate geography --from honest.json --setting 'AVX-512'
  daemon audit calibrate geography --build 'SSE build=../sse/target/debug/daemon'

Has the model answer its card's exemplars in every setting (slots, threads, flash attention,
drawn at random), audits each answer, and writes audit.json beside the card. Without it,
audits of a model count only where they are alarms. Reads the node's `models` folder.

Other processors compute other last bits. With --from, audits of an expert that you know to be
honest, since its machine is yours, become one more setting; with --build, answers of another
build of this program do.")]
pub(in crate::cli) struct Arguments {
    /// Ids of bundled experts
    #[arg(value_name = "ID", required = true)]
    ids: Vec<String>,
    /// Audits of each setting
    #[arg(long, value_name = "N", default_value_t = 400, value_parser = clap::value_parser!(u32).range(100..=100_000))]
    audits: u32,
    /// Add a setting from audits, as `daemon audit log --json` lists them; measures nothing
    #[arg(long, value_name = "FILE.json", requires = "setting")]
    from: Option<PathBuf>,
    /// Add a setting from answers of another build of this program, measured now; repeat for more
    #[arg(long = "build", value_name = "NAME=PROGRAM", conflicts_with = "from")]
    builds: Vec<Build>,
    /// That setting's name
    #[arg(long, value_name = "NAME", requires = "from")]
    setting: Option<String>,
    #[command(flatten)]
    json: Json,
}

#[derive(Deserialize)]
struct Log {
    audits: Vec<Logged>,
}

#[derive(Deserialize)]
struct Logged {
    expert: String,
    model_sha256: String,
    divergence: Option<f64>,
}

pub(super) async fn run(arguments: Arguments, context: Context) -> anyhow::Result<()> {
    let loaded = context.load(File::default())?;
    let assets = session::assets(&context, &loaded)?;
    let mut measured = Vec::new();
    for id in &arguments.ids {
        let card = assets.experts_dir().join(id).join(catalog::CARD_NAME);
        let entry = catalog::resolve(&catalog::Config { card: Some(card), ..catalog::Config::default() })?;
        let path = entry.model_path.with_file_name(NullFile::NAME);
        let file = match (&arguments.from, &arguments.setting) {
            (Some(log), Some(name)) => {
                let file = read(&path)?;
                let null = logged(&entry, &file, log)?;
                with_setting(file, null, name)
            }
            _ if !arguments.builds.is_empty() => {
                let audits = arguments.audits as usize;
                let mut file = read(&path)?;
                for build in &arguments.builds {
                    let measured = context.unless_cancelled(of_build(&entry, &assets.root, build, audits));
                    file = with_setting(file, measured.await??, &build.name);
                }
                file
            }
            _ => context.unless_cancelled(calibrate(&entry, arguments.audits as usize)).await??,
        };
        let text = serde_json::to_string(&file)?;
        std::fs::write(&path, text + "\n").with_context(|| format!("cannot write {}", path.display()))?;
        measured.push((entry.id, path, file));
    }
    if arguments.json.json {
        let settings = |file: &NullFile| -> Vec<_> {
            let setting = |s: &NullSetting| json!({ "name": s.name, "audits": s.null.audits(), "largest": s.null.largest() });
            file.settings.iter().map(setting).collect()
        };
        let object = |(id, path, file): &(String, _, NullFile)| json!({ "id": id, "path": path, "settings": settings(file) });
        return terminal::json(&json!({ "experts": measured.iter().map(object).collect::<Vec<_>>() }));
    }
    let rows: Vec<Vec<String>> = measured.iter().flat_map(|(id, _, file)| rows(id, file)).collect();
    let headers = ["EXPERT", "SETTING", "AUDITS", "FARTHEST, NATS A TOKEN"];
    Ok(terminal::say(&terminal::table(terminal::Style::detect(), &headers, &rows))?)
}

fn rows(id: &str, file: &NullFile) -> Vec<Vec<String>> {
    let row = |s: &NullSetting| {
        vec![id.to_owned(), s.name.clone(), s.null.audits().to_string(), format!("{:.1e}", s.null.largest())]
    };
    file.settings.iter().map(row).collect()
}

fn read(path: &Path) -> anyhow::Result<NullFile> {
    let text = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_slice(&text).with_context(|| {
        format!("{}: calibrate this machine first, without --from or --build", path.display())
    })
}

/// With one more setting, or another of that name.
fn with_setting(mut file: NullFile, null: Null, name: &str) -> NullFile {
    file.settings.retain(|setting| setting.name != name);
    file.settings.push(NullSetting { name: name.to_owned(), null });
    file
}

/// What audits in a log say of a model.
fn logged(entry: &Entry, file: &NullFile, log: &Path) -> anyhow::Result<Null> {
    let text = std::fs::read(log).with_context(|| format!("cannot read {}", log.display()))?;
    let log: Log = serde_json::from_slice(&text)
        .with_context(|| format!("{} is not what `daemon audit log --json` prints", log.display()))?;
    let is_of_model = |a: &&Logged| a.expert == entry.id && a.model_sha256 == file.model_sha256;
    let distances: Vec<f64> = log.audits.iter().filter(is_of_model).filter_map(|a| a.divergence).collect();
    Null::of(distances).with_context(|| format!("audits of `{}` in the log", entry.id))
}

/// What answers of another build say, in the setting that nodes run in.
async fn of_build(entry: &Entry, assets: &Path, build: &Build, audits: usize) -> anyhow::Result<Null> {
    let asked = exemplars(entry, audits)?;
    let auditor = Auditor::load(entry).await?;
    let [_, usual, ..] = Setting::all();
    let reports = build.reports(assets, entry, usual, &asked)?;
    let title = format!("{}, {}", entry.id, build.name);
    null(entry, &auditor.audit_reports(reports, asked.len(), &title).await?)
}

/// The card's exemplars over and over, each time with other places to report.
fn exemplars(entry: &Entry, audits: usize) -> anyhow::Result<Vec<Asked>> {
    let exemplars = &entry.exemplars;
    anyhow::ensure!(!exemplars.is_empty(), "the card of `{}` has no exemplars to ask", entry.id);
    let asked = (0..audits).map(|index| {
        let round = u32::try_from(index / exemplars.len()).unwrap_or(u32::MAX);
        Asked::new(&exemplars[index % exemplars.len()], round)
    });
    Ok(asked.collect())
}

fn null(entry: &Entry, audited: &[Audited]) -> anyhow::Result<Null> {
    let distances: Vec<f64> = audited.iter().map(|audit| audit.examination.divergence).collect();
    anyhow::ensure!(distances.len() >= AUDITS_MIN, "`{}` answers too few of its own exemplars", entry.id);
    Null::of(distances).context("what this model computes is no number")
}

/// Every setting's null distribution.
async fn calibrate(entry: &Entry, audits: usize) -> anyhow::Result<NullFile> {
    let asked = exemplars(entry, audits)?;
    let auditor = Auditor::load(entry).await?;
    let mut settings = Vec::new();
    for setting in Setting::all() {
        let served = Served::load(entry, &entry.model_path, setting).await?;
        let audited = auditor.audit_all(entry, &served, &asked, setting.name).await?;
        settings.push(NullSetting { name: setting.name.to_owned(), null: null(entry, &audited)? });
    }
    Ok(NullFile { model_sha256: auditor.model().to_string(), settings })
}
