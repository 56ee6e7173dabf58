//! Audits: what is asked, and what is answered.

use polymath_proto::v1::{AuditRequest, AuditResponse};
use polymath_swarm::audit::{ANSWER_PLACES, Evidence, PROMPT_PLACES};
use polymath_wire::audit::{
    REQUEST_BYTES_MAX, RESPONSE_BYTES_MAX, Reply, Request, decode_request, encode_reply, encode_request,
    opening_of, replayed_of,
};
use prost::Message as _;

/// What is accepted passes its own check, fits and is settled.
pub fn audit_request(data: &[u8]) {
    let Ok(message) = AuditRequest::decode(data) else { return };
    let Ok(request) = decode_request(message) else { return };
    if let Request::Replay(replay) = &request {
        replay.check().expect("accepted, so within its bounds");
        assert!(replay.answer().len() <= replay.ids.len());
        let _ = replay.prompt_places(replay.ids[0]);
    }
    let message = encode_request(request.clone());
    assert!(message.encoded_len() <= REQUEST_BYTES_MAX);
    assert_eq!(decode_request(message).expect("its own encoding"), request);
}

/// What is accepted is bounded, fits and is settled.
pub fn audit_response(data: &[u8]) {
    let Ok(message) = AuditResponse::decode(data) else { return };
    if let Ok((evidence, signature)) = opening_of(message.clone()) {
        bounded(&evidence);
        let own = encode_reply(Reply::Opening { evidence: evidence.clone(), signature });
        assert!(own.encoded_len() <= RESPONSE_BYTES_MAX);
        assert_eq!(opening_of(own), Ok((evidence, signature)));
    }
    if let Ok(computed) = replayed_of(message) {
        computed.iter().for_each(|computed| bounded(&computed.evidence));
        let own = encode_reply(Reply::Replayed(computed.clone()));
        assert!(own.encoded_len() <= RESPONSE_BYTES_MAX);
        assert_eq!(replayed_of(own), Ok(computed));
    }
}

fn bounded(evidence: &Evidence) {
    assert!(evidence.prompt.len() <= PROMPT_PLACES && evidence.answer.len() <= ANSWER_PLACES);
    assert_eq!(evidence.reported().len(), evidence.len());
    let _ = evidence.hash();
    let _ = evidence.is_drawn_by(&[7; 16], 100, &[1, 2, 3]);
}
