//! Statuses by gossip: verified before they are forwarded, and a reason to fetch a card that is not known.

use super::EventLoop;
use crate::clock;
use crate::directory::Insert;
use crate::peers::id_of;
use libp2p::gossipsub::{self, MessageAcceptance};
use libp2p::{Multiaddr, PeerId};
use polymath_swarm::capability::{Refusal, Status};
use polymath_swarm::identity::PeerKey;
use polymath_swarm::trust::Offence;
use polymath_wire::advert::{ADDRESS_BYTES_MAX, WireError, decode_gossip, decode_status};

impl EventLoop {
    pub(super) fn on_gossip(&mut self, event: gossipsub::Event) {
        match event {
            gossipsub::Event::Message { propagation_source, message_id, message } => {
                let acceptance = if message.topic == self.surroundings.names.attestations.hash() {
                    self.on_attested(propagation_source, &message.data)
                } else {
                    self.on_status(propagation_source, &message.data)
                };
                if matches!(acceptance, MessageAcceptance::Reject) {
                    // Whoever passes it on has not checked it, or made it.
                    self.offended(propagation_source, Offence::Forged);
                }
                let gossip = &mut self.swarm.behaviour_mut().gossip;
                gossip.report_message_validation_result(&message_id, &propagation_source, acceptance);
            }
            gossipsub::Event::Subscribed { .. } => {
                self.own.publish_soon();
                self.attested.repeat_soon();
            }
            _ => {}
        }
    }

    fn on_status(&mut self, from: PeerId, bytes: &[u8]) -> MessageAcceptance {
        self.on_gossiped(bytes).unwrap_or_else(|error| {
            tracing::debug!(%from, %error, "a gossiped status is refused");
            acceptance(&error)
        })
    }

    fn on_gossiped(&mut self, bytes: &[u8]) -> Result<MessageAcceptance, WireError> {
        let envelope = decode_gossip(bytes)?;
        let status = decode_status(&envelope.payload)?;
        let signer = envelope.signer;
        // Our own words of before a restart: nothing to learn, nothing to spread. As little of those with whom this node has nothing to do.
        let is_own = signer == self.surroundings.identity.peer();
        if is_own || id_of(signer).is_some_and(|peer| self.is_shut_out(&peer)) {
            return Ok(MessageAcceptance::Ignore);
        }
        let outcome = self.directory.write(|table| {
            let outcome = table.update(signer, status.clone(), clock::now());
            (matches!(outcome, Insert::Updated | Insert::Departed), outcome)
        });
        match outcome {
            Insert::Refused(refusal) => Err(refusal.into()),
            Insert::UnknownCard if !status.leaving => {
                self.fetch_unknown(signer, &status);
                Ok(MessageAcceptance::Accept)
            }
            _ => Ok(MessageAcceptance::Accept),
        }
    }

    /// Asks the signer for the card behind its status, dialling it where the status says that it listens.
    fn fetch_unknown(&mut self, signer: PeerKey, status: &Status) {
        let Some(peer) = id_of(signer) else { return };
        if !self.fetches.is_worth_asking(signer, &peer, status.card) {
            return;
        }
        if !self.peers.contains(&peer) && !self.fetches.may_dial_stranger() {
            return;
        }
        let told = status.addresses.iter().filter(|a| a.len() <= 2 * ADDRESS_BYTES_MAX);
        let told: Vec<Multiaddr> = told.filter_map(|address| address.parse().ok()).collect();
        self.meet(peer, told);
        self.fetch(peer, vec![status.card]);
    }
}

/// What is merely old may have been delayed by honest peers; what is malformed or wrongly signed was not
/// checked by whoever sent it.
fn acceptance(error: &WireError) -> MessageAcceptance {
    match error {
        WireError::Refused(Refusal::Expired | Refusal::OutOfSequence | Refusal::TooFarAhead) => {
            MessageAcceptance::Ignore
        }
        _ => MessageAcceptance::Reject,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Identity;
    use crate::fixtures::{event_loop, status};
    use polymath_swarm::identity::{Domain, Envelope, Sha256Hash};
    use polymath_wire::advert::{encode_gossip, encode_status};
    use std::collections::BTreeSet;

    #[tokio::test]
    async fn a_status_of_who_is_blocked_is_neither_followed_up_nor_passed_on() {
        let mut this = event_loop();
        let (signer, from, now) = (Identity::ephemeral(), PeerId::random(), clock::now().1);
        let peer = id_of(signer.peer()).unwrap();
        let status = encode_status(&status(Sha256Hash::of(b"card"), now, now + 60_000));
        let bytes = encode_gossip(&Envelope::seal(signer.signing_key(), Domain::Status, status));

        this.set_blocked(&BTreeSet::from([signer.peer()]));
        assert_eq!(this.on_status(from, &bytes), MessageAcceptance::Ignore);
        assert!(!this.fetches.is_asking(&peer));
        this.set_blocked(&BTreeSet::new());
        assert_eq!(this.on_status(from, &bytes), MessageAcceptance::Accept);
        assert!(this.fetches.is_asking(&peer));
    }
}
