//! `/v1/embeddings`: the sentence encoder that the swarm routes by, for everybody.

use super::Api;
use super::body::Body;
use super::wishes::OneOrMany;
use crate::api::table::Fault;
use crate::coordinator;
use crate::embedding::Encoder;
use axum::Json;
use axum::extract::State;
use base64::Engine as _;
use serde::{Deserialize, Serialize};
use std::time::Duration;
use tokio::sync::SemaphorePermit;
use utoipa::ToSchema;

/// Texts of one request: some three seconds of work on a slow machine.
const INPUTS_MAX: usize = 256;
/// Texts given to the encoder at once, so that questions get their turn in between.
const BATCH_TEXTS: usize = 32;
/// Requests at once; more are told `busy`. The encoder has one thread, and questions wait for it too.
pub(super) const AT_ONCE_MAX: usize = 16;
/// Time a request may take: as many of the largest, one after the other, on a slow machine.
const TIME_MAX: Duration = Duration::from_secs(60);
/// When to come back after `busy`: most requests take less.
const RETRY_MS: u32 = 500;

/// Texts to be embedded.
#[derive(Clone, Debug, Deserialize, ToSchema)]
pub(super) struct EmbeddingRequest {
    /// The encoder's name; `/v1/models` has it.
    model: String,
    /// One text or up to 256; as text, not as token ids. What lies beyond the encoder's limit is not seen.
    input: OneOrMany,
    /// `float` or `base64` (little-endian 32-bit floats).
    encoding_format: Option<String>,
    /// Must be the encoder's own or absent.
    dimensions: Option<u32>,
}

/// Vectors.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct EmbeddingList {
    /// `list`.
    object: &'static str,
    /// In the order of the texts.
    data: Vec<EmbeddingItem>,
    /// The encoder's name.
    model: String,
    /// Tokens read.
    usage: EmbeddingUsage,
}

/// The vector of one text.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct EmbeddingItem {
    /// `embedding`.
    object: &'static str,
    /// Which text.
    index: usize,
    /// The unit vector.
    embedding: Vector,
}

/// A vector in the form asked for.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub(super) enum Vector {
    /// Numbers.
    Float(Vec<f32>),
    /// Little-endian 32-bit floats in Base64.
    Base64(String),
}

/// Tokens read.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub(super) struct EmbeddingUsage {
    /// Of all texts, as far as the encoder sees them.
    prompt_tokens: u32,
    /// The same.
    total_tokens: u32,
}

/// Embeds texts with the sentence encoder.
#[utoipa::path(post, path = "/v1/embeddings", tag = "openai", request_body = EmbeddingRequest,
    responses((status = 200, body = EmbeddingList)))]
pub(super) async fn embeddings(
    State(api): State<Api>,
    Body(request): Body<EmbeddingRequest>,
) -> Result<Json<EmbeddingList>, Fault> {
    let encoder = api.app.coordinator.encoder();
    let model = encoder.name().to_owned();
    if request.model != model {
        let message = format!("the model of embeddings is {model}");
        return Err(Fault { field: Some("model".to_owned()), ..Fault::new("unknown_expert", message) });
    }
    let encoded = match request.encoding_format.as_deref() {
        None | Some("float") => false,
        Some("base64") => true,
        Some(_) => return Err(Fault::field("encoding_format", "float or base64")),
    };
    let dimension = encoder.dimension();
    if request.dimensions.is_some_and(|d| d as usize != dimension) {
        return Err(Fault::field("dimensions", format!("this encoder has {dimension}, no others")));
    }
    let inputs = request.input.into_vec();
    if !(1..=INPUTS_MAX).contains(&inputs.len()) || inputs.iter().any(|text| text.trim().is_empty()) {
        return Err(Fault::field("input", "1 to 256 texts, none of them empty"));
    }
    let _place = place(&api)?;
    let late = |_| Fault::new("deadline", format!("not done within {} s", TIME_MAX.as_secs()));
    let (data, tokens) =
        tokio::time::timeout(TIME_MAX, all(encoder, inputs, encoded)).await.map_err(late)??;
    api.metrics.tokens(tokens, 0);
    let usage = EmbeddingUsage { prompt_tokens: tokens, total_tokens: tokens };
    Ok(Json(EmbeddingList { object: "list", data, model, usage }))
}

/// A place among the requests that embed texts of strangers.
pub(super) fn place(api: &Api) -> Result<SemaphorePermit<'_>, Fault> {
    api.embedding.try_acquire().map_err(|_| Fault {
        retry_after_ms: Some(RETRY_MS),
        ..Fault::new("busy", format!("{AT_ONCE_MAX} requests for embeddings are under way"))
    })
}

/// The vectors of all texts, and the tokens that were read.
async fn all(
    encoder: &Encoder,
    inputs: Vec<String>,
    encoded: bool,
) -> Result<(Vec<EmbeddingItem>, u32), Fault> {
    let (mut data, mut tokens) = (Vec::with_capacity(inputs.len()), 0_u32);
    for batch in inputs.chunks(BATCH_TEXTS) {
        let (counter, texts) = (encoder.clone(), batch.to_vec());
        // Tokenising long texts takes milliseconds, which others on this thread should not wait.
        let count = tokio::task::spawn_blocking(move || texts.iter().map(|t| counter.count_tokens(t)).sum());
        let read: u32 = count.await.map_err(|_| Fault::new("failed", "counting the tokens broke off"))?;
        tokens = tokens.saturating_add(read);
        let vectors = encoder.embed(batch.to_vec()).await.map_err(coordinator::Error::from);
        let vectors = vectors.map_err(|error| Fault::from(&error))?;
        for vector in vectors {
            let vector = vector.as_slice();
            let embedding = if encoded {
                let bytes: Vec<u8> = vector.iter().flat_map(|v| v.to_le_bytes()).collect();
                Vector::Base64(base64::engine::general_purpose::STANDARD.encode(bytes))
            } else {
                Vector::Float(vector.to_vec())
            };
            data.push(EmbeddingItem { object: "embedding", index: data.len(), embedding });
        }
    }
    Ok((data, tokens))
}
