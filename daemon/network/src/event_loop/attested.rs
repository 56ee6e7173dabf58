//! What nodes say of each other: heard, checked and passed on; and this node's own words, repeated for those who came since.

use super::EventLoop;
use crate::attested::{ACCUSATIONS_MAX, REPEAT_EVERY, REPEAT_PAUSE, REPEAT_SOON, REVOKED_FOR, Shares};
use crate::clock;
use libp2p::PeerId;
use libp2p::gossipsub::{MessageAcceptance, PublishError};
use polymath_swarm::identity::PeerKey;
use polymath_swarm::trust::{Attestation, Book, Contradiction, Endorsement, NotTaken};
use polymath_wire::attestation::{decode, encode};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Instant;

/// What was heard, and what this node says itself.
pub(super) struct Attested {
    book: Arc<RwLock<Book>>,
    /// Whom this node's owner vouches for.
    endorsed: BTreeSet<PeerKey>,
    /// For whom no more, and since when: repeated until what was said before has run out.
    revoked: BTreeMap<PeerKey, Instant>,
    /// What this node has caught others at.
    accusations: Vec<Contradiction>,
    /// When that was said last, and is said again.
    said: Option<Instant>,
    due: Option<Instant>,
    shares: Shares,
}

impl Attested {
    pub(super) fn new(book: Arc<RwLock<Book>>) -> Self {
        Self {
            book,
            endorsed: BTreeSet::new(),
            revoked: BTreeMap::new(),
            accusations: Vec::new(),
            said: None,
            due: None,
            shares: Shares::default(),
        }
    }

    /// Somebody came who may not have heard it.
    pub(super) fn repeat_soon(&mut self) {
        let soon = Instant::now() + REPEAT_SOON;
        // Where many come, not for each of them.
        let soon = self.said.map_or(soon, |said| soon.max(said + REPEAT_PAUSE));
        self.due = Some(self.due.map_or(soon, |due| due.min(soon)));
    }
}

impl EventLoop {
    /// Says from now on that the owner vouches for these, and takes back what was said of others.
    pub(super) fn set_endorsed(&mut self, endorsed: BTreeSet<PeerKey>) {
        let no_more: Vec<PeerKey> = self.attested.endorsed.difference(&endorsed).copied().collect();
        self.attested.endorsed = endorsed;
        for subject in no_more {
            self.attested.revoked.insert(subject, Instant::now());
            self.say(subject, true);
        }
        let endorsed = &self.attested.endorsed;
        self.attested.revoked.retain(|subject, _| !endorsed.contains(subject));
        self.attested.repeat_soon();
    }

    /// Tells the swarm that an expert contradicted itself.
    pub(super) fn accuse(&mut self, contradiction: Contradiction) {
        if self.attested.accusations.len() < ACCUSATIONS_MAX {
            self.attested.accusations.push(contradiction);
        }
        self.attest(&Attestation::Contradiction(contradiction));
        self.attested.repeat_soon();
    }

    /// Repeats this node's own words when that is due.
    pub(super) fn repeat_words(&mut self, now: Instant) {
        if self.attested.due.is_none_or(|due| due > now) {
            return;
        }
        self.attested.revoked.retain(|_, since| now.duration_since(*since) < REVOKED_FOR);
        let Attested { endorsed, revoked, accusations, .. } = &self.attested;
        let has_words = !endorsed.is_empty() || !revoked.is_empty() || !accusations.is_empty();
        self.attested.due = has_words.then_some(now + REPEAT_EVERY);
        self.attested.said = Some(now);
        for subject in self.attested.endorsed.clone() {
            self.say(subject, false);
        }
        for subject in self.attested.revoked.keys().copied().collect::<Vec<_>>() {
            self.say(subject, true);
        }
        for accusation in self.attested.accusations.clone() {
            self.attest(&Attestation::Contradiction(accusation));
        }
    }

    fn say(&mut self, subject: PeerKey, revoked: bool) {
        let key = self.surroundings.identity.signing_key();
        let word = Endorsement::sign(key, subject, clock::unix_ms() / 1_000, revoked);
        self.attest(&Attestation::Endorsement(word));
    }

    fn attest(&mut self, attestation: &Attestation) {
        // What this node says it has heard itself; that it said so before is no reason to be silent.
        let _ = self.take(attestation);
        let topic = self.surroundings.names.attestations.hash();
        match self.swarm.behaviour_mut().gossip.publish(topic, encode(attestation)) {
            Ok(_) | Err(PublishError::NoPeersSubscribedToTopic) => {}
            Err(error) => tracing::debug!(%error, "an attestation is not published"),
        }
    }

    /// Whether to pass on what a peer passed on.
    pub(super) fn on_attested(&mut self, from: PeerId, bytes: &[u8]) -> MessageAcceptance {
        if !self.attested.shares.take(from, Instant::now()) {
            return MessageAcceptance::Ignore;
        }
        let taken = match decode(bytes) {
            Ok(attestation) => self.take(&attestation),
            Err(_) => Err(NotTaken::Invalid),
        };
        match taken {
            Ok(()) => MessageAcceptance::Accept,
            Err(NotTaken::Stale) => MessageAcceptance::Ignore,
            Err(NotTaken::Invalid) => MessageAcceptance::Reject,
        }
    }

    fn take(&self, attestation: &Attestation) -> Result<(), NotTaken> {
        let mut book = self.attested.book.write().unwrap_or_else(PoisonError::into_inner);
        let is_known = |expert| self.directory.read(|table| table.knows(expert));
        book.take(attestation, clock::unix_ms() / 1_000, is_known)
    }
}
