//! An asker against experts that break the rules.

use super::*;
use crate::task::frame::{FrameReader, FrameWriter};
use futures::{AsyncReadExt, AsyncWriteExt};
use polymath_proto::v1::{self, TaskFrame, task_frame::Body};
use polymath_swarm::task::{running_hash, transcript_hash};
use polymath_wire::frame::{FRAME_BYTES_MAX, OFFER_BYTES_MAX};
use polymath_wire::task::{Request, decode_request};
use proptest::prelude::*;
use prost::Message as _;
use std::time::Instant;

fn frame(body: Body) -> TaskFrame {
    TaskFrame { body: Some(body), ..TaskFrame::default() }
}

/// What an honest expert sends for [`offer`]: accepted, tokens 7 and 8, token 9, done.
fn honest() -> Vec<TaskFrame> {
    let running = |ids: &[u32]| running_hash(Sha256Hash::default(), ids).0.to_vec();
    let packet = |sequence, ids: &[u32], all: &[u32]| {
        frame(Body::Tokens(v1::Tokens {
            sequence,
            ids: ids.to_vec(),
            text: "some".into(),
            logprobs: Vec::new(),
            running_sha256: running(all),
        }))
    };
    vec![
        frame(Body::Accepted(v1::Accepted { queue_position: 0, price_micro: 3 })),
        packet(0, &[7, 8], &[7, 8]),
        packet(2, &[9], &[7, 8, 9]),
        signed(MODEL, &signer(), &[7, 8, 9]),
    ]
}

fn signed(model: Sha256Hash, key: &SigningKey, ids: &[u32]) -> TaskFrame {
    let ending = Ending { ids, finish_reason: FinishReason::Stop, prompt_tokens: 9 };
    let transcript = transcript_hash(&offer(), model, ending);
    let commitment = Commitment::sign(key, [offer().task_id, RUN], transcript, EVIDENCE);
    frame(Body::Done(v1::Done {
        finish_reason: "stop".into(),
        prompt_tokens: 9,
        completion_tokens: ids.len() as u32,
        transcript_sha256: transcript.0.to_vec(),
        signature: commitment.signature.to_vec(),
        evidence_sha256: EVIDENCE.0.to_vec(),
        run_id: RUN.to_vec(),
    }))
}

fn encoded(frames: &[TaskFrame]) -> Vec<u8> {
    frames.iter().flat_map(|frame| frame.encode_length_delimited_to_vec()).collect()
}

/// Asks [`offer`] of an expert that reads it, sends `bytes`, and then is silent until the asker hangs up.
/// Returns the events, the error, and whether the asker said cancel.
async fn answered(bytes: Vec<u8>) -> (Vec<TaskEvent>, Option<TaskError>, bool) {
    let (near, far) = pipe(PIPE_BYTES);
    let expert = tokio::spawn(async move {
        let (read, mut write) = far.split();
        let mut reader = FrameReader::new(read);
        reader.next(OFFER_BYTES_MAX).await.unwrap().expect("an offer");
        // The asker may have heard enough before the end.
        let _ = write.write_all(&bytes).await;
        match reader.next(FRAME_BYTES_MAX).await {
            Ok(Some(frame)) => matches!(decode_request(frame), Ok(Request::Cancel)),
            _ => false,
        }
    });
    let asker = Asker::new(CancellationToken::new(), Watch::default());
    let (events, error) = match within(asker.ask(near, the_expert(), offer(), Loading::default())).await {
        Ok(mut task) => rest(&mut task).await,
        Err(error) => (Vec::new(), Some(error)),
    };
    let cancelled = within(expert).await.unwrap();
    (events, error, cancelled)
}

#[tokio::test]
async fn what_an_honest_expert_sends_is_believed_and_frames_after_it_are_not_read() {
    let mut frames = honest();
    frames.extend(honest());
    let mut bytes = encoded(&frames);
    bytes.extend([0xff; 64]);
    let (events, error, cancelled) = answered(bytes).await;
    assert_eq!((events.len(), error, cancelled), (4, None, false));
}

