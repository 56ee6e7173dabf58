//! What is checked of a file before llama.cpp may load it.
//!
//! llama.cpp asserts some of what follows and would take the process with it; the rest it reports in its log
//! alone. Both become errors that name the file and the cause.

use super::gguf::{Fault, Header, Value, file_type_name, tensor_type_name};
use super::{Config, Error, memory};
use polymath_swarm::identity::Sha256Hash;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

/// Layers that llama.cpp has room for (`LLAMA_MAX_LAYERS`).
const LAYERS_MAX: u64 = 512;
/// Experts of a mixture that llama.cpp has room for (`LLAMA_MAX_EXPERTS`).
const EXPERTS_MAX: u64 = 1_024;
/// Numbers in an embedding: the largest models have below 20,000.
const WIDTH_MAX: u64 = 1 << 20;
/// Tokens of context: the longest in circulation is ten million.
const CONTEXT_MAX: u64 = 1 << 24;
/// Tokens of context if the owner names none: models say up to millions, whose KV cache would take all memory
/// for conversations that nobody holds.
const CONTEXT_DEFAULT_MAX: u64 = 8_192;
/// Bytes read at once while hashing: large enough that the calls cost nothing.
const HASH_CHUNK_BYTES: usize = 1 << 20;
/// Architectures that llama.cpp loads and that generate no text: encoders, image towers, audio codecs, and
/// diffusion models, which are decoded otherwise.
const NOT_GENERATIVE: [&str; 20] = [
    "bert",
    "modern-bert",
    "nomic-bert",
    "nomic-bert-moe",
    "neo-bert",
    "jina-bert-v2",
    "jina-bert-v3",
    "eurobert",
    "t5",
    "t5encoder",
    "clip",
    "gemma-embedding",
    "llama-embed",
    "wavtokenizer-dec",
    "dream",
    "llada",
    "llada-moe",
    "rnd1",
    "pangu-embedded-encoder",
    "mmproj",
];

/// A file that passed.
pub(super) struct Checked {
    pub(super) header: Header,
    pub(super) architecture: String,
    pub(super) quantisation: String,
    pub(super) sha256: Sha256Hash,
    pub(super) file_bytes: u64,
    /// Tokens of a slot's context.
    pub(super) context_tokens: u32,
}

/// What the header alone tells.
struct Looked {
    header: Header,
    architecture: String,
    file_bytes: u64,
    context_tokens: u32,
    needed: u64,
}

/// Bytes that the model will take in memory, estimated; errors as of [`check`], for what the header tells.
pub(super) fn needed(config: &Config) -> Result<u64, Error> {
    look(config).map(|looked| looked.needed)
}

/// Reads the header, checks it, checks the memory, hashes the file and tells how far that is, from 0 to 1.
pub(super) fn check(config: &Config, hashed: impl Fn(f32)) -> Result<Checked, Error> {
    let path = config.model_path.as_path();
    let Looked { header, architecture, file_bytes, context_tokens, needed } = look(config)?;
    // Layers on a GPU need memory that is not counted here; llama.cpp says if there is too little.
    if config.gpu_layers == 0
        && let Some(available) = memory::available()
        && needed > available
    {
        return Err(Error::TooLargeForMemory { path: path.to_path_buf(), needed, available });
    }
    let sha256 = hash(path, |bytes| hashed(bytes as f32 / file_bytes.max(1) as f32))?;
    let quantisation = quantisation(&header);
    Ok(Checked { header, architecture, quantisation, sha256, file_bytes, context_tokens })
}

fn look(config: &Config) -> Result<Looked, Error> {
    let path = config.model_path.as_path();
    let file = File::open(path).map_err(|e| Error::from_io(path, e))?;
    let about = file.metadata().map_err(|e| Error::from_io(path, e))?;
    if !about.is_file() {
        return Err(Error::NotGguf { path: path.to_path_buf() });
    }
    let file_bytes = about.len();
    let header = Header::read(BufReader::new(&file), file_bytes).map_err(|f| Error::from_fault(path, f))?;
    let architecture = shape(&header).map_err(|f| Error::from_fault(path, f))?;
    if NOT_GENERATIVE.contains(&architecture.as_str()) {
        let reason = format!("architecture {architecture:?} does not generate text");
        return Err(Error::Refused { path: path.to_path_buf(), reason });
    }
    let trained = header.own_number("context_length").unwrap_or(0);
    let context = if config.context_tokens == 0 {
        trained.min(CONTEXT_DEFAULT_MAX)
    } else {
        u64::from(config.context_tokens)
    };
    let context_tokens = u32::try_from(context.min(CONTEXT_MAX)).unwrap_or(u32::MAX);
    let needed = memory::needed(&header, config, u64::from(context_tokens));
    Ok(Looked { header, architecture, file_bytes, context_tokens, needed })
}

