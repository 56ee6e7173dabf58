//! The rules as middleware: finds out who knocks and what for, lets [`rules::decide`] judge, counts the request,
//! and leaves the [`Caller`] in the request's extensions.

use super::keys::Scope;
use super::ring::Entry;
use super::rules::{self, Knock, Need, Policy, Shown};
use super::{Guard, cors};
use crate::api::console;
use crate::api::table::Fault;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, HOST, HeaderMap, ORIGIN, SEC_WEBSOCKET_PROTOCOL};
use axum::http::{HeaderValue, Method, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use std::sync::Arc;

/// How a browser's WebSocket brings a key along: it can set no header but the list of protocols.
const BEARER_PROTOCOL: &str = "bearer.";

/// Who was let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::api) struct Caller {
    /// The id of the key; none on an open port.
    pub(in crate::api) key: Option<String>,
}

/// The way in to one interface; cheap to clone.
#[derive(Clone)]
pub(in crate::api) struct Door {
    guard: Guard,
    loopback: bool,
    need: fn(&Method, &str) -> Need,
}

impl Door {
    pub(super) fn new(guard: Guard, loopback: bool, need: fn(&Method, &str) -> Need) -> Self {
        Self { guard, loopback, need }
    }

    /// Lets a request in, or says why not.
    pub(in crate::api) fn admit(
        &self,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
    ) -> Result<Caller, Fault> {
        let need = (self.need)(method, uri.path());
        // What is not text is no name of anyone.
        let text = |value: &HeaderValue| value.to_str().unwrap_or("?").to_owned();
        let named = headers.get_all(HOST).iter().map(text);
        let hosts: Vec<String> =
            uri.authority().map(|a| a.as_str().to_owned()).into_iter().chain(named).collect();
        let hosts: Vec<&str> = hosts.iter().map(String::as_str).collect();
        let origins: Vec<String> = headers.get_all(ORIGIN).iter().map(text).collect();
        let origin = (!origins.is_empty()).then(|| origins.join(", "));
        let key = shown_key(headers);
        let entry = key.as_deref().and_then(|key| self.guard.inner.ring.by_key(key));
        let shown = match (&key, &entry) {
            (None, _) => Shown::Nothing,
            (Some(_), None) => Shown::Unknown,
            (Some(_), Some(entry)) => Shown::Key { id: &entry.record.id, scopes: &entry.record.scopes },
        };
        let keyed = self.guard.inner.ring.any();
        let knock = Knock { hosts: &hosts, origin: origin.as_deref(), shown, need };
        rules::decide(&self.policy(keyed), &knock)?;
        if let (Some(entry), Need::Scope(_) | Need::Owner) = (&entry, need) {
            entry.count()?;
        }
        Ok(Caller { key: entry.map(|entry: Arc<Entry>| entry.record.id.clone()) })
    }

    /// Lets a caller who is in already do one thing more: its key must still be there, and is counted again.
    pub(in crate::api) fn again(&self, caller: &Caller, scope: Scope) -> Result<(), Fault> {
        let entry = caller.key.as_deref().map(|id| self.guard.inner.ring.by_id(id));
        let shown = match &entry {
            None => Shown::Nothing,
            Some(None) => Shown::Unknown,
            Some(Some(entry)) => Shown::Key { id: &entry.record.id, scopes: &entry.record.scopes },
        };
        let keyed = caller.key.is_some() || self.guard.inner.ring.any();
        // Host and Origin were judged when the caller came in.
        let knock = Knock { hosts: &["localhost"], origin: None, shown, need: Need::Scope(scope) };
        rules::decide(&self.policy(keyed), &knock)?;
        entry.flatten().map_or(Ok(()), |entry| entry.count())
    }

