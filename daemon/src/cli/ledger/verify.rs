//! `ledger verify`: whether receipts carry the signatures that they should, and show what was signed.

use std::collections::HashMap;
use std::fmt::Debug;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use polymath_swarm::identity::{PeerKey, unhex};
use polymath_swarm::ledger::{Entry, RECEIPT_BYTES, Receipt, State, Version};
use polymath_swarm::sanitise;
use serde::Deserialize;
use serde_json::json;

use super::super::{Json, terminal};

/// Bytes of a line: a receipt and what goes with it has some 1,500.
const LINE_BYTES_MAX: u64 = 16 * 1024;
/// What is said of a line that has another form.
const NO_RECEIPT: &str = "this is no receipt: take the JSON lines that `daemon ledger export` writes";

/// What `ledger verify` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  daemon ledger export | daemon ledger verify -
  daemon ledger verify receipts.jsonl --json

Anybody can check them: no node and no trust in whoever exported them are needed. Exits with 1 at
the first receipt whose signatures are not those of the two nodes that it names, that shows anything
else than they signed, or that comes a second time; and if there is none at all. Nobody signs
`number`: it is the exporter's own count.")]
pub(in crate::cli) struct Arguments {
    /// Receipts, as `daemon ledger export` writes them; - reads standard input
    #[arg(value_name = "FILE.jsonl")]
    file: PathBuf,
    #[command(flatten)]
    json: Json,
}

/// One receipt as it is exported: what is shown in clear, and what was signed. A field of another name would be signed by nobody.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    #[serde(rename = "number")]
    _number: u64,
    id: String,
    own: String,
    node: String,
    side: String,
    state: String,
    card_sha256: String,
    tokens: u64,
    price_micro: u64,
    price_micro_max: u64,
    at_ms: u64,
    receipt: String,
    signature: String,
    other_receipt: Option<String>,
    other_signature: Option<String>,
}

/// How many of each there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counts {
    open: u64,
    settled: u64,
    disputed: u64,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let what = || format!("cannot read {}", arguments.file.display());
    let counts = if arguments.file.as_os_str() == "-" {
        verified(std::io::stdin().lock())?
    } else {
        verified(BufReader::new(std::fs::File::open(&arguments.file).with_context(what)?))?
    };
    let Counts { open, settled, disputed } = counts;
    if arguments.json.json {
        return terminal::json(&json!({ "open": open, "settled": settled, "disputed": disputed }));
    }
    let style = terminal::Style::detect();
    let said = format!("{settled} signed by both, {disputed} disputed, {open} not answered yet");
    Ok(terminal::line(&format!("{} {said}", style.good("ok")))?)
}

fn verified(mut lines: impl std::io::BufRead) -> anyhow::Result<Counts> {
    let mut counts = Counts::default();
    // Where each receipt is: some 40 bytes for a line of 1,500.
    let mut lines_by_id = HashMap::new();
    for number in 1_u64.. {
        let which = || format!("line {number}");
        let mut text = String::new();
        let read = lines.by_ref().take(LINE_BYTES_MAX).read_line(&mut text);
        if read.with_context(which)? == 0 {
            anyhow::ensure!(number > 1, "there is no receipt to check: the input is empty");
            break;
        }
        let entry = checked(&text).with_context(which)?;
        if let Some(first) = lines_by_id.insert(entry.ours.receipt.id(), number) {
            anyhow::bail!("line {number}: this is the receipt of line {first} once more");
        }
        match entry.state {
            State::Open => counts.open += 1,
            State::Settled { .. } => counts.settled += 1,
            State::Disputed { .. } => counts.disputed += 1,
        }
    }
    Ok(counts)
}

fn checked(text: &str) -> anyhow::Result<Entry> {
    let line = parsed(text).context(NO_RECEIPT)?;
    let own = PeerKey::from_did(&line.own).context("`own` is no did:key of a node")?;
    let ours = version(&line.receipt, &line.signature)?;
    let state = match (&line.other_receipt, &line.other_signature) {
        (None, None) => State::Open,
        (Some(receipt), Some(signature)) => match version(receipt, signature)? {
            theirs if theirs.receipt == ours.receipt => State::Settled { countersignature: theirs.signature },
            theirs => State::Disputed { theirs },
        },
        _ => anyhow::bail!("`other_receipt` and `other_signature` go together"),
    };
    let Receipt { asker, expert, .. } = ours.receipt;
    anyhow::ensure!(asker != expert, "the two nodes of the receipt are one and the same");
    anyhow::ensure!(own == asker || own == expert, "`own` is none of the two nodes of the receipt");
    let entry = Entry { ours, state };
    entry.verify(own).context("a signature is not that of its node")?;
    shows_what_was_signed(&line, &entry, own)?;
    Ok(entry)
}

fn parsed(text: &str) -> anyhow::Result<Line> {
    let mut json = serde_json::Deserializer::from_str(text);
    let line: Result<Line, _> = serde_path_to_error::deserialize(&mut json);
    // The reason may quote what a stranger wrote.
    let line = line.map_err(|error| anyhow::anyhow!(sanitise::output(&error.to_string())))?;
    json.end()?;
    Ok(line)
}

fn version(receipt: &str, signature: &str) -> anyhow::Result<Version> {
    let bytes: [u8; RECEIPT_BYTES] = unhex(receipt).context("a receipt is not so many hexadecimal digits")?;
    let signature = unhex(signature).context("a signature is not 128 hexadecimal digits")?;
    Ok(Version { receipt: Receipt::from_bytes(&bytes)?, signature })
}

