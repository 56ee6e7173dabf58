//! A server that the owner runs as an expert: llama-server, Ollama, vLLM, or whatever else speaks OpenAI's chat completions.
//!
//! Its answers come, are cancelled and fail as a model's in this process do. What it runs cannot be verified: its hash is one of the server's
//! address and the model's name, the ids of its tokens are made up of their text, and nothing is noted for audits. It takes no grammars, and no
//! answer that another has begun.

mod answer;

use super::worker::{Gauges, RETRY_MS_MIN};
use super::{Error, Generation, Request, SlotUse};
use answer::Answering;
use polymath_sdk::{ChatCompletionRequest, ChatMessage, PolymathClient, RetryBudget};
use polymath_swarm::capability::ModelFacts;
use polymath_swarm::identity::Sha256Hash;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, mpsc, watch};

/// How long a server may take to be connected to.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(5);
/// How long it may take for a single token: it may have to load its model first.
const PROBE_TIME_MAX: Duration = Duration::from_secs(120);
/// How long an answer may take at all.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(30 * 60);
/// Events that may wait for a reader before the server is read no further.
const EVENTS_MAX: usize = 64;
/// Bytes of a key: the longest in use have two hundred.
const KEY_BYTES_MAX: u64 = 4_096;

/// How a server is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// `http://127.0.0.1:8080`, with or without `/v1` at the end.
    pub url: String,
    /// The model's name there.
    pub model: String,
    /// A file that holds the key that the server wants.
    pub api_key_file: Option<std::path::PathBuf>,
    /// Tokens of prompt and answer together.
    pub context_tokens: u32,
    /// Tasks at once.
    pub slots: u32,
    /// Tasks that may wait.
    pub queue: u32,
}

/// A server that answers. Cheap to clone.
#[derive(Clone)]
pub struct Service {
    shared: Arc<Shared>,
}

struct Shared {
    config: Config,
    client: PolymathClient,
    facts: ModelFacts,
    seats: Arc<Semaphore>,
    running: Arc<Semaphore>,
    slot_use: watch::Sender<SlotUse>,
    fault: watch::Sender<Option<String>>,
    gauges: Gauges,
}

impl std::fmt::Debug for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Service").field("config", &self.shared.config).finish_non_exhaustive()
    }
}

impl Service {
    /// Connects, and sees that the server answers.
    ///
    /// # Errors
    /// [`Error::Service`] names the address and what is wrong, [`Error::Unreadable`] the key's file.
    pub async fn open(config: Config) -> Result<Self, Error> {
        let fault = |reason: String| Error::Service { url: config.url.clone(), reason };
        let mut builder = PolymathClient::builder()
            .rest(config.url.trim_end_matches('/').trim_end_matches("/v1"))
            .connect_timeout(CONNECT_TIME_MAX)
            .timeout(ANSWER_TIME_MAX)
            // Whoever asks here is told, and asks somebody else.
            .retries(RetryBudget::none());
        if let Some(path) = &config.api_key_file {
            builder = builder.api_key(key(path)?);
        }
        let client = builder.build().map_err(|error| fault(error.to_string()))?;
        let slots = SlotUse { slots: config.slots, free: config.slots, queued: 0 };
        let shared = Shared {
            facts: facts(&config),
            seats: Arc::new(Semaphore::new((config.slots + config.queue) as usize)),
            running: Arc::new(Semaphore::new(config.slots as usize)),
            slot_use: watch::Sender::new(slots),
            fault: watch::Sender::new(None),
            gauges: Gauges::new(0),
            client,
            config,
        };
        let service = Self { shared: Arc::new(shared) };
        service.probe().await?;
        Ok(service)
    }

    /// What is said of the model.
    pub fn facts(&self) -> &ModelFacts {
        &self.shared.facts
    }

    /// How busy this node keeps it, live.
    pub fn slots(&self) -> watch::Receiver<SlotUse> {
        self.shared.slot_use.subscribe()
    }

    /// Why it answers nobody now; `None` while it does.
    pub fn fault(&self) -> watch::Receiver<Option<String>> {
        self.shared.fault.subscribe()
    }

    /// Tokens a second of one answer, as measured.
    pub fn tokens_per_second(&self) -> f32 {
        self.shared.gauges.tokens_per_second()
    }

    /// Has the server say a token.
    ///
    /// # Errors
    /// [`Error::Service`] says why it does not.
    pub async fn probe(&self) -> Result<(), Error> {
        let request = ChatCompletionRequest {
            max_tokens: Some(1),
            temperature: Some(0.0),
            ..ChatCompletionRequest::new(&self.shared.config.model, [ChatMessage::user("Hello")])
        };
        let began = std::time::Instant::now();
        let probed = tokio::time::timeout(PROBE_TIME_MAX, self.shared.client.chat_completion(request)).await;
        let reason = match probed {
            Ok(Ok(_)) => {
                if self.tokens_per_second() == 0.0 {
                    // At least so fast; answers will tell.
                    self.shared.gauges.record_speed(1.0 / began.elapsed().as_secs_f64().max(0.001));
                }
                self.shared.fault.send_if_modified(|fault| fault.take().is_some());
                return Ok(());
            }
            Ok(Err(error)) => reason(&error),
            Err(_) => format!("it said nothing for {} s", PROBE_TIME_MAX.as_secs()),
        };
        self.shared.failed(&reason);
        Err(Error::Service { url: self.shared.config.url.clone(), reason })
    }

