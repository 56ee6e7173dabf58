//! The task protocol: frames, what an asker says, what an expert says.

use polymath_proto::v1::TaskFrame;
use polymath_swarm::task::TaskError;
use polymath_wire::frame::{FRAME_BYTES_MAX, OFFER_BYTES_MAX, encode, first};
use polymath_wire::task::{Report, Request, decode_report, decode_request, encode_report, encode_request};
use prost::Message as _;

/// A stream of bytes is cut into frames that are settled; each takes some of it, and what is refused breaks the protocol.
pub fn frames(data: &[u8]) {
    let mut rest = data;
    loop {
        match first(rest, FRAME_BYTES_MAX) {
            Ok(None) => return,
            Ok(Some((frame, bytes))) => {
                assert!((1..=rest.len()).contains(&bytes));
                let own = encode(&frame);
                let (again, length) =
                    first(&own, FRAME_BYTES_MAX).expect("its own encoding").expect("all of it");
                assert_eq!(length, own.len());
                assert_eq!(encode(&again), own);
                rest = &rest[bytes..];
            }
            Err(TaskError::Protocol(_)) => return,
            Err(error) => panic!("{error}"),
        }
    }
}

/// An offer that is accepted is settled; one within its bounds fits its frame, padded or not.
pub fn offer(data: &[u8]) {
    let Ok(frame) = TaskFrame::decode(data) else { return };
    let Ok(request) = decode_request(frame) else { return };
    let frame = encode_request(request.clone());
    let again = decode_request(frame.clone()).expect("its own encoding");
    assert_eq!(encode_request(again.clone()).encode_to_vec(), frame.encode_to_vec());
    if let Request::Offer(offer) = &request
        && offer.check().is_ok()
    {
        assert_eq!(again, request);
        assert!(frame.encoded_len() <= OFFER_BYTES_MAX);
    }
}

/// A report that is accepted is settled; its numbers are numbers and its texts harmless.
pub fn report(data: &[u8]) {
    let Ok(frame) = TaskFrame::decode(data) else { return };
    let Ok(report) = decode_report(frame) else { return };
    match &report {
        Report::Tokens(packet) => {
            let proper = |p: f32| p.is_finite() && p <= 0.0;
            assert!(
                packet.logprobs.iter().all(|l| proper(l.logprob) && l.top.iter().all(|(_, p)| proper(*p)))
            );
        }
        Report::Ended(TaskError::Refused { code, message } | TaskError::Failed { code, message }) => {
            assert!((1..=64).contains(&code.len()) && message.len() <= 1_024);
            assert!(!message.chars().any(char::is_control));
        }
        _ => {}
    }
    assert_eq!(decode_report(encode_report(report.clone())).expect("its own encoding"), report);
}
