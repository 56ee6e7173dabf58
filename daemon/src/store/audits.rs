//! Audits: a log of the latest, and what all of them say of each expert.

use super::{Error, ExpertKey, Store};
use polymath_swarm::audit::Suspicion;
use polymath_swarm::identity::{PeerKey, Sha256Hash};
use redb::{ReadableDatabase as _, ReadableTable as _, ReadableTableMetadata as _, TableDefinition};
use serde::{Deserialize, Serialize};

/// Node and model of an expert, and the auditor, to the evidence, the number of audits, and whether they convict.
pub(super) const SUSPICIONS: TableDefinition<'_, Place<'_>, (f64, u32, bool)> =
    TableDefinition::new("suspicions");
/// Numbered from 1, as JSON.
pub(super) const LOG: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("audits");
type Place<'a> = (&'a [u8; 32], &'a [u8; 32], &'a [u8; 32]);
/// Audits that the log holds: half a year of a household, ten megabytes.
const LOG_MAX: u64 = 10_000;

/// One audit, with what proves it. Neither prompt nor answer is in it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AuditRecord {
    /// Milliseconds since 1970.
    pub at_ms: u64,
    /// The expert's card.
    pub expert: String,
    /// Its node, as a DID.
    pub node: String,
    /// SHA-256 of the model file that it claims.
    pub model_sha256: String,
    /// Who computed the answer again, as a DID; absent where nobody could.
    pub auditor: Option<String>,
    /// `honest`, `doubtful`, `alarm`, `withheld` or `contradiction`.
    pub outcome: String,
    /// Mean divergence in nats a token; absent where nothing could be compared.
    pub divergence: Option<f64>,
    /// Positions compared.
    pub positions: u32,
    /// Tokens that the settings do not draw.
    pub out_of_place: u32,
    /// Whether the answer stops where nothing stops it.
    pub cut_off: bool,
    /// A bound on the chance that an honest expert's audit comes out like that.
    pub p: f64,
    /// Evidence against the expert after it, by this auditor's audits.
    pub evidence: f64,
    /// What all audits come to after it: `pass`, `fail` or `inconclusive`.
    pub finding: String,
    /// What the expert signed.
    pub signed: Option<SignedRecord>,
}

/// An expert's signatures under a task, in hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedRecord {
    /// The task, as expert and auditor name it.
    pub task_id: String,
    /// The one execution of it.
    pub run_id: String,
    /// Hash of the transcript.
    pub transcript: String,
    /// Hash of the evidence that it committed to.
    pub evidence: String,
    /// Under these three.
    pub signature: String,
    /// Hash of the evidence that it opened, and its signature under task, transcript and that.
    pub opened: Option<(String, String)>,
}

/// Evidence about one expert by one auditor.
pub type SuspicionRow = (ExpertKey, PeerKey, Suspicion);

impl Store {
    /// What all audits say.
    pub fn suspicions(&self) -> Result<Vec<SuspicionRow>, Error> {
        self.read(|database| {
            let table = database.begin_read()?.open_table(SUSPICIONS)?;
            let mut all = Vec::new();
            for row in table.iter()? {
                let (key, value) = row?;
                let (peer, model, auditor) = key.value();
                let expert = (PeerKey(*peer), Sha256Hash(*model));
                all.push((expert, PeerKey(*auditor), Suspicion::from_parts(value.value())));
            }
            Ok(all)
        })
    }

    /// Adds an audit to the log, and sets what `auditor`'s audits say of the expert; returns its number.
    pub fn add_audit(&self, row: SuspicionRow, record: &AuditRecord) -> Result<u64, Error> {
        let ((peer, model), auditor, suspicion) = row;
        // A record has no map with keys that JSON cannot have, and no float that is not finite.
        let json = serde_json::to_vec(record).unwrap_or_default();
        self.write(|change| {
            let mut table = change.open_table(SUSPICIONS)?;
            table.insert((&peer.0, &model.0, &auditor.0), suspicion.parts())?;
            let mut log = change.open_table(LOG)?;
            let number = log.last()?.map_or(0, |(number, _)| number.value()) + 1;
            log.insert(number, &json[..])?;
            while log.len()? > LOG_MAX {
                log.pop_first()?;
            }
            Ok(number)
        })
    }

    /// The latest audits, latest first, with their numbers. Rows that cannot be read are left out.
    pub fn audits(&self, most: usize) -> Result<Vec<(u64, AuditRecord)>, Error> {
        self.read(|database| {
            let log = database.begin_read()?.open_table(LOG)?;
            let mut all = Vec::new();
            for row in log.iter()?.rev().take(most) {
                let (number, json) = row?;
                if let Ok(record) = serde_json::from_slice(json.value()) {
                    all.push((number.value(), record));
                }
            }
            Ok(all)
        })
    }

    /// One audit by its number.
    pub fn audit(&self, number: u64) -> Result<Option<AuditRecord>, Error> {
        self.read(|database| {
            let log = database.begin_read()?.open_table(LOG)?;
            Ok(log.get(number)?.and_then(|json| serde_json::from_slice(json.value()).ok()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(expert: &str) -> AuditRecord {
        AuditRecord {
            at_ms: 5,
            expert: expert.to_owned(),
            node: "did:key:z".to_owned(),
            model_sha256: "00".to_owned(),
            auditor: None,
            outcome: "honest".to_owned(),
            divergence: Some(1e-9),
            positions: 30,
            out_of_place: 0,
            cut_off: false,
            p: 0.5,
            evidence: 1.0,
            finding: "pass".to_owned(),
            signed: None,
        }
    }

    #[test]
    fn audits_outlive_the_process_and_the_log_is_bounded() {
        let folder = tempfile::tempdir().unwrap();
        let expert = (PeerKey([1; 32]), Sha256Hash([2; 32]));
        let mut suspicion = Suspicion::default();
        suspicion.add(1e-9);
        {
            let store = Store::open(folder.path(), Sha256Hash::default()).unwrap();
            assert_eq!(store.add_audit((expert, PeerKey([3; 32]), suspicion), &record("a")).unwrap(), 1);
            assert_eq!(store.add_audit((expert, PeerKey([3; 32]), suspicion), &record("b")).unwrap(), 2);
        }
        // Another embedding space changes nothing about who is honest.
        let store = Store::open(folder.path(), Sha256Hash([9; 32])).unwrap();
        assert_eq!(store.suspicions().unwrap(), [(expert, PeerKey([3; 32]), suspicion)]);
        let names: Vec<String> = store.audits(5).unwrap().into_iter().map(|(_, r)| r.expert).collect();
        assert_eq!(names, ["b", "a"]);
        assert_eq!(store.audit(1).unwrap(), Some(record("a")));
        assert_eq!(store.audit(7).unwrap(), None);
    }
}
