//! `audit verify`: whose signatures an audit rests on, and whether they contradict each other. Nothing else of an audit is signed,
//! so nothing else is told as checked.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use polymath_swarm::identity::{PeerKey, Sha256Hash, unhex};
use polymath_swarm::task::Commitment;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Value, json};

use super::super::{Json, terminal};

/// Bytes of an audit: it has some twenty short fields.
const BYTES_MAX: u64 = 64 * 1024;
/// What is said beside what was checked.
const UNSIGNED: &str = "expert, model and figures are the auditor's word: no signature covers them";

/// What `audit verify` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  daemon audit log --json | jq '.audits[0]' | daemon audit verify -
  daemon audit verify audit.json

Anybody can check it: no node, no model and no trust in whoever made the audit are needed.
Signed are the node, the task, and the hashes of transcript and evidence; which expert and
model it was and what the figures say is the auditor's word. Only a contradiction is a proof: the
node signed two things that cannot both be. Exits with 1 if a signature is not the node's.")]
pub(in crate::cli) struct Arguments {
    /// One audit, as `daemon audit log --json` lists it; - reads standard input
    #[arg(value_name = "FILE.json")]
    file: PathBuf,
    #[command(flatten)]
    json: Json,
}

#[derive(Deserialize)]
struct Audit {
    node: String,
    signed: Option<Signed>,
    /// Whatever else it says.
    #[serde(flatten)]
    unsigned: BTreeMap<String, IgnoredAny>,
}

#[derive(Deserialize)]
struct Signed {
    task_id: String,
    run_id: String,
    transcript: String,
    evidence: String,
    signature: String,
    opened: Option<String>,
    opened_signature: Option<String>,
}

/// What the signatures say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verified {
    Committed,
    Opened,
    Contradiction,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let mut text = String::new();
    let what = || format!("cannot read {}", arguments.file.display());
    if arguments.file.as_os_str() == "-" {
        std::io::stdin().take(BYTES_MAX).read_to_string(&mut text).with_context(what)?;
    } else {
        let file = std::fs::File::open(&arguments.file).with_context(what)?;
        file.take(BYTES_MAX).read_to_string(&mut text).with_context(what)?;
    }
    let audit: Audit = serde_json::from_str(&text).context(
        "this is no audit: take one element of `daemon audit log --json`, as `jq '.audits[0]'` does",
    )?;
    let verified = verified(&audit)?;
    if arguments.json.json {
        return terminal::json(&object(&audit, verified));
    }
    let style = terminal::Style::detect();
    let node = &audit.node;
    let said = match verified {
        Verified::Committed => {
            format!("{} {node} signed this task; no opening of it is here", style.good("ok"))
        }
        Verified::Opened => {
            format!("{} {node} signed this task and opened what it had signed", style.good("ok"))
        }
        Verified::Contradiction => format!(
            "{} {node} signed two things that cannot both be: it is proven to have cheated",
            style.bad("PROOF")
        ),
    };
    Ok(terminal::line(&format!("{said}\n{}", style.dim(UNSIGNED)))?)
}

/// What the signatures cover, and the names of what they do not.
fn object(audit: &Audit, verified: Verified) -> Value {
    let signed = audit.signed.as_ref().map(|of| {
        json!({
            "task_id": of.task_id,
            "run_id": of.run_id,
            "transcript": of.transcript,
            "evidence": of.evidence,
        })
    });
    json!({
        "node": audit.node,
        "signed": signed,
        "opened": verified != Verified::Committed,
        "contradiction": verified == Verified::Contradiction,
        "auditors_word": audit.unsigned.keys().collect::<Vec<_>>(),
    })
}

