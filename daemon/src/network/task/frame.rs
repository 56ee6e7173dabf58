//! Frames: an unsigned varint length (LEB128, as protobuf's length-delimited messages) and so many bytes.
//!
//! Memory follows what has arrived, never what a length claims. Reading and writing keep their state in the
//! reader and the writer, so either may be cancelled between polls and taken up again without losing the
//! frame boundary.

use futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use polymath_proto::v1::TaskFrame;
use polymath_swarm::task::TaskError;
use prost::Message as _;
use std::io;

/// Bytes of a frame with an offer: 256 KiB of text, a grammar of 64, the stop strings, the tokens it continues, the encoding around them.
pub(super) const OFFER_BYTES_MAX: usize = 448 * 1024;
/// Bytes of any other frame: a packet of tokens with twenty alternatives each stays well below.
pub(super) const FRAME_BYTES_MAX: usize = 64 * 1024;
/// Bytes of a length prefix: three carry 21 bits, more than any frame may have.
const PREFIX_BYTES_MAX: usize = 3;
/// Bytes asked of the stream at once: a token packet is about a hundred, an offer usually less than this.
const CHUNK_BYTES: usize = 4 * 1024;

/// Reads frames.
pub(super) struct FrameReader<R> {
    io: R,
    /// Arrived and not yet handed out; less than the limit of one frame and a chunk.
    buffer: Vec<u8>,
    /// Where the next frame starts in `buffer`.
    start: usize,
}

impl<R: AsyncRead + Unpin> FrameReader<R> {
    pub(super) fn new(io: R) -> Self {
        Self { io, buffer: Vec::new(), start: 0 }
    }

    /// The next frame of at most `bytes_max`, or `None` where the stream ends between frames.
    ///
    /// A frame that is too long, cut off or no [`TaskFrame`] is [`TaskError::Protocol`]; a broken stream is
    /// [`TaskError::Unreachable`].
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
            let read = self.io.read(&mut chunk).await.map_err(unreachable)?;
            if read == 0 {
                let between = self.buffer.is_empty();
                return if between { Ok(None) } else { Err(broken("the stream ended inside a frame")) };
            }
            self.buffer.extend_from_slice(&chunk[..read]);
        }
    }

    /// Takes a frame that has arrived whole.
    fn buffered(&mut self, bytes_max: usize) -> Result<Option<TaskFrame>, TaskError> {
        let arrived = &self.buffer[self.start..];
        let Some((length, prefix)) = length_prefix(arrived)? else { return Ok(None) };
        if length > bytes_max {
            return Err(broken(format!("a frame of {length} bytes, where {bytes_max} are allowed")));
        }
        let Some(body) = arrived.get(prefix..prefix + length) else { return Ok(None) };
        let frame = TaskFrame::decode(body).map_err(|error| broken(format!("no task frame: {error}")))?;
        self.start += prefix + length;
        Ok(Some(frame))
    }
}

/// Reads a length and how many bytes it took; `None` if more bytes are needed.
fn length_prefix(bytes: &[u8]) -> Result<Option<(usize, usize)>, TaskError> {
    let mut length = 0;
    for (index, byte) in bytes.iter().take(PREFIX_BYTES_MAX).enumerate() {
        length |= usize::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Ok(Some((length, index + 1)));
        }
    }
    if bytes.len() < PREFIX_BYTES_MAX { Ok(None) } else { Err(broken("a frame of two megabytes or more")) }
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
        // Encoding into a vector cannot fail.
        self.pending.reserve(frame.encoded_len() + PREFIX_BYTES_MAX);
        frame.encode_length_delimited(&mut self.pending).map_err(|error| broken(error.to_string()))?;
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

fn broken(reason: impl Into<String>) -> TaskError {
    TaskError::Protocol(reason.into())
}

fn unreachable(error: io::Error) -> TaskError {
    TaskError::Unreachable(error.to_string())
}
