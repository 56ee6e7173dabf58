//! Round trips, bounds, and decoders fed with anything.

use super::*;
use polymath_swarm::identity::Sha256Hash;
use polymath_swarm::sampling::Settings;
use polymath_swarm::task::Message;
use proptest::prelude::*;
use prost::Message as _;

fn reported(id: u32) -> Reported {
    Reported { id, steps: 65_535, top: (0..20).map(|i| (id + i, 9)).collect() }
}

fn evidence() -> Evidence {
    let position = |place| Position { place, reported: reported(place) };
    Evidence { prompt: vec![position(3)], answer: vec![position(0), position(1)], end: Some(reported(2)) }
}

fn replay() -> Replay {
    Replay {
        model: Sha256Hash([1; 32]),
        messages: vec![Message { role: "user".into(), content: "hello".into() }],
        sampler: Sampler { settings: Settings { temperature: 0.5, ..Settings::default() }, seed: 7 },
        nonce: [4; 16],
        ids: vec![5, 6, 2],
        ended: true,
        restricted: false,
        stop: vec!["\n".into()],
    }
}

#[test]
fn what_is_sent_arrives() {
    for request in [Request::Challenge { task_id: [9; 16] }, Request::Replay(Box::new(replay()))] {
        assert_eq!(decode_request(encode_request(request.clone())), Ok(request));
    }
    let opening = Reply::Opening { evidence: evidence(), signature: [8; 64] };
    assert_eq!(opening_of(encode_reply(opening)), Ok((evidence(), [8; 64])));
    let misfits = Misfits { out_of_place: 2, beyond_doubt: 1 };
    let computed = Computed {
        evidence: evidence(),
        prompt_tokens: 12,
        misfits,
        ends_turn: true,
        text: Sha256Hash([3; 32]),
        stopped: true,
    };
    assert_eq!(replayed_of(encode_reply(Reply::Replayed(Some(computed.clone())))), Ok(Some(computed)));
    assert_eq!(replayed_of(encode_reply(Reply::Replayed(None))), Ok(None));
    let busy = TaskError::Busy { retry_after_ms: 70 };
    assert_eq!(opening_of(encode_reply(Reply::Declined(busy.clone()))), Err(busy));
    let refused = TaskError::Refused { code: "unknown_task".into(), message: "no".into() };
    assert_eq!(replayed_of(encode_reply(Reply::Declined(refused.clone()))), Err(refused));
    let inside = encode_reply(Reply::Declined(TaskError::Unreachable("/a/path".into())));
    assert!(!format!("{inside:?}").contains("path"));
}

#[test]
fn what_is_out_of_bounds_is_refused() {
    let spoilt: &[fn(&mut Replay)] = &[
        |r| r.ids.clear(),
        |r| r.ids = vec![1; 20_000],
        |r| r.messages.clear(),
        |r| r.stop = vec![String::new()],
        |r| r.sampler.settings.top_p = f32::NAN,
    ];
    for (index, spoil) in spoilt.iter().enumerate() {
        let mut replay = replay();
        spoil(&mut replay);
        let request = encode_request(Request::Replay(Box::new(replay)));
        assert!(matches!(decode_request(request), Err(TaskError::Protocol(_))), "case {index}");
    }
    let answer = |spoil: fn(&mut v1::Evidence)| {
        let mut evidence = encode_evidence(evidence());
        spoil(&mut evidence);
        decode_evidence(evidence)
    };
    assert!(answer(|e| e.prompt = vec![e.prompt[0].clone(); 17]).is_err());
    assert!(answer(|e| e.answer = vec![e.answer[0].clone(); 257]).is_err());
    assert!(answer(|e| e.answer[0].steps = 65_536).is_err());
    assert!(answer(|e| e.answer[0].top_steps[3] = 65_536).is_err());
    assert!(answer(|e| e.answer[0].top_ids.push(1)).is_err());
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(request) = AuditRequest::decode(&bytes[..]) {
            let _ = decode_request(request);
        }
        if let Ok(response) = AuditResponse::decode(&bytes[..]) {
            let _ = opening_of(response.clone());
            let _ = replayed_of(response);
        }
    }
}
