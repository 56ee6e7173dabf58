//! Frames in pieces, cut short, too long, and interrupted.

use super::*;
use crate::task::frame::{FrameReader, FrameWriter};
use futures::io::Cursor;
use futures::stream::TryStreamExt;
use polymath_proto::v1::{Failed, Heartbeat, TaskFrame, task_frame::Body};
use polymath_wire::frame::FRAME_BYTES_MAX;
use proptest::prelude::*;

fn a_frame(message: String) -> TaskFrame {
    TaskFrame { body: Some(Body::Failed(Failed { code: "x".into(), message })), ..TaskFrame::default() }
}

fn encoded(frames: &[TaskFrame]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer = FrameWriter::new(Cursor::new(&mut bytes));
    for frame in frames {
        writer.send(frame).now_or_never().unwrap().unwrap();
    }
    bytes
}

/// Reads all frames of `bytes` as they come in pieces of `size`.
fn read(bytes: &[u8], size: usize) -> (Vec<TaskFrame>, Option<TaskError>) {
    let pieces: Vec<std::io::Result<Vec<u8>>> = bytes.chunks(size).map(|piece| Ok(piece.to_vec())).collect();
    let mut reader = FrameReader::new(stream::iter(pieces).into_async_read());
    let mut frames = Vec::new();
    loop {
        match reader.next(FRAME_BYTES_MAX).now_or_never().unwrap() {
            Ok(Some(frame)) => frames.push(frame),
            Ok(None) => return (frames, None),
            Err(error) => return (frames, Some(error)),
        }
    }
}

#[test]
fn an_oversized_frame_is_refused_by_its_length_alone() {
    let frame = a_frame("x".repeat(FRAME_BYTES_MAX));
    let bytes = encoded(std::slice::from_ref(&frame));
    let (_, error) = read(&bytes[..3], 1);
    assert!(matches!(error, Some(TaskError::Protocol(_))), "{error:?}");
}

#[test]
fn a_length_that_never_ends_is_refused() {
    let (_, error) = read(&[0xff; 16], 1);
    assert!(matches!(error, Some(TaskError::Protocol(_))), "{error:?}");
}

#[tokio::test]
async fn a_write_that_was_interrupted_is_finished_by_the_next() {
    let (near, far) = pipe(10);
    let mut writer = FrameWriter::new(near);
    let first = a_frame("a frame that does not fit the pipe".into());
    let second = TaskFrame { body: Some(Body::Heartbeat(Heartbeat::default())), ..TaskFrame::default() };
    assert!(writer.send(&first).now_or_never().is_none());
    let writing = tokio::spawn(async move { writer.send(&second).await });
    let mut reader = FrameReader::new(far);
    assert_eq!(within(reader.next(FRAME_BYTES_MAX)).await, Ok(Some(first)));
    assert!(within(reader.next(FRAME_BYTES_MAX)).await.unwrap().is_some());
    within(writing).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_read_that_was_interrupted_loses_nothing() {
    let frame = a_frame("hello".into());
    let bytes = encoded(std::slice::from_ref(&frame));
    let (mut near, far) = tokio::io::duplex(64);
    let mut reader = FrameReader::new(far.compat());
    for piece in bytes.chunks(2) {
        assert!(reader.next(FRAME_BYTES_MAX).now_or_never().is_none());
        tokio::io::AsyncWriteExt::write_all(&mut near, piece).await.unwrap();
    }
    assert_eq!(within(reader.next(FRAME_BYTES_MAX)).await, Ok(Some(frame)));
}

proptest! {
    #[test]
    fn frames_survive_any_cutting(
        messages in prop::collection::vec(".{0,300}", 0..5),
        size in 1usize..5_000,
    ) {
        let frames: Vec<_> = messages.into_iter().map(a_frame).collect();
        prop_assert_eq!(read(&encoded(&frames), size), (frames, None));
    }

    #[test]
    fn a_stream_cut_inside_a_frame_is_an_error(message in ".{1,300}", cut in 1usize..300) {
        let bytes = encoded(&[a_frame(message)]);
        let cut = cut.min(bytes.len() - 1);
        let (frames, error) = read(&bytes[..cut], 7);
        prop_assert!(frames.is_empty());
        prop_assert!(matches!(error, Some(TaskError::Unreachable(_))));
    }

    #[test]
    fn garbage_is_an_error_or_frames_and_never_a_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..2_000),
        size in 1usize..100,
    ) {
        let (_, error) = read(&bytes, size);
        prop_assert!(matches!(error, None | Some(TaskError::Protocol(_) | TaskError::Unreachable(_))));
    }
}

#[tokio::test]
async fn padded_frames_have_few_sizes_and_say_the_same() {
    use polymath_wire::frame::OFFER_BYTES_MAX;
    use polymath_wire::task::{Request, decode_request, encode_request};
    use prost::Message as _;
    let mut sizes = std::collections::BTreeSet::new();
    for length in (0..3_000).step_by(7) {
        let mut offer = super::offer();
        offer.messages[0].content = "x".repeat(1 + length);
        offer.private = true;
        let frame = encode_request(Request::Offer(Box::new(offer.clone())));
        sizes.insert(frame.encoded_len());
        let Ok(Request::Offer(back)) = decode_request(frame) else { panic!("no offer") };
        assert_eq!(*back, offer);
    }
    assert!(sizes.iter().all(|size| size % 256 == 0) && sizes.len() <= 13, "{sizes:?}");
    let mut offer = super::offer();
    offer.messages[0].content = "x".repeat(polymath_swarm::task::OFFER_TEXT_BYTES_MAX - 1_000);
    offer.private = true;
    let frame = encode_request(Request::Offer(Box::new(offer)));
    assert!(frame.encoded_len() <= OFFER_BYTES_MAX, "{}", frame.encoded_len());
}