#[tokio::test]
async fn every_lie_is_a_protocol_error_and_cancels() {
    type Lie = fn(&mut Vec<TaskFrame>);
    let lies: &[(&str, Lie)] = &[
        ("nothing is accepted", |f| drop(f.remove(0))),
        ("accepted twice", |f| f.insert(1, f[0].clone())),
        ("price above the cap", |f| {
            f[0] = frame(Body::Accepted(v1::Accepted { queue_position: 0, price_micro: 11 }));
        }),
        ("a packet is repeated", |f| f.insert(2, f[1].clone())),
        ("a packet is missed", |f| drop(f.remove(1))),
        ("packets are exchanged", |f| f.swap(1, 2)),
        ("the running hash is wrong", |f| packet(f).running_sha256[0] ^= 1),
        ("the running hash is short", |f| packet(f).running_sha256.truncate(31)),
        ("an id is changed", |f| packet(f).ids[0] ^= 1),
        ("an empty packet", |f| {
            packet(f).ids.clear();
            packet(f).text.clear();
        }),
        ("more tokens than asked for", |f| packet(f).ids = vec![1; 1_001]),
        ("unasked log-probabilities", |f| packet(f).logprobs = vec![v1::TokenLogprobs::default(); 2]),
        ("a log-probability above 0", |f| {
            packet(f).logprobs = vec![v1::TokenLogprobs { logprob: 0.5, ..Default::default() }; 2];
        }),
        ("another key", |f| f[3] = signed(MODEL, &SigningKey::from_bytes(&[1; 32]), &[7, 8, 9])),
        ("another model", |f| f[3] = signed(Sha256Hash([6; 32]), &signer(), &[7, 8, 9])),
        ("other tokens", |f| f[3] = signed(MODEL, &signer(), &[7, 8, 10])),
        ("another count", |f| last(f).completion_tokens += 1),
        ("a spoilt signature", |f| last(f).signature[5] ^= 1),
        ("no signature", |f| last(f).signature.clear()),
        ("other evidence than it signed", |f| last(f).evidence_sha256[3] ^= 1),
        ("another execution", |f| last(f).run_id[0] ^= 1),
        ("evidence left out", |f| last(f).evidence_sha256.clear()),
        ("another count of the prompt", |f| last(f).prompt_tokens += 1),
        ("another reason to stop", |f| last(f).finish_reason = "length".into()),
        ("an unknown reason", |f| last(f).finish_reason = "bored".into()),
        ("an asker's frame", |f| f[1] = frame(Body::Cancel(v1::Cancel {}))),
        ("a code that is none", |f| {
            f[1] = frame(Body::Failed(v1::Failed { code: "\u{1b}[31m".into(), message: "x".into() }));
        }),
        ("a frame of nothing", |f| f[1] = TaskFrame::default()),
        ("heartbeats without end", |f| {
            let flood = vec![frame(Body::Heartbeat(v1::Heartbeat::default())); 2_000];
            f.splice(1..1, flood);
        }),
        ("an oversized frame", |f| packet(f).text = "x".repeat(FRAME_BYTES_MAX)),
    ];
    for (name, lie) in lies {
        let mut frames = honest();
        lie(&mut frames);
        let (_, error, cancelled) = answered(encoded(&frames)).await;
        assert!(matches!(error, Some(TaskError::Protocol(_))), "{name}: {error:?}");
        assert!(cancelled, "{name}");
    }
}

fn packet(frames: &mut [TaskFrame]) -> &mut v1::Tokens {
    let Some(Body::Tokens(tokens)) = &mut frames[1].body else { panic!("no packet") };
    tokens
}

fn last(frames: &mut [TaskFrame]) -> &mut v1::Done {
    let Some(Body::Done(done)) = &mut frames[3].body else { panic!("not done") };
    done
}

#[tokio::test]
async fn a_reason_from_afar_is_short_and_plain() {
    let message = format!("\u{1b}[2J\r\n{}", "ä".repeat(10_000));
    let refusal = frame(Body::Refused(v1::Refused { code: "too_long".into(), message }));
    let (_, error, _) = answered(encoded(&[refusal])).await;
    let Some(TaskError::Refused { message, .. }) = error else { panic!("{error:?}") };
    assert_eq!(message.chars().take(4).collect::<String>(), "[2Jä");
    assert!(message.len() <= 1_024);
}

#[tokio::test]
async fn text_without_end_is_a_protocol_error() {
    let mut frames = honest();
    frames.truncate(1);
    for _ in 0..10 {
        frames.push(frame(Body::Tokens(v1::Tokens {
            text: "x".repeat(60_000),
            running_sha256: vec![0; 32],
            ..Default::default()
        })));
    }
    let (events, error, _) = answered(encoded(&frames)).await;
    assert!(events.len() < 6, "{} packets were believed", events.len());
    assert!(matches!(error, Some(TaskError::Protocol(_))), "{error:?}");
}

#[tokio::test]
async fn a_silent_expert_is_noticed_after_a_second() {
    let began = Instant::now();
    let silences = (0..3).map(|frames| answered(encoded(&honest()[..frames])));
    for (_, error, cancelled) in futures::future::join_all(silences).await {
        assert!(matches!(error, Some(TaskError::Unreachable(_))), "{error:?}");
        assert!(cancelled);
    }
    let noticed = began.elapsed();
    // The rest is for a machine that does other things; the deadline would be later still.
    assert!((SILENCE_MAX..SILENCE_MAX * 10).contains(&noticed), "noticed after {noticed:?}");
}

