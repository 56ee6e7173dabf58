//! The header of a GGUF file, read by us before llama.cpp sees the file.
//!
//! llama.cpp says of most bad files only that loading failed, and ends the process on some of them by an
//! assertion. So a small reader of our own goes first: it takes nothing on trust (every count and length is
//! held against a limit and against what is left of the file), keeps the scalar metadata, adds up the tensors
//! and says exactly what is wrong. It never reads tensor data.
//!
//! Format: <https://github.com/ggml-org/ggml/blob/master/docs/gguf.md>, versions 2 and 3, little-endian.

mod source;
mod types;

use source::Source;
use std::collections::{BTreeMap, HashSet};
use std::io::{BufRead, Seek};

pub(crate) use types::{file_type_name, tensor_type_name};

/// Metadata entries; real files have fewer than a hundred.
const ENTRIES_MAX: u64 = 4_096;
/// Tensors; the largest models in circulation have about two thousand a file.
const TENSORS_MAX: u64 = 65_536;
/// Bytes of a key, as the format says.
const KEY_BYTES_MAX: u64 = 65_535;
/// Bytes of a string that is kept: chat templates are the longest, below 100 KiB.
const TEXT_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// Elements of an array: vocabularies have up to 300,000 tokens, merges somewhat more.
const ELEMENTS_MAX: u64 = 8 * 1024 * 1024;
/// Bytes of a token in the vocabulary; the longest known are runs of 256 spaces.
const TOKEN_BYTES_MAX: u64 = 16 * 1024;
/// Bytes of a tensor's name: ggml's own limit, with its terminator.
const NAME_BYTES_MAX: u64 = 63;
/// Dimensions of a tensor, ggml's limit.
const DIMENSIONS_MAX: u32 = 4;
/// Alignment of tensor data unless the file says otherwise.
const ALIGNMENT_DEFAULT: u64 = 32;

/// The key of the vocabulary.
const TOKENS: &str = "tokenizer.ggml.tokens";

/// What is wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Fault {
    /// It does not begin like one.
    #[error("it does not start with the GGUF signature")]
    Signature,
    /// It is shorter than its own header says.
    #[error("it needs {needed} bytes and has {actual}")]
    Short {
        /// Bytes that the header asks for, at least.
        needed: u64,
        /// Bytes that there are.
        actual: u64,
    },
    /// The header contradicts itself, the format or our limits.
    #[error("{0}")]
    Malformed(String),
    /// It could not be read.
    #[error("{0}")]
    Unreadable(String),
}

impl Fault {
    pub(crate) fn malformed(message: impl Into<String>) -> Self {
        Self::Malformed(message.into())
    }
}

/// A metadata value. Of arrays only kind and length are kept.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Unsigned(u64),
    Signed(i64),
    Float(f64),
    Bool(bool),
    Text(String),
    Array { kind: u32, len: u64 },
}

/// What the header says.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Header {
    /// Metadata by key.
    pub(crate) metadata: BTreeMap<String, Value>,
    /// Bytes of all tensors.
    pub(crate) tensor_bytes: u64,
    /// The type that most bytes are in (ggml's number).
    pub(crate) main_type: Option<u32>,
}

impl Header {
    /// Reads a header from the start of `reader`, which has `file_bytes` bytes.
    pub(crate) fn read(reader: impl BufRead + Seek, file_bytes: u64) -> Result<Self, Fault> {
        let mut source = Source::new(reader, file_bytes);
        if source.is_signed()? { Self::read_signed(&mut source) } else { Err(Fault::Signature) }
    }

    fn read_signed<R: BufRead + Seek>(source: &mut Source<R>) -> Result<Self, Fault> {
        let version = source.u32()?;
        if !(2..=3).contains(&version) {
            return Err(Fault::malformed(format!("GGUF version {version} is not supported (2 and 3 are)")));
        }
        let tensors = source.count("tensors", TENSORS_MAX)?;
        let entries = source.count("metadata entries", ENTRIES_MAX)?;
        let mut metadata = BTreeMap::new();
        for _ in 0..entries {
            let key = source.text("a metadata key", KEY_BYTES_MAX)?;
            let value = read_value(source, &key)?;
            if key.is_empty() || metadata.insert(key.clone(), value).is_some() {
                return Err(Fault::malformed(format!("metadata key {key:?} is empty or occurs twice")));
            }
        }
        let alignment = match metadata.get("general.alignment") {
            None => ALIGNMENT_DEFAULT,
            Some(&Value::Unsigned(n)) if n.is_power_of_two() && n <= 1 << 20 => n,
            Some(other) => return Err(Fault::malformed(format!("general.alignment is {other:?}"))),
        };
        let table = Table::read(source, tensors)?;
        source.must_reach(source.position().next_multiple_of(alignment), table.extent)?;
        Ok(Self { metadata, tensor_bytes: table.bytes, main_type: table.main_type() })
    }

