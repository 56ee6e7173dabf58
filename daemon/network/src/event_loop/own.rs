//! This node's own experts: their signed cards, their statuses as slots come and go, their provider records.

use super::EventLoop;
use crate::addresses::to_announce;
use crate::directory::ADVERTS_PER_PEER_MAX;
use crate::{Error, ExpertState, SlotUse, clock};
use libp2p::gossipsub::PublishError;
use libp2p::kad::RecordKey;
use polymath_swarm::capability::{Card, SKEW_MS_MAX, Status};
use polymath_swarm::embedding::Embedding;
use polymath_swarm::identity::{Domain, Envelope, Sha256Hash};
use polymath_wire::advert::{
    AdvertRequest, AdvertResponse, SignedAdvert, encode_card, encode_gossip, encode_status,
};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// A status is published at least this often; three may be lost before others drop the expert.
const STATUS_INTERVAL: Duration = Duration::from_secs(10);
/// And at most this often, however fast slots come and go.
const STATUS_PAUSE: Duration = Duration::from_secs(1);
/// A status that reached nobody may go out again after this, once somebody is there to hear it.
const RETRY_PAUSE: Duration = Duration::from_millis(200);
/// How long a status may be believed by its own word: the thirty seconds of silence after which others drop
/// an expert, and a minute for clocks that disagree.
const STATUS_LIFETIME_MS: u64 = 90_000;

/// What a handle hands over to have an expert announced.
pub(crate) struct Announcement {
    pub(crate) card: Card,
    pub(crate) price_micro: u64,
    pub(crate) slots: watch::Receiver<SlotUse>,
    pub(crate) state: Box<dyn Fn() -> ExpertState + Send + Sync>,
}

/// The experts announced.
#[derive(Default)]
pub(super) struct Own {
    experts: Vec<Expert>,
}

struct Expert {
    announcement: Announcement,
    hash: Sha256Hash,
    signed_card: Envelope,
    status: Status,
    signed_status: Envelope,
    keys: Vec<RecordKey>,
    /// When the status goes out next, unless something changes before.
    due: Instant,
    /// Not before this.
    earliest: Instant,
}

impl Own {
    /// Our signed adverts: all, or those that are named.
    pub(super) fn adverts(&self, AdvertRequest { cards, keys }: &AdvertRequest) -> AdvertResponse {
        let is_under = |key: &RecordKey| keys.iter().any(|asked| asked.0 == key.as_ref());
        let asked = |expert: &&Expert| {
            (cards.is_empty() && keys.is_empty())
                || cards.contains(&expert.hash)
                || expert.keys.iter().any(is_under)
        };
        let signed =
            |e: &Expert| SignedAdvert { card: e.signed_card.clone(), status: e.signed_status.clone() };
        AdvertResponse { adverts: self.experts.iter().filter(asked).map(signed).collect() }
    }

    /// Somebody new is listening: have every status out as soon as the pause allows.
    pub(super) fn publish_soon(&mut self) {
        for expert in &mut self.experts {
            expert.due = expert.due.min(expert.earliest);
        }
    }

    /// The statuses name our addresses, which have changed.
    pub(super) fn addresses_changed(&mut self) {
        self.publish_soon();
    }
}

impl EventLoop {
    /// Signs and announces an expert; announcing the same card again replaces it.
    pub(super) fn announce(&mut self, announcement: Announcement) -> Result<Sha256Hash, Error> {
        let card = &announcement.card;
        card.check().map_err(|refusal| Error::Card(refusal.into()))?;
        if card.space != self.surroundings.space {
            return Err(Error::Card(polymath_swarm::capability::Refusal::OtherSpace.into()));
        }
        let payload = encode_card(card).map_err(Error::Card)?;
        let signed_card = Envelope::seal(self.surroundings.identity.signing_key(), Domain::Card, payload);
        let hash = signed_card.payload_hash();
        self.own.experts.retain(|expert| expert.hash != hash);
        if self.own.experts.len() >= ADVERTS_PER_PEER_MAX {
            return Err(Error::TooManyExperts);
        }
        let keys = self.keys_of(card);
        let shared = Arc::new(card.clone());
        let (status, signed_status) = self.sign_status(hash, &announcement, 0, false);
        self.directory.write(|table| {
            table.withdraw(self.surroundings.identity.peer(), hash);
            let own = self.surroundings.identity.peer();
            (true, table.insert(own, shared, status.clone(), true, clock::now()))
        });
        let now = Instant::now();
        self.provide(&keys);
        self.own.experts.push(Expert {
            announcement,
            hash,
            signed_card,
            status,
            signed_status,
            keys,
            due: now,
            earliest: now,
        });
        self.publish_due(now);
        Ok(hash)
    }