    fn policy(&self, keyed: bool) -> Policy<'_> {
        let inner = &self.guard.inner;
        Policy {
            loopback: self.loopback,
            insecure: inner.config.insecure,
            keyed,
            allowed_hosts: &inner.config.allowed_hosts,
            allowed_origins: &inner.config.allowed_origins,
            own_ports: inner.own_ports.get().map_or(&[], Vec::as_slice),
        }
    }
}

/// The key that came along: in `Authorization`, or among a WebSocket's protocols. Never in the URL, which logs keep.
fn shown_key(headers: &HeaderMap) -> Option<String> {
    if let Some(value) = headers.get(AUTHORIZATION) {
        let (scheme, key) = value.to_str().ok()?.split_once(' ').unwrap_or_default();
        // Something was shown, if nothing that could be a key.
        return Some(if scheme.eq_ignore_ascii_case("bearer") {
            key.trim().to_owned()
        } else {
            String::new()
        });
    }
    let protocols = headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter().filter_map(|value| value.to_str().ok());
    protocols
        .flat_map(|list| list.split(','))
        .find_map(|protocol| protocol.trim().strip_prefix(BEARER_PROTOCOL).map(str::to_owned))
}

/// Middleware of REST and WebSocket.
pub(in crate::api) async fn guarded(State(door): State<Door>, mut request: Request, next: Next) -> Response {
    let named = cors::named_origin(request.headers(), &door.guard.inner.config.allowed_origins);
    let mut response = if named.is_some() && cors::is_preflight(&request) {
        cors::preflight(&request)
    } else {
        match door.admit(request.method(), request.uri(), request.headers()) {
            Ok(caller) => {
                request.extensions_mut().insert(caller);
                next.run(request).await
            }
            Err(fault) => fault.into_response(),
        }
    };
    if let Some(origin) = named {
        cors::mark(&mut response, origin);
    }
    response
}

/// Middleware of gRPC: the same rules, told as a status.
pub(in crate::api) async fn guarded_grpc(
    State(door): State<Door>,
    mut request: Request,
    next: Next,
) -> Response {
    match door.admit(request.method(), request.uri(), request.headers()) {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(fault) => fault.status().into_http::<Body>(),
    }
}

/// What a request to REST wants.
pub(in crate::api) fn need_rest(method: &Method, path: &str) -> Need {
    const ASKING: [&str; 5] =
        ["/v1/chat/", "/v1/completions", "/v1/responses", "/v1/embeddings", "/v1/feedback"];
    // Of the node itself, and its owner's business.
    if let Some(path) = path.strip_prefix("/v1/node/") {
        return if is_owners(method, path) { Need::Owner } else { Need::Scope(Scope::Admin) };
    }
    let looks = [Method::GET, Method::HEAD, Method::OPTIONS].contains(method);
    if path == "/health" || (looks && console::is_of_page(path)) {
        return Need::Nothing;
    }
    if ASKING.iter().any(|route| path.starts_with(route)) {
        return Need::Scope(Scope::Chat);
    }
    // Planning asks nobody, though it is a POST.
    Need::Scope(if looks || path.starts_with("/v1/swarm/") { Scope::Read } else { Scope::Admin })
}

/// What holds secrets, or changes what holds after a restart. `path` is below `/v1/node/`.
fn is_owners(method: &Method, path: &str) -> bool {
    const SECRET: [&str; 5] = ["swarms", "keys", "pulls", "catalog", "settings"];
    // What is in memory and what is shown changes nothing for good.
    const FLEETING: [&str; 4] = ["/load", "/unload", "/verify", "/card/preview"];
    let first = path.split('/').next().unwrap_or_default();
    let is_fleeting = method == Method::POST && FLEETING.iter().any(|end| path.ends_with(end));
    SECRET.contains(&first) || !(is_fleeting || [Method::GET, Method::HEAD].contains(method))
}

/// What a WebSocket wants.
pub(in crate::api) fn need_ws(_: &Method, _: &str) -> Need {
    Need::Scope(Scope::Chat)
}