    /// A text.
    pub(crate) fn text(&self, key: &str) -> Option<&str> {
        match self.metadata.get(key) {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// A whole number that is not negative.
    pub(crate) fn number(&self, key: &str) -> Option<u64> {
        match self.metadata.get(key) {
            Some(&Value::Unsigned(n)) => Some(n),
            Some(&Value::Signed(n)) => u64::try_from(n).ok(),
            _ => None,
        }
    }

    /// The architecture's own number: `{architecture}.{key}`.
    pub(crate) fn own_number(&self, key: &str) -> Option<u64> {
        self.number(&format!("{}.{key}", self.text("general.architecture")?))
    }

    /// Length of an array.
    pub(crate) fn array_len(&self, key: &str) -> Option<u64> {
        match self.metadata.get(key) {
            Some(&Value::Array { len, .. }) => Some(len),
            _ => None,
        }
    }
}

fn read_value<R: BufRead + Seek>(source: &mut Source<R>, key: &str) -> Result<Value, Fault> {
    let kind = source.u32()?;
    match kind {
        types::STRING => source.text(key, TEXT_BYTES_MAX).map(Value::Text),
        types::ARRAY => read_array(source, key),
        _ => source.scalar(kind)?.ok_or_else(|| Fault::malformed(format!("{key} is of unknown type {kind}"))),
    }
}

fn read_array<R: BufRead + Seek>(source: &mut Source<R>, key: &str) -> Result<Value, Fault> {
    let kind = source.u32()?;
    let len = source.count(key, ELEMENTS_MAX)?;
    if kind != types::STRING {
        let bytes = types::scalar_bytes(kind)
            .ok_or_else(|| Fault::malformed(format!("{key} is an array of unsupported type {kind}")))?;
        source.skip(len * bytes)?;
    } else if key == TOKENS {
        // llama.cpp ends the process when two tokens have one text.
        let mut seen = HashSet::new();
        for id in 0..len {
            let token = source.bytes("a token", TOKEN_BYTES_MAX)?;
            let token = if token.is_empty() { format!("[EMPTY_{id}]").into_bytes() } else { token };
            if !seen.insert(token) {
                return Err(Fault::malformed(format!("token {id} of the vocabulary occurs twice")));
            }
        }
    } else {
        for _ in 0..len {
            let bytes = source.count(key, TEXT_BYTES_MAX)?;
            source.skip(bytes)?;
        }
    }
    Ok(Value::Array { kind, len })
}

/// The tensor table, added up.
#[derive(Default)]
struct Table {
    bytes: u64,
    /// End of the last tensor, counted from the start of the data.
    extent: u64,
    bytes_of_type: BTreeMap<u32, u64>,
}

impl Table {
    fn read<R: BufRead + Seek>(source: &mut Source<R>, tensors: u64) -> Result<Self, Fault> {
        let mut table = Self::default();
        let mut names = HashSet::new();
        for _ in 0..tensors {
            let name = source.text("a tensor's name", NAME_BYTES_MAX)?;
            let bytes = table.add(source, &name)?;
            table.bytes = table.bytes.checked_add(bytes).ok_or_else(|| too_large(&name))?;
            if !names.insert(name.clone()) {
                return Err(Fault::malformed(format!("tensor {name:?} occurs twice")));
            }
        }
        if table.bytes > table.extent {
            return Err(Fault::malformed("its tensors overlap"));
        }
        Ok(table)
    }

    fn add<R: BufRead + Seek>(&mut self, source: &mut Source<R>, name: &str) -> Result<u64, Fault> {
        let dimensions = source.u32()?;
        if !(1..=DIMENSIONS_MAX).contains(&dimensions) {
            return Err(Fault::malformed(format!("tensor {name:?} has {dimensions} dimensions")));
        }
        let mut elements = 1_u64;
        let mut row = 0;
        for i in 0..dimensions {
            let width = source.u64()?;
            row = if i == 0 { width } else { row };
            elements = elements
                .checked_mul(width)
                .filter(|&n| n > 0 && n < 1 << 62)
                .ok_or_else(|| too_large(name))?;
        }
        let kind = source.u32()?;
        let (block, block_bytes) = types::block(kind)
            .ok_or_else(|| Fault::malformed(format!("tensor {name:?} is of unknown type {kind}")))?;
        if row % block != 0 {
            let why = format!("tensor {name:?} has rows of {row} numbers, not a multiple of {block}");
            return Err(Fault::malformed(why));
        }
        let bytes = (elements / block).checked_mul(block_bytes).ok_or_else(|| too_large(name))?;
        let end = source.u64()?.checked_add(bytes).ok_or_else(|| too_large(name))?;
        self.extent = self.extent.max(end);
        let of_type = self.bytes_of_type.entry(kind).or_default();
        *of_type = of_type.checked_add(bytes).ok_or_else(|| too_large(name))?;
        Ok(bytes)
    }

    fn main_type(&self) -> Option<u32> {
        self.bytes_of_type.iter().max_by_key(|(_, bytes)| **bytes).map(|(&kind, _)| kind)
    }
}

fn too_large(name: &str) -> Fault {
    Fault::malformed(format!("tensor {name:?} is empty or impossibly large"))
}

#[cfg(test)]
mod tests;
