//! One source of settings with its name, so that a bad value is reported where it was written.

use std::path::PathBuf;
use std::str::FromStr;

use super::environment::Environment;
use super::file::{ExpertSection, File, OneOrMany};
use super::nearest::nearest;
use super::{Error, address};
use crate::api::access;

/// Where settings were said.
#[derive(Clone, Debug, PartialEq)]
pub enum Origin {
    /// On the command line.
    Flags,
    /// In `POLYMATH_*` variables.
    Environment,
    /// In this file.
    File(PathBuf),
}

/// Settings and where they were said.
#[derive(Clone, Debug)]
pub struct Layer {
    /// Where.
    pub origin: Origin,
    /// What.
    pub file: File,
}

/// A setting's three names. One without a variable or flag has none.
struct Names {
    key: &'static str,
    variable: &'static str,
    flag: &'static str,
}

const fn names(key: &'static str, variable: &'static str, flag: &'static str) -> Names {
    Names { key, variable, flag }
}

const NAME: Names = names("node.name", "POLYMATH_NODE_NAME", "--name");
const LISTEN: Names = names("node.listen_address", "POLYMATH_LISTEN", "--listen");
const BOOTSTRAP: Names = names("node.bootstrap_nodes", "POLYMATH_BOOTSTRAP", "--bootstrap");
const STATE_DIR: Names = names("node.state_dir", "POLYMATH_STATE_DIR", "--state-dir");
const SWARM: Names = names("", "POLYMATH_SWARM", "--swarm");
const SOCKET: Names = names("api.socket", "POLYMATH_SOCKET", "");
const REST: Names = names("api.rest_address", "POLYMATH_REST", "--rest");
const GRPC: Names = names("api.grpc_address", "POLYMATH_GRPC", "--grpc");
const WS: Names = names("api.ws_address", "POLYMATH_WS", "--ws");
const HOSTS: Names = names("api.allowed_hosts", "POLYMATH_ALLOWED_HOSTS", "");
const ORIGINS: Names = names("api.allowed_origins", "POLYMATH_ALLOWED_ORIGINS", "");
const INSECURE: Names = names("api.insecure", "POLYMATH_INSECURE", "--insecure");
const CERTIFICATE: Names = names("api.tls_certificate", "POLYMATH_TLS_CERTIFICATE", "");
const TLS_KEY: Names = names("api.tls_key", "POLYMATH_TLS_KEY", "");
const MDNS: Names = names("network.mdns", "POLYMATH_MDNS", "--no-mdns");
const NAMESPACE: Names = names("network.namespace", "POLYMATH_NAMESPACE", "--namespace");
const PEERS_MAX: Names = names("network.peers_max", "POLYMATH_PEERS_MAX", "");
const RUNTIME: Names = names("embedding.runtime_library", "POLYMATH_RUNTIME_LIBRARY", "");
const ENCODER: Names = names("embedding.encoder_dir", "POLYMATH_ENCODER_DIR", "");
const EXPERTS: Names = names("ask.experts", "POLYMATH_EXPERTS", "--experts");
const MAX_TOKENS: Names = names("ask.max_tokens", "POLYMATH_MAX_TOKENS", "--max-tokens");
const DEADLINE: Names = names("ask.deadline_ms", "POLYMATH_DEADLINE_MS", "");
const QUESTIONS: Names = names("ask.questions", "", "");
const FILTER: Names = names("ask.filter", "", "");
const AUDIT_RATE: Names = names("audit.rate", "", "");
const QUEUE: Names = names("expert.queue", "", "");
const SLOTS: Names = names("expert.slots", "", "--slots");
const PRICE: Names = names("expert.price_micro", "", "");
const CREDIT: Names = names("ledger.credit_micro", "", "");
const SPEED: Names = names("expert.tokens_per_second", "", "");
const THREADS: Names = names("expert.threads", "", "--threads");
const TEMPERATURE: Names = names("expert.temperature", "", "");
const BACKEND: Names = names("expert.backend", "", "");
const EXPERT: Names = names("expert", "", "--expert");

/// Variables that are no settings of a node: read before or beside them.
const OTHER_VARIABLES: [&str; 5] =
    ["POLYMATH_CONFIG", "POLYMATH_ASSETS", "POLYMATH_LOG", "POLYMATH_LOG_FORMAT", "POLYMATH_INVITATION"];

/// Variables that are settings, in the order that [`from_environment`] reads them.
const VARIABLES: [&Names; 22] = [
    &NAME,
    &LISTEN,
    &BOOTSTRAP,
    &STATE_DIR,
    &SWARM,
    &SOCKET,
    &REST,
    &GRPC,
    &WS,
    &HOSTS,
    &ORIGINS,
    &INSECURE,
    &CERTIFICATE,
    &TLS_KEY,
    &MDNS,
    &NAMESPACE,
    &PEERS_MAX,
    &RUNTIME,
    &ENCODER,
    &EXPERTS,
    &MAX_TOKENS,
    &DEADLINE,
];