    /// Starts an answer, as [`Worker::generate`](super::Worker::generate) does.
    ///
    /// # Errors
    /// [`Error::Busy`] if every place is taken, [`Error::Invalid`] for what a server cannot do; all else comes as the first event.
    pub fn generate(&self, request: Request) -> Result<Generation, Error> {
        request.check()?;
        if !request.continues.is_empty() || request.grammar.is_some() {
            return Err(Error::Invalid(
                "this expert takes no grammars and goes on with nobody's answer".into(),
            ));
        }
        let shared = self.shared.clone();
        let seat = Arc::clone(&shared.seats).try_acquire_owned().map_err(|_| Error::Busy {
            retry_after_ms: shared.gauges.retry_after_ms(*shared.slot_use.borrow()),
        })?;
        let (events, receiver) = mpsc::channel(EVENTS_MAX);
        let task = tokio::spawn(Answering { shared, events, seat: Some(seat) }.run(request));
        Ok(Generation::of_task(receiver, task.abort_handle()))
    }
}

impl Shared {
    /// Tells how many places are taken.
    fn count(&self) {
        let Config { slots, queue, .. } = self.config;
        let free = u32::try_from(self.running.available_permits()).unwrap_or(slots).min(slots);
        let seats = u32::try_from(self.seats.available_permits()).unwrap_or_default();
        let taken = (slots + queue).saturating_sub(seats);
        let now = SlotUse { slots, free, queued: taken.saturating_sub(slots - free) };
        self.slot_use.send_if_modified(|shown| std::mem::replace(shown, now) != now);
    }

    /// The server is not there, or will have nothing of us: nobody is sent to it until it is.
    fn failed(&self, reason: &str) {
        if self.fault.borrow().is_none() {
            tracing::warn!(url = self.config.url, reason, "a server does not answer");
        }
        self.fault.send_replace(Some(format!("{}: {reason}", self.config.url)));
    }

    /// What an error of the server means for whoever asked.
    fn error_of(&self, error: &polymath_sdk::Error) -> Error {
        use polymath_sdk::Error as E;
        let retry_after_ms = || {
            let wait = error.retry_after().unwrap_or(Duration::from_secs(1)).as_millis();
            u32::try_from(wait).unwrap_or(u32::MAX).max(RETRY_MS_MIN)
        };
        match error {
            E::Busy { .. } | E::RateLimited { .. } => Error::Busy { retry_after_ms: retry_after_ms() },
            E::Deadline { .. } => Error::Deadline,
            E::Invalid { code, .. } if code.contains("context_length") || code == "too_long" => {
                Error::TooLong { prompt_tokens: 0, context: self.config.context_tokens }
            }
            // What exactly it does not like may tell of the owner's server.
            E::Invalid { .. } => Error::Invalid("the expert does not take such a request".to_owned()),
            E::NotRunning { .. } | E::Unauthorized { .. } | E::UnknownModel { .. } => {
                let reason = reason(error);
                self.failed(&reason);
                Error::Service { url: self.config.url.clone(), reason }
            }
            error => Error::Service { url: self.config.url.clone(), reason: reason(error) },
        }
    }
}

/// The SDK's words are of nodes.
fn reason(error: &polymath_sdk::Error) -> String {
    match error {
        polymath_sdk::Error::NotRunning { .. } => "nobody listens there; is the server running?".to_owned(),
        error => error.to_string(),
    }
}

fn key(path: &std::path::Path) -> Result<String, Error> {
    use std::io::Read as _;
    let unreadable = |source| Error::Unreadable { path: path.to_owned(), source };
    let mut key = String::new();
    let file = std::fs::File::open(path).map_err(unreadable)?;
    file.take(KEY_BYTES_MAX).read_to_string(&mut key).map_err(unreadable)?;
    Ok(key.trim().to_owned())
}

fn facts(config: &Config) -> ModelFacts {
    let named = format!("polymath/1/service\0{}\0{}", config.url, config.model);
    ModelFacts {
        sha256: Sha256Hash::of(named.as_bytes()),
        architecture: "unknown".to_owned(),
        parameters: 0,
        quantisation: "unknown".to_owned(),
        context_tokens: config.context_tokens,
        flash_attention: false,
        unified_kv: false,
    }
}

#[cfg(test)]
mod tests;
