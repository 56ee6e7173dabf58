//! What nodes say of each other: heard, checked and passed on; and this node's own words, repeated for those who came since.

use super::EventLoop;
use crate::network::attested::{REPEAT_EVERY, REPEAT_PAUSE, REPEAT_SOON, Shares, decode, encode};
use crate::network::clock;
use libp2p::PeerId;
use libp2p::gossipsub::{MessageAcceptance, PublishError};
use polymath_swarm::identity::PeerKey;
use polymath_swarm::trust::{Attestation, Book, Contradiction, Endorsement, NotTaken};
use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Instant;

/// What was heard, and what this node says itself.
pub(super) struct Attested {
    book: Arc<RwLock<Book>>,
    /// Whom this node's owner vouches for.
    endorsed: BTreeSet<PeerKey>,
    /// When that was said last, and is said again.
    said: Option<Instant>,
    due: Option<Instant>,
    shares: Shares,
}

impl Attested {
    pub(super) fn new(book: Arc<RwLock<Book>>) -> Self {
        Self { book, endorsed: BTreeSet::new(), said: None, due: None, shares: Shares::default() }
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
        no_more.into_iter().for_each(|subject| self.say(subject, true));
        self.attested.repeat_soon();
    }

    /// Tells the swarm that an expert contradicted itself.
    pub(super) fn accuse(&mut self, contradiction: Contradiction) {
        self.attest(&Attestation::Contradiction(contradiction));
    }

    /// Repeats this node's own words when that is due.
    pub(super) fn repeat_words(&mut self, now: Instant) {
        if self.attested.due.is_none_or(|due| due > now) {
            return;
        }
        self.attested.due = (!self.attested.endorsed.is_empty()).then_some(now + REPEAT_EVERY);
        self.attested.said = Some(now);
        for subject in self.attested.endorsed.clone() {
            self.say(subject, false);
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
        book.take(attestation, clock::unix_ms() / 1_000)
    }
}
