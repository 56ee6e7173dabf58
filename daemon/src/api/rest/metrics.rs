//! `/metrics` in the OpenMetrics text format, which Prometheus reads.
//!
//! Counters are kept as requests and questions pass; what the node can say at any time (peers, experts) is read
//! when it is asked for. Labels come from fixed sets only.

use super::Api;
use crate::api::table::Fault;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use std::sync::Arc;
use std::time::Instant;

/// Bounds of the histogram's buckets, seconds: from a table look-up to the longest deadline there is.
const SECONDS: [f64; 13] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0, 120.0, 1_800.0];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Request {
    route: String,
    status: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Kind {
    kind: &'static str,
}

/// What is counted.
pub(super) struct Metrics {
    registry: Registry,
    requests: Family<Request, Counter>,
    questions: Family<Outcome, Counter>,
    seconds: Histogram,
    tokens: Family<Kind, Counter>,
    in_flight: Gauge,
    peers: Gauge,
    experts: Gauge,
    offences: Family<Kind, Gauge>,
    shut_out: Gauge,
}

impl Metrics {
    pub(super) fn new() -> Self {
        let mut registry = Registry::with_prefix("polymath");
        let requests = Family::default();
        registry.register("http_requests", "Requests answered, by route and status", requests.clone());
        let questions = Family::default();
        registry.register("questions", "Questions that ended, by how", questions.clone());
        let seconds = Histogram::new(SECONDS);
        registry.register("question_seconds", "From a question's arrival to its end", seconds.clone());
        let tokens = Family::default();
        registry.register("tokens", "Tokens read and written for REST", tokens.clone());
        let in_flight = Gauge::default();
        registry.register("questions_in_flight", "Questions of REST under way", in_flight.clone());
        let peers = Gauge::default();
        registry.register("peers", "Connected peers", peers.clone());
        let experts = Gauge::default();
        registry.register("experts", "Known experts, this node's own included", experts.clone());
        let offences = Family::default();
        registry.register(
            "offences",
            "What peers did against the rules since the start, by kind",
            offences.clone(),
        );
        let shut_out = Gauge::default();
        registry.register("peers_shut_out", "Peers that are shut out for a time for it", shut_out.clone());
        Self { registry, requests, questions, seconds, tokens, in_flight, peers, experts, offences, shut_out }
    }

    pub(super) fn request(&self, route: &str, status: u16) {
        self.requests.get_or_create(&Request { route: route.to_owned(), status: status.to_string() }).inc();
    }

    /// A question begins; it ends when this is dropped.
    pub(super) fn question(self: &Arc<Self>) -> InFlight {
        self.in_flight.inc();
        InFlight { metrics: Arc::clone(self), started: Instant::now(), outcome: "cut" }
    }

    pub(super) fn tokens(&self, prompt: u32, completion: u32) {
        self.tokens.get_or_create(&Kind { kind: "prompt" }).inc_by(u64::from(prompt));
        self.tokens.get_or_create(&Kind { kind: "completion" }).inc_by(u64::from(completion));
    }
}

/// A question under way.
pub(super) struct InFlight {
    metrics: Arc<Metrics>,
    started: Instant,
    outcome: &'static str,
}

impl InFlight {
    /// How it ends; until this is said, by its client's leaving.
    pub(super) fn ends(&mut self, outcome: &'static str) {
        self.outcome = outcome;
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.metrics.in_flight.dec();
        self.metrics.seconds.observe(self.started.elapsed().as_secs_f64());
        self.metrics.questions.get_or_create(&Outcome { outcome: self.outcome }).inc();
    }
}

/// What the node counts, in the OpenMetrics text format.
#[utoipa::path(get, path = "/metrics", tag = "node",
    responses((status = 200, body = String, content_type = "application/openmetrics-text")))]
pub(super) async fn metrics(State(api): State<Api>) -> Result<impl IntoResponse, Fault> {
    let count = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
    api.metrics.peers.set(count(api.app.coordinator.peers().await.len()));
    api.metrics.experts.set(count(api.app.coordinator.experts().len()));
    let network = api.app.coordinator.network();
    for (kind, seen) in network.offences().all() {
        let offences = api.metrics.offences.get_or_create(&Kind { kind });
        offences.set(i64::try_from(seen).unwrap_or(i64::MAX));
    }
    if let Ok(info) = network.info().await {
        api.metrics.shut_out.set(count(info.shut_out.len()));
    }
    let mut text = String::new();
    encode(&mut text, &api.metrics.registry)
        .map_err(|_| Fault::new("failed", "the metrics cannot be written"))?;
    Ok(([(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], text))
}