    /// Takes an expert back: others are told, its records are no longer renewed.
    pub(super) fn withdraw(&mut self, card: Sha256Hash) {
        let Some(place) = self.own.experts.iter().position(|expert| expert.hash == card) else { return };
        let expert = self.own.experts.swap_remove(place);
        self.publish_goodbye(&expert);
        let own = self.surroundings.identity.peer();
        self.directory.write(|table| (table.withdraw(own, card), ()));
        let shared = |key: &&RecordKey| self.own.experts.iter().any(|other| other.keys.contains(*key));
        let unused: Vec<RecordKey> = expert.keys.iter().filter(|key| !shared(key)).cloned().collect();
        for key in &unused {
            self.swarm.behaviour_mut().kad.stop_providing(key);
        }
    }

    /// Publishes every status that is due: regularly, and when slots have changed.
    pub(super) fn publish_due(&mut self, now: Instant) {
        for place in 0..self.own.experts.len() {
            let expert = &mut self.own.experts[place];
            // An owner that is gone leaves its last word, which stays true.
            if expert.announcement.slots.has_changed().unwrap_or(false) {
                expert.announcement.slots.mark_unchanged();
                expert.due = expert.due.min(expert.earliest);
                self.renew(place);
            }
            if self.own.experts[place].due <= now {
                self.publish(place, now);
            }
        }
    }

    /// Says goodbye for every expert.
    pub(super) fn publish_goodbyes(&mut self) {
        for expert in std::mem::take(&mut self.own.experts) {
            self.publish_goodbye(&expert);
        }
    }

    /// Tells the nodes near our keys that we provide them.
    pub(super) fn provide_all(&mut self) {
        let keys: Vec<RecordKey> = self.own.experts.iter().flat_map(|e| e.keys.iter().cloned()).collect();
        self.provide(&keys);
    }

    fn provide(&mut self, keys: &[RecordKey]) {
        for key in keys {
            if let Err(error) = self.swarm.behaviour_mut().kad.start_providing(key.clone()) {
                tracing::warn!(%error, "a cell of an expert is not announced");
            }
        }
    }

    fn keys_of(&self, card: &Card) -> Vec<RecordKey> {
        let embeddings: Vec<Embedding> = card.embeddings.iter().filter_map(|e| e.restore()).collect();
        let cells = self.surroundings.codebook.cells_of(&embeddings);
        cells.into_iter().map(|cell| self.provider_key(cell)).collect()
    }

    /// Signs what is true now, for our own directory and for whoever asks us.
    fn renew(&mut self, place: usize) {
        let expert = &self.own.experts[place];
        let (hash, sequence) = (expert.hash, expert.status.sequence);
        let (status, signed_status) = self.sign_status(hash, &expert.announcement, sequence, false);
        let own = self.surroundings.identity.peer();
        self.directory.write(|table| (true, table.update(own, status.clone(), clock::now())));
        let expert = &mut self.own.experts[place];
        (expert.status, expert.signed_status) = (status, signed_status);
    }

    fn publish(&mut self, place: usize, now: Instant) {
        self.renew(place);
        let signed_status = self.own.experts[place].signed_status.clone();
        let published = self.gossip(&signed_status);
        let expert = &mut self.own.experts[place];
        let pause = if published { STATUS_PAUSE } else { RETRY_PAUSE };
        (expert.earliest, expert.due) = (now + pause, now + STATUS_INTERVAL);
    }

    fn publish_goodbye(&mut self, expert: &Expert) {
        let sequence = expert.status.sequence;
        let (_, signed_status) = self.sign_status(expert.hash, &expert.announcement, sequence, true);
        self.gossip(&signed_status);
    }

