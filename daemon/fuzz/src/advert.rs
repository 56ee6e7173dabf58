//! Cards, statuses, their gossip and their exchange.

use ed25519_dalek::SigningKey;
use polymath_swarm::capability::{ADDRESSES_MAX, CARD_BYTES_MAX, STATUS_BYTES_MAX};
use polymath_swarm::identity::{Domain, Envelope};
use polymath_wire::advert::{
    ADDRESS_BYTES_MAX, ADVERTS_MAX, AdvertRequest, AdvertResponse, REQUEST_BYTES_MAX, RESPONSE_BYTES_MAX,
    decode_card, decode_gossip, decode_status, encode_card, encode_gossip, encode_status,
};

/// A card that is accepted passes its own check, fits and is settled.
pub fn card(data: &[u8]) {
    let Ok(card) = decode_card(data) else { return };
    card.check().expect("an accepted card is within its bounds");
    let bytes = encode_card(&card).expect("an accepted card can be announced");
    assert!(bytes.len() <= CARD_BYTES_MAX);
    assert_eq!(decode_card(&bytes).expect("its own encoding"), card);
}

/// A status that is accepted fits and is settled, each of its addresses included.
pub fn status(data: &[u8]) {
    let Ok(status) = decode_status(data) else { return };
    assert!(status.addresses.len() <= ADDRESSES_MAX);
    let bytes = encode_status(&status);
    assert!(bytes.len() <= STATUS_BYTES_MAX, "{} bytes", bytes.len());
    let again = decode_status(&bytes).expect("its own encoding");
    assert_eq!(again.addresses, status.addresses);
    assert!(again.addresses.iter().all(|address| address.len() <= 8 * ADDRESS_BYTES_MAX));
    // Bytes, since no speed that is not a number equals itself.
    assert_eq!(encode_status(&again), bytes);
    let _ = status.check(status.card, None, status.sequence.min(1 << 50));
}

/// Nothing is believed that is not signed; what is signed is believed, if it fits.
pub fn gossip(data: &[u8]) {
    if let Ok(envelope) = decode_gossip(data) {
        envelope.verify(Domain::Status).expect("believed, so signed");
    }
    let key = SigningKey::from_bytes(&[3; 32]);
    let mut envelope = Envelope::seal(&key, Domain::Status, data.to_vec());
    let heard = decode_gossip(&encode_gossip(&envelope));
    if data.len() > STATUS_BYTES_MAX {
        assert!(heard.is_err(), "too large, and let in");
        return;
    }
    assert_eq!(heard.expect("signed and small enough"), envelope);
    envelope.signature[usize::from(data.first().copied().unwrap_or(0) % 64)] ^= 1;
    assert!(decode_gossip(&encode_gossip(&envelope)).is_err(), "wrongly signed, and let in");
}

/// Requests and responses are settled and fit.
pub fn adverts(data: &[u8]) {
    if let Ok(request) = AdvertRequest::decode(data) {
        assert!(request.cards.len() <= ADVERTS_MAX);
        let bytes = request.encode();
        assert!(bytes.len() <= REQUEST_BYTES_MAX);
        assert_eq!(AdvertRequest::decode(&bytes).expect("its own encoding"), request);
    }
    if let Ok(response) = AdvertResponse::decode(data) {
        assert!(response.adverts.len() <= ADVERTS_MAX);
        let bytes = response.encode();
        assert!(bytes.len() <= RESPONSE_BYTES_MAX);
        assert_eq!(AdvertResponse::decode(&bytes).expect("its own encoding"), response);
        for advert in response.adverts {
            card(&advert.card.payload);
            status(&advert.status.payload);
        }
    }
}
