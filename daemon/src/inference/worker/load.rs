//! The thread's beginning: check, load, probe; then it serves.

use super::{Command, Gauges};
use crate::inference::backend::{Said, backend};
use crate::inference::check::{Checked, check};
use crate::inference::engine::{BATCH_TOKENS, Engine};
use crate::inference::prompt::Prompter;
use crate::inference::{Clockwork, Config, Error, Loading, SlotUse};
use llama_cpp_2::context::LlamaContext;
use llama_cpp_2::context::params::LlamaContextParams;
use llama_cpp_2::llama_backend::LlamaBackend;
use llama_cpp_2::model::LlamaModel;
use llama_cpp_2::model::params::LlamaModelParams;
use polymath_swarm::capability::ModelFacts;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use tokio::sync::{mpsc, oneshot, watch};

/// Files below this are read rather than mapped: a mapped file that is cut short while in use ends the process,
/// and small ones cost nothing to hold.
const MAPPED_BYTES_MIN: u64 = 256 * 1024 * 1024;
/// One cache a slot instead of one for all: with that the same prompt gave logits twenty times closer to each
/// other, whatever else ran, and audits rest on such closeness.
const UNIFIED_KV: bool = false;
/// Stack of the thread. llama.cpp splits text of vocabularies without a splitter of their own by `std::regex`, which
/// recurses once a character, some 320 bytes each: an offer of 256 KiB needs 84 MB. Pages are taken as they are used.
const STACK_BYTES: usize = 256 * 1024 * 1024;
/// The share of loading that is hashing: both read the file once.
const HASHING_SHARE: f32 = 0.5;
/// llama.cpp rounds a sequence's context up to this.
const CONTEXT_STEP: u32 = 256;

/// What the handle learns when the model is loaded.
pub(super) struct Ready {
    pub(super) name: String,
    pub(super) facts: ModelFacts,
    pub(super) clockwork: Clockwork,
}

type Reply = oneshot::Sender<Result<Ready, Error>>;
/// How loading went.
type Started = oneshot::Receiver<Result<Ready, Error>>;

/// Starts the thread; it says on the channel when it is ready, or why not.
pub(super) fn spawn(
    config: Config,
    commands: mpsc::Receiver<Command>,
    (slot_use, loading): (watch::Sender<SlotUse>, Loading),
    gauges: Arc<Gauges>,
) -> Result<(JoinHandle<()>, Started), Error> {
    let (reply, ready) = oneshot::channel();
    let path = config.model_path.clone();
    let work = move || serve(&config, commands, (slot_use, loading), gauges, reply);
    let spawned = thread::Builder::new().name("model".into()).stack_size(STACK_BYTES).spawn(work);
    let handle = spawned.map_err(|source| Error::Unreadable { path, source })?;
    Ok((handle, ready))
}

/// The thread. `slot_use` outlives the model, so that its end tells when the memory is free.
fn serve(
    config: &Config,
    commands: mpsc::Receiver<Command>,
    (slot_use, loading): (watch::Sender<SlotUse>, Loading),
    gauges: Arc<Gauges>,
    reply: Reply,
) {
    let loaded = match Loaded::open(config, loading) {
        Ok(loaded) => loaded,
        // The caller may have gone meanwhile.
        Err(error) => return drop(reply.send(Err(error))),
    };
    let (engine, ready) = match loaded.start(config, slot_use.clone(), gauges) {
        Ok(started) => started,
        Err(error) => return drop(reply.send(Err(error))),
    };
    let name = ready.name.clone();
    if reply.send(Ok(ready)).is_ok() {
        tracing::info!(model = name, "model loaded");
        engine.run(commands);
        tracing::info!(model = name, "model unloaded");
    }
}

/// A model in memory.
struct Loaded {
    backend: &'static LlamaBackend,
    checked: Checked,
    model: LlamaModel,
}

impl Loaded {
    fn open(config: &Config, loading: Loading) -> Result<Self, Error> {
        let told = move |share: f32| {
            let percent = (share.clamp(0.0, 1.0) * 100.0) as u8;
            loading.send_if_modified(|told| told.replace(percent) != Some(percent));
        };
        let checked = check(config, |hashed| told(hashed * HASHING_SHARE))?;
        let backend = backend().map_err(Error::Failed)?;
        let read = move |read: f32| {
            told(HASHING_SHARE + read * (1.0 - HASHING_SHARE));
            true
        };
        let params = LlamaModelParams::default()
            .with_n_gpu_layers(config.gpu_layers)
            .with_use_mmap(checked.file_bytes >= MAPPED_BYTES_MIN)
            .with_progress_callback(read);
        let (model, said) = Said::during(|| LlamaModel::load_from_file(backend, &config.model_path, &params));
        let model = model.map_err(|_| {
            let path = config.model_path.clone();
            if said.contains("unknown model architecture") {
                Error::UnknownArchitecture { path, name: checked.architecture.clone() }
            } else {
                Error::Refused { path, reason: said.reason() }
            }
        })?;
        Ok(Self { backend, checked, model })
    }

    fn start(
        &self,
        config: &Config,
        slot_use: watch::Sender<SlotUse>,
        gauges: Arc<Gauges>,
    ) -> Result<(Engine<'_>, Ready), Error> {
        let refused = |said: &Said| Error::Refused { path: config.model_path.clone(), reason: said.reason() };
        let (context, said) =
            Said::during(|| self.model.new_context(self.backend, self.context_params(config)));
        let context: LlamaContext<'_> = context.map_err(|_| refused(&said))?;
        let prompter = Prompter::new(&self.model, &self.checked.header).map_err(|why| {
            let reason = format!("its chat template does not compile: {why}");
            Error::Malformed { path: config.model_path.clone(), reason }
        })?;
        let mut engine = Engine::new(
            context,
            prompter,
            (self.checked.context_tokens, self.checked.file_bytes),
            slot_use,
            gauges,
            config.tokens_per_second,
        );
        let (probed, _) = Said::during(|| engine.probe());
        probed?;
        Ok((engine, self.ready(config)))
    }

    fn context_params(&self, config: &Config) -> LlamaContextParams {
        let slot = self.checked.context_tokens.next_multiple_of(CONTEXT_STEP);
        let threads = i32::try_from(config.threads).unwrap_or(1);
        LlamaContextParams::default()
            .with_n_ctx(NonZeroU32::new(slot.saturating_mul(config.slots)))
            .with_n_seq_max(config.slots)
            .with_n_batch(BATCH_TOKENS as u32)
            .with_n_ubatch(BATCH_TOKENS as u32)
            .with_n_threads(threads)
            .with_n_threads_batch(threads)
            .with_kv_unified(UNIFIED_KV)
            .with_flash_attention_policy(i32::from(config.flash_attention))
            .with_no_perf(true)
    }

    fn ready(&self, config: &Config) -> Ready {
        let stem = || config.model_path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
        let own = self.checked.header.text("general.name").filter(|name| !name.trim().is_empty());
        let facts = ModelFacts {
            sha256: self.checked.sha256,
            architecture: self.checked.architecture.clone(),
            parameters: self.model.n_params(),
            quantisation: self.checked.quantisation.clone(),
            context_tokens: self.checked.context_tokens,
            flash_attention: config.flash_attention,
            unified_kv: UNIFIED_KV,
        };
        let template = self.checked.header.text("tokenizer.chat_template").unwrap_or_default();
        let clockwork = Clockwork::of(template);
        Ready { name: own.map(str::to_owned).or_else(stem).unwrap_or_default(), facts, clockwork }
    }
}
