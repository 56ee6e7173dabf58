//! `models pull` and `models recommend`: models brought to this machine, and which of them it holds.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use indicatif::ProgressBar;
use polymath_swarm::identity::Sha256Hash;
use serde_json::json;

use super::super::{Context, Json, session, terminal};
use crate::catalog::{self, Known};
use crate::config::file::File;
use crate::config::paths::MODELS;
use crate::config::{ProcessEnvironment, data_dir};
use crate::inference;
use crate::owner::pulls::{self, Pulled, REVISION, Telling, Told, Wanted};

/// What `models pull` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  daemon models pull coder
  daemon models pull Qwen/Qwen2.5-Coder-0.5B-Instruct-GGUF
  daemon models pull owner/repository/file-q8_0.gguf --to /srv/models
  daemon models pull ollama:llama3.2:1b
  daemon models pull ~/Downloads/my-model.gguf --sha256 277e7550…

SOURCE is an id of `daemon models recommend`, a repository of the hub with or without a file,
what Ollama has, or a file. Without a file the one is taken that this machine's memory holds, of
about four bits a weight if there is one. What breaks off is taken up where it ended when asked
again; what arrives is compared with the hash that the hub states. HF_TOKEN opens what is not
public; HF_ENDPOINT or --mirror name another hub.")]
pub(in crate::cli) struct Pull {
    /// What to fetch
    #[arg(value_name = "SOURCE")]
    source: String,
    /// Folder for models [default: ~/.local/share/polymath/models]
    #[arg(long, value_name = "DIR")]
    to: Option<PathBuf>,
    /// The hub's branch, tag or commit
    #[arg(long, value_name = "NAME", default_value = REVISION, value_parser = revision)]
    revision: String,
    /// A hub that speaks Hugging Face's protocol [default: $HF_ENDPOINT, else https://huggingface.co]
    #[arg(long, value_name = "URL")]
    mirror: Option<String>,
    /// What the file must hash to
    #[arg(long, value_name = "HEX", value_parser = hash)]
    sha256: Option<Sha256Hash>,
    #[command(flatten)]
    json: Json,
}

/// What `models recommend` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  daemon models recommend
  daemon models recommend --all --json | jq -r '.models[].id'

Looks at the memory that is free: of each field the largest model that fits is shown.")]
pub(in crate::cli) struct Recommend {
    /// All that are known, whether they fit or not
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    json: Json,
}

fn revision(text: &str) -> Result<String, String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let is_sound =
        !text.is_empty() && text.len() <= 96 && text.chars().all(allowed) && !text.starts_with('.');
    is_sound.then(|| text.to_owned()).ok_or_else(|| "write a branch, a tag or a commit".to_owned())
}

fn hash(text: &str) -> Result<Sha256Hash, String> {
    Sha256Hash::from_hex(text).ok_or_else(|| "write 64 hexadecimal digits".to_owned())
}

pub(super) fn recommend(arguments: &Recommend, context: &Context) -> anyhow::Result<()> {
    let known = known(context)?;
    let memory = inference::memory_available();
    let chosen = if arguments.all { known.iter().collect() } else { catalog::recommended(&known, memory) };
    if arguments.json.json {
        let object = |model: &&Known| {
            let mut object = json!(model);
            object["memory_bytes"] = json!(model.memory_bytes());
            object
        };
        let models: Vec<serde_json::Value> = chosen.iter().map(object).collect();
        return terminal::json(&json!({ "memory_available_bytes": memory, "models": models }));
    }
    let row = |model: &&Known| {
        vec![
            model.id.clone(),
            model.field.clone(),
            terminal::bytes(model.memory_bytes()),
            model.licence.clone(),
            model.description.clone(),
        ]
    };
    let rows: Vec<Vec<String>> = chosen.iter().map(row).collect();
    let table = terminal::table(
        terminal::Style::detect(),
        &["ID", "FIELD", "MEMORY", "LICENCE", "DESCRIPTION"],
        &rows,
    );
    let free =
        memory.map_or_else(String::new, |bytes| format!("{} of memory are free\n", terminal::bytes(bytes)));
    Ok(terminal::advise(&format!("{free}{table}fetch one: daemon models pull ID\n"))?)
}

fn known(context: &Context) -> anyhow::Result<Vec<Known>> {
    let loaded = context.load(File::default())?;
    Ok(Known::all(&session::assets(context, &loaded)?.catalog())?)
}

pub(super) async fn pull(arguments: Pull, context: &Context) -> anyhow::Result<()> {
    let folder = match &arguments.to {
        Some(folder) => folder.clone(),
        None => data_dir(&ProcessEnvironment)?.join(MODELS),
    };
    let wanted = Wanted {
        source: arguments.source,
        revision: arguments.revision,
        mirror: arguments.mirror,
        sha256: arguments.sha256,
        folder,
    };
    let bar = bar();
    let catalogue = known(context).unwrap_or_default();
    let bringing = pulls::bring(&wanted, &catalogue, telling(&bar));
    let pulled = context.unless_cancelled(bringing).await;
    // Before anything else is said, of a failure too.
    bar.finish_and_clear();
    let pulled = pulled??;
    let card = pulled.card();
    let Pulled { fetched, licence, memory_bytes } = pulled;
    if arguments.json.json {
        return terminal::json(&json!({
            "path": fetched.path, "bytes": fetched.bytes, "sha256": fetched.sha256.to_string(),
            "was_there": fetched.was_there, "licence": licence, "memory_bytes": memory_bytes, "card": card,
        }));
    }
    let serve = match &card {
        Some(card) => format!("daemon run --expert {}", card.display()),
        None => format!("daemon run --model {} --description \"…\"", fetched.path.display()),
    };
    let state = if fetched.was_there { "is here already" } else { "is here" };
    Ok(terminal::advise(&format!(
        "{} {state}\nsize:    {}, some {} in memory\nsha256:  {}\nserve:   {serve}\n",
        fetched.path.display(),
        terminal::bytes(fetched.bytes),
        terminal::bytes(memory_bytes),
        fetched.sha256,
    ))?)
}

fn bar() -> ProgressBar {
    let bar = ProgressBar::new(0);
    let form = "{bar:30} {bytes}/{total_bytes} {bytes_per_sec} {eta}";
    if let Ok(style) = indicatif::ProgressStyle::with_template(form) {
        bar.set_style(style);
    }
    bar
}

fn telling(bar: &ProgressBar) -> Telling {
    let bar = bar.clone();
    Arc::new(move |told| match told {
        Told::Found { what, licence } => bar.suspend(|| {
            let licence = licence.unwrap_or_else(|| "none is stated".to_owned());
            terminal::note(&format!("{what}; licence: {licence}"));
        }),
        Told::Progress(there, all) => {
            bar.set_length(all);
            bar.set_position(there);
        }
    })
}
