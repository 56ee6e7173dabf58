//! The file form: every key optional, unknown keys refused by name. `config.example.toml` shows all of them.
//!
//! The command line and the environment fill the same form, so a setting is named in one place only.

use std::fmt;
use std::io::Read as _;
use std::marker::PhantomData;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;
use serde::de::{self, IntoDeserializer as _, value::MapAccessDeserializer};

use super::Error;
use super::nearest::nearest;

/// Bytes of a configuration file: hundreds of experts with exemplars fit, a mistaken model file does not.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// A configuration file, or what another layer says in its terms.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub struct File {
    /// `[node]`
    pub node: NodeSection,
    /// `[expert]` or `[[expert]]`
    pub expert: Option<OneOrMany<ExpertSection>>,
    /// `[api]`
    pub api: ApiSection,
    /// `[network]`
    pub network: NetworkSection,
    /// `[embedding]`
    pub embedding: EmbeddingSection,
    /// `[ask]`
    pub ask: AskSection,
    /// `[audit]`
    pub audit: AuditSection,
    /// `[ledger]`
    pub ledger: LedgerSection,
}

/// `[node]`
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub struct NodeSection {
    /// Shown to people.
    pub name: Option<String>,
    /// One multiaddress or several.
    pub listen_address: Option<OneOrMany<String>>,
    /// One multiaddress or several.
    pub bootstrap_nodes: Option<OneOrMany<String>>,
    /// Identity and socket.
    pub state_dir: Option<PathBuf>,
    /// MiB for all models together, 0 for no bound.
    pub model_memory_mb: Option<u64>,
    /// A private swarm that the user is a member of; said with each command, never in a file.
    #[serde(skip)]
    pub swarm: Option<String>,
}

/// `[expert]`
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub struct ExpertSection {
    /// Short name.
    pub id: Option<String>,
    /// A card.toml, or the folder that holds one.
    pub card: Option<PathBuf>,
    /// One sentence: what it is good at.
    pub description: Option<String>,
    /// Prompts that it answers well.
    pub exemplars: Option<Vec<String>>,
    /// `chat`, `scratchpad` and so on.
    pub abilities: Option<Vec<String>>,
    /// BCP 47 tags.
    pub languages: Option<Vec<String>>,
    /// The GGUF file.
    pub model_path: Option<PathBuf>,
    /// Tokens of context a slot, 0 for the model's own.
    pub max_context: Option<u32>,
    /// Of sampling, 0 is greedy.
    pub temperature: Option<f32>,
    /// `llama.cpp` or `openai`.
    pub backend: Option<String>,
    /// Of an OpenAI-compatible server.
    pub url: Option<String>,
    /// The model's name there.
    pub model: Option<String>,
    /// Holds the key that it wants.
    pub api_key_file: Option<PathBuf>,
    /// Tasks at once.
    pub slots: Option<u32>,
    /// Tasks that may wait.
    pub queue: Option<u32>,
    /// CPU threads, 0 chooses.
    pub threads: Option<u32>,
    /// Layers on an accelerator.
    pub gpu_layers: Option<u32>,
    /// Tokens a second of each answer, 0 for no limit.
    pub tokens_per_second: Option<u32>,
    /// What others owe for a generated token, millionths of a credit.
    pub price_micro: Option<u64>,
}

/// `[api]`
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub struct ApiSection {
    /// Unix socket for commands.
    pub socket: Option<PathBuf>,
    /// REST: an address and port, or `off`.
    pub rest_address: Option<String>,
    /// gRPC over TCP: likewise.
    pub grpc_address: Option<String>,
    /// WebSocket: likewise.
    pub ws_address: Option<String>,
    /// Names of this node besides those of its machine.
    pub allowed_hosts: Option<OneOrMany<String>>,
    /// Websites that may use the node.
    pub allowed_origins: Option<OneOrMany<String>>,
    /// Whether other machines may use the node without a key.
    pub insecure: Option<bool>,
    /// PEM file.
    pub tls_certificate: Option<PathBuf>,
    /// PEM file.
    pub tls_key: Option<PathBuf>,
}

/// `[network]`
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub struct NetworkSection {
    /// Multicast DNS.
    pub mdns: Option<bool>,
    /// Separates swarms.
    pub namespace: Option<String>,
    /// Connections at most.
    pub peers_max: Option<u32>,
    /// Whether to relay for others.
    pub relay: Option<bool>,
    /// One relay's multiaddress or several.
    pub relays: Option<OneOrMany<String>>,
    /// Whether to ask the router for a port.
    pub upnp: Option<bool>,
}