/// Checks every signature.
fn verified(audit: &Audit) -> anyhow::Result<Verified> {
    let expert = PeerKey::from_did(&audit.node).context("`node` is no did:key of a node")?;
    let signed = audit.signed.as_ref().context("this audit has no signatures: the expert gave none")?;
    let commitment = Commitment {
        task_id: bytes(&signed.task_id, "task_id")?,
        run_id: bytes(&signed.run_id, "run_id")?,
        transcript: Sha256Hash(bytes(&signed.transcript, "transcript")?),
        evidence: Sha256Hash(bytes(&signed.evidence, "evidence")?),
        signature: bytes(&signed.signature, "signature")?,
    };
    commitment.verify(expert).context("the signature under the task is not this node's")?;
    let (opened, signature) = match (&signed.opened, &signed.opened_signature) {
        (None, None) => return Ok(Verified::Committed),
        (Some(opened), Some(signature)) => (opened, signature),
        _ => anyhow::bail!("`opened` and `opened_signature` go together"),
    };
    let opened = Sha256Hash(bytes(opened, "opened")?);
    let signature = bytes(signature, "opened_signature")?;
    commitment
        .verify_opening(expert, opened, signature)
        .context("the signature under what was opened is not this node's")?;
    Ok(if opened == commitment.evidence { Verified::Opened } else { Verified::Contradiction })
}

fn bytes<const N: usize>(text: &str, field: &str) -> anyhow::Result<[u8; N]> {
    unhex(text).with_context(|| format!("`{field}` is not {} hexadecimal digits", 2 * N))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ed25519_dalek::SigningKey;
    use polymath_swarm::audit::{Evidence, Reported};

    fn audit(opened: &Evidence) -> Audit {
        let key = SigningKey::from_bytes(&[7; 32]);
        let commitment =
            Commitment::sign(&key, [[1; 16], [2; 16]], Sha256Hash([2; 32]), Evidence::default().hash());
        let hex = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>();
        let signed = Signed {
            task_id: hex(&commitment.task_id),
            run_id: hex(&commitment.run_id),
            transcript: commitment.transcript.to_string(),
            evidence: commitment.evidence.to_string(),
            signature: hex(&commitment.signature),
            opened: Some(opened.hash().to_string()),
            opened_signature: Some(hex(&commitment.open(&key, opened))),
        };
        let node = PeerKey(key.verifying_key().to_bytes()).to_did();
        Audit { node, signed: Some(signed), unsigned: BTreeMap::from([("expert".to_owned(), IgnoredAny)]) }
    }

    #[test]
    fn what_was_signed_is_told_from_what_was_not() {
        let mut honest = audit(&Evidence::default());
        assert_eq!(verified(&honest).unwrap(), Verified::Opened);
        let other = Evidence { end: Some(Reported { id: 1, steps: 2, top: vec![] }), ..Evidence::default() };
        assert_eq!(verified(&audit(&other)).unwrap(), Verified::Contradiction);
        honest.node = PeerKey([3; 32]).to_did();
        assert!(verified(&honest).is_err(), "another node's");
        let mut forged = audit(&Evidence::default());
        if let Some(signed) = &mut forged.signed {
            signed.opened = Some("00".repeat(32));
        }
        assert!(verified(&forged).is_err());
        assert!(verified(&Audit { signed: None, ..audit(&other) }).is_err());
        let mut half = audit(&Evidence::default());
        if let Some(signed) = &mut half.signed {
            signed.opened_signature = None;
        }
        assert!(verified(&half).unwrap_err().to_string().contains("go together"));
        if let Some(signed) = &mut half.signed {
            signed.opened = None;
        }
        assert_eq!(verified(&half).unwrap(), Verified::Committed);
    }

    #[test]
    fn what_nobody_signed_is_named_and_not_repeated() {
        let honest = audit(&Evidence::default());
        let signed = honest.signed.as_ref().unwrap();
        let listed = json!({
            "number": 3, "expert": "forged", "node": honest.node, "model_sha256": "forged", "divergence": 0.5,
            "signed": {
                "task_id": signed.task_id, "run_id": signed.run_id, "transcript": signed.transcript,
                "evidence": signed.evidence, "signature": signed.signature,
                "opened": signed.opened, "opened_signature": signed.opened_signature,
            },
        });
        let read: Audit = serde_json::from_str(&listed.to_string()).unwrap();
        let told = object(&read, verified(&read).unwrap());
        assert_eq!(
            told,
            json!({
                "node": honest.node, "opened": true, "contradiction": false,
                "signed": {
                    "task_id": "01".repeat(16), "run_id": "02".repeat(16), "transcript": "02".repeat(32),
                    "evidence": signed.evidence,
                },
                "auditors_word": ["divergence", "expert", "model_sha256", "number"],
            })
        );
    }
}
