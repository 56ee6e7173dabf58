//! `identity`: who this node is to others.

use clap::{Args, Subcommand};
use serde_json::json;

use super::ask::hex;
use super::session::Session;
use super::{Context, Json, terminal};
use crate::config::file::File;
use crate::network::{IDENTITY_FILE, Identity};

/// What `identity` does.
#[derive(Debug, Subcommand)]
#[command(after_help = "Examples:\n  daemon identity show\n  daemon identity endorse did:key:z6Mk...")]
pub(super) enum Command {
    /// Show the peer id, the DID and the public key (never the secret one)
    Show(Show),
    /// Vouch for another node: its experts are trusted as long as nothing speaks against them
    Endorse(Endorse),
}

/// What `identity endorse` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  daemon identity endorse did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK
  daemon identity endorse 12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA --revoke

Signed and told to the swarm: nodes whose owner vouches for yours take it as a recommendation.
Needs a running node.")]
pub(super) struct Endorse {
    /// Its did:key or peer id, as `daemon identity show` prints them there
    #[arg(value_name = "NODE")]
    node: String,
    /// Vouch for it no more
    #[arg(long)]
    revoke: bool,
    #[command(flatten)]
    json: Json,
}

/// What `identity show` takes.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  daemon identity show\n  daemon identity show --json | jq -r .peer_id")]
pub(super) struct Show {
    #[command(flatten)]
    json: Json,
}

pub(super) async fn run(command: Command, context: Context) -> anyhow::Result<()> {
    match command {
        Command::Show(arguments) => show(&arguments, &context),
        Command::Endorse(arguments) => endorse(arguments, context).await,
    }
}

async fn endorse(arguments: Endorse, context: Context) -> anyhow::Result<()> {
    let loaded = context.load(File::default())?;
    let session = Session::running(&loaded.config).await?;
    let endorsing = session.node().endorse(&arguments.node, arguments.revoke);
    let reply = context.unless_cancelled(endorsing).await??;
    if arguments.json.json {
        return terminal::json(
            &json!({ "node": reply.node, "endorsed": !arguments.revoke, "changed": reply.changed }),
        );
    }
    let said = match (arguments.revoke, reply.changed) {
        (false, true) => "is vouched for now",
        (false, false) => "was vouched for already",
        (true, true) => "is not vouched for any more",
        (true, false) => "was not vouched for",
    };
    Ok(terminal::line(&format!("{} {said}", reply.node))?)
}

fn show(arguments: &Show, context: &Context) -> anyhow::Result<()> {
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
