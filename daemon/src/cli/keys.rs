//! `keys`: who may use this node over TCP. Works on the file in the state folder; a running node notices.

use clap::{Args, Subcommand};
use serde_json::json;

use super::exit::Usage;
use super::{Context, Json, terminal};
use crate::api::access::keys::{RATE_PER_MINUTE_MAX, Record, Scope, Wish};
use crate::api::access::store;
use crate::config::file::File;

/// What `keys` does.
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  daemon keys create phone
  daemon keys create dashboard --scope read
  daemon keys list
  daemon keys revoke abcdefgh

Without a key a node serves its own machine alone. With one, everything but /health needs one.
A running node notices a change within a second.")]
pub(super) enum Command {
    /// Make a key and show it, this once
    Create(Create),
    /// List the keys, without their secrets
    List(List),
    /// Revoke a key
    Revoke(Revoke),
}

/// What `keys create` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  daemon keys create phone
  daemon keys create class-7b --scope chat --rate 60/min
  export OPENAI_API_KEY=$(daemon keys create laptop --json | jq -r .key)

Scopes: chat (ask: completions, responses, embeddings), read (look: models, peers, plans, metrics), admin (all).")]
pub(super) struct Create {
    /// Whose it is, or what for
    name: String,
    /// What it may be used for, separated by commas
    #[arg(long, value_name = "SCOPES", value_delimiter = ',', default_value = "chat,read", value_parser = scope)]
    scope: Vec<Scope>,
    /// Requests a minute, like 60/min [default: no limit]
    #[arg(long, value_name = "N/min", value_parser = rate)]
    rate: Option<u32>,
    #[command(flatten)]
    json: Json,
}

/// What `keys list` takes.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  daemon keys list\n  daemon keys list --json | jq -r '.keys[].name'")]
pub(super) struct List {
    #[command(flatten)]
    json: Json,
}

/// What `keys revoke` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  daemon keys revoke abcdefgh
  daemon keys revoke abcdefgh --json | jq -r .name")]
pub(super) struct Revoke {
    /// The key's id, as `daemon keys list` shows it
    id: String,
    #[command(flatten)]
    json: Json,
}

pub(super) fn run(command: &Command, context: &Context) -> anyhow::Result<()> {
    let loaded = context.load(File::default())?;
    let path = &loaded.config.api.access.keys;
    match command {
        Command::Create(create) => {
            let wish = Wish {
                name: create.name.clone(),
                scopes: create.scope.clone(),
                rate_per_minute: create.rate,
            };
            wish.check().map_err(Usage)?;
            loaded.config.prepare_state_dir()?;
            let (record, key) = store::create(path, wish)?;
            if create.json.json {
                let mut told = object(&record);
                told["key"] = json!(key);
                return terminal::json(&told);
            }
            terminal::note(&format!("this is the only time that the key {} is shown:", record.id));
            Ok(terminal::line(&key)?)
        }
        Command::List(list) => {
            let records = store::read(path)?;
            if list.json.json {
                let keys: Vec<_> = records.iter().map(object).collect();
                return terminal::json(&json!({ "keys": keys }));
            }
            let rows: Vec<_> = records.iter().map(row).collect();
            let headers = ["ID", "NAME", "SCOPES", "RATE"];
            Ok(terminal::say(&terminal::table(terminal::Style::detect(), &headers, &rows))?)
        }
        Command::Revoke(revoke) => {
            // Nothing is made for a folder that is not there.
            if !path.exists() {
                return Err(store::Error::Unknown(revoke.id.clone()).into());
            }
            let (record, left) = store::revoke(path, &revoke.id)?;
            if revoke.json.json {
                terminal::json(&object(&record))?;
            } else {
                terminal::line(&format!("revoked {} ({})", record.id, record.name))?;
            }
            if left == 0 {
                terminal::note(
                    "no key is left: a node on a loopback address is open to its machine again, one on another \
                     address answers nobody",
                );
            }
            Ok(())
        }
    }
}

fn object(record: &Record) -> serde_json::Value {
    json!({
        "id": record.id,
        "name": record.name,
        "scopes": record.scopes,
        "rate_per_minute": record.rate_per_minute,
        "created": record.created,
    })
}

fn row(record: &Record) -> Vec<String> {
    let rate = record.rate_per_minute.map_or_else(|| "-".to_owned(), |rate| format!("{rate}/min"));
    let scopes: Vec<&str> = record.scopes.iter().map(|scope| scope.name()).collect();
    vec![record.id.clone(), record.name.clone(), scopes.join(","), rate]
}

fn scope(text: &str) -> Result<Scope, String> {
    Scope::named(text).ok_or_else(|| "write chat, read or admin".to_owned())
}

fn rate(text: &str) -> Result<u32, String> {
    let n = text.strip_suffix("/min").unwrap_or(text).parse();
    n.ok()
        .filter(|n| (1..=RATE_PER_MINUTE_MAX).contains(n))
        .ok_or_else(|| format!("write 1/min to {RATE_PER_MINUTE_MAX}/min"))
}

#[cfg(test)]
mod tests {
    use super::super::{Cli, Command as Any};
    use super::*;
    use clap::Parser as _;

    #[test]
    fn a_revoked_key_is_told_as_a_listed_one() {
        let cli = Cli::try_parse_from(["daemon", "keys", "revoke", "abcdefgh", "--json"]).unwrap();
        let Any::Keys(Command::Revoke(revoke)) = cli.command else { panic!("another command") };
        assert!(revoke.json.json);
        let wish = Wish { name: "phone".into(), scopes: vec![Scope::Chat], rate_per_minute: Some(60) };
        let (record, key) = Record::issue(wish, 7);
        let told = object(&record);
        assert_eq!(
            told,
            json!({ "id": record.id, "name": "phone", "scopes": ["chat"], "rate_per_minute": 60, "created": 7 })
        );
        assert!(!told.to_string().contains(&key), "the secret is shown once, when it is made");
    }
}
