//! An expert against askers that break the rules.

use super::*;
use crate::task::frame::{FrameReader, FrameWriter};
use futures::{AsyncReadExt, AsyncWriteExt};
use polymath_proto::v1::{ChatMessage, Heartbeat, TaskFrame, task_frame::Body};
use polymath_wire::frame::FRAME_BYTES_MAX;
use polymath_wire::task::{Report, Request, decode_report, encode_request};
use proptest::prelude::*;
use prost::Message as _;
use std::time::Instant;

fn offer_frame(offer: Offer) -> TaskFrame {
    encode_request(Request::Offer(Box::new(offer)))
}

fn endless() -> Arc<FakeService> {
    FakeService::scripted(vec![accepted()], true)
}

/// The last word of the expert after `bytes`, and how its side ended.
async fn after(bytes: &[u8], service: &Arc<FakeService>) -> (Option<TaskError>, Served) {
    let (near, far) = pipe(PIPE_BYTES);
    let serving = serving(far, service, &CancellationToken::new());
    let (read, mut write) = near.split();
    // It may stop reading at any time.
    let _ = within(write.write_all(bytes)).await;
    let mut reader = FrameReader::new(read);
    let mut last_word = None;
    while let Ok(Some(frame)) = within(reader.next(FRAME_BYTES_MAX)).await {
        if let Report::Ended(error) = decode_report(frame).unwrap() {
            last_word = Some(error);
        }
    }
    (last_word, within(serving).await.unwrap())
}

fn refused_as_invalid(error: &Option<TaskError>) -> bool {
    matches!(error, Some(TaskError::Refused { code, .. }) if code == "invalid")
}

