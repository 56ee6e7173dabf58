//! Round trips, bounds, and decoders fed with anything.

use super::*;
use crate::fixtures::{card, status};
use ed25519_dalek::SigningKey;
use polymath_swarm::capability::ADDRESSES_MAX;
use proptest::prelude::*;

fn sealed() -> SignedAdvert {
    let key = SigningKey::from_bytes(&[3; 32]);
    let payload = encode_card(&card("tiny", 1)).unwrap();
    let status = status(Sha256Hash::of(&payload), 5, 10);
    SignedAdvert {
        card: Envelope::seal(&key, Domain::Card, payload),
        status: Envelope::seal(&key, Domain::Status, encode_status(&status)),
    }
}

#[test]
fn cards_statuses_and_messages_round_trip() {
    let card = card("tiny", 1);
    assert_eq!(decode_card(&encode_card(&card).unwrap()).unwrap(), card);
    let mut status = status(Sha256Hash::of(b"card"), 5, 10);
    status.addresses = vec!["/ip4/127.0.0.1/udp/4001/quic-v1".to_owned()];
    assert_eq!(decode_status(&encode_status(&status)).unwrap(), status);
    let request = AdvertRequest {
        cards: vec![Sha256Hash::of(b"a"), Sha256Hash::of(b"b")],
        keys: vec![Sha256Hash::of(b"c")],
    };
    assert_eq!(AdvertRequest::decode(&request.encode()).unwrap(), request);
    let response = AdvertResponse { adverts: vec![sealed()] };
    assert_eq!(AdvertResponse::decode(&response.encode()).unwrap(), response);
    let gossip = sealed().status;
    assert_eq!(decode_gossip(&encode_gossip(&gossip)).unwrap(), gossip);
}

#[test]
fn an_address_is_what_its_text_says() {
    let mut status = status(Sha256Hash::of(b"card"), 5, 10);
    status.addresses = vec!["/dns4/node.example.org/tcp/4001".to_owned()];
    let honest = encode_status(&status);
    assert_eq!(decode_status(&honest).unwrap().addresses, status.addresses);
    let mut smuggled = honest;
    let dot = smuggled.windows(4).position(|w| w == b".org").unwrap();
    smuggled[dot] = b'/';
    assert!(matches!(decode_status(&smuggled), Err(WireError::Field("addresses"))));
}

#[test]
fn addresses_that_others_refuse_are_left_out() {
    let mut status = status(Sha256Hash::of(b"card"), 5, 10);
    let mut read = |addresses: Vec<String>| {
        status.addresses = addresses;
        decode_status(&encode_status(&status)).unwrap().addresses
    };
    let short = "/ip4/127.0.0.1/udp/4001/quic-v1".to_owned();
    let long = format!("/dns4/{}/tcp/4001", "a".repeat(150));
    assert_eq!(read(vec![long, short.clone()]), [short]);
    let many: Vec<String> = (1..20).map(|port| format!("/ip4/127.0.0.1/tcp/{port}")).collect();
    assert_eq!(read(many.clone()), many[..ADDRESSES_MAX]);
    let longest: Vec<String> =
        (0..ADDRESSES_MAX).map(|n| format!("/dns4/{n}{}/tcp/4001", "a".repeat(122))).collect();
    assert_eq!(longest[0].parse::<multiaddr::Multiaddr>().unwrap().len(), ADDRESS_BYTES_MAX);
    assert_eq!(read(longest.clone()), longest[..ADDRESSES_MAX - 1], "eight of them are too many bytes");
}

#[test]
fn a_card_of_a_megabyte_is_refused_both_ways() {
    let mut large = card("tiny", 1);
    large.description = "x".repeat(1 << 20);
    assert!(matches!(encode_card(&large), Err(WireError::TooLarge { what: "card", .. })));
    let key = SigningKey::from_bytes(&[3; 32]);
    let mut advert = sealed();
    advert.card = Envelope::seal(&key, Domain::Card, vec![b'x'; 1 << 20]);
    let message = pb::Advert { card: Some(signed(&advert.card)), status: Some(signed(&advert.status)) };
    let bytes = pb::AdvertResponse { adverts: vec![message.clone()] }.encode_to_vec();
    assert!(matches!(AdvertResponse::decode(&bytes), Err(WireError::TooLarge { .. })));
    assert!(matches!(signed_advert(message), Err(WireError::TooLarge { what: "card", .. })));
}

#[test]
fn a_response_carries_what_fits() {
    let response = AdvertResponse { adverts: vec![sealed(); 1_000] };
    let bytes = response.encode();
    assert!(bytes.len() <= RESPONSE_BYTES_MAX);
    assert!(AdvertResponse::decode(&bytes).unwrap().adverts.len() <= ADVERTS_MAX);
}

#[test]
fn gossip_is_believed_only_well_signed() {
    let mut gossip = sealed().status;
    gossip.signature[0] ^= 1;
    let error = decode_gossip(&encode_gossip(&gossip)).unwrap_err();
    assert!(matches!(error, WireError::Envelope(EnvelopeError::BadSignature)));
    let as_card = decode_gossip(&encode_gossip(&sealed().card));
    assert!(as_card.is_err(), "a signed card is no signed status");
}

#[test]
fn hashes_and_keys_of_the_wrong_length_are_refused() {
    let request = pb::AdvertRequest { card_sha256: vec![vec![0; 31]], keys: Vec::new() }.encode_to_vec();
    assert!(AdvertRequest::decode(&request).is_err());
    let many = pb::AdvertRequest { card_sha256: Vec::new(), keys: vec![vec![0; 32]; 9] }.encode_to_vec();
    assert!(AdvertRequest::decode(&many).is_err());
    let many = pb::AdvertRequest { card_sha256: vec![vec![0; 32]; ADVERTS_MAX + 1], keys: Vec::new() };
    let many = many.encode_to_vec();
    assert!(AdvertRequest::decode(&many).is_err());
    let mut message = signed(&sealed().status);
    message.public_key.pop();
    assert!(decode_gossip(&message.encode_to_vec()).is_err());
}

proptest! {
    #[test]
    fn decoders_survive_any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..2_048)) {
        let _ = decode_card(&bytes);
        let _ = decode_status(&bytes);
        let _ = decode_gossip(&bytes);
        let _ = AdvertRequest::decode(&bytes);
        let _ = AdvertResponse::decode(&bytes);
    }

    #[test]
    fn damage_to_a_gossiped_status_is_never_believed(place in 0usize..400, bit in 0u8..8) {
        let good = sealed().status;
        let mut bytes = encode_gossip(&good);
        let place = place % bytes.len();
        bytes[place] ^= 1 << bit;
        if let Ok(decoded) = decode_gossip(&bytes) {
            prop_assert_eq!(decoded, good);
        }
    }

    #[test]
    fn damage_to_a_card_is_refused_or_within_bounds(place in 0usize..4_000, byte in any::<u8>()) {
        let mut bytes = encode_card(&card("tiny", 1)).unwrap();
        let place = place % bytes.len();
        bytes[place] = byte;
        if let Ok(decoded) = decode_card(&bytes) {
            prop_assert!(decoded.check().is_ok());
        }
    }
}