/// SHA-256 of a file, read in chunks.
fn hash(path: &Path, so_far: impl Fn(u64)) -> Result<Sha256Hash, Error> {
    let mut file = File::open(path).map_err(|e| Error::from_io(path, e))?;
    let mut hash = Sha256::new();
    let mut chunk = vec![0; HASH_CHUNK_BYTES];
    let mut bytes = 0;
    loop {
        let len = file.read(&mut chunk).map_err(|e| Error::from_io(path, e))?;
        if len == 0 {
            return Ok(Sha256Hash(hash.finalize().into()));
        }
        hash.update(&chunk[..len]);
        bytes += len as u64;
        so_far(bytes);
    }
}

fn quantisation(header: &Header) -> String {
    let mixture = header.number("general.file_type").and_then(file_type_name);
    mixture.or(header.main_type.and_then(tensor_type_name)).unwrap_or("unknown").to_owned()
}

/// Checks the metadata that llama.cpp asserts or divides by; gives the architecture's name.
fn shape(header: &Header) -> Result<String, Fault> {
    let architecture = header.text("general.architecture").filter(|a| !a.is_empty());
    let architecture = architecture.ok_or_else(|| Fault::malformed("general.architecture is missing"))?;
    if header.number("split.count").is_some_and(|n| n > 1) {
        return Err(Fault::malformed("it is one part of several; merge them into one file first"));
    }
    if header.array_len("tokenizer.ggml.tokens").is_none_or(|n| n == 0) {
        return Err(Fault::malformed("it has no vocabulary (tokenizer.ggml.tokens)"));
    }
    within(header, "block_count", 1, LAYERS_MAX)?;
    within(header, "embedding_length", 1, WIDTH_MAX)?;
    within(header, "context_length", 1, CONTEXT_MAX)?;
    heads(header)?;
    experts(header)?;
    for key in ["attention.layer_norm_rms_epsilon", "attention.layer_norm_epsilon"] {
        // llama.cpp asserts that it is not negative, when the model first runs.
        match header.metadata.get(&format!("{architecture}.{key}")) {
            None => {}
            Some(&Value::Float(epsilon)) if (0.0..=1.0).contains(&epsilon) => {}
            Some(other) => return Err(Fault::malformed(format!("{key} is {other:?}"))),
        }
    }
    let scaling = format!("{architecture}.rope.scaling.type");
    match header.metadata.get(&scaling) {
        None => {}
        Some(Value::Text(kind)) if ["none", "linear", "yarn", "longrope"].contains(&kind.as_str()) => {}
        Some(other) => return Err(Fault::malformed(format!("{scaling} is {other:?}"))),
    }
    Ok(architecture.to_owned())
}

fn within(header: &Header, key: &str, low: u64, high: u64) -> Result<(), Fault> {
    match header.own_number(key) {
        Some(n) if (low..=high).contains(&n) => Ok(()),
        Some(n) => Err(Fault::malformed(format!("{key} is {n}; it must be {low} to {high}"))),
        None => Err(Fault::malformed(format!("{key} is missing"))),
    }
}

/// Head counts may differ by layer, as arrays do; numbers for all layers must fit each other.
fn heads(header: &Header) -> Result<(), Fault> {
    let Some(heads) = header.own_number("attention.head_count") else { return Ok(()) };
    let kv_heads = header.own_number("attention.head_count_kv").unwrap_or(heads);
    if heads > WIDTH_MAX || kv_heads > heads || (kv_heads > 0 && !heads.is_multiple_of(kv_heads)) {
        return Err(Fault::malformed(format!("{heads} attention heads and {kv_heads} for keys and values")));
    }
    let width = header.own_number("embedding_length").unwrap_or(0);
    let key = header.own_number("attention.key_length").or(width.checked_div(heads)).unwrap_or(0);
    let rotated = header.own_number("rope.dimension_count").unwrap_or(0);
    if heads > 0 && (rotated > key || !rotated.is_multiple_of(2)) {
        return Err(Fault::malformed(format!("rope.dimension_count is {rotated} in heads of {key}")));
    }
    Ok(())
}

fn experts(header: &Header) -> Result<(), Fault> {
    let number = |key: &str| header.own_number(key).unwrap_or(0);
    let (experts, groups, groups_used) =
        (number("expert_count"), number("expert_group_count"), number("expert_group_used_count"));
    let used = header.own_number("expert_used_count");
    let sound = if experts == 0 {
        used.unwrap_or(0) == 0 && groups == 0
    } else {
        experts <= EXPERTS_MAX
            && used.is_none_or(|used| (1..=experts).contains(&used))
            && groups < experts
            && (groups <= 1 || (experts % groups == 0 && (1..groups).contains(&groups_used)))
    };
    if !sound || number("nextn_predict_layers") > number("block_count") {
        return Err(Fault::malformed("its numbers of experts or of layers contradict each other"));
    }
    Ok(())
}
