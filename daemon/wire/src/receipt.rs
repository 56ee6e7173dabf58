//! Receipts: protobuf to the policy crate's types and back. What comes in is bounded afterwards; signatures are for the caller to
//! verify.

use crate::field::{MESSAGE_BYTES_MAX, broken, exactly, for_people, shortened};
use polymath_proto::v1::{self, SettleRequest, SettleResponse, settlement};
use polymath_swarm::ledger::{Receipt, SETTLED_AT_ONCE_MAX, Settlement, Version};
use polymath_swarm::task::TaskError;

/// Bytes of a request or a response: 64 receipts with their signatures, or as many reasons.
pub const BYTES_MAX: usize = 96 * 1024;

/// Encodes what is owed.
pub fn encode_request(receipts: &[Version]) -> SettleRequest {
    SettleRequest { receipts: receipts.iter().map(encode).collect() }
}

/// Decodes what is owed: 1 to [`SETTLED_AT_ONCE_MAX`] receipts.
///
/// # Errors
/// [`TaskError::Protocol`] for what is no request, or out of bounds.
pub fn decode_request(request: SettleRequest) -> Result<Vec<Version>, TaskError> {
    if request.receipts.is_empty() || request.receipts.len() > SETTLED_AT_ONCE_MAX {
        return Err(broken("1 to 64 receipts at once"));
    }
    request.receipts.into_iter().map(decode).collect()
}

/// Encodes what is made of it; of errors only when to try again.
pub fn encode_response(settled: Result<Vec<Settlement>, TaskError>) -> SettleResponse {
    match settled {
        Ok(all) => {
            SettleResponse { settlements: all.into_iter().map(encode_settlement).collect(), busy: None }
        }
        Err(error) => {
            // What broke here is for nobody else to know.
            let retry_after_ms = match error {
                TaskError::Busy { retry_after_ms } => retry_after_ms,
                _ => 60_000,
            };
            SettleResponse { settlements: Vec::new(), busy: Some(v1::Busy { retry_after_ms }) }
        }
    }
}

fn encode_settlement(settled: Settlement) -> v1::Settlement {
    let body = match settled {
        Settlement::Countersigned(signature) => settlement::Body::Countersignature(signature.to_vec()),
        Settlement::Disputed(theirs) => settlement::Body::Disputed(encode(&theirs)),
        Settlement::Refused(reason) => settlement::Body::Refused(v1::Refused {
            code: "refused".to_owned(),
            message: shortened(reason, MESSAGE_BYTES_MAX),
        }),
    };
    v1::Settlement { body: Some(body) }
}

/// What the other makes of `count` receipts. Its signatures are for the caller to verify.
///
/// # Errors
/// [`TaskError::Busy`], or [`TaskError::Protocol`].
pub fn settlements_of(response: SettleResponse, count: usize) -> Result<Vec<Settlement>, TaskError> {
    if let Some(v1::Busy { retry_after_ms }) = response.busy {
        return Err(TaskError::Busy { retry_after_ms });
    }
    if response.settlements.len() != count {
        return Err(broken("another number of settlements than of receipts"));
    }
    let settlements = response.settlements.into_iter().map(|settled| {
        Ok(match settled.body.ok_or_else(|| broken("an empty settlement"))? {
            settlement::Body::Countersignature(signature) => {
                Settlement::Countersigned(exactly(&signature, "countersignature")?)
            }
            settlement::Body::Disputed(theirs) => Settlement::Disputed(decode(theirs)?),
            settlement::Body::Refused(refused) => Settlement::Refused(for_people(refused.message)),
        })
    });
    settlements.collect()
}

fn encode(version: &Version) -> v1::SignedReceipt {
    v1::SignedReceipt { receipt: version.receipt.to_bytes(), signature: version.signature.to_vec() }
}

fn decode(signed: v1::SignedReceipt) -> Result<Version, TaskError> {
    let receipt = Receipt::from_bytes(&signed.receipt).map_err(|error| broken(&error.to_string()))?;
    Ok(Version { receipt, signature: exactly(&signed.signature, "signature")? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use polymath_swarm::identity::{PeerKey, Sha256Hash};
    use proptest::prelude::*;
    use prost::Message as _;

    fn version(task: u8) -> Version {
        let receipt = Receipt {
            task_id: [task; 16],
            asker: PeerKey([1; 32]),
            expert: PeerKey([2; 32]),
            card: Sha256Hash([3; 32]),
            tokens: 7,
            price_micro: 1,
            price_micro_max: 2,
            at_ms: 9,
        };
        Version { receipt, signature: [task; 64] }
    }

    #[test]
    fn messages_survive_the_wire_and_fit_their_bounds() {
        let all: Vec<Version> = (0..64).map(version).collect();
        let request = encode_request(&all);
        assert!(request.encoded_len() <= BYTES_MAX);
        assert_eq!(decode_request(request).unwrap(), all);
        let settled = vec![
            Settlement::Countersigned([4; 64]),
            Settlement::Disputed(version(1)),
            Settlement::Refused("x".repeat(10_000)),
        ];
        let response = encode_response(Ok(settled.clone()));
        let back = settlements_of(response, 3).unwrap();
        assert_eq!(back[..2], settled[..2]);
        let refused = encode_response(Ok(vec![Settlement::Refused("x".repeat(10_000)); 64]));
        assert!(refused.encoded_len() <= BYTES_MAX, "{}", refused.encoded_len());
        let busy = encode_response(Err(TaskError::Busy { retry_after_ms: 5 }));
        assert_eq!(settlements_of(busy, 1), Err(TaskError::Busy { retry_after_ms: 5 }));
    }

    #[test]
    fn what_is_out_of_bounds_is_refused() {
        assert!(decode_request(SettleRequest::default()).is_err());
        let many: Vec<Version> = (0..65).map(version).collect();
        assert!(decode_request(encode_request(&many)).is_err());
        assert!(settlements_of(encode_response(Ok(Vec::new())), 1).is_err());
        assert!(
            settlements_of(SettleResponse { settlements: vec![v1::Settlement::default()], busy: None }, 1)
                .is_err()
        );
    }

    proptest! {
        #[test]
        fn decoders_take_anything(bytes in proptest::collection::vec(any::<u8>(), 0..512)) {
            if let Ok(request) = SettleRequest::decode(&bytes[..]) {
                let _ = decode_request(request);
            }
            if let Ok(response) = SettleResponse::decode(&bytes[..]) {
                let _ = settlements_of(response, 1);
            }
        }
    }
}
