//! Audits: whether the experts that answer this node's questions run the models that they claim.
//!
//! Off the answer's path. A share of the finished tasks is challenged: the expert opens what it committed to, a holder of the
//! same model file (this node, or a third one that the expert does not choose) computes the answer again, and
//! [`polymath_swarm::audit`] says what to think of the difference. What it comes to is stored before it counts, and decides what
//! routing trusts.

mod examine;
mod holdings;

pub use examine::computed;
pub use holdings::{NullFile, Setting};

use super::Host;
use crate::network::Network;
use crate::store::{AuditRecord, Error as StoreError, ExpertKey, SignedRecord, Store};
use holdings::Holdings;
use polymath_swarm::audit::{Examination, Finding, P_WITHHELD, Standing, Suspicion};
use polymath_swarm::capability::Advert;
use polymath_swarm::identity::{PeerKey, Sha256Hash, hex};
use polymath_swarm::task::{Commitment, FinishReason, Offer};
use polymath_swarm::trust::Contradiction;
use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::SystemTime;
use tokio::sync::Semaphore;

/// Audits under way at once; tasks that finish meanwhile are not audited.
const AUDITS_MAX: usize = 4;

/// How this node audits.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Share of the tasks of a known expert that are audited; the unproven are audited ten times as often. 0 audits nobody.
    pub rate: f64,
    /// Whether prompts may go to a third node that computes the answer again, where this one does not have the model.
    pub others: bool,
    /// Cards of models on this machine that it may load to audit others.
    pub cards: Option<PathBuf>,
}

impl Default for Config {
    fn default() -> Self {
        Self { rate: 0.05, others: true, cards: None }
    }
}

/// A finished task of another node, as it can be audited.
#[derive(Clone, Debug)]
pub(super) struct Finished {
    pub(super) offer: Offer,
    pub(super) advert: Arc<Advert>,
    pub(super) ids: Vec<u32>,
    /// As it came.
    pub(super) text: String,
    pub(super) finish_reason: FinishReason,
    pub(super) prompt_tokens: u32,
    pub(super) commitment: Option<Commitment>,
}

/// How an audit ended.
#[derive(Clone, Debug)]
enum Outcome {
    /// The answer was computed again by this auditor.
    Examined { auditor: PeerKey, examination: Examination, p: f64 },
    /// The expert did not open what it committed to, or had nothing to open.
    Withheld,
    /// It signed two things that cannot both be.
    Contradiction,
}

/// What audits say of an expert, for people and programs.
#[derive(Clone, Debug)]
pub struct Audited {
    /// Node and model file.
    pub expert: ExpertKey,
    /// By all auditors.
    pub standing: Standing,
}

/// Everything about audits that this node does.
pub(super) struct Audits {
    config: Config,
    store: Store,
    network: Network,
    holdings: Holdings,
    suspicions: RwLock<HashMap<ExpertKey, HashMap<PeerKey, Suspicion>>>,
    convicted: RwLock<HashSet<PeerKey>>,
    /// One at a time: each builds on what the one before it stored.
    recording: Mutex<()>,
    room: Arc<Semaphore>,
}

impl Audits {
    /// What the store holds, and what can be audited with what is on this machine.
    pub(super) fn load(
        config: Config,
        store: Store,
        network: Network,
        host: Host,
    ) -> Result<Self, StoreError> {
        let mut suspicions: HashMap<ExpertKey, HashMap<PeerKey, Suspicion>> = HashMap::new();
        for (expert, auditor, suspicion) in store.suspicions()? {
            suspicions.entry(expert).or_default().insert(auditor, suspicion);
        }
        let holdings = Holdings::new(config.cards.as_deref(), host);
        let audits = Self {
            config,
            store,
            network,
            holdings,
            suspicions: RwLock::new(suspicions),
            convicted: RwLock::default(),
            recording: Mutex::new(()),
            room: Arc::new(Semaphore::new(AUDITS_MAX)),
        };
        let failed = audits.all().into_iter().filter(|audited| audited.standing.finding() == Finding::Fail);
        let convicted = failed.map(|audited| audited.expert.0).collect();
        *audits.convicted.write().unwrap_or_else(PoisonError::into_inner) = convicted;
        Ok(audits)
    }

    /// What audits say of an expert.
    pub(super) fn standing(&self, expert: ExpertKey) -> Standing {
        let suspicions = self.suspicions.read().unwrap_or_else(PoisonError::into_inner);
        suspicions.get(&expert).map_or_else(Standing::default, |by| self.standing_of(by))
    }

    fn standing_of(&self, by: &HashMap<PeerKey, Suspicion>) -> Standing {
        let own = self.network.peer();
        Standing {
            own: by.get(&own).copied().unwrap_or_default(),
            others: by.iter().filter(|(auditor, _)| **auditor != own).map(|(_, s)| *s).collect(),
        }
    }

    /// Whether an expert of this node was convicted, or has contradicted itself: then none of its others is asked either, since another
    /// model's hash costs nothing.
    pub(super) fn is_convicted(&self, peer: PeerKey) -> bool {
        self.convicted.read().unwrap_or_else(PoisonError::into_inner).contains(&peer)
            || self.network.attested(|book| book.is_proven(peer))
    }

    /// Every expert that was audited.
    pub(super) fn all(&self) -> Vec<Audited> {
        let suspicions = self.suspicions.read().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<Audited> = suspicions
            .iter()
            .map(|(expert, by)| Audited { expert: *expert, standing: self.standing_of(by) })
            .collect();
        all.sort_by_key(|audited| audited.expert);
        all
    }