/// `[embedding]`
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub struct EmbeddingSection {
    /// Folder with encoder.onnx, tokenizer.json, encoder.toml.
    pub encoder_dir: Option<PathBuf>,
    /// ONNX Runtime's shared library.
    pub runtime_library: Option<PathBuf>,
    /// The space's codebook.
    pub codebook: Option<PathBuf>,
    /// CPU threads.
    pub threads: Option<u32>,
    /// Sentences kept.
    pub cache_entries: Option<usize>,
}

/// `[ask]`
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub struct AskSection {
    /// Different experts a question may use.
    pub experts: Option<u32>,
    /// Generated tokens a task.
    pub max_tokens: Option<u32>,
    /// Milliseconds a question.
    pub deadline_ms: Option<u32>,
    /// Questions at once.
    pub questions: Option<u32>,
    /// `[ask.filter]`: what every expert must be.
    pub filter: polymath_swarm::score::Filter,
}

/// `[audit]`
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub struct AuditSection {
    /// Share of a known expert's tasks.
    pub rate: Option<f64>,
    /// Whether prompts may go to a third node that computes answers again.
    pub others: Option<bool>,
}

/// `[ledger]`
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub struct LedgerSection {
    /// Millionths of a credit that a trusted node may owe.
    pub credit_micro: Option<u64>,
}

/// A value, or a list of them.
#[derive(Clone, Debug, PartialEq)]
pub struct OneOrMany<T>(pub Vec<T>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for OneOrMany<T> {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OneOrManyVisitor(PhantomData))
    }
}

/// Written out because serde's untagged enums lose the message and the place of an error.
struct OneOrManyVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> de::Visitor<'de> for OneOrManyVisitor<T> {
    type Value = OneOrMany<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("one value or a list of them")
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Self::Value, E> {
        Ok(OneOrMany(vec![T::deserialize(value.into_deserializer())?]))
    }

    fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        Ok(OneOrMany(vec![T::deserialize(MapAccessDeserializer::new(map))?]))
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut out = Vec::new();
        while let Some(item) = items.next_element()? {
            out.push(item);
        }
        Ok(OneOrMany(out))
    }
}

/// Reads a file. Relative paths in it are taken from the folder that it lies in.
pub fn read(path: &Path) -> Result<File, Error> {
    let failed = |source| Error::Read { path: path.to_owned(), source: Arc::new(source) };
    let mut text = String::new();
    let opened = std::fs::File::open(path).map_err(failed)?;
    opened.take(FILE_BYTES_MAX + 1).read_to_string(&mut text).map_err(failed)?;
    if text.len() as u64 > FILE_BYTES_MAX {
        return Err(Error::TooLarge { path: path.to_owned(), bytes_max: FILE_BYTES_MAX });
    }
    let mut file = parse(&text, path)?;
    if let Some(folder) = path.parent() {
        file.rebase(folder);
    }
    Ok(file)
}

/// Parses the text of a file; `path` is only for messages.
pub fn parse(text: &str, path: &Path) -> Result<File, Error> {
    toml::from_str(text).map_err(|error| {
        let offset = error.span().map_or(0, |span| span.start.min(text.len()));
        let line = 1 + text.as_bytes()[..offset].iter().filter(|b| **b == b'\n').count();
        let path = path.to_owned();
        match unknown_field(error.message()) {
            Some((key, hint)) => Error::UnknownKey { path, line, key, hint },
            None => Error::Syntax { path, line, message: error.message().to_owned() },
        }
    })
}

/// Takes serde's "unknown field `x`, expected one of `a`, `b`" apart. Should its wording change, the message
/// stays as it is, which still names the key; a test watches over it.
fn unknown_field(message: &str) -> Option<(String, String)> {
    let mut quoted = message.strip_prefix("unknown field `")?.split('`').step_by(2);
    let key = quoted.next()?.to_owned();
    let known: Vec<&str> = message.split('`').skip(3).step_by(2).collect();
    let hint = match nearest(&key, known.iter().copied()) {
        Some(name) => format!("; did you mean `{name}`?"),
        None => format!("; known here: {}", known.join(", ")),
    };
    Some((key, hint))
}

