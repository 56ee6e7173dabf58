//! `ledger`: what the running node and others have delivered to each other.

mod verify;

use std::io::Write as _;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};

use super::session::{Session, wire};
use super::{Context, Json, terminal};
use crate::config::file::File;

/// Receipts fetched at a time.
const PAGE: u32 = 1_000;

/// What `ledger` does.
#[derive(Debug, Subcommand)]
#[command(after_help = "Examples:\n  daemon ledger show\n  daemon ledger export > receipts.jsonl")]
pub(super) enum Command {
    /// Show accounts and the latest receipts
    Show(Show),
    /// Print every receipt that is kept, with its signatures
    Export(Export),
    /// Check the signatures of exported receipts
    Verify(verify::Arguments),
}

/// What `ledger show` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  daemon ledger show
  daemon ledger show --json | jq '.accounts[] | select(.balance_micro < 0) | .node'

given: delivered to the other, as both have signed. taken: delivered by it. open: the other has
not signed yet. disputed: the two say different things; the smaller counts. Amounts are in
credits; prices are set by `price_micro` of an expert, 0 by default. Needs a running node.")]
pub(super) struct Show {
    /// At most so many receipts
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    limit: u32,
    #[command(flatten)]
    json: Json,
}

/// What `ledger export` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  daemon ledger export > receipts.jsonl
  daemon ledger export --format csv receipts.csv

Latest first. JSON lines carry both signatures, so that anybody can check them: see
`daemon ledger verify`. CSV is for spreadsheets. Needs a running node.")]
pub(super) struct Export {
    /// Where to; standard output unless said
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// What to write
    #[arg(long, value_enum, default_value_t = Format::Json)]
    format: Format,
}

/// A form that receipts are exported in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// One object a line
    Json,
    /// Comma-separated values, with a header
    Csv,
}

pub(super) async fn run(command: Command, context: Context) -> anyhow::Result<()> {
    match command {
        Command::Show(arguments) => show(arguments, context).await,
        Command::Export(arguments) => export(arguments, context).await,
        Command::Verify(arguments) => verify::run(&arguments),
    }
}

async fn show(arguments: Show, context: Context) -> anyhow::Result<()> {
    let loaded = context.load(File::default())?;
    let session = Session::running(&loaded.config).await?;
    let ledger = context.unless_cancelled(session.node().ledger(0, arguments.limit)).await??;
    if arguments.json.json {
        return terminal::json(&json!({
            "own": ledger.own,
            "accounts": ledger.accounts.iter().map(account).collect::<Vec<_>>(),
            "receipts": ledger.entries.iter().map(|entry| object(&ledger.own, entry)).collect::<Vec<_>>(),
        }));
    }
    if ledger.accounts.is_empty() {
        return Ok(terminal::line("no receipts yet: each task of another node, or for one, leaves one")?);
    }
    let style = terminal::Style::detect();
    let headers = ["NODE", "TIER", "GIVEN", "TAKEN", "BALANCE", "MAY OWE", "OPEN", "DISPUTED"];
    let rows: Vec<Vec<String>> = ledger.accounts.iter().map(account_row).collect();
    terminal::say(&terminal::table(style, &headers, &rows))?;
    let headers = ["NUMBER", "NODE", "SIDE", "TOKENS", "AMOUNT", "STATE", "TASK"];
    let rows: Vec<Vec<String>> = ledger.entries.iter().map(entry_row).collect();
    Ok(terminal::say(&format!("\n{}", terminal::table(style, &headers, &rows)))?)
}

fn account_row(of: &wire::Account) -> Vec<String> {
    let open = of.claimed_micro.saturating_add(of.owed_micro);
    vec![
        terminal::short_peer(&of.peer_id),
        of.tier.clone(),
        format!("{} tokens", of.given_tokens),
        format!("{} tokens", of.taken_tokens),
        credits(i128::from(of.balance_micro)),
        credits(of.credit_micro.into()),
        credits(open.into()),
        credits(of.disputed_micro.into()),
    ]
}