/// Compares all that a line shows in clear with `entry`, whose signatures are right.
fn shows_what_was_signed(line: &Line, entry: &Entry, own: PeerKey) -> anyhow::Result<()> {
    let signed = entry.ours.receipt;
    let side = if entry.has_given(own) { "given" } else { "taken" };
    same("state", line.state.as_str(), entry.state.name())?;
    same("id", line.id.as_str(), signed.id().to_string().as_str())?;
    same("side", line.side.as_str(), side)?;
    same("node", line.node.as_str(), entry.other(own).to_did().as_str())?;
    same("card_sha256", line.card_sha256.as_str(), signed.card.to_string().as_str())?;
    same("tokens", &line.tokens, &u64::from(signed.tokens))?;
    same("price_micro", &line.price_micro, &signed.price_micro)?;
    same("price_micro_max", &line.price_micro_max, &signed.price_micro_max)?;
    same("at_ms", &line.at_ms, &signed.at_ms)
}

fn same<T: Debug + PartialEq + ?Sized>(field: &str, shown: &T, signed: &T) -> anyhow::Result<()> {
    anyhow::ensure!(shown == signed, "`{field}` is {signed:?} by what was signed, not {shown:?}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ed25519_dalek::SigningKey;
    use polymath_swarm::identity::{Sha256Hash, hex};
    use serde_json::Value;

    fn keys() -> (SigningKey, SigningKey) {
        (SigningKey::from_bytes(&[1; 32]), SigningKey::from_bytes(&[2; 32]))
    }

    fn public(of: &SigningKey) -> PeerKey {
        PeerKey(of.verifying_key().to_bytes())
    }

    /// What the asker of a task of five tokens exports, if the other has signed so many, by `signer`.
    fn line(task: u8, signer: &SigningKey, their_tokens: u32) -> Value {
        let (own, other) = keys();
        let receipt = Receipt {
            task_id: [task; 16],
            asker: public(&own),
            expert: public(&other),
            card: Sha256Hash([2; 32]),
            tokens: 5,
            price_micro: 1,
            price_micro_max: 2,
            at_ms: 3,
        };
        let theirs = Receipt { tokens: their_tokens, ..receipt };
        json!({
            "number": 7,
            "id": receipt.id().to_string(),
            "own": public(&own).to_did(),
            "node": public(&other).to_did(),
            "side": "taken",
            "state": if their_tokens == 5 { "settled" } else { "disputed" },
            "card_sha256": receipt.card.to_string(),
            "tokens": 5,
            "price_micro": 1,
            "price_micro_max": 2,
            "at_ms": 3,
            "receipt": hex(&receipt.to_bytes()),
            "signature": hex(&receipt.sign(&own)),
            "other_receipt": hex(&theirs.to_bytes()),
            "other_signature": hex(&theirs.sign(signer)),
        })
    }

    fn with(mut line: Value, field: &str, value: Value) -> Value {
        line[field] = value;
        line
    }

    fn verified_of(lines: &[Value]) -> anyhow::Result<Counts> {
        let text: Vec<String> = lines.iter().map(|line| format!("{line}\n")).collect();
        verified(text.concat().as_bytes())
    }

    fn complaint(lines: &[Value]) -> String {
        format!("{:#}", verified_of(lines).unwrap_err())
    }

    #[test]
    fn what_both_signed_is_told_from_what_they_did_not() {
        let (own, other) = keys();
        let open = with(line(3, &other, 5), "other_receipt", Value::Null);
        let open = with(with(open, "other_signature", Value::Null), "state", json!("open"));
        let lines = [line(1, &other, 5), line(2, &other, 6), open];
        assert_eq!(verified_of(&lines).unwrap(), Counts { open: 1, settled: 1, disputed: 1 });
        assert!(complaint(&[line(1, &own, 5)]).contains("a signature is not that of its node"));
        let half = with(line(1, &other, 5), "other_signature", Value::Null);
        assert!(complaint(&[half]).contains("go together"));
        assert!(verified("{}\n".as_bytes()).is_err());
        let long = "x".repeat(2 * LINE_BYTES_MAX as usize);
        assert!(verified(long.as_bytes()).is_err());
        assert!(verified(&b"\xff\n"[..]).unwrap_err().to_string().contains("line 1"));
    }

    #[test]
    fn a_line_that_shows_something_else_than_was_signed_is_a_fault() {
        let (own, other) = keys();
        let changes = [
            ("state", json!("disputed")),
            ("id", json!("00".repeat(32))),
            ("side", json!("given")),
            ("node", json!(public(&own).to_did())),
            ("card_sha256", json!("00".repeat(32))),
            ("tokens", json!(500)),
            ("tokens", json!("5")),
            ("price_micro", json!(9)),
            ("price_micro_max", json!(9)),
            ("at_ms", json!(4)),
            ("amount_micro", json!(5)),
        ];
        for (field, value) in changes {
            let changed = with(line(2, &other, 5), field, value);
            let said = complaint(&[line(1, &other, 5), changed]);
            assert!(said.contains("line 2") && said.contains(field), "{field}: {said}");
        }
        let mut short = line(1, &other, 5);
        short.as_object_mut().unwrap().remove("price_micro");
        assert!(complaint(&[short]).contains("price_micro"));
        let counted = with(line(1, &other, 5), "number", json!(8));
        assert!(verified_of(&[counted]).is_ok(), "nobody signs the exporter's count");
        let escape = with(line(1, &other, 5), "\u{1b}[31m", json!(1));
        assert!(!complaint(&[escape]).contains('\u{1b}'), "a stranger's text does nothing to the terminal");
    }

    #[test]
    fn nothing_counts_twice_and_nothing_is_not_ok() {
        let (_, other) = keys();
        let twice = complaint(&[line(1, &other, 5), line(2, &other, 5), line(1, &other, 6)]);
        assert!(twice.contains("line 3") && twice.contains("line 1"), "{twice}");
        assert!(complaint(&[]).contains("empty"));
    }
}
