//! `models`: the bundled experts and those of the settings, and whether their files are what their cards say.

mod pull;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::exit::Usage;
use super::session::wire;
use super::{Context, Json, session, terminal};
use crate::catalog::{self, Entry, Verified};
use crate::config::file::File;

/// What `models` does.
#[derive(Debug, Subcommand)]
#[command(
    after_help = "Examples:\n  daemon models recommend\n  daemon models pull coder\n  daemon models list\n  daemon models verify"
)]
pub(super) enum Command {
    /// List the bundled experts and those that the settings name
    List(List),
    /// Compare each model file's SHA-256 with its card
    Verify(Verify),
    /// Fetch a model: from Hugging Face or a mirror, from Ollama's store, from a file
    Pull(pull::Pull),
    /// Show which specialists this machine holds
    Recommend(pull::Recommend),
    /// Show the running node's models in memory
    Loaded(Loaded),
    /// Load one of the running node's models
    Load(Named),
    /// Give a model's memory back until it is wanted again
    Unload(Named),
}

/// What `models loaded` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  daemon models loaded
  daemon models loaded --json | jq '[.models[] | select(.loaded) | .memory_bytes] | add'

Needs a running node. node.model_memory_mb bounds what all of them take together.")]
pub(super) struct Loaded {
    #[command(flatten)]
    json: Json,
}

/// What `models load` and `models unload` take.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  daemon models load geography
  daemon models load geography --json | jq .memory_bytes
  daemon models unload geography

Needs a running node. What is in use is not unloaded.")]
pub(super) struct Named {
    /// The expert's id
    #[arg(value_name = "ID")]
    id: String,
    #[command(flatten)]
    json: Json,
}

/// What `models list` takes.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  daemon models list\n  daemon models list --json | jq -r '.models[].path'"
)]
pub(super) struct List {
    #[command(flatten)]
    json: Json,
}

/// What `models verify` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  daemon models verify
  daemon models verify geography chemistry
  daemon models verify --json | jq '.models[] | select(.ok | not)'

Exits with 1 if any file is missing or differs.")]
pub(super) struct Verify {
    /// Only these ids
    #[arg(value_name = "ID")]
    ids: Vec<String>,
    #[command(flatten)]
    json: Json,
}

pub(super) async fn run(command: Command, context: Context) -> anyhow::Result<()> {
    match command {
        Command::List(arguments) => list(&entries(&context)?, arguments),
        Command::Pull(arguments) => pull::pull(arguments, &context).await,
        Command::Recommend(arguments) => pull::recommend(&arguments, &context),
        Command::Loaded(arguments) => loaded(arguments, &context).await,
        Command::Load(arguments) => set_loaded(&arguments, true, &context).await,
        Command::Unload(arguments) => set_loaded(&arguments, false, &context).await,
        Command::Verify(arguments) => {
            let entries = entries(&context)?;
            // Hashing gigabytes blocks; Ctrl-C must still get through.
            let work = tokio::task::spawn_blocking(move || verify(entries, &arguments));
            context.unless_cancelled(work).await??
        }
    }
}

async fn loaded(arguments: Loaded, context: &Context) -> anyhow::Result<()> {
    let settings = context.load(File::default())?;
    let session = session::Session::running(&settings.config).await?;
    let hosted = context.unless_cancelled(session.node().hosted()).await??;
    if arguments.json.json {
        return terminal::json(&json!({ "models": hosted.iter().map(hosted_object).collect::<Vec<_>>() }));
    }
    let row = |of: &wire::Hosted| {
        let state = match of {
            of if of.service => "on a server".to_owned(),
            of if of.loaded => format!("loaded in {} ms", of.load_ms),
            of => format!("to be loaded ({} ms)", of.load_ms),
        };
        let memory = if of.service { "-".to_owned() } else { terminal::bytes(of.memory_bytes) };
        vec![of.id.clone(), state, memory, format!("{}/{}", of.free_slots, of.slots), of.queued.to_string()]
    };
    let rows: Vec<Vec<String>> = hosted.iter().map(row).collect();
    let headers = ["EXPERT", "STATE", "MEMORY", "FREE", "WAITING"];
    Ok(terminal::say(&terminal::table(terminal::Style::detect(), &headers, &rows))?)
}

/// A model of the running node, as `models loaded`, `models load` and `models unload` print it.
fn hosted_object(of: &wire::Hosted) -> Value {
    json!({
        "id": of.id,
        "loaded": of.loaded,
        "memory_bytes": of.memory_bytes,
        "load_ms": of.load_ms,
        "slots": of.slots,
        "free_slots": of.free_slots,
        "queued": of.queued,
        "service": of.service,
    })
}

async fn set_loaded(arguments: &Named, is_wanted: bool, context: &Context) -> anyhow::Result<()> {
    let id = arguments.id.as_str();
    let settings = context.load(File::default())?;
    let session = session::Session::running(&settings.config).await?;
    context.unless_cancelled(session.node().set_loaded(id, is_wanted)).await??;
    if arguments.json.json {
        let hosted = context.unless_cancelled(session.node().hosted()).await??;
        let model = hosted.iter().find(|of| of.id == id);
        let model = model.with_context(|| format!("the node does not serve {id} any more"))?;
        return terminal::json(&hosted_object(model));
    }
    Ok(terminal::line(&format!("{id} is {}", if is_wanted { "loaded" } else { "unloaded" }))?)
}

