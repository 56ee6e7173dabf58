//! Signed words of one party to another: receipts, attestations, invitations.

use polymath_proto::v1::{SettleRequest, SettleResponse};
use polymath_swarm::ledger::SETTLED_AT_ONCE_MAX;
use polymath_swarm::private::{ADDRESSES_MAX, INVITATION_CHARS_MAX, Invitation, is_name};
use polymath_swarm::task::TaskError;
use polymath_swarm::trust::Attestation;
use polymath_wire::attestation::{self, ATTESTATION_BYTES_MAX};
use polymath_wire::receipt::{BYTES_MAX, decode_request, encode_request, encode_response, settlements_of};
use prost::Message as _;
use sha2::{Digest, Sha256};

/// What is accepted fits and is settled; there are as many settlements as receipts.
pub fn receipts(data: &[u8]) {
    if let Ok(request) = SettleRequest::decode(data)
        && let Ok(receipts) = decode_request(request)
    {
        assert!((1..=SETTLED_AT_ONCE_MAX).contains(&receipts.len()));
        let own = encode_request(&receipts);
        assert!(own.encoded_len() <= BYTES_MAX);
        for version in &receipts {
            let receipt = version.receipt;
            if receipt.check(receipt.asker, receipt.expert, receipt.at_ms).is_ok() {
                assert_eq!(
                    Some(receipt.amount_micro()),
                    receipt.price_micro.checked_mul(receipt.tokens.into())
                );
            }
        }
        assert_eq!(decode_request(own), Ok(receipts));
    }
    let Ok(response) = SettleResponse::decode(data) else { return };
    let count = response.settlements.len();
    match settlements_of(response, count) {
        Ok(settled) => {
            assert_eq!(settled.len(), count);
            assert_eq!(settlements_of(encode_response(Ok(settled.clone())), count), Ok(settled));
        }
        Err(TaskError::Busy { .. } | TaskError::Protocol(_)) => {}
        Err(error) => panic!("{error}"),
    }
}

/// What is accepted fits and is settled; looking whether it holds takes no more than a signature.
pub fn attestation(data: &[u8]) {
    let Ok(said) = attestation::decode(data) else { return };
    let own = attestation::encode(&said);
    assert!(own.len() <= ATTESTATION_BYTES_MAX);
    assert_eq!(attestation::decode(&own), Ok(said.clone()));
    if let Attestation::Contradiction(proof) = said {
        let _ = proof.holds();
    }
}

/// Any text, and any content with a proper checksum: what is accepted is settled.
pub fn invitation(data: &[u8]) {
    if let Ok(text) = str::from_utf8(data) {
        invited(text);
    }
    let content = [data, &Sha256::digest(data)[..4]].concat();
    invited(&format!("polymath1:{}", bs58::encode(content).into_string()));
}

fn invited(text: &str) {
    let Ok(invitation) = Invitation::decode(text) else { return };
    assert!(is_name(&invitation.name) && invitation.addresses.len() <= ADDRESSES_MAX);
    let own = invitation.encode();
    assert!(own.len() <= INVITATION_CHARS_MAX);
    assert_eq!(Invitation::decode(&own), Ok(invitation));
}
