//! Settings as they are shown: to the owner in the terminal and in the console.

use super::{ApiConfig, Config, ExpertConfig};
use serde_json::{Value, json};

impl Config {
    /// The settings under the keys of the file, so that what is shown can be read back. There is no secret among them: keys are files, and
    /// what is shown is their path.
    pub fn shown(&self) -> Value {
        object(self)
    }
}

fn object(config: &Config) -> Value {
    let mut sections = json!({
        "node": {
            "name": config.node.name,
            "listen_address": config.network.listen,
            "bootstrap_nodes": config.network.bootstrap,
            "state_dir": config.node.state_dir,
            "model_memory_mb": config.node.model_memory_mb,
        },
        "api": api(&config.api),
        "network": {
            "mdns": config.network.mdns,
            "namespace": config.network.namespace,
            "peers_max": config.network.peers_max,
            "relay": config.network.relay,
            "relays": config.network.relays,
            "upnp": config.network.upnp,
        },
        "embedding": {
            "encoder_dir": config.embedding.encoder_dir,
            "runtime_library": config.embedding.runtime_library,
            "codebook": config.embedding.codebook,
            "threads": config.embedding.threads,
            "cache_entries": config.embedding.cache_entries,
        },
        "ask": {
            "experts": config.ask.experts,
            "max_tokens": config.ask.max_tokens,
            "deadline_ms": config.ask.deadline_ms,
            "questions": config.ask.questions,
            "filter": config.ask.filter,
        },
        "audit": { "rate": config.ask.audit.rate, "others": config.ask.audit.others },
        "ledger": { "credit_micro": config.ledger.credit_micro },
    });
    if let (Some(sections), false) = (sections.as_object_mut(), config.experts.is_empty()) {
        sections.insert("expert".into(), config.experts.iter().map(expert).collect());
    }
    sections
}

fn api(config: &ApiConfig) -> Value {
    let mut section = json!({
        "socket": config.socket,
        "rest_address": address(config.rest),
        "grpc_address": address(config.grpc),
        "ws_address": address(config.ws),
        "allowed_hosts": config.access.allowed_hosts,
        "allowed_origins": config.access.allowed_origins,
        "insecure": config.access.insecure,
    });
    if let Some(tls) = &config.tls {
        section["tls_certificate"] = json!(tls.certificate);
        section["tls_key"] = json!(tls.key);
    }
    section
}

fn address(address: Option<std::net::SocketAddr>) -> String {
    address.map_or_else(|| "off".to_owned(), |a| a.to_string())
}

fn expert(expert: &ExpertConfig) -> Value {
    let source = &expert.source;
    let said = [
        ("id", source.id.as_ref().map(|v| json!(v))),
        ("card", source.card.as_ref().map(|v| json!(v))),
        ("description", source.description.as_ref().map(|v| json!(v))),
        ("exemplars", source.exemplars.as_ref().map(|v| json!(v))),
        ("abilities", source.abilities.as_ref().map(|v| json!(v))),
        ("languages", source.languages.as_ref().map(|v| json!(v))),
        ("model_path", source.model_path.as_ref().map(|v| json!(v))),
        ("backend", expert.service.as_ref().map(|_| json!("openai"))),
        ("url", expert.service.as_ref().map(|v| json!(v.url))),
        ("model", source.served.as_ref().map(|v| json!(v))),
        ("api_key_file", expert.service.as_ref().and_then(|v| v.api_key_file.as_ref()).map(|v| json!(v))),
        ("max_context", source.max_context.map(|v| json!(v))),
        ("temperature", source.temperature.map(|v| json!(v))),
        ("slots", Some(json!(expert.slots))),
        ("queue", Some(json!(expert.queue))),
        ("threads", Some(json!(expert.threads))),
        ("gpu_layers", Some(json!(expert.gpu_layers))),
        ("tokens_per_second", Some(json!(expert.tokens_per_second))),
        ("price_micro", Some(json!(expert.price_micro))),
    ];
    said.into_iter()
        .filter_map(|(key, value)| Some((key.to_owned(), value?)))
        .collect::<serde_json::Map<_, _>>()
        .into()
}