#[tokio::test]
async fn an_asker_that_was_held_up_itself_blames_nobody() {
    let (near, far) = pipe(PIPE_BYTES);
    let mut writer = FrameWriter::new(far);
    let mut frames = honest().into_iter();
    within(writer.send(&frames.next().unwrap())).await.unwrap();
    let asker = Asker::new(CancellationToken::new(), Watch::default());
    let mut task = within(asker.ask(near, the_expert(), offer(), Loading::default())).await.unwrap();
    // Holds up whatever this process does: all of it is on this thread.
    std::thread::sleep(SILENCE_MAX * 3 / 2);
    // What the expert has said meanwhile comes a little after the asker has woken, as by way of a connection's own task.
    tokio::time::sleep(HEARTBEAT).await;
    for frame in frames {
        within(writer.send(&frame)).await.unwrap();
    }
    let (events, error) = rest(&mut task).await;
    assert_eq!((events.len(), error), (4, None));
}

#[tokio::test]
async fn silence_is_noticed_while_nobody_waits() {
    let (near, far) = pipe(PIPE_BYTES);
    let mut writer = FrameWriter::new(far);
    within(writer.send(&honest()[0])).await.unwrap();
    let asker = Asker::new(CancellationToken::new(), Watch::default());
    let mut task = within(asker.ask(near, the_expert(), offer(), Loading::default())).await.unwrap();
    tokio::time::sleep(SILENCE_MAX * 3 / 2).await;
    // Too late: the verdict stands.
    let _ = writer.send(&honest()[1]).await;
    let (events, error) = rest(&mut task).await;
    assert_eq!(events.len(), 1);
    assert!(matches!(error, Some(TaskError::Unreachable(_))), "{error:?}");
}

#[tokio::test]
async fn bytes_that_dribble_in_are_silence() {
    let (near, far) = pipe(PIPE_BYTES);
    let (_read, mut write) = far.split();
    let dribble = tokio::spawn(async move {
        for byte in encoded(&honest()) {
            if write.write_all(&[byte]).await.is_err() {
                break;
            }
            tokio::time::sleep(SILENCE_MAX / 5).await;
        }
    });
    let began = Instant::now();
    let asker = Asker::new(CancellationToken::new(), Watch::default());
    let error = match within(asker.ask(near, the_expert(), offer(), Loading::default())).await {
        Ok(mut task) => rest(&mut task).await.1,
        Err(error) => Some(error),
    };
    assert!(matches!(error, Some(TaskError::Unreachable(_))), "{error:?}");
    // Well before the deadline, which would end it as well.
    assert!(began.elapsed() < SILENCE_MAX * 10);
    dribble.abort();
}

#[tokio::test]
async fn an_expert_that_leaves_is_unreachable_and_inside_a_frame_noted() {
    let bytes = encoded(&honest()[..2]);
    for (length, whole) in [(bytes.len(), true), (bytes.len() - 3, false)] {
        let (near, mut far) = pipe(PIPE_BYTES);
        within(far.write_all(&bytes[..length])).await.unwrap();
        within(far.close()).await.unwrap();
        let (tell, told) = std::sync::mpsc::sync_channel(4);
        let watch = Watch::new(move |_, offence| _ = tell.send(offence));
        let asker = Asker::new(CancellationToken::new(), watch);
        let mut task = within(asker.ask(near, the_expert(), offer(), Loading::default())).await.unwrap();
        let (_, error) = rest(&mut task).await;
        assert!(matches!(error, Some(TaskError::Unreachable(_))), "{error:?}");
        assert_eq!(told.try_recv().ok(), (!whole).then_some(Offence::CutOff));
    }
}

#[tokio::test]
async fn an_expert_that_does_not_take_the_offer_is_unreachable() {
    let (near, _far) = pipe(16);
    let asker = Asker::new(CancellationToken::new(), Watch::default());
    let error = within(asker.ask(near, the_expert(), offer(), Loading::default())).await.err();
    assert!(matches!(error, Some(TaskError::Unreachable(_))), "{error:?}");
}

#[tokio::test]
async fn an_expert_that_only_beats_is_left_at_the_deadline() {
    let (near, far) = pipe(PIPE_BYTES);
    let mut writer = FrameWriter::new(far);
    let beating = tokio::spawn(async move {
        while writer.send(&frame(Body::Heartbeat(v1::Heartbeat::default()))).await.is_ok() {
            tokio::time::sleep(HEARTBEAT).await;
        }
    });
    let asker = Asker::new(CancellationToken::new(), Watch::default());
    let short = Offer { deadline_ms: 500, ..offer() };
    let error = within(asker.ask(near, the_expert(), short, Loading::default())).await.err();
    assert!(error.as_ref().is_some_and(failed("deadline")), "{error:?}");
    within(beating).await.unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn garbage_is_an_error(
        bytes in prop::collection::vec(any::<u8>(), 1..600),
        honest_frames in 0usize..3,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let mut sent = encoded(&honest()[..honest_frames]);
        sent.extend(&bytes);
        // Enough to complete whatever length the garbage claims, up to the limit.
        sent.resize(sent.len() + (100 << 10), 0xff);
        let (_, error, _) = runtime.block_on(answered(sent));
        // Garbage can be a proper `Busy`, say; what it cannot be is a result.
        prop_assert!(error.is_some());
    }
}