/// The settings' experts, then the bundled ones that they do not name.
fn entries(context: &Context) -> anyhow::Result<Vec<Entry>> {
    let loaded = context.load(File::default())?;
    let mut entries = catalog::resolve_all(loaded.config.experts.iter().map(|e| &e.source))?;
    let assets = session::assets(context, &loaded);
    if entries.is_empty() || assets.is_ok() {
        for card in catalog::bundled(&assets?.experts_dir())? {
            let entry =
                catalog::resolve(&catalog::Config { card: Some(card), ..catalog::Config::default() })?;
            if entries.iter().all(|e| e.id != entry.id) {
                entries.push(entry);
            }
        }
    }
    Ok(entries)
}

fn list(entries: &[Entry], arguments: List) -> anyhow::Result<()> {
    let size = |entry: &Entry| std::fs::metadata(&entry.model_path).map(|m| m.len()).ok();
    if arguments.json.json {
        let object = |entry: &Entry| {
            json!({
                "id": entry.id,
                "path": entry.model_path,
                "bytes": size(entry),
                "sha256": entry.sha256.map(|h| h.to_string()),
                "max_context": entry.max_context,
                "licence": entry.licence,
                "languages": entry.languages,
                "abilities": entry.abilities,
                "description": entry.description,
            })
        };
        return terminal::json(&json!({ "models": entries.iter().map(object).collect::<Vec<_>>() }));
    }
    let row = |entry: &Entry| {
        vec![
            entry.id.clone(),
            size(entry).map_or_else(|| "missing".to_owned(), terminal::bytes),
            if entry.max_context == 0 { "model's".to_owned() } else { entry.max_context.to_string() },
            entry.licence.clone(),
            entry.abilities.join(","),
            entry.description.clone(),
        ]
    };
    let headers = ["EXPERT", "SIZE", "CONTEXT", "LICENCE", "ABILITIES", "DESCRIPTION"];
    let rows: Vec<Vec<String>> = entries.iter().map(row).collect();
    Ok(terminal::say(&terminal::table(terminal::Style::detect(), &headers, &rows))?)
}

fn verify(entries: Vec<Entry>, arguments: &Verify) -> anyhow::Result<()> {
    if let Some(unknown) = arguments.ids.iter().find(|id| entries.iter().all(|e| e.id != **id)) {
        let what = format!("no model is called `{unknown}`; `daemon models list` shows all");
        return Err(Usage(what).into());
    }
    let chosen = entries.into_iter().filter(|e| arguments.ids.is_empty() || arguments.ids.contains(&e.id));
    let results: Vec<(Entry, Result<Verified, catalog::Error>)> =
        chosen.map(|entry| (entry.clone(), catalog::verify(&entry))).collect();
    if arguments.json.json {
        terminal::json(&json!({ "models": results.iter().map(object).collect::<Vec<Value>>() }))?;
    } else {
        let style = terminal::Style::detect();
        for (entry, result) in &results {
            terminal::line(&match result {
                Ok(found) => {
                    format!("{} {} ({})", style.good("ok  "), entry.id, terminal::bytes(found.bytes))
                }
                Err(error) => format!("{} {}: {}", style.bad("FAIL"), entry.id, chain(error)),
            })?;
        }
    }
    let bad = results.iter().filter(|(_, result)| result.is_err()).count();
    anyhow::ensure!(bad == 0, "{bad} of {} models failed", results.len());
    Ok(())
}

fn object((entry, result): &(Entry, Result<Verified, catalog::Error>)) -> Value {
    json!({
        "id": entry.id,
        "path": entry.model_path,
        "ok": result.is_ok(),
        "sha256": result.as_ref().ok().map(|found| found.sha256.to_string()),
        "error": result.as_ref().err().map(chain),
    })
}

fn chain(error: &catalog::Error) -> String {
    let source = std::error::Error::source(error).map(|s| format!(": {s}")).unwrap_or_default();
    format!("{error}{source}")
}

#[cfg(test)]
mod tests {
    use super::super::{Cli, Command as Any};
    use super::*;
    use clap::Parser as _;

    #[test]
    fn a_model_that_was_loaded_is_told_as_a_listed_one() {
        for (word, is_wanted) in [("load", true), ("unload", false)] {
            let cli = Cli::try_parse_from(["daemon", "models", word, "geography", "--json"]).unwrap();
            let named = match cli.command {
                Any::Models(Command::Load(named)) if is_wanted => named,
                Any::Models(Command::Unload(named)) if !is_wanted => named,
                other => panic!("{other:?}"),
            };
            assert!(named.id == "geography" && named.json.json);
        }
        let of = wire::Hosted { id: "geography".into(), loaded: true, memory_bytes: 7, ..Default::default() };
        let told = hosted_object(&of);
        assert_eq!((&told["id"], &told["loaded"]), (&json!("geography"), &json!(true)));
        assert_eq!((&told["memory_bytes"], &told["queued"]), (&json!(7), &json!(0)));
    }
}
