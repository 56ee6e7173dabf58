//! `identity`: who this node is to others.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;

use anyhow::Context as _;
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
    /// Print the DID document for others, or copy the secret key to take this identity elsewhere
    Export(Export),
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

/// What `identity export` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  daemon identity export > node.did.json
  daemon identity export --secret /media/stick/identity.key

The DID document (W3C) holds the public key alone. With --secret the key itself is written to a
new file that only you can read: whoever has it is this node to everybody. To take the identity to
another machine, stop the node here, and put the file as identity.key into the state folder there.")]
pub(super) struct Export {
    /// Write the secret key to this new file
    #[arg(long, value_name = "FILE")]
    secret: Option<PathBuf>,
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
        Command::Export(arguments) => export(&arguments, &context),
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

/// The node's identity and its file; an error if there is none.
fn identity(context: &Context) -> anyhow::Result<(Identity, PathBuf)> {
    let loaded = context.load(File::default())?;
    let state_dir = &loaded.config.node.state_dir;
    let file = state_dir.join(IDENTITY_FILE);
    anyhow::ensure!(
        file.exists(),
        "no identity yet in {}: the first `daemon run` makes it",
        state_dir.display()
    );
    Ok((Identity::load_or_create(state_dir)?, file))
}

fn export(arguments: &Export, context: &Context) -> anyhow::Result<()> {
    let (identity, file) = identity(context)?;
    let Some(target) = &arguments.secret else {
        return terminal::json(&did_document(&identity.peer().to_did()));
    };
    let what = || format!("cannot write {}", target.display());
    let secret = std::fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
    let mut made = std::fs::OpenOptions::new();
    let mut copy = made.write(true).create_new(true).mode(0o600).open(target).with_context(what)?;
    copy.write_all(&secret).and_then(|()| copy.sync_all()).with_context(what)?;
    terminal::note("whoever has this file is this node to everybody");
    Ok(terminal::line(&format!("{} written to {}", identity.peer().to_did(), target.display()))?)
}

/// The document of a `did:key` (W3C DID 1.0, did:key method): the one key signs and says who it is.
fn did_document(did: &str) -> serde_json::Value {
    let multibase = did.strip_prefix("did:key:").unwrap_or(did);
    let method = format!("{did}#{multibase}");
    json!({
        "@context": ["https://www.w3.org/ns/did/v1", "https://w3id.org/security/multikey/v1"],
        "id": did,
        "verificationMethod": [
            { "id": method, "type": "Multikey", "controller": did, "publicKeyMultibase": multibase }
        ],
        "authentication": [method],
        "assertionMethod": [method],
    })
}

fn show(arguments: &Show, context: &Context) -> anyhow::Result<()> {
    let (identity, file) = identity(context)?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_is_that_of_the_method_s_own_example() {
        let did = "did:key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp";
        let document = did_document(did);
        let method = &document["verificationMethod"][0];
        assert_eq!(method["publicKeyMultibase"], "z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp");
        assert_eq!(method["id"], format!("{did}#z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp"));
        assert_eq!(document["assertionMethod"][0], method["id"]);
    }
}
