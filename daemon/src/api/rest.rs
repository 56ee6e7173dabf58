//! REST, compatible with OpenAI's: one module a resource, each with its own request and reply types.
//!
//! A request's body is read and checked ([`body`]), translated into questions ([`chat::request`] and its like),
//! and asked; [`course`] turns the coordinator's events into what every reply is made of, be it streamed or not,
//! so both are the same by construction. Errors are told in OpenAI's shape by the one table ([`failure`]).
//!
//! Not here: keys, allow-lists, rate and connection limits, TLS, which wrap this router; and decisions, which are
//! the coordinator's. Nothing is kept between requests.

mod audits;
mod body;
mod card;
mod chat;
mod completions;
mod conversation;
mod course;
mod embeddings;
mod extension;
mod failure;
mod feedback;
mod health;
mod hosted;
mod ledger;
mod logs;
mod metrics;
mod model;
mod network;
mod observe;
mod openapi;
mod owner;
mod reputation;
mod responses;
mod swarm;
mod tools;
mod wishes;

use super::App;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use metrics::Metrics;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::Semaphore;

/// Bytes of a body that are read: the conversation a question may carry, JSON escapes and a tool catalogue, with
/// room for the error of one that is a little too long to come from the check that names the field.
const BODY_BYTES_MAX: usize = 4 * 1024 * 1024;
/// How often a stream that has nothing to say shows that it lives: well under the minute after which proxies
/// cut an idle connection.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// What every handler works with.
#[derive(Clone)]
struct Api {
    app: App,
    metrics: Arc<Metrics>,
    /// Places of requests for embeddings.
    embedding: Arc<Semaphore>,
    /// When the node started, Unix seconds.
    created: u64,
}

/// Every route.
pub(super) fn router(app: App) -> Router {
    let created = unix_seconds().saturating_sub(app.started.elapsed().as_secs());
    let embedding = Arc::new(Semaphore::new(embeddings::AT_ONCE_MAX));
    let api = Api { app, metrics: Arc::new(Metrics::new()), embedding, created };
    Router::new()
        .route("/health", get(health::health))
        .route("/ready", get(health::ready))
        .route("/metrics", get(metrics::metrics))
        .route("/openapi.json", get(document))
        .route("/v1/chat/completions", post(chat::chat))
        .route("/v1/completions", post(completions::completions))
        .route("/v1/responses", post(responses::responses))
        .route("/v1/embeddings", post(embeddings::embeddings))
        .route("/v1/models", get(model::models))
        .route("/v1/models/{id}", get(model::model))
        .route("/v1/feedback", post(feedback::feedback))
        .route("/v1/swarm/peers", get(swarm::peers))
        .route("/v1/swarm/peers/{peer}/probe", post(network::probe))
        .route("/v1/node/models", get(hosted::hosted).post(owner::cards::serve))
        .route("/v1/node/models/{id}", delete(owner::cards::remove))
        .route("/v1/node/models/{id}/card", get(owner::cards::card).put(owner::cards::edit))
        .route("/v1/node/models/{id}/card/preview", post(owner::cards::preview))
        .route("/v1/node/models/{id}/verify", post(owner::cards::verify))
        .route("/v1/node/models/{id}/load", post(hosted::load))
        .route("/v1/node/models/{id}/unload", post(hosted::unload))
        .route("/v1/swarm/network", get(network::network))
        .route("/v1/swarm/experts", get(swarm::experts))
        .route("/v1/swarm/experts/{peer_id}/{id}", get(card::card))
        .route("/v1/swarm/plan", post(swarm::plan))
        .route("/v1/swarm/events", get(swarm::events))
        .route("/v1/swarm/audits", get(audits::audits))
        .route("/v1/swarm/reputation", get(reputation::reputation))
        .route("/v1/swarm/ledger", get(ledger::ledger))
        .route("/v1/node/logs", get(logs::logs))
        .route("/v1/node/settings", get(owner::settings::settings))
        .route("/v1/node/catalog", get(owner::pulls::catalog))
        .route("/v1/node/pulls", get(owner::pulls::list).post(owner::pulls::begin))
        .route("/v1/node/pulls/{id}", delete(owner::pulls::end))
        .route("/v1/node/keys", get(owner::keys::list).post(owner::keys::create))
        .route("/v1/node/keys/{id}", delete(owner::keys::revoke))
        .route("/v1/node/swarms", get(owner::swarms::list).post(owner::swarms::create))
        .route("/v1/node/swarms/join", post(owner::swarms::join))
        .route("/v1/node/swarms/{name}", delete(owner::swarms::leave))
        .route("/v1/node/swarms/{name}/invitation", post(owner::swarms::invitation))
        .route("/v1/node/swarms/{name}/start", post(owner::swarms::start))
        .route("/v1/node/swarms/{name}/stop", post(owner::swarms::stop))
        .route("/v1/node/swarms/{name}/rotate", post(owner::swarms::rotate))
        .merge(super::console::routes())
        .fallback(failure::not_found)
        .method_not_allowed_fallback(failure::method_not_allowed)
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(from_fn_with_state(api.clone(), observe::observe))
        .with_state(api)
}

async fn document() -> Json<utoipa::openapi::OpenApi> {
    Json(openapi::document())
}

/// Now, as OpenAI's `created` fields tell it.
fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// A name that no other reply has.
fn unique(prefix: &str) -> String {
    format!("{prefix}{:032x}", rand::random::<u128>())
}

/// Server-sent events that show that they live.
fn sse<S>(stream: S) -> axum::response::Response
where
    S: futures::Stream<Item = axum::response::sse::Event> + Send + 'static,
{
    sse_every(KEEP_ALIVE, stream)
}

fn sse_every<S>(keep_alive: Duration, stream: S) -> axum::response::Response
where
    S: futures::Stream<Item = axum::response::sse::Event> + Send + 'static,
{
    use axum::response::IntoResponse as _;
    use axum::response::sse::{KeepAlive, Sse};
    use futures::StreamExt as _;
    let stream = stream.map(Ok::<_, std::convert::Infallible>);
    Sse::new(stream).keep_alive(KeepAlive::new().interval(keep_alive)).into_response()
}

/// A server-sent event with this JSON.
fn data<T: serde::Serialize>(value: &T) -> axum::response::sse::Event {
    // What is serialised here has string keys and no failing parts.
    axum::response::sse::Event::default().data(serde_json::to_string(value).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::StreamExt as _;

    #[tokio::test]
    async fn a_stream_with_nothing_to_say_shows_that_it_lives() {
        let silent = sse_every(Duration::from_millis(10), futures::stream::pending());
        let mut body = silent.into_body().into_data_stream();
        for _ in 0..3 {
            let shown = body.next().await.unwrap().unwrap();
            assert!(shown.starts_with(b":") && shown.ends_with(b"\n\n"), "a comment: {shown:?}");
        }
    }
}
