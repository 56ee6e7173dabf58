//! `models pull` and `models recommend`: models brought to this machine, and which of them it holds.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use polymath_swarm::identity::Sha256Hash;
use serde_json::json;

use super::super::{Context, Json, session, terminal};
use crate::catalog::pull::{self, Fetched, Hub, Source, Stored};
use crate::catalog::{self, Known};
use crate::config::file::File;
use crate::config::{Environment as _, ProcessEnvironment, data_dir};
use crate::inference;

/// The hub where no mirror is named.
const HUB: &str = "https://huggingface.co";

/// What `models pull` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  daemon models pull coder
  daemon models pull Qwen/Qwen2.5-Coder-0.5B-Instruct-GGUF
  daemon models pull owner/repository/file-q8_0.gguf --to /srv/models
  daemon models pull ollama:llama3.2:1b
  daemon models pull ~/Downloads/my-model.gguf --sha256 277e7550…

SOURCE is an id of `daemon models recommend`, a repository of the hub with or without a file, what Ollama
has, or a file. Without a file the one is taken that this machine's memory holds, of about four bits a weight
if there is one. What breaks off is taken up where it ended when asked again; what arrives is compared
with the hash that the hub states. HF_TOKEN opens what is not public; HF_ENDPOINT or --mirror name another hub.")]
pub(in crate::cli) struct Pull {
    /// What to fetch
    #[arg(value_name = "SOURCE")]
    source: String,
    /// Folder for models [default: ~/.local/share/polymath/models]
    #[arg(long, value_name = "DIR")]
    to: Option<PathBuf>,
    /// The hub's branch, tag or commit
    #[arg(long, value_name = "NAME", default_value = "main", value_parser = revision)]
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
    Ok(terminal::say(&format!("{free}{table}fetch one: daemon models pull ID\n"))?)
}

fn known(context: &Context) -> anyhow::Result<Vec<Known>> {
    let loaded = context.load(File::default())?;
    Ok(Known::all(&session::assets(context, &loaded)?.catalog())?)
}

/// What has come, and what is known of it.
struct Pulled {
    fetched: Fetched,
    licence: Option<String>,
    card: Option<PathBuf>,
}

pub(super) async fn pull(arguments: Pull, context: &Context) -> anyhow::Result<()> {
    let of_catalog = known(context).ok().and_then(|all| all.into_iter().find(|m| m.id == arguments.source));
    let source = match &of_catalog {
        Some(model) => Source::Hub { repo: model.repo.clone(), file: Some(model.file.clone()) },
        None => arguments.source.parse()?,
    };
    let folder = match &arguments.to {
        Some(folder) => folder.clone(),
        None => data_dir(&ProcessEnvironment)?.join("models"),
    };
    let pulled = context.unless_cancelled(bring(&source, of_catalog.as_ref(), &folder, &arguments)).await??;
    let Pulled { fetched, licence, card } = pulled;
    let model = inference::Config { model_path: fetched.path.clone(), ..inference::Config::default() };
    let memory = inference::memory_needed(&model)
        .with_context(|| format!("{} came as it should, and cannot be served", fetched.path.display()))?;
    if arguments.json.json {
        return terminal::json(&json!({
            "path": fetched.path, "bytes": fetched.bytes, "sha256": fetched.sha256.to_string(),
            "was_there": fetched.was_there, "licence": licence, "memory_bytes": memory, "card": card,
        }));
    }
    let serve = match &card {
        Some(card) => format!("daemon run --expert {}", card.display()),
        None => format!("daemon run --model {} --description \"…\"", fetched.path.display()),
    };
    let state = if fetched.was_there { "is here already" } else { "is here" };
    Ok(terminal::say(&format!(
        "{} {state}\nsize:    {}, some {} in memory\nsha256:  {}\nserve:   {serve}\n",
        fetched.path.display(),
        terminal::bytes(fetched.bytes),
        terminal::bytes(memory),
        fetched.sha256,
    ))?)
}

async fn bring(
    source: &Source,
    of_catalog: Option<&Known>,
    folder: &Path,
    arguments: &Pull,
) -> anyhow::Result<Pulled> {
    let bar = indicatif::ProgressBar::new(0);
    if let Ok(style) =
        indicatif::ProgressStyle::with_template("{bar:30} {bytes}/{total_bytes} {bytes_per_sec} {eta}")
    {
        bar.set_style(style);
    }
    let shown = bar.clone();
    let progress = move |there: u64, all: u64| {
        shown.set_length(all);
        shown.set_position(there);
    };
    let (fetched, licence) = match source {
        Source::Hub { repo, file } => {
            let environment =
                |name: &str| ProcessEnvironment.variable(name).filter(|value| !value.is_empty());
            let mirror = arguments.mirror.clone().or_else(|| environment("HF_ENDPOINT"));
            let hub = Hub::new(mirror.as_deref().unwrap_or(HUB), environment("HF_TOKEN"))?;
            let about = hub.about(repo, &arguments.revision).await?;
            let file = about.choose(file.as_deref(), inference::memory_available())?;
            if let (Some(wanted), Some(stated)) = (arguments.sha256, file.sha256) {
                anyhow::ensure!(wanted == stated, "{} hashes to {stated}, not to {wanted}", file.name);
            }
            let licence = about.licence.clone();
            terminal::note(&format!(
                "{repo}: {} ({}); licence: {}",
                file.name,
                terminal::bytes(file.bytes),
                licence.as_deref().unwrap_or("none is stated"),
            ));
            let mut file = file.clone();
            file.sha256 = file.sha256.or(arguments.sha256);
            let folder = folder.join(repo.replace('/', "__"));
            (hub.fetch(&about, &file, &folder, &progress).await?, licence)
        }
        Source::Ollama { name, tag } => {
            let store = ProcessEnvironment.variable("OLLAMA_MODELS").map(PathBuf::from);
            let home =
                || ProcessEnvironment.variable("HOME").map(|home| PathBuf::from(home).join(".ollama/models"));
            let store = store.or_else(home).context("HOME is not set: set OLLAMA_MODELS")?;
            let stored = Stored::find(&store, name, tag)?;
            terminal::note(&format!("licence: {}", stored.licence.as_deref().unwrap_or("none is stated")));
            let plain = name.replace('/', "__");
            let (folder, file) =
                (folder.join(format!("ollama__{plain}__{tag}")), format!("{plain}-{tag}.gguf"));
            let (blob, wanted) = (stored.blob, Some(arguments.sha256.unwrap_or(stored.sha256)));
            let copying = move || pull::copy(&blob, &folder, &file, wanted, &progress);
            (tokio::task::spawn_blocking(copying).await??, stored.licence)
        }
        Source::File(path) => {
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
            let name = name.context("the path names no file")?;
            let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
            let (path, folder, wanted) = (path.clone(), folder.join(stem), arguments.sha256);
            let copying = move || pull::copy(&path, &folder, &name, wanted, &progress);
            (tokio::task::spawn_blocking(copying).await??, None)
        }
    };
    bar.finish_and_clear();
    let card = match of_catalog {
        Some(model) => Some(write_card(model, &fetched)?),
        None => None,
    };
    Ok(Pulled { fetched, licence, card })
}

/// Puts a card beside a model of the catalogue, unless its owner has put one there.
fn write_card(model: &Known, fetched: &Fetched) -> anyhow::Result<PathBuf> {
    let path = fetched.path.with_file_name(catalog::CARD_NAME);
    if !path.exists() {
        let file =
            fetched.path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let text = catalog::card_text(model, &file, &fetched.sha256.to_string())?;
        std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(path)
}