/// Reads the variables. Lists are separated by commas.
pub fn from_environment(environment: &dyn Environment) -> Result<Layer, Error> {
    let text = |names: &Names| environment.variable(names.variable);
    let path = |names: &Names| text(names).map(PathBuf::from);
    let list = |names: &Names| {
        let items = |t: String| t.split(',').map(|i| i.trim().to_owned()).filter(|i| !i.is_empty()).collect();
        text(names).map(|t| OneOrMany(items(t)))
    };
    let mut file = File::default();
    file.node.name = text(&NAME);
    file.node.listen_address = list(&LISTEN);
    file.node.bootstrap_nodes = list(&BOOTSTRAP);
    file.node.state_dir = path(&STATE_DIR);
    file.node.swarm = text(&SWARM);
    file.api.socket = path(&SOCKET);
    file.api.rest_address = text(&REST);
    file.api.grpc_address = text(&GRPC);
    file.api.ws_address = text(&WS);
    file.api.allowed_hosts = list(&HOSTS);
    file.api.allowed_origins = list(&ORIGINS);
    file.api.insecure = parsed(environment, &INSECURE, "write true or false")?;
    file.api.tls_certificate = path(&CERTIFICATE);
    file.api.tls_key = path(&TLS_KEY);
    file.network.mdns = parsed(environment, &MDNS, "write true or false")?;
    file.network.namespace = text(&NAMESPACE);
    file.network.peers_max = parsed(environment, &PEERS_MAX, "write a whole number")?;
    file.embedding.runtime_library = path(&RUNTIME);
    file.embedding.encoder_dir = path(&ENCODER);
    file.ask.experts = parsed(environment, &EXPERTS, "write a whole number")?;
    file.ask.max_tokens = parsed(environment, &MAX_TOKENS, "write a whole number")?;
    file.ask.deadline_ms = parsed(environment, &DEADLINE, "write milliseconds as a whole number")?;
    Ok(Layer { origin: Origin::Environment, file })
}

fn parsed<T: FromStr>(environment: &dyn Environment, names: &Names, fix: &str) -> Result<Option<T>, Error> {
    let Some(text) = environment.variable(names.variable) else { return Ok(None) };
    match text.trim().parse() {
        Ok(value) => Ok(Some(value)),
        Err(_) => {
            let reason = format!("`{}` does not fit; {fix}", text.escape_debug());
            Err(Error::Invalid { setting: names.variable.into(), reason })
        }
    }
}

/// A warning for each `POLYMATH_*` variable that nothing reads.
pub fn unknown_variables(environment: &dyn Environment) -> Vec<String> {
    let known: Vec<&str> = VARIABLES.iter().map(|n| n.variable).chain(OTHER_VARIABLES).collect();
    let mut names = environment.polymath_names();
    names.retain(|name| !known.contains(&name.as_str()));
    names.sort();
    let warning = |name: &String| match nearest(name, known.iter().copied()) {
        Some(meant) => format!("{name} is set but is no setting; did you mean {meant}?"),
        None => format!("{name} is set but is no setting"),
    };
    names.iter().map(warning).collect()
}

impl Layer {
    /// Checks what can be judged without opening anything.
    pub fn check(&self) -> Result<(), Error> {
        let file = &self.file;
        self.check_name(&NAME, file.node.name.as_deref())?;
        self.check_name(&NAMESPACE, file.network.namespace.as_deref())?;
        for (names, list) in [(&LISTEN, &file.node.listen_address), (&BOOTSTRAP, &file.node.bootstrap_nodes)]
        {
            for text in list.iter().flat_map(|l| &l.0) {
                address::check(text).map_err(|reason| self.invalid(names, reason))?;
            }
        }
        for (names, said) in
            [(&REST, &file.api.rest_address), (&GRPC, &file.api.grpc_address), (&WS, &file.api.ws_address)]
        {
            let good = |text: &String| text == "off" || text.parse::<std::net::SocketAddr>().is_ok();
            if let Some(text) = said.as_ref().filter(|text| !good(text)) {
                let reason =
                    format!("`{}` does not fit; write 127.0.0.1:8080, say, or off", text.escape_debug());
                return Err(self.invalid(names, reason));
            }
        }
        type Check = fn(&str) -> Result<(), String>;
        let hosts = (&HOSTS, &file.api.allowed_hosts, access::check_host as Check);
        let origins = (&ORIGINS, &file.api.allowed_origins, access::check_origin as Check);
        for (names, list, check) in [hosts, origins] {
            for text in list.iter().flat_map(|l| &l.0) {
                check(text).map_err(|reason| self.invalid(names, reason))?;
            }
        }
        if file.node.listen_address.as_ref().is_some_and(|l| l.0.is_empty()) {
            return Err(self.invalid(&LISTEN, "at least one address is needed".into()));
        }
        self.check_range(&PEERS_MAX, file.network.peers_max, 1, 10_000)?;
        self.check_range(&EXPERTS, file.ask.experts, 1, 16)?;
        self.check_range(&MAX_TOKENS, file.ask.max_tokens, 1, 32_768)?;
        self.check_range(&DEADLINE, file.ask.deadline_ms, 1, 86_400_000)?;
        self.check_range(&QUESTIONS, file.ask.questions, 1, crate::coordinator::QUESTIONS_MAX)?;
        self.check_range(&AUDIT_RATE, file.audit.rate, 0.0, 1.0)?;
        self.check_range(&CREDIT, file.ledger.credit_micro, 0, i64::MAX as u64)?;
        let filter = file.ask.filter.check();
        filter.map_err(|(field, takes)| self.invalid(&FILTER, format!("{field}: write {takes}")))?;
        file.expert.iter().flat_map(|l| &l.0).try_for_each(|expert| self.check_expert(expert))
    }

