//! Frames ([`polymath_wire::frame`]) cut out of a stream, and written to one.
//!
//! Memory follows what has arrived, never what a length claims. Reading and writing keep their state in the
//! reader and the writer, so either may be cancelled between polls and taken up again without losing the
//! frame boundary.

use futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use libp2p::core::upgrade::NegotiationError;
use polymath_proto::v1::TaskFrame;
use polymath_swarm::task::TaskError;
use polymath_wire::frame::{encode, first};
use std::io;

/// Bytes asked of the stream at once: a token packet is about a hundred, an offer usually less than this.
const CHUNK_BYTES: usize = 4 * 1024;

/// Reads frames.
pub(super) struct FrameReader<R> {
    io: R,
    /// Arrived and not yet handed out; less than the limit of one frame and a chunk.
    buffer: Vec<u8>,
    /// Where the next frame starts in `buffer`.
    start: usize,
    /// The stream has ended inside a frame.
    cut: bool,
    /// Reading has failed.
    failed: bool,
}

impl<R: AsyncRead + Unpin> FrameReader<R> {
    pub(super) fn new(io: R) -> Self {
        Self { io, buffer: Vec::new(), start: 0, cut: false, failed: false }
    }

    /// The next frame of at most `bytes_max`, or `None` where the stream ends between frames.
    ///
    /// A frame that is too long or no [`TaskFrame`] is [`TaskError::Protocol`]; a stream that breaks, or ends inside a frame, is
    /// [`TaskError::Unreachable`]: over yamux, and so over relays, the end of a lost connection looks like that of a stream.
    pub(super) async fn next(&mut self, bytes_max: usize) -> Result<Option<TaskFrame>, TaskError> {
        loop {
            if let Some(frame) = self.buffered(bytes_max)? {
                return Ok(Some(frame));
            }
            self.buffer.drain(..self.start);
            self.start = 0;
            if self.buffer.is_empty() {
                // An offer's worth of memory is not kept for the life of the stream.
                self.buffer.shrink_to(CHUNK_BYTES);
            }
            let mut chunk = [0; CHUNK_BYTES];
            let read = self.io.read(&mut chunk).await;
            self.failed |= read.is_err();
            let read = read.map_err(unreachable)?;
            if read == 0 {
                self.cut = !self.buffer.is_empty();
                return if self.cut {
                    Err(TaskError::Unreachable("the stream ended inside a frame".into()))
                } else {
                    Ok(None)
                };
            }
            self.buffer.extend_from_slice(&chunk[..read]);
        }
    }

    /// Whether the stream has ended inside a frame.
    pub(super) fn is_cut(&self) -> bool {
        self.cut
    }

    /// Whether reading has failed. Then nothing may be written either: of a stream whose protocol the peer turns out not to speak libp2p
    /// makes that a panic.
    pub(super) fn has_failed(&self) -> bool {
        self.failed
    }

    /// Takes a frame that has arrived whole.
    fn buffered(&mut self, bytes_max: usize) -> Result<Option<TaskFrame>, TaskError> {
        let Some((frame, bytes)) = first(&self.buffer[self.start..], bytes_max)? else { return Ok(None) };
        self.start += bytes;
        Ok(Some(frame))
    }
}

/// Writes frames.
pub(super) struct FrameWriter<W> {
    io: W,
    /// Encoded and not yet written: the rest of one frame that was interrupted, at most, and the next one.
    pending: Vec<u8>,
}

impl<W: AsyncWrite + Unpin> FrameWriter<W> {
    pub(super) fn new(io: W) -> Self {
        Self { io, pending: Vec::new() }
    }

    /// Writes `frame` and flushes. If this is cancelled, the frame is still first in line.
    pub(super) async fn send(&mut self, frame: &TaskFrame) -> Result<(), TaskError> {
        self.pending.extend(encode(frame));
        while !self.pending.is_empty() {
            let written = self.io.write(&self.pending).await.map_err(unreachable)?;
            if written == 0 {
                return Err(unreachable(io::ErrorKind::WriteZero.into()));
            }
            self.pending.drain(..written);
        }
        self.pending.shrink_to(CHUNK_BYTES);
        self.io.flush().await.map_err(unreachable)
    }

    /// Closes this side of the stream.
    pub(super) async fn close(&mut self) -> Result<(), TaskError> {
        self.io.close().await.map_err(unreachable)
    }
}

fn unreachable(error: io::Error) -> TaskError {
    let cause = error.get_ref().and_then(|cause| cause.downcast_ref::<NegotiationError>());
    TaskError::Unreachable(match cause {
        Some(NegotiationError::Failed) => "its node speaks another version of the task protocol".to_owned(),
        _ => error.to_string(),
    })
}