    /// The latest audits, with their numbers.
    pub(super) fn log(&self, most: usize) -> Result<Vec<(u64, AuditRecord)>, StoreError> {
        self.store.audits(most)
    }

    /// Whether this task's expert is to be audited: a draw, at a rate that depends on its standing.
    pub(super) fn is_due(&self, advert: &Advert) -> bool {
        // What nobody can verify is trusted less instead.
        if advert.peer == self.network.peer() || !advert.card.kind.is_verifiable() {
            return false;
        }
        rand::random::<f64>() < self.standing(key_of(advert)).rate(self.config.rate)
    }

    /// Audits a task that is due, unless too many are under way.
    pub(super) async fn audit(self: Arc<Self>, finished: Finished) {
        let Ok(_room) = self.room.clone().try_acquire_owned() else { return };
        let expert = finished.advert.card.id.clone();
        match self.outcome_of(&finished).await {
            Ok((outcome, opened)) => {
                if let (Outcome::Contradiction, Some(commitment), Some((opened, opened_signature))) =
                    (&outcome, finished.commitment, opened)
                {
                    let expert = finished.advert.peer;
                    self.network.accuse(Contradiction { expert, commitment, opened, opened_signature }).await;
                }
                let this = self.clone();
                let recording = tokio::task::spawn_blocking(move || this.record(&finished, &outcome, opened));
                let recorded = recording.await.map_err(|error| error.to_string());
                if let Err(error) = recorded.and_then(|stored| stored.map_err(|error| error.to_string())) {
                    tracing::error!(%error, expert, "an audit could not be stored and does not count");
                }
            }
            Err(reason) => tracing::debug!(expert, reason, "an audit came to nothing"),
        }
    }

    /// Stores what came of an audit, then lets it count.
    fn record(
        &self,
        finished: &Finished,
        outcome: &Outcome,
        opened: Option<(Sha256Hash, [u8; 64])>,
    ) -> Result<(), StoreError> {
        let _one_at_a_time = self.recording.lock().unwrap_or_else(PoisonError::into_inner);
        let (expert, own) = (key_of(&finished.advert), self.network.peer());
        let by = {
            let suspicions = self.suspicions.read().unwrap_or_else(PoisonError::into_inner);
            suspicions.get(&expert).cloned().unwrap_or_default()
        };
        let before = self.standing_of(&by).finding();
        let (auditor, mut after) = match outcome {
            Outcome::Examined { auditor, .. } => (*auditor, by.clone()),
            Outcome::Withheld | Outcome::Contradiction => (own, by.clone()),
        };
        let suspicion = after.entry(auditor).or_default();
        match outcome {
            Outcome::Examined { p, .. } => suspicion.add(*p),
            Outcome::Withheld => suspicion.add(P_WITHHELD),
            Outcome::Contradiction => suspicion.convict(),
        }
        let suspicion = *suspicion;
        let finding = self.standing_of(&after).finding();
        let record = record_of(finished, outcome, opened, suspicion, finding);
        self.store.add_audit((expert, auditor, suspicion), &record)?;
        self.suspicions.write().unwrap_or_else(PoisonError::into_inner).insert(expert, after);
        if finding == Finding::Fail && before != Finding::Fail {
            self.convicted.write().unwrap_or_else(PoisonError::into_inner).insert(expert.0);
            tracing::warn!(
                expert = %finished.advert.card.id,
                peer = %crate::network::peer_id_text(finished.advert.peer),
                outcome = record.outcome,
                "this expert does not run the model that it claims: it is not asked any more"
            );
        }
        Ok(())
    }
}

fn key_of(advert: &Advert) -> ExpertKey {
    (advert.peer, advert.card.model.sha256)
}

fn record_of(
    finished: &Finished,
    outcome: &Outcome,
    opened: Option<(Sha256Hash, [u8; 64])>,
    suspicion: Suspicion,
    finding: Finding,
) -> AuditRecord {
    let card = &finished.advert.card;
    let at = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let (name, p, auditor, examination) = match outcome {
        Outcome::Examined { auditor, examination, p } => {
            let name = match examination {
                e if e.is_alarm() => "alarm",
                _ if *p < P_WITHHELD => "doubtful",
                _ => "honest",
            };
            (name, *p, Some(auditor), Some(examination))
        }
        Outcome::Withheld => ("withheld", P_WITHHELD, None, None),
        Outcome::Contradiction => ("contradiction", 0.0, None, None),
    };
    let signed = finished.commitment.map(|commitment| SignedRecord {
        task_id: hex(&commitment.task_id),
        run_id: hex(&commitment.run_id),
        transcript: commitment.transcript.to_string(),
        evidence: commitment.evidence.to_string(),
        signature: hex(&commitment.signature),
        opened: opened.map(|(hash, signature)| (hash.to_string(), hex(&signature))),
    });
    AuditRecord {
        at_ms: u64::try_from(at.as_millis()).unwrap_or(u64::MAX),
        expert: card.id.clone(),
        node: finished.advert.peer.to_did(),
        model_sha256: card.model.sha256.to_string(),
        auditor: auditor.map(|auditor| auditor.to_did()),
        outcome: name.to_owned(),
        divergence: examination.map(|e| e.divergence).filter(|divergence| divergence.is_finite()),
        positions: examination.map_or(0, |e| e.positions),
        out_of_place: examination.map_or(0, |e| e.misfits.out_of_place),
        cut_off: examination.is_some_and(|e| e.cut_off),
        p,
        evidence: suspicion.evidence().min(f64::MAX),
        finding: finding.name().to_owned(),
        signed,
    }
}
