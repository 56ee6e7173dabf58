//! Frames: an unsigned varint length (LEB128, as protobuf's length-delimited messages) and so many bytes.
//!
//! What cuts them out of a stream is the daemon's; here is how one begins and ends, and what it may be.

use crate::field::broken;
use polymath_proto::v1::TaskFrame;
use polymath_swarm::task::TaskError;
use prost::Message as _;

/// Bytes of a frame with an offer: 256 KiB of text, a grammar of 64, the stop strings, the tokens it continues, the encoding around them.
pub const OFFER_BYTES_MAX: usize = 448 * 1024;
/// Bytes of any other frame: a packet of tokens with twenty alternatives each stays well below.
pub const FRAME_BYTES_MAX: usize = 64 * 1024;
/// Bytes of a length prefix: three carry 21 bits, more than any frame may have.
const PREFIX_BYTES_MAX: usize = 3;

/// The frame at the beginning of what has `arrived`, and how many bytes it took; `None` if it is not there whole.
///
/// # Errors
/// [`TaskError::Protocol`] for one that is longer than `bytes_max`, as soon as its length says so, and for what is no [`TaskFrame`].
pub fn first(arrived: &[u8], bytes_max: usize) -> Result<Option<(TaskFrame, usize)>, TaskError> {
    let Some((length, prefix)) = length_prefix(arrived)? else { return Ok(None) };
    if length > bytes_max {
        return Err(broken(&format!("a frame of {length} bytes, where {bytes_max} are allowed")));
    }
    let Some(body) = arrived.get(prefix..prefix + length) else { return Ok(None) };
    let frame = TaskFrame::decode(body).map_err(|error| broken(&format!("no task frame: {error}")))?;
    Ok(Some((frame, prefix + length)))
}

/// The bytes of a frame, its length first.
pub fn encode(frame: &TaskFrame) -> Vec<u8> {
    frame.encode_length_delimited_to_vec()
}

/// Reads a length and how many bytes it took; `None` if more bytes are needed.
///
/// # Errors
/// [`TaskError::Protocol`] for a length of more than 21 bits.
pub fn length_prefix(bytes: &[u8]) -> Result<Option<(usize, usize)>, TaskError> {
    let mut length = 0;
    for (index, byte) in bytes.iter().take(PREFIX_BYTES_MAX).enumerate() {
        length |= usize::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Ok(Some((length, index + 1)));
        }
    }
    if bytes.len() < PREFIX_BYTES_MAX { Ok(None) } else { Err(broken("a frame of two megabytes or more")) }
}
