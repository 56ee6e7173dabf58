//! REST: requests by reqwest, replies read within bounds, streams by [`crate::sse`].
//!
//! A question goes as a streamed chat completion; what the swarm did comes in the extension field `polymath`.
//! Closing the connection (dropping the stream) cancels.

mod question;

pub(crate) use question::ask;

use super::json;
use crate::answer::{Plan, Timings};
use crate::chat::{ChatCompletion, ChatCompletionChunk, ChatCompletionRequest};
use crate::error::Error;
use crate::node::{Audit, Expert, Health, Ledger, Network, Peer, Probe, Reputation, Standing};
use crate::sse::SseParser;
use crate::stream::{Items, cut_off};
use futures::stream::{self, StreamExt as _};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Client, RequestBuilder, Response, Url};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::time::Duration;

/// Bytes of a reply that are read: a long answer with its log-probabilities.
const REPLY_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Bytes of an error's reply that are read: a message for people.
const ERROR_BYTES_MAX: usize = 64 * 1024;

/// A node's REST interface; cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Rest {
    http: Client,
    base: String,
}

impl Rest {
    pub(crate) fn new(url: &str, key: Option<&str>, connect_timeout: Duration) -> Result<Self, Error> {
        let bad = || Error::invalid("url", format!("{url:?}: write http://ADDRESS:PORT or https://HOST"));
        let parsed = Url::parse(url).map_err(|_| bad())?;
        let host =
            parsed.host_str().filter(|_| matches!(parsed.scheme(), "http" | "https")).ok_or_else(bad)?;
        let mut headers = HeaderMap::new();
        if let Some(key) = key {
            // The text is a secret: the error does not repeat it.
            let value = HeaderValue::from_str(&format!("Bearer {key}"));
            let mut value =
                value.map_err(|_| Error::invalid("api_key", "the API key holds control characters"))?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        // A redirect would carry the key to whoever it names.
        let mut http = Client::builder()
            .default_headers(headers)
            .connect_timeout(connect_timeout)
            .redirect(reqwest::redirect::Policy::none());
        if matches!(host, "localhost" | "127.0.0.1" | "[::1]") {
            http = http.no_proxy();
        }
        if parsed.scheme() == "http" {
            // No roots are needed, and a machine without any must do.
            http = http.tls_certs_only([]);
        }
        let http = http.build().map_err(|e| Error::Transport { message: cause(&e), unsent: true })?;
        // The base URL that OpenAI's clients are given ends in /v1.
        let base = url.trim_end_matches('/').trim_end_matches("/v1").to_owned();
        Ok(Self { http, base })
    }

    pub(crate) async fn health(&self) -> Result<Health, Error> {
        Ok(json::read(&self.read(self.http.get(format!("{}/health", self.base))).await?))
    }

    pub(crate) async fn plan(&self, prompt: &str) -> Result<Plan, Error> {
        let request =
            self.http.post(format!("{}/v1/swarm/plan", self.base)).json(&json!({ "prompt": prompt }));
        let reply: Value = self.read(request).await?;
        let plan = json::plan(reply.get("plan").unwrap_or(&reply));
        // The times may be inside the plan or beside it.
        let timings = if plan.timings == Timings::default() { json::timings(&reply) } else { plan.timings };
        Ok(Plan { timings, ..plan })
    }

    pub(crate) async fn feedback(&self, task_id: &str, good: bool) -> Result<Standing, Error> {
        let verdict = if good { "good" } else { "bad" };
        let body = json!({ "task_id": task_id, "verdict": verdict });
        self.read(self.http.post(format!("{}/v1/feedback", self.base)).json(&body)).await
    }

    pub(crate) async fn peers(&self) -> Result<Vec<Peer>, Error> {
        self.list("peers").await
    }

    pub(crate) async fn probe(&self, peer: &str) -> Result<Probe, Error> {
        // Neither form of a name has a slash or a space; what is no name is the node's to refuse.
        let is_plain = |c: char| c.is_ascii_alphanumeric() || c == ':';
        if peer.is_empty() || !peer.chars().all(is_plain) {
            return Err(Error::invalid("peer", "write a did:key or a peer id"));
        }
        self.read(self.http.post(format!("{}/v1/swarm/peers/{peer}/probe", self.base))).await
    }

    pub(crate) async fn network(&self) -> Result<Network, Error> {
        self.read(self.http.get(format!("{}/v1/swarm/network", self.base))).await
    }

    pub(crate) async fn experts(&self) -> Result<Vec<Expert>, Error> {
        self.list("experts").await
    }

    pub(crate) async fn reputation(&self) -> Result<Vec<Reputation>, Error> {
        self.list("reputation").await
    }

    pub(crate) async fn audits(&self, most: u32) -> Result<Vec<Audit>, Error> {
        let mut reply: Value =
            self.read(self.http.get(format!("{}/v1/swarm/audits?limit={most}", self.base))).await?;
        Ok(json::read(&reply["data"].take()))
    }

    pub(crate) async fn ledger(&self, most: u32) -> Result<Ledger, Error> {
        Ok(json::read(
            &self.read(self.http.get(format!("{}/v1/swarm/ledger?limit={most}", self.base))).await?,
        ))
    }

    async fn list<T: DeserializeOwned>(&self, name: &str) -> Result<Vec<T>, Error> {
        let mut reply: Value = self.read(self.http.get(format!("{}/v1/swarm/{name}", self.base))).await?;
        let found = [name, "data"].iter().find_map(|key| reply.get_mut(*key).map(Value::take));
        let items = found.ok_or_else(|| Error::protocol(format!("a list of {name} was expected")))?;
        serde_json::from_value(items).map_err(|e| Error::protocol(e.to_string()))
    }

    pub(crate) async fn chat_completion(
        &self,
        request: &ChatCompletionRequest,
    ) -> Result<ChatCompletion, Error> {
        self.read(self.completions(&json_of(request, false)?)).await
    }

    pub(crate) async fn chat_completion_stream(
        &self,
        request: &ChatCompletionRequest,
    ) -> Result<Items<ChatCompletionChunk>, Error> {
        self.chunks(&json_of(request, true)?).await
    }

    fn completions(&self, body: &Value) -> RequestBuilder {
        self.http.post(format!("{}/v1/chat/completions", self.base)).json(body)
    }

    /// A streamed completion's pieces.
    async fn chunks(&self, body: &Value) -> Result<Items<ChatCompletionChunk>, Error> {
        let response = self.send(self.completions(body)).await?;
        let kind = response.headers().get(CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
        if !kind.starts_with("text/event-stream") {
            return Err(Error::protocol(format!("a stream was expected, not {kind:?}")));
        }
        let reading = Reading { response, parser: SseParser::default(), ready: VecDeque::new() };
        Ok(stream::unfold(Some(reading), |reading| async move {
            let mut reading = reading?;
            match reading.next().await {
                Ok(Some(chunk)) => Some((Ok(chunk), Some(reading))),
                Ok(None) => None,
                Err(error) => Some((Err(error), None)),
            }
        })
        .boxed())
    }

    async fn read<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, Error> {
        let bytes = body(self.send(request).await?, REPLY_BYTES_MAX).await?;
        serde_json::from_slice(&bytes).map_err(|e| Error::protocol(e.to_string()))
    }

    /// Sends, and turns a refusal into its error.
    async fn send(&self, request: RequestBuilder) -> Result<Response, Error> {
        let response = request.send().await.map_err(|e| self.failed(&e))?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let header = |name: &str| response.headers().get(name)?.to_str().ok();
        // Whole seconds by RFC 9110; finer where the server says so, as OpenAI's do.
        let fine = header("retry-after-ms").and_then(|t| t.parse().ok()).map(Duration::from_millis);
        let retry_after = fine.or_else(|| header("retry-after").and_then(seconds));
        let bytes = body(response, ERROR_BYTES_MAX).await.unwrap_or_default();
        let reply: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        Err(json::refusal(reply.get("error").unwrap_or(&Value::Null), status.as_u16(), retry_after))
    }

    fn failed(&self, error: &reqwest::Error) -> Error {
        if error.is_connect() {
            return Error::NotRunning { place: self.base.clone() };
        }
        Error::Transport { message: cause(error), unsent: false }
    }
}

/// A stream that is being read.
struct Reading {
    response: Response,
    parser: SseParser,
    ready: VecDeque<crate::sse::SseEvent>,
}

impl Reading {
    /// The next piece; `None` after `[DONE]`.
    async fn next(&mut self) -> Result<Option<ChatCompletionChunk>, Error> {
        loop {
            while let Some(event) = self.ready.pop_front() {
                if event.data == "[DONE]" {
                    return Ok(None);
                }
                if event.data.is_empty() {
                    continue;
                }
                return chunk(&event).map(Some);
            }
            let bytes = self.response.chunk().await;
            let bytes = bytes.map_err(|e| Error::Transport { message: cause(&e), unsent: false })?;
            self.ready.extend(self.parser.push(&bytes.ok_or_else(cut_off)?)?);
        }
    }
}

/// An event's piece; an error that came in mid-stream is an error.
fn chunk(event: &crate::sse::SseEvent) -> Result<ChatCompletionChunk, Error> {
    let value: Value = serde_json::from_str(&event.data).map_err(|e| Error::protocol(e.to_string()))?;
    if let Some(error) = value.get("error").filter(|e| !e.is_null()) {
        return Err(json::refusal(error, 0, None));
    }
    // An extension event by name: its data is what the field would hold.
    if event.name.starts_with("polymath") && value.get("polymath").is_none() {
        let kind = event.name.rsplit(['.', '_', ':']).next().unwrap_or_default();
        let mut data = value;
        if let Some(object) = data.as_object_mut() {
            object.entry("type").or_insert_with(|| kind.into());
        }
        return Ok(ChatCompletionChunk { polymath: Some(data), ..ChatCompletionChunk::default() });
    }
    serde_json::from_value(value).map_err(|e| Error::protocol(e.to_string()))
}

fn json_of(request: &ChatCompletionRequest, stream: bool) -> Result<Value, Error> {
    let mut body = serde_json::to_value(request).map_err(|e| Error::invalid("request", e.to_string()))?;
    if let (Some(body), true) = (body.as_object_mut(), stream) {
        body.insert("stream".to_owned(), true.into());
        body.entry("stream_options").or_insert_with(|| json!({ "include_usage": true }));
    }
    Ok(body)
}

/// A reply's bytes, at most so many.
async fn body(mut response: Response, most: usize) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    loop {
        let chunk = response.chunk().await;
        match chunk.map_err(|e| Error::Transport { message: cause(&e), unsent: false })? {
            Some(chunk) if bytes.len() + chunk.len() > most => {
                return Err(Error::protocol(format!("a reply of more than {most} bytes")));
            }
            Some(chunk) => bytes.extend_from_slice(&chunk),
            None => return Ok(bytes),
        }
    }
}

/// `retry-after` in seconds (RFC 9110, 10.2.3); a node sends no dates. OpenAI's servers send fractions.
fn seconds(text: &str) -> Option<Duration> {
    Duration::try_from_secs_f64(text.trim().parse().ok()?).ok()
}

/// The innermost cause: the outer ones repeat the URL.
fn cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    format!("the connection failed: {cause}")
}

#[cfg(test)]
mod tests;
