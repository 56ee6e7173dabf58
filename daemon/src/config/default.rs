//! The last layer: what holds where nothing is said, and the step from the merged file form to [`Config`].

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use super::environment::Environment;
use super::file::{ExpertSection, File};
use super::{
    ApiConfig, Assets, Config, Error, ExpertConfig, NodeConfig, NodePlaces, ServiceAddress, paths, swarms,
};
use crate::{api, catalog, coordinator, embedding, network};
use polymath_swarm::private::SwarmKeys;

/// Tasks at once for an expert: enough for batching to pay, few enough for the cache of a large model.
pub(super) const SLOTS: u32 = 4;
/// Tasks that may wait for a slot: what a few slots work off within some seconds.
pub(super) const QUEUE: u32 = 16;
/// Port listened on, UDP and TCP: fixed, so that an address given to a friend survives a restart; unassigned by IANA.
const PORT: u16 = 4820;
/// Ports of private swarms: below those that systems hand out of themselves.
const PRIVATE_PORTS: std::ops::RangeInclusive<u16> = 16_384..=32_767;
/// Connections at most: those a node watches, as the design has it.
const PEERS_MAX: u32 = 200;
/// Tokens of context a slot when neither card nor settings say: llama.cpp keeps a cache for all of it.
const CONTEXT_TOKENS: u32 = 4_096;
/// Sentences whose embeddings are kept: 6 MB of 384 dimensions.
const CACHE_ENTRIES: usize = 4_096;
/// REST, where OpenAI-compatible servers are usually looked for.
const REST_PORT: u16 = 8080;
/// gRPC's customary port.
const GRPC_PORT: u16 = 50051;
/// WebSocket, beside REST.
const WS_PORT: u16 = 8081;
/// Encoder threads: a sentence takes 3 ms on one.
const ENCODER_THREADS: u32 = 1;

/// Fills what is missing.
pub(super) fn resolve(
    file: File,
    assets: Option<&Assets>,
    environment: &dyn Environment,
) -> Result<Config, Error> {
    let state_dir = match file.node.state_dir {
        Some(dir) => dir,
        None => paths::state_dir(environment)?,
    };
    let home = state_dir.clone();
    let member = file.node.swarm.as_deref().map(|name| swarms::read(&state_dir, name)).transpose()?;
    let state_dir = match &member {
        Some(invitation) => swarms::folder(&state_dir, &invitation.name)?,
        None => state_dir,
    };
    let private = member.as_ref().map(|invitation| Arc::new(invitation.secret.keys()));
    let socket = file.api.socket.unwrap_or_else(|| state_dir.join(paths::SOCKET_NAME));
    paths::check_socket(&socket)?;
    let access = api::access::Config {
        keys: state_dir.join(api::access::KEYS_FILE),
        insecure: file.api.insecure.unwrap_or(false),
        allowed_hosts: file.api.allowed_hosts.map(|l| l.0).unwrap_or_default(),
        allowed_origins: file.api.allowed_origins.map(|l| l.0).unwrap_or_default(),
    };
    let tls = match (file.api.tls_certificate, file.api.tls_key) {
        (Some(certificate), Some(key)) => Some(api::server::tls::Files { certificate, key }),
        (None, None) => None,
        // They may come from different layers, so that this is seen only here.
        _ => {
            let (setting, reason) = ("api".into(), "tls_certificate and tls_key go together".into());
            return Err(Error::Invalid { setting, reason });
        }
    };
    let joined = match &private {
        Some(keys) => private_network(keys),
        None => network(),
    };
    let seeds = member.map(|invitation| invitation.addresses.clone()).unwrap_or_default();
    let asking = coordinator::Config::default();
    // The usual ports are the public node's, which may run beside it.
    let unserved = private.as_ref().map(|_| "off");
    // Without assets the encoder's own "missing file" error is the right one: it names the file that it wants.
    let encoder = embedding(assets.unwrap_or(&Assets { root: PathBuf::from("models") }));
    Ok(Config {
        node: NodeConfig {
            name: file.node.name.unwrap_or_else(|| "polymath".into()),
            state_dir,
            model_memory_mb: file.node.model_memory_mb.unwrap_or(0),
            places: NodePlaces {
                // Without a home of the user's they go where everything else does.
                models: paths::data_dir(environment).unwrap_or_else(|_| home.clone()).join(paths::MODELS),
                home,
                settings: None,
                assets: assets.cloned(),
            },
        },
        experts: file.expert.map(|l| l.0).unwrap_or_default().into_iter().map(expert).collect(),
        network: network::Config {
            listen: file.node.listen_address.map_or(joined.listen, |l| l.0),
            bootstrap: file.node.bootstrap_nodes.map(|l| l.0).into_iter().flatten().chain(seeds).collect(),
            mdns: file.network.mdns.unwrap_or(joined.mdns),
            namespace: file.network.namespace.unwrap_or(joined.namespace),
            peers_max: file.network.peers_max.unwrap_or(joined.peers_max),
            relay: file.network.relay.unwrap_or(joined.relay),
            relays: file.network.relays.map_or(joined.relays, |l| l.0),
            upnp: file.network.upnp.unwrap_or(joined.upnp),
            private: private.clone(),
            ..joined
        },
        embedding: embedding::Config {
            encoder_dir: file.embedding.encoder_dir.unwrap_or(encoder.encoder_dir),
            runtime_library: file.embedding.runtime_library.unwrap_or(encoder.runtime_library),
            codebook: file.embedding.codebook.unwrap_or(encoder.codebook),
            threads: file.embedding.threads.unwrap_or(encoder.threads),
            cache_entries: file.embedding.cache_entries.unwrap_or(encoder.cache_entries),
        },
        ask: coordinator::Config {
            experts: file.ask.experts.unwrap_or(asking.experts),
            max_tokens: file.ask.max_tokens.unwrap_or(asking.max_tokens),
            deadline_ms: file.ask.deadline_ms.unwrap_or(asking.deadline_ms),
            questions: file.ask.questions.unwrap_or(asking.questions),
            filter: file.ask.filter,
            audit: coordinator::AuditConfig {
                rate: file.audit.rate.unwrap_or(asking.audit.rate),
                // A private question goes to nobody that it was not meant for, unless its owner says so.
                others: file.audit.others.unwrap_or(asking.audit.others && private.is_none()),
                cards: assets.map(Assets::experts_dir),
            },
        },
        ledger: coordinator::LedgerConfig {
            credit_micro: file
                .ledger
                .credit_micro
                .unwrap_or(coordinator::LedgerConfig::default().credit_micro),
        },
        api: ApiConfig {
            socket,
            rest: serve(file.api.rest_address.as_deref().or(unserved), REST_PORT)?,
            grpc: serve(file.api.grpc_address.as_deref().or(unserved), GRPC_PORT)?,
            ws: serve(file.api.ws_address.as_deref().or(unserved), WS_PORT)?,
            access,
            tls,
        },
    })
}

