//! `ledger verify`: whether receipts carry the signatures that they should.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use polymath_swarm::identity::{PeerKey, unhex};
use polymath_swarm::ledger::{Entry, RECEIPT_BYTES, Receipt, State, Version};
use serde::Deserialize;
use serde_json::json;

use super::super::{Json, terminal};

/// Bytes of a line: a receipt and what goes with it has some 1,500.
const LINE_BYTES_MAX: u64 = 16 * 1024;

/// What `ledger verify` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  daemon ledger export | daemon ledger verify -
  daemon ledger verify receipts.jsonl --json

Anybody can check them: no node and no trust in whoever exported them are needed. Exits with 1 at
the first receipt whose signatures are not those of the two nodes that it names.")]
pub(in crate::cli) struct Arguments {
    /// Receipts, as `daemon ledger export` writes them; - reads standard input
    #[arg(value_name = "FILE.jsonl")]
    file: PathBuf,
    #[command(flatten)]
    json: Json,
}

#[derive(Deserialize)]
struct Line {
    own: String,
    state: String,
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
    for number in 1_u64.. {
        let mut text = String::new();
        if lines.by_ref().take(LINE_BYTES_MAX).read_line(&mut text)? == 0 {
            break;
        }
        match checked(&text).with_context(|| format!("line {number}"))? {
            State::Open => counts.open += 1,
            State::Settled { .. } => counts.settled += 1,
            State::Disputed { .. } => counts.disputed += 1,
        }
    }
    Ok(counts)
}

fn checked(text: &str) -> anyhow::Result<State> {
    let line: Line =
        serde_json::from_str(text).context("this is no receipt: take what `daemon ledger export` writes")?;
    let own = PeerKey::from_did(&line.own).context("`own` is no did:key of a node")?;
    let ours = version(&line.receipt, &line.signature)?;
    let theirs = line.other_receipt.zip(line.other_signature).map(|(r, s)| version(&r, &s)).transpose()?;
    let state = match theirs {
        None => State::Open,
        Some(theirs) if theirs.receipt == ours.receipt => {
            State::Settled { countersignature: theirs.signature }
        }
        Some(theirs) => State::Disputed { theirs },
    };
    anyhow::ensure!(line.state == state.name(), "it is {}, not {}", state.name(), line.state);
    let Receipt { asker, expert, .. } = ours.receipt;
    anyhow::ensure!(own == asker || own == expert, "`own` is none of the two nodes of the receipt");
    Entry { ours, state }.verify(own).context("a signature is not that of its node")?;
    Ok(state)
}

fn version(receipt: &str, signature: &str) -> anyhow::Result<Version> {
    let bytes: [u8; RECEIPT_BYTES] = unhex(receipt).context("a receipt is not so many hexadecimal digits")?;
    let signature = unhex(signature).context("a signature is not 128 hexadecimal digits")?;
    Ok(Version { receipt: Receipt::from_bytes(&bytes)?, signature })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ed25519_dalek::SigningKey;
    use polymath_swarm::identity::{Sha256Hash, hex};

    fn line(
        state: &str,
        (own, other): (&SigningKey, &SigningKey),
        signer: &SigningKey,
        their_tokens: u32,
    ) -> String {
        let key = |of: &SigningKey| PeerKey(of.verifying_key().to_bytes());
        let receipt = Receipt {
            task_id: [1; 16],
            asker: key(own),
            expert: key(other),
            card: Sha256Hash([2; 32]),
            tokens: 5,
            price_micro: 1,
            price_micro_max: 1,
            at_ms: 3,
        };
        let theirs = Receipt { tokens: their_tokens, ..receipt };
        let object = json!({
            "own": key(own).to_did(),
            "state": state,
            "receipt": hex(&receipt.to_bytes()),
            "signature": hex(&receipt.sign(own)),
            "other_receipt": hex(&theirs.to_bytes()),
            "other_signature": hex(&theirs.sign(signer)),
        });
        format!("{object}\n")
    }

    #[test]
    fn what_both_signed_is_told_from_what_they_did_not() {
        let (own, other) = (SigningKey::from_bytes(&[1; 32]), SigningKey::from_bytes(&[2; 32]));
        let both = (&own, &other);
        let lines = line("settled", both, &other, 5) + &line("disputed", both, &other, 6);
        let counts = verified(lines.as_bytes()).unwrap();
        assert_eq!(counts, Counts { open: 0, settled: 1, disputed: 1 });
        let forged = line("settled", both, &own, 5);
        assert!(verified(forged.as_bytes()).is_err());
        let swapped = line("settled", both, &other, 6);
        assert!(verified(swapped.as_bytes()).is_err(), "it is disputed");
        assert!(verified("{}\n".as_bytes()).is_err());
        let long = "x".repeat(2 * LINE_BYTES_MAX as usize);
        assert!(verified(long.as_bytes()).is_err());
    }
}