    fn check_expert(&self, expert: &ExpertSection) -> Result<(), Error> {
        self.check_backend(expert)?;
        self.check_range(&SPEED, expert.tokens_per_second, 0, crate::inference::TOKENS_PER_SECOND_MAX)?;
        self.check_range(&PRICE, expert.price_micro, 0, polymath_swarm::ledger::PRICE_MICRO_MAX)?;
        self.check_range(&SLOTS, expert.slots, 1, crate::inference::SLOTS_MAX)?;
        self.check_range(&QUEUE, expert.queue, 0, crate::inference::QUEUE_MAX)?;
        self.check_range(&THREADS, expert.threads, 0, crate::inference::THREADS_MAX)?;
        match expert.temperature {
            Some(t) if !(0.0..=2.0).contains(&t) => Err(self.invalid(&TEMPERATURE, "write 0 to 2".into())),
            _ => Ok(()),
        }
    }

    /// What answers is named, and nothing beside it.
    fn check_backend(&self, expert: &ExpertSection) -> Result<(), Error> {
        let of_server = [
            ("url", expert.url.is_some()),
            ("model", expert.model.is_some()),
            ("api_key_file", expert.api_key_file.is_some()),
        ];
        match expert.backend.as_deref().unwrap_or("llama.cpp") {
            "llama.cpp" => {
                if let Some((key, _)) = of_server.iter().find(|(_, is_set)| *is_set) {
                    let reason = format!("`{key}` is of a server: write backend = \"openai\" beside it");
                    return Err(self.invalid(&BACKEND, reason));
                }
                if expert.card.is_none() && expert.model_path.is_none() {
                    let reason =
                        "say which: `card` (a card.toml) or `model_path` (a GGUF file) with a `description`";
                    return Err(self.invalid(&EXPERT, reason.into()));
                }
            }
            "openai" => {
                if expert.url.is_none() || expert.model.is_none() {
                    let reason =
                        "a server needs a `url` (http://127.0.0.1:8080/v1) and the `model`'s name there";
                    return Err(self.invalid(&BACKEND, reason.into()));
                }
                if expert.card.is_some() || expert.model_path.is_some() {
                    let reason = "a server has its own file: leave `card` and `model_path` out";
                    return Err(self.invalid(&BACKEND, reason.into()));
                }
            }
            other => {
                let reason =
                    format!("`{}` is no backend; write \"llama.cpp\" or \"openai\"", other.escape_debug());
                return Err(self.invalid(&BACKEND, reason));
            }
        }
        if expert.card.is_none() && expert.description.is_none() {
            let path = expert.model_path.as_ref().map(|p| p.display().to_string());
            let name = path.or_else(|| expert.model.clone()).unwrap_or_default();
            let reason = format!(
                "{name} has no card, so it needs a `description`: one sentence on what it is good at"
            );
            return Err(self.invalid(&EXPERT, reason));
        }
        Ok(())
    }

    fn check_name(&self, names: &Names, text: Option<&str>) -> Result<(), Error> {
        const NAME_BYTES_MAX: usize = 64;
        match text {
            Some(t) if t.trim().is_empty() || t.len() > NAME_BYTES_MAX || t.chars().any(char::is_control) => {
                let reason = format!("write 1 to {NAME_BYTES_MAX} bytes without control characters");
                Err(self.invalid(names, reason))
            }
            _ => Ok(()),
        }
    }

    fn check_range<T: Copy + PartialOrd + std::fmt::Display>(
        &self,
        names: &Names,
        value: Option<T>,
        least: T,
        most: T,
    ) -> Result<(), Error> {
        match value {
            Some(v) if v < least || v > most => {
                Err(self.invalid(names, format!("{v} is out of range; write {least} to {most}")))
            }
            _ => Ok(()),
        }
    }

    fn invalid(&self, names: &Names, reason: String) -> Error {
        let setting = match &self.origin {
            Origin::Flags => names.flag.to_owned(),
            Origin::Environment => names.variable.to_owned(),
            Origin::File(path) => format!("{}: {}", path.display(), names.key),
        };
        Error::Invalid { setting, reason }
    }
}