impl File {
    /// This layer over `lower`: what this one says holds, else what that one says. A list of experts or
    /// addresses replaces the lower one as a whole.
    #[must_use]
    pub fn over(self, lower: Self) -> Self {
        Self {
            node: NodeSection {
                name: self.node.name.or(lower.node.name),
                listen_address: self.node.listen_address.or(lower.node.listen_address),
                bootstrap_nodes: self.node.bootstrap_nodes.or(lower.node.bootstrap_nodes),
                state_dir: self.node.state_dir.or(lower.node.state_dir),
                model_memory_mb: self.node.model_memory_mb.or(lower.node.model_memory_mb),
                swarm: self.node.swarm.or(lower.node.swarm),
            },
            expert: self.expert.or(lower.expert),
            api: ApiSection {
                socket: self.api.socket.or(lower.api.socket),
                rest_address: self.api.rest_address.or(lower.api.rest_address),
                grpc_address: self.api.grpc_address.or(lower.api.grpc_address),
                ws_address: self.api.ws_address.or(lower.api.ws_address),
                allowed_hosts: self.api.allowed_hosts.or(lower.api.allowed_hosts),
                allowed_origins: self.api.allowed_origins.or(lower.api.allowed_origins),
                insecure: self.api.insecure.or(lower.api.insecure),
                tls_certificate: self.api.tls_certificate.or(lower.api.tls_certificate),
                tls_key: self.api.tls_key.or(lower.api.tls_key),
            },
            network: NetworkSection {
                mdns: self.network.mdns.or(lower.network.mdns),
                namespace: self.network.namespace.or(lower.network.namespace),
                peers_max: self.network.peers_max.or(lower.network.peers_max),
                relay: self.network.relay.or(lower.network.relay),
                relays: self.network.relays.or(lower.network.relays),
                upnp: self.network.upnp.or(lower.network.upnp),
            },
            embedding: EmbeddingSection {
                encoder_dir: self.embedding.encoder_dir.or(lower.embedding.encoder_dir),
                runtime_library: self.embedding.runtime_library.or(lower.embedding.runtime_library),
                codebook: self.embedding.codebook.or(lower.embedding.codebook),
                threads: self.embedding.threads.or(lower.embedding.threads),
                cache_entries: self.embedding.cache_entries.or(lower.embedding.cache_entries),
            },
            ask: AskSection {
                experts: self.ask.experts.or(lower.ask.experts),
                max_tokens: self.ask.max_tokens.or(lower.ask.max_tokens),
                deadline_ms: self.ask.deadline_ms.or(lower.ask.deadline_ms),
                questions: self.ask.questions.or(lower.ask.questions),
                // As a whole: half of one layer's conditions and half of another's would be nobody's.
                filter: if self.ask.filter.is_empty() { lower.ask.filter } else { self.ask.filter },
            },
            audit: AuditSection {
                rate: self.audit.rate.or(lower.audit.rate),
                others: self.audit.others.or(lower.audit.others),
            },
            ledger: LedgerSection { credit_micro: self.ledger.credit_micro.or(lower.ledger.credit_micro) },
        }
    }

    /// Drops what concerns where the node of one swarm is found, whom it finds and who may use it: the public one's socket, ports, addresses
    /// and seeds must not become a private one's, nor whom the public one lets in.
    pub(super) fn forget_public(&mut self) {
        (self.node.listen_address, self.node.bootstrap_nodes) = (None, None);
        (self.api.socket, self.api.rest_address) = (None, None);
        (self.api.grpc_address, self.api.ws_address) = (None, None);
        (self.api.allowed_hosts, self.api.allowed_origins, self.api.insecure) = (None, None, None);
        (self.network.mdns, self.network.namespace) = (None, None);
        (self.network.relay, self.network.relays) = (None, None);
        self.audit.others = None;
    }

    /// Takes relative paths from `folder`.
    fn rebase(&mut self, folder: &Path) {
        let rebase = |path: &mut Option<PathBuf>| {
            if let Some(path) = path {
                *path = folder.join(&path);
            }
        };
        rebase(&mut self.node.state_dir);
        rebase(&mut self.api.socket);
        rebase(&mut self.api.tls_certificate);
        rebase(&mut self.api.tls_key);
        rebase(&mut self.embedding.encoder_dir);
        rebase(&mut self.embedding.runtime_library);
        rebase(&mut self.embedding.codebook);
        for expert in self.expert.iter_mut().flat_map(|list| &mut list.0) {
            rebase(&mut expert.card);
            rebase(&mut expert.model_path);
            rebase(&mut expert.api_key_file);
        }
    }
}
