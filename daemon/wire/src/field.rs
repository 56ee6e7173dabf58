//! Fields that several messages share: exact lengths, codes, and texts for people.

use polymath_swarm::identity::Sha256Hash;
use polymath_swarm::task::TaskError;

/// Bytes of a code: the longest is `unknown_expert`.
pub(crate) const CODE_BYTES_MAX: usize = 64;
/// Bytes of a message for people: a few lines.
pub(crate) const MESSAGE_BYTES_MAX: usize = 1_024;

pub(crate) fn hash(bytes: &[u8], field: &str) -> Result<Sha256Hash, TaskError> {
    exactly(bytes, field).map(Sha256Hash)
}

pub(crate) fn exactly<const N: usize>(bytes: &[u8], field: &str) -> Result<[u8; N], TaskError> {
    bytes.try_into().map_err(|_| broken(&format!("{field} has {} bytes, not {N}", bytes.len())))
}

/// Codes are for programs: lower-case letters, digits and underscores.
pub(crate) fn a_code(code: String) -> Result<String, TaskError> {
    let proper = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    let fits = (1..=CODE_BYTES_MAX).contains(&code.len()) && code.bytes().all(proper);
    if fits { Ok(code) } else { Err(broken("an error code that is none")) }
}

/// A stranger's explanation ends up in logs and terminals, so it has no control characters.
pub(crate) fn for_people(mut message: String) -> String {
    message.retain(|character| !character.is_control());
    shortened(message, MESSAGE_BYTES_MAX)
}

/// Cuts at a character boundary.
pub(crate) fn shortened(mut text: String, bytes_max: usize) -> String {
    text.truncate(text.floor_char_boundary(bytes_max));
    text
}

pub(crate) fn broken(reason: &str) -> TaskError {
    TaskError::Protocol(reason.into())
}