fn entry_row(of: &wire::LedgerEntry) -> Vec<String> {
    vec![
        of.number.to_string(),
        of.node.clone(),
        of.side.clone(),
        of.tokens.to_string(),
        credits(i128::from(of.price_micro) * i128::from(of.tokens)),
        of.state.clone(),
        of.id.chars().take(12).collect(),
    ]
}

/// Millionths as credits, without needless zeros.
fn credits(micro: i128) -> String {
    let sign = if micro < 0 { "-" } else { "" };
    let (whole, rest) = (micro.unsigned_abs() / 1_000_000, micro.unsigned_abs() % 1_000_000);
    let digits = format!("{sign}{whole}.{rest:06}");
    digits.trim_end_matches('0').trim_end_matches('.').to_owned()
}

async fn export(arguments: Export, context: Context) -> anyhow::Result<()> {
    let loaded = context.load(File::default())?;
    let session = Session::running(&loaded.config).await?;
    let mut file = match &arguments.file {
        Some(path) => {
            let made = std::fs::File::create(path);
            Some(std::io::BufWriter::new(made.with_context(|| format!("cannot write {}", path.display()))?))
        }
        None => None,
    };
    let mut put = |text: &str| -> anyhow::Result<()> {
        match &mut file {
            Some(file) => Ok(file.write_all(text.as_bytes())?),
            None => Ok(terminal::say(text)?),
        }
    };
    if arguments.format == Format::Csv {
        put("number,at_ms,side,state,node,tokens,price_micro,amount_micro,id\n")?;
    }
    let (mut before, mut count) = (0, 0);
    loop {
        let page = context.unless_cancelled(session.node().ledger(before, PAGE)).await??;
        let Some(last) = page.entries.last() else { break };
        before = last.number;
        count += page.entries.len();
        for entry in &page.entries {
            put(&match arguments.format {
                Format::Json => format!("{}\n", object(&page.own, entry)),
                Format::Csv => csv(entry),
            })?;
        }
        if before <= 1 {
            break;
        }
    }
    if let Some(mut file) = file {
        file.flush()?;
        file.get_ref().sync_all()?;
        terminal::note(&format!("{count} receipts written"));
    }
    Ok(())
}

/// No field of these needs quotes.
fn csv(of: &wire::LedgerEntry) -> String {
    let amount = u128::from(of.price_micro) * u128::from(of.tokens);
    let wire::LedgerEntry { number, at_ms, side, state, node, tokens, price_micro, id, .. } = of;
    format!("{number},{at_ms},{side},{state},{node},{tokens},{price_micro},{amount},{id}\n")
}

fn account(of: &wire::Account) -> Value {
    json!({
        "node": of.node,
        "peer_id": of.peer_id,
        "tier": of.tier,
        "credit_micro": of.credit_micro,
        "given_tokens": of.given_tokens,
        "given_micro": of.given_micro,
        "taken_tokens": of.taken_tokens,
        "taken_micro": of.taken_micro,
        "balance_micro": of.balance_micro,
        "claimed_micro": of.claimed_micro,
        "owed_micro": of.owed_micro,
        "disputed_micro": of.disputed_micro,
        "receipts": of.receipts,
    })
}

fn object(own: &str, of: &wire::LedgerEntry) -> Value {
    let none_if_empty = |text: &String| (!text.is_empty()).then(|| text.clone());
    json!({
        "number": of.number,
        "id": of.id,
        "own": own,
        "node": of.node,
        "side": of.side,
        "state": of.state,
        "card_sha256": of.card_sha256,
        "tokens": of.tokens,
        "price_micro": of.price_micro,
        "price_micro_max": of.price_micro_max,
        "at_ms": of.at_ms,
        "receipt": of.receipt,
        "signature": of.signature,
        "other_receipt": none_if_empty(&of.other_receipt),
        "other_signature": none_if_empty(&of.other_signature),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credits_are_written_as_people_write_them() {
        let cases = [(0, "0"), (1, "0.000001"), (-1_500_000, "-1.5"), (10_000_000, "10"), (100, "0.0001")];
        for (micro, text) in cases {
            assert_eq!(credits(micro), text);
        }
    }
}
