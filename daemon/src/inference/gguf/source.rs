//! A bounded reader: knows where it is and how long the file is, and asks before it reads.

use super::types;
use super::{Fault, Value};
use std::io::{BufRead, ErrorKind, Seek};

/// The first four bytes of every file.
const SIGNATURE: [u8; 4] = *b"GGUF";

pub(super) struct Source<R> {
    reader: R,
    position: u64,
    file_bytes: u64,
}

impl<R: BufRead + Seek> Source<R> {
    pub(super) fn new(reader: R, file_bytes: u64) -> Self {
        Self { reader, position: 0, file_bytes }
    }

    pub(super) fn position(&self) -> u64 {
        self.position
    }

    /// Whether the file begins with the signature; a file too short for it does not.
    pub(super) fn is_signed(&mut self) -> Result<bool, Fault> {
        if self.file_bytes < SIGNATURE.len() as u64 {
            return Ok(false);
        }
        Ok(self.array::<4>()? == SIGNATURE)
    }

    /// Fails if the file ends before `start + bytes`.
    pub(super) fn must_reach(&self, start: u64, bytes: u64) -> Result<(), Fault> {
        match start.checked_add(bytes) {
            Some(end) if end <= self.file_bytes => Ok(()),
            end => Err(Fault::Short { needed: end.unwrap_or(u64::MAX), actual: self.file_bytes }),
        }
    }

    pub(super) fn skip(&mut self, bytes: u64) -> Result<(), Fault> {
        self.must_reach(self.position, bytes)?;
        let step = i64::try_from(bytes).map_err(|_| Fault::malformed("a length is impossibly large"))?;
        self.reader.seek_relative(step).map_err(|e| Fault::Unreadable(e.to_string()))?;
        self.position += bytes;
        Ok(())
    }

    pub(super) fn u32(&mut self) -> Result<u32, Fault> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Result<u64, Fault> {
        self.array().map(u64::from_le_bytes)
    }

    /// A count that is at most `max`.
    pub(super) fn count(&mut self, what: &str, max: u64) -> Result<u64, Fault> {
        let count = self.u64()?;
        if count > max {
            return Err(Fault::malformed(format!("{what}: {count} is more than {max}")));
        }
        Ok(count)
    }

    /// A byte string with its length before it.
    pub(super) fn bytes(&mut self, what: &str, max: u64) -> Result<Vec<u8>, Fault> {
        let len = self.count(what, max)?;
        self.must_reach(self.position, len)?;
        let mut bytes = vec![0; len as usize];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    /// A byte string that must be UTF-8.
    pub(super) fn text(&mut self, what: &str, max: u64) -> Result<String, Fault> {
        let bytes = self.bytes(what, max)?;
        String::from_utf8(bytes).map_err(|_| Fault::malformed(format!("{what} is not UTF-8")))
    }

    /// A scalar of value type `kind`; `None` if that is no scalar type.
    pub(super) fn scalar(&mut self, kind: u32) -> Result<Option<Value>, Fault> {
        Ok(Some(match kind {
            0 => Value::Unsigned(u64::from(u8::from_le_bytes(self.array()?))),
            1 => Value::Signed(i64::from(i8::from_le_bytes(self.array()?))),
            2 => Value::Unsigned(u64::from(u16::from_le_bytes(self.array()?))),
            3 => Value::Signed(i64::from(i16::from_le_bytes(self.array()?))),
            4 => Value::Unsigned(u64::from(self.u32()?)),
            5 => Value::Signed(i64::from(i32::from_le_bytes(self.array()?))),
            6 => Value::Float(f64::from(f32::from_le_bytes(self.array()?))),
            7 => Value::Bool(self.array::<1>()? != [0]),
            10 => Value::Unsigned(self.u64()?),
            11 => Value::Signed(i64::from_le_bytes(self.array()?)),
            12 => Value::Float(f64::from_le_bytes(self.array()?)),
            _ => {
                debug_assert!(types::scalar_bytes(kind).is_none());
                return Ok(None);
            }
        }))
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        self.must_reach(self.position, N as u64)?;
        let mut out = [0; N];
        self.fill(&mut out)?;
        Ok(out)
    }

    fn fill(&mut self, out: &mut [u8]) -> Result<(), Fault> {
        self.reader.read_exact(out).map_err(|e| match e.kind() {
            // Shortened while we read.
            ErrorKind::UnexpectedEof => Fault::Short { needed: self.file_bytes, actual: self.position },
            _ => Fault::Unreadable(e.to_string()),
        })?;
        self.position += out.len() as u64;
        Ok(())
    }
}