/// What a call wants. Health checkers bring no keys.
pub(in crate::api) fn need_grpc(_: &Method, path: &str) -> Need {
    if path.starts_with("/grpc.health.v1.Health/") {
        return Need::Nothing;
    }
    const ASKING: [&str; 2] = ["/polymath.v1.Node/Chat", "/polymath.v1.Node/Feedback"];
    Need::Scope(if ASKING.contains(&path) { Scope::Chat } else { Scope::Read })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_has_its_scope() {
        let scope = Need::Scope;
        let cases = [
            (Method::GET, "/health", Need::Nothing),
            (Method::GET, "/", Need::Nothing),
            (Method::GET, "/assets/index.js", Need::Nothing),
            (Method::POST, "/", scope(Scope::Admin)),
            (Method::GET, "/health/", scope(Scope::Read)),
            (Method::POST, "/v1/chat/completions", scope(Scope::Chat)),
            (Method::POST, "/v1/completions", scope(Scope::Chat)),
            (Method::POST, "/v1/embeddings", scope(Scope::Chat)),
            (Method::POST, "/v1/feedback", scope(Scope::Chat)),
            (Method::DELETE, "/v1/responses/r", scope(Scope::Chat)),
            (Method::GET, "/v1/models", scope(Scope::Read)),
            (Method::GET, "/metrics", scope(Scope::Read)),
            (Method::GET, "/v1/node/logs", scope(Scope::Admin)),
            (Method::GET, "/v1/node/models", scope(Scope::Admin)),
            (Method::POST, "/v1/node/models/a/load", scope(Scope::Admin)),
            (Method::POST, "/v1/node/models/a/card/preview", scope(Scope::Admin)),
            (Method::POST, "/v1/node/models", Need::Owner),
            (Method::PUT, "/v1/node/models/a/card", Need::Owner),
            (Method::DELETE, "/v1/node/models/load", Need::Owner),
            (Method::GET, "/v1/node/swarms", Need::Owner),
            (Method::GET, "/v1/node/settings", Need::Owner),
            (Method::POST, "/v1/node/swarms/load/start", Need::Owner),
            (Method::DELETE, "/v1/node/keys/abc", Need::Owner),
            (Method::GET, "/v1/swarm/experts/12D3KooW/geography", scope(Scope::Read)),
            (Method::POST, "/v1/swarm/plan", scope(Scope::Read)),
            (Method::POST, "/v1/elsewhere", scope(Scope::Admin)),
        ];
        for (method, path, need) in cases {
            assert_eq!(need_rest(&method, path), need, "{method} {path}");
        }
        assert_eq!(need_grpc(&Method::POST, "/polymath.v1.Node/Chat"), scope(Scope::Chat));
        assert_eq!(need_grpc(&Method::POST, "/polymath.v1.Node/ListPeers"), scope(Scope::Read));
        assert_eq!(need_grpc(&Method::POST, "/grpc.health.v1.Health/Check"), Need::Nothing);
    }

    #[test]
    fn a_key_is_found_in_its_header_or_among_the_protocols() {
        let shown = |name: &'static str, value: &str| {
            shown_key(&HeaderMap::from_iter([(name.parse().unwrap(), value.parse().unwrap())]))
        };
        assert_eq!(shown("authorization", "Bearer pmk_a_b").as_deref(), Some("pmk_a_b"));
        assert_eq!(shown("authorization", "bearer  pmk_a_b").as_deref(), Some("pmk_a_b"));
        assert_eq!(shown("authorization", "Basic xyz").as_deref(), Some(""));
        assert_eq!(shown("authorization", "pmk_a_b").as_deref(), Some(""));
        assert_eq!(shown("sec-websocket-protocol", "polymath, bearer.pmk_a_b").as_deref(), Some("pmk_a_b"));
        assert_eq!(shown("sec-websocket-protocol", "polymath"), None);
        assert_eq!(shown("x-api-key", "pmk_a_b"), None);
    }
}