#[tokio::test]
async fn an_offer_of_ten_megabytes_is_refused_unread() {
    let mut huge = offer();
    huge.messages[0].content = "x".repeat(10 << 20);
    let bytes = offer_frame(huge).encode_length_delimited_to_vec();
    let service = endless();
    let (near, far) = pipe(4_096);
    let serving = serving(far, &service, &CancellationToken::new());
    let (read, mut write) = near.split();
    let writing = tokio::spawn(async move { write.write_all(&bytes).await });
    let mut reader = FrameReader::new(read);
    let frame = within(reader.next(FRAME_BYTES_MAX)).await.unwrap().unwrap();
    let Report::Ended(error) = decode_report(frame).unwrap() else { panic!("not the last word") };
    assert!(refused_as_invalid(&Some(error)));
    assert!(matches!(within(serving).await.unwrap(), Served::Broken(TaskError::Protocol(_))));
    assert!(within(writing).await.unwrap().is_err(), "the rest was not taken");
    assert_eq!(service.offers.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn offers_out_of_bounds_are_refused_with_the_reason() {
    type Spoil = fn(&mut polymath_proto::v1::Offer);
    let cases: &[Spoil] = &[
        |o| o.task_id = vec![1; 15],
        |o| o.card_sha256.clear(),
        |o| o.sampling = None,
        |o| o.sampling.as_mut().unwrap().temperature = f32::NAN,
        |o| o.messages.clear(),
        |o| o.messages = vec![ChatMessage { role: "user".into(), content: "x".into() }; 257],
        |o| o.max_tokens = u32::MAX,
        |o| o.deadline_ms = 0,
        |o| o.stop = vec![String::new()],
        |o| o.top_logprobs = 21,
    ];
    for (index, spoil) in cases.iter().enumerate() {
        let Some(Body::Offer(mut spoilt)) = offer_frame(offer()).body else { panic!("not an offer") };
        spoil(&mut spoilt);
        let frame = TaskFrame { body: Some(Body::Offer(spoilt)), ..TaskFrame::default() };
        let service = endless();
        let (last_word, served) = after(&frame.encode_length_delimited_to_vec(), &service).await;
        assert!(refused_as_invalid(&last_word), "case {index}: {last_word:?}");
        assert!(matches!(served, Served::Ended(_) | Served::Broken(_)), "case {index}");
        assert_eq!(service.offers.load(Ordering::SeqCst), 0, "case {index}");
    }
}

#[tokio::test]
async fn after_the_offer_only_cancel_may_follow() {
    let heartbeat = TaskFrame { body: Some(Body::Heartbeat(Heartbeat::default())), ..TaskFrame::default() };
    for second in [offer_frame(offer()), heartbeat, TaskFrame::default()] {
        let mut bytes = offer_frame(offer()).encode_length_delimited_to_vec();
        bytes.extend(second.encode_length_delimited_to_vec());
        let service = endless();
        let (last_word, served) = after(&bytes, &service).await;
        assert!(refused_as_invalid(&last_word), "{last_word:?}");
        assert!(matches!(served, Served::Broken(TaskError::Protocol(_))), "{served:?}");
    }
}

#[tokio::test]
async fn an_asker_that_vanishes_frees_the_work() {
    let service = endless();
    let (near, far) = pipe(PIPE_BYTES);
    let serving = serving(far, &service, &CancellationToken::new());
    let (read, write) = near.split();
    let mut writer = FrameWriter::new(write);
    within(writer.send(&offer_frame(offer()))).await.unwrap();
    let mut reader = FrameReader::new(read);
    within(reader.next(FRAME_BYTES_MAX)).await.unwrap().expect("accepted");
    drop((reader, writer));
    within(service.dropped.cancelled()).await;
    assert_eq!(within(serving).await.unwrap(), Served::Cancelled);
}

#[tokio::test]
async fn an_offer_that_dribbles_in_is_given_up() {
    let service = endless();
    let (mut near, far) = pipe(PIPE_BYTES);
    let serving = serving(far, &service, &CancellationToken::new());
    let began = Instant::now();
    let dribble = tokio::spawn(async move {
        for byte in offer_frame(offer()).encode_length_delimited_to_vec() {
            if near.write_all(&[byte]).await.is_err() {
                break;
            }
            tokio::time::sleep(HEARTBEAT).await;
        }
    });
    assert!(matches!(within(serving).await.unwrap(), Served::Broken(TaskError::Protocol(_))));
    assert!(began.elapsed() >= OFFER_TIME_MAX);
    dribble.abort();
}

#[tokio::test]
async fn an_asker_that_never_reads_holds_the_work_no_longer_than_the_deadline() {
    let flood = || stream::iter(0..).map(|index| tokens(index, &[index], "some text")).boxed();
    let service = FakeService::reporting(move || stream::iter([accepted()]).chain(flood()).boxed());
    let (near, far) = pipe(512);
    let serving = serving(far, &service, &CancellationToken::new());
    let mut writer = FrameWriter::new(near);
    within(writer.send(&offer_frame(Offer { deadline_ms: 300, ..offer() }))).await.unwrap();
    let served = within(serving).await.unwrap();
    assert!(matches!(&served, Served::Ended(error) if failed("deadline")(error)), "{served:?}");
    assert!(service.dropped.is_cancelled());
}

#[tokio::test]
async fn an_unasked_log_probability_is_not_sent() {
    let logprobs = vec![TokenLogprobs {
        logprob: f32::NEG_INFINITY,
        top: vec![(1, f32::NEG_INFINITY)],
        pieces: vec![Vec::new(); 2],
    }];
    let packet = TaskEvent::Tokens { sequence: 0, ids: vec![1], text: "a".into(), logprobs };
    for (top_logprobs, expected) in [(0, 0), (1, 1)] {
        let service = FakeService::scripted(vec![accepted(), Ok(packet.clone()), done(1)], false);
        let (task, _) = asking(&service, Offer { top_logprobs, ..offer() }, PIPE_BYTES).await;
        let (events, error) = rest(&mut task.unwrap()).await;
        assert_eq!(error, None);
        assert!(matches!(&events[1], TaskEvent::Tokens { logprobs, .. } if logprobs.len() == expected));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn garbage_ends_the_stream_and_never_reaches_the_service(
        bytes in prop::collection::vec(any::<u8>(), 1..600),
        framed in any::<bool>(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let mut sent = bytes.clone();
        if framed {
            sent.clear();
            prost::encode_length_delimiter(bytes.len(), &mut sent).unwrap();
            sent.extend(&bytes);
        }
        // Enough to complete whatever length the garbage claims, up to the limit.
        sent.resize(sent.len() + (400 << 10), 0xff);
        let service = endless();
        let (_, served) = runtime.block_on(after(&sent, &service));
        prop_assert!(matches!(served, Served::Broken(_) | Served::Cancelled), "{:?}", served);
        prop_assert_eq!(service.offers.load(Ordering::SeqCst), 0);
    }
}
