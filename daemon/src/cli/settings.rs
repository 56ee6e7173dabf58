//! `config`: whether the settings hold, and what they come to.

use clap::{Args, Subcommand};

use super::{Context, Json, terminal};
use crate::catalog;
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

Exits with 6 if the settings are wrong.")]
pub(super) struct Check {}

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

pub(super) fn run(command: &Command, context: &Context) -> anyhow::Result<()> {
    let loaded = context.load(File::default())?;
    let source = loaded.file.as_ref().map_or_else(|| "no file".to_owned(), |path| path.display().to_string());
    match command {
        Command::Check(_) => {
            let entries = catalog::resolve_all(loaded.config.experts.iter().map(|e| &e.source))?;
            for (entry, expert) in entries.iter().zip(&loaded.config.experts) {
                anyhow::ensure!(
                    // A server's model is no file of this machine.
                    expert.service.is_some() || entry.model_path.is_file(),
                    "expert {}: no file {}",
                    entry.id,
                    entry.model_path.display()
                );
            }
            loaded.config.api.ports().check()?;
            Ok(terminal::line(&format!("ok: {source}, {} experts", entries.len()))?)
        }
        Command::Show(show) if show.json.json => terminal::json(&loaded.config.shown()),
        Command::Show(_) => {
            let text = toml::to_string_pretty(&loaded.config.shown())?;
            Ok(terminal::say(&format!("# from {source}, the environment and defaults\n{text}"))?)
        }
    }
}
