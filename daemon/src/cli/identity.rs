//! `identity`: who this node is to others.

use clap::{Args, Subcommand};
use serde_json::json;

use super::ask::hex;
use super::{Context, Json, terminal};
use crate::config::file::File;
use crate::network::{IDENTITY_FILE, Identity};

/// What `identity` does.
#[derive(Debug, Subcommand)]
#[command(after_help = "Examples:\n  daemon identity show\n  daemon identity show --json")]
pub(super) enum Command {
    /// Show the peer id, the DID and the public key (never the secret one)
    Show(Show),
}

/// What `identity show` takes.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  daemon identity show\n  daemon identity show --json | jq -r .peer_id")]
pub(super) struct Show {
    #[command(flatten)]
    json: Json,
}

pub(super) fn run(command: &Command, context: &Context) -> anyhow::Result<()> {
    let Command::Show(arguments) = command;
    let loaded = context.load(File::default())?;
    let state_dir = &loaded.config.node.state_dir;
    let file = state_dir.join(IDENTITY_FILE);
    anyhow::ensure!(
        file.exists(),
        "no identity yet in {}: the first `daemon run` makes it",
        state_dir.display()
    );
    let identity = Identity::load_or_create(state_dir)?;
    let (peer_id, key, did) = (identity.peer_id(), hex(&identity.peer().0), identity.peer().to_did());
    if arguments.json.json {
        return terminal::json(&json!({ "peer_id": peer_id, "did": did, "public_key": key, "file": file }));
    }
    let text = format!(
        "peer id     {peer_id}\nDID         {did}\npublic key  {key} (Ed25519)\nfile        {}\n",
        file.display()
    );
    Ok(terminal::say(&text)?)
}