/// Where one interface is served: loopback unless something else is said, `off` for nowhere.
fn serve(said: Option<&str>, port: u16) -> Result<Option<SocketAddr>, Error> {
    match said.map(str::trim) {
        None => Ok(Some(SocketAddr::from(([127, 0, 0, 1], port)))),
        Some("off") => Ok(None),
        // Each layer was checked; what is left is a fault of ours.
        Some(address) => address.parse().map(Some).map_err(|_| Error::Invalid {
            setting: "api".into(),
            reason: format!("`{}` is no address; write 127.0.0.1:{port} or off", address.escape_debug()),
        }),
    }
}

pub(super) fn network() -> network::Config {
    network::Config {
        listen: vec![format!("/ip4/0.0.0.0/udp/{PORT}/quic-v1"), format!("/ip4/0.0.0.0/tcp/{PORT}")],
        mdns: true,
        namespace: "public".into(),
        agent: concat!("polymath/", env!("CARGO_PKG_VERSION")).into(),
        peers_max: PEERS_MAX,
        ..network::Config::default()
    }
}

/// A private swarm's network: no multicast, and a port that follows from the key, so that invitations stay good over restarts and
/// two swarms on one machine do not collide.
fn private_network(keys: &SwarmKeys) -> network::Config {
    let port = private_port(keys);
    network::Config {
        listen: vec![format!("/ip4/0.0.0.0/udp/{port}/quic-v1"), format!("/ip4/0.0.0.0/tcp/{port}")],
        mdns: false,
        ..network()
    }
}

/// The port that follows from a swarm's key.
pub(super) fn private_port(keys: &SwarmKeys) -> u16 {
    let drawn = u16::from_str_radix(&keys.namespace[..4], 16).unwrap_or_default();
    PRIVATE_PORTS.start() + drawn % (PRIVATE_PORTS.end() - PRIVATE_PORTS.start())
}

pub(super) fn embedding(assets: &Assets) -> embedding::Config {
    embedding::Config {
        encoder_dir: assets.encoder_dir(),
        runtime_library: assets.runtime_library(),
        codebook: assets.codebook(),
        threads: ENCODER_THREADS,
        cache_entries: CACHE_ENTRIES,
    }
}

fn expert(section: ExpertSection) -> ExpertConfig {
    let api_key_file = section.api_key_file;
    ExpertConfig {
        service: section.url.map(|url| ServiceAddress { url, api_key_file }),
        slots: section.slots.unwrap_or(SLOTS),
        queue: section.queue.unwrap_or(QUEUE),
        threads: section.threads.unwrap_or(0),
        gpu_layers: section.gpu_layers.unwrap_or(0),
        tokens_per_second: section.tokens_per_second.unwrap_or(0),
        price_micro: section.price_micro.unwrap_or(0),
        source: catalog::Config {
            // A card says how long a context its model was made for; a bare model gets a default.
            max_context: section.max_context.or(section.card.is_none().then_some(CONTEXT_TOKENS)),
            card: section.card,
            id: section.id,
            description: section.description,
            exemplars: section.exemplars,
            abilities: section.abilities,
            languages: section.languages,
            model_path: section.model_path,
            served: section.model,
            temperature: section.temperature,
        },
    }
}
