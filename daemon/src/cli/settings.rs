//! `config`: whether the settings hold, and what they come to.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{Context, Json, program, terminal};
use crate::catalog;
use crate::config::Loaded;
use crate::config::file::File;

/// What `config` does.
#[derive(Debug, Subcommand)]
#[command(after_help = "Examples:\n  daemon config check\n  daemon config show")]
pub(super) enum Command {
    /// Check the settings and the cards that they name
    Check(Check),
    /// Show the settings in force: flags over environment over file over defaults
    Show(Show),
}

/// What `config check` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  daemon config check
  daemon --config polymath.toml config check
  daemon config check --json | jq -r '.faults[]'

Exits with 6 if the settings are wrong.")]
pub(super) struct Check {
    #[command(flatten)]
    json: Json,
}

/// What `config show` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  daemon config show > polymath.toml
  daemon config show --json | jq .node.state_dir")]
pub(super) struct Show {
    #[command(flatten)]
    json: Json,
}

/// What was found sound.
struct Checked {
    /// The file that was read, if any.
    file: Option<PathBuf>,
    /// Experts that it names.
    experts: usize,
}

pub(super) fn run(command: &Command, context: &Context) -> anyhow::Result<()> {
    match command {
        Command::Check(check) => {
            let checked = checked(context);
            if check.json.json {
                terminal::json(&object(&checked))?;
                return checked.map(drop);
            }
            let Checked { file, experts } = checked?;
            Ok(terminal::line(&format!("ok: {}, {experts} experts", source(file.as_deref())))?)
        }
        Command::Show(show) => {
            let loaded = context.load(File::default())?;
            if show.json.json {
                return terminal::json(&loaded.config.shown());
            }
            let (from, text) =
                (source(loaded.file.as_deref()), toml::to_string_pretty(&loaded.config.shown())?);
            Ok(terminal::say(&format!("# from {from}, the environment and defaults\n{text}"))?)
        }
    }
}

fn source(file: Option<&Path>) -> String {
    file.map_or_else(|| "no file".to_owned(), |path| path.display().to_string())
}

fn checked(context: &Context) -> anyhow::Result<Checked> {
    let Loaded { config, file, .. } = context.load(File::default())?;
    let entries = catalog::resolve_all(config.experts.iter().map(|e| &e.source))?;
    for (entry, expert) in entries.iter().zip(&config.experts) {
        anyhow::ensure!(
            // A server's model is no file of this machine.
            expert.service.is_some() || entry.model_path.is_file(),
            "expert {}: no file {}",
            entry.id,
            entry.model_path.display()
        );
    }
    config.api.ports().check()?;
    Ok(Checked { file, experts: entries.len() })
}

/// The first fault is the only one that is looked for.
fn object(checked: &anyhow::Result<Checked>) -> Value {
    let fault = checked.as_ref().err().map(|error| program::named(&format!("{error:#}")).into_owned());
    let sound = checked.as_ref().ok();
    json!({
        "ok": sound.is_some(),
        "faults": fault.into_iter().collect::<Vec<_>>(),
        "file": sound.and_then(|of| of.file.as_ref()).map(|path| path.display().to_string()),
        "experts": sound.map(|of| of.experts),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio_util::sync::CancellationToken;

    fn checked_of(text: &str) -> (String, Value) {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("polymath.toml");
        std::fs::write(&config, text).unwrap();
        let state_dir = Some(folder.path().join("state"));
        let globals = super::super::Globals { config: Some(config.clone()), state_dir, ..Default::default() };
        let context = Context { globals, cancel: CancellationToken::new() };
        (config.display().to_string(), object(&checked(&context)))
    }

    #[test]
    fn sound_settings_have_no_faults() {
        let (config, told) = checked_of("[node]\nname = \"mine\"\n");
        assert_eq!(told, json!({ "ok": true, "faults": [], "file": config, "experts": 0 }));
    }

    #[test]
    fn a_fault_is_told_as_the_command_tells_it() {
        let (_, told) = checked_of("[node]\nlisten_adress = \"x\"\n");
        assert_eq!((&told["ok"], &told["experts"]), (&json!(false), &Value::Null));
        let fault = told["faults"][0].as_str().unwrap();
        assert!(fault.contains("did you mean `listen_address`?"), "{fault}");
        assert_eq!(told["faults"].as_array().unwrap().len(), 1);
    }
}
