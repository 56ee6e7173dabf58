//! llama.cpp's process-wide parts: its one initialisation, and where its log goes.

use llama_cpp_2::llama_backend::LlamaBackend;
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Metadata, Subscriber, span};

/// Lines kept of what llama.cpp says while it loads: it says about 150 for a model of 32 layers.
const LINES_MAX: usize = 512;

/// The one initialisation of llama.cpp in this process.
pub(super) fn backend() -> Result<&'static LlamaBackend, String> {
    static BACKEND: OnceLock<Result<LlamaBackend, String>> = OnceLock::new();
    let backend = BACKEND.get_or_init(|| {
        llama_cpp_2::send_logs_to_tracing(llama_cpp_2::LogOptions::default());
        LlamaBackend::init().map_err(|error| error.to_string())
    });
    backend.as_ref().map_err(Clone::clone)
}

/// What llama.cpp said while something ran on this thread.
pub(super) struct Said(Vec<String>);

impl Said {
    /// Runs `work` and keeps what llama.cpp says meanwhile; afterwards passes it on to the log at debug level,
    /// where its chatter belongs, whatever level it gave itself.
    pub(super) fn during<T>(work: impl FnOnce() -> T) -> (T, Self) {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let capture = tracing::Dispatch::new(Capture(Arc::clone(&lines)));
        let out = tracing::dispatcher::with_default(&capture, work);
        let said = lines.lock().map(|mut lines| std::mem::take(&mut *lines)).unwrap_or_default();
        for line in &said {
            tracing::debug!(target: "llama.cpp", "{line}");
        }
        (out, Self(said))
    }

    /// Whether any line contains `text`.
    pub(super) fn contains(&self, text: &str) -> bool {
        self.0.iter().any(|line| line.contains(text))
    }

    /// The line that says most about a failure.
    pub(super) fn reason(&self) -> String {
        let telling =
            self.0.iter().find_map(|line| line.rsplit_once("error loading model: ").map(|(_, why)| why));
        let last = self.0.last().map(String::as_str);
        telling.or(last).unwrap_or("it gave no reason").trim().to_owned()
    }
}

/// A subscriber that keeps llama.cpp's lines and drops everything else.
struct Capture(Arc<Mutex<Vec<String>>>);

impl Subscriber for Capture {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && metadata.target() == "llama-cpp-2" && *metadata.level() <= Level::INFO
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut message = Message(String::new());
        event.record(&mut message);
        if let Ok(mut lines) = self.0.lock()
            && lines.len() < LINES_MAX
        {
            lines.push(message.0);
        }
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

struct Message(String);

impl Visit for Message {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            value.clone_into(&mut self.0);
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.0 = format!("{value:?}");
        }
    }
}