    /// Says whether anybody was there to hear it.
    fn gossip(&mut self, status: &Envelope) -> bool {
        let topic = self.surroundings.names.topic.hash();
        match self.swarm.behaviour_mut().gossip.publish(topic, encode_gossip(status)) {
            Ok(_) => true,
            Err(PublishError::NoPeersSubscribedToTopic) => false,
            Err(error) => {
                tracing::debug!(%error, "a status is not published");
                false
            }
        }
    }

    fn sign_status(
        &self,
        card: Sha256Hash,
        announcement: &Announcement,
        sequence: u64,
        leaving: bool,
    ) -> (Status, Envelope) {
        let slots = *announcement.slots.borrow();
        let ExpertState { tokens_per_second: speed, is_loaded } = (announcement.state)();
        let now_ms = clock::unix_ms();
        let status = Status {
            card,
            addresses: to_announce(self.swarm.listeners(), self.reach.confirmed())
                .iter()
                .map(ToString::to_string)
                .collect(),
            slots: slots.slots,
            free_slots: slots.free.min(slots.slots),
            tokens_per_second: if speed.is_finite() { speed.max(0.0) } else { 0.0 },
            price_micro: announcement.price_micro,
            sequence: next_sequence(sequence, now_ms),
            expires: now_ms + STATUS_LIFETIME_MS,
            leaving,
            cold: !is_loaded,
        };
        let key = self.surroundings.identity.signing_key();
        let signed = Envelope::seal(key, Domain::Status, encode_status(&status));
        (status, signed)
    }
}

/// Unix time, so that a restarted node goes on where it was. If the clock was ahead and has been set right, it begins again: nobody whose clock
/// is right believed what was too far ahead, nor would believe more of it until that time has come.
fn next_sequence(last: u64, now_ms: u64) -> u64 {
    let next = now_ms.max(last + 1);
    if next > now_ms + SKEW_MS_MAX { now_ms } else { next }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::Insert;
    use crate::fixtures::{card, event_loop};

    const HOUR_MS: u64 = 60 * 60 * 1_000;

    #[test]
    fn a_sequence_grows_unless_nobody_would_believe_it() {
        let now = 1_000_000_000;
        assert_eq!(next_sequence(0, now), now);
        assert_eq!(next_sequence(now, now), now + 1);
        assert_eq!(next_sequence(now + SKEW_MS_MAX - 1, now), now + SKEW_MS_MAX);
        assert_eq!(next_sequence(now + SKEW_MS_MAX, now), now);
        assert_eq!(next_sequence(now + HOUR_MS, now), now);
    }

    #[tokio::test]
    async fn an_expert_stays_known_when_a_clock_that_was_ahead_is_set_right() {
        let mut this = event_loop();
        let slots = watch::Sender::new(SlotUse { slots: 2, free: 2, queued: 0 });
        let state = || ExpertState { tokens_per_second: 10.0, is_loaded: true };
        let announcement = Announcement {
            card: card("a", 1),
            price_micro: 0,
            slots: slots.subscribe(),
            state: Box::new(state),
        };
        let hash = this.announce(announcement).unwrap();
        // As if the clock had been an hour ahead when the last status was signed.
        let own = this.surroundings.identity.peer();
        let ahead = clock::unix_ms() + HOUR_MS;
        let status = &mut this.own.experts[0].status;
        (status.sequence, status.expires) = (ahead, ahead + STATUS_LIFETIME_MS);
        let status = status.clone();
        let put = this.directory.write(|table| (true, table.update(own, status, (Instant::now(), ahead))));
        assert_eq!(put, Insert::Updated);

        slots.send_modify(|slots| slots.free = 1);
        this.publish_due(Instant::now());
        let held = this.directory.read(|table| table.get(own, hash)).unwrap();
        assert_eq!(held.status.free_slots, 1, "our own directory has the new one");
        let signed = &this.own.experts[0].status;
        assert_eq!(signed.sequence, held.status.sequence);
        assert_eq!(signed.check(hash, None, clock::unix_ms()), Ok(()), "others believe it");
    }
}
