//! What the program says about itself: structured logs to standard error, or to a file.
//!
//! Standard output belongs to answers, so logs never go there. A node logs at `info`; a command that only talks
//! to one is quiet unless something is wrong. The latest lines are kept besides, for the console ([`Tail`]), and spans go
//! to an OpenTelemetry collector where one is named (`otlp`).

mod file;
mod otlp;
mod tail;

pub use tail::Tail;

use std::io::IsTerminal as _;
use std::path::PathBuf;

use tracing_subscriber::fmt::writer::BoxMakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::{SubscriberInitExt as _, TryInitError};
use tracing_subscriber::{EnvFilter, Layer as _, fmt};

/// OpenTelemetry's own variable.
pub const OTLP_VARIABLE: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";

/// How much is said, and in which form.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Config {
    /// A filter such as `info` or `polymath=debug,libp2p=warn` (POLYMATH_LOG); wins over `verbosity`.
    pub filter: Option<String>,
    /// How often `-v` was given.
    pub verbosity: u8,
    /// One JSON object a line instead of text.
    pub json: bool,
    /// Whether this process runs a node for others (and not one command).
    pub daemon: bool,
    /// Where spans go: `http://host:port` of an OpenTelemetry collector's gRPC port; nowhere if it is empty.
    pub otlp: Option<String>,
    /// Where they go if that says nothing: what OTEL_EXPORTER_OTLP_ENDPOINT names. It is said to every program of its environment, so what
    /// this one cannot use is no reason to stop.
    pub otlp_of_environment: Option<String>,
    /// A file to log to instead of standard error; begun anew at two mebibytes.
    pub file: Option<PathBuf>,
}

/// What is to be ended with the process.
#[derive(Debug, Default)]
#[must_use = "the last spans are sent when it ends"]
pub struct Telemetry {
    exporter: Option<otlp::Exporter>,
}

impl Telemetry {
    /// Sends what is left to be sent; waits for some seconds at the most.
    pub fn end(&self) {
        self.exporter.iter().for_each(otlp::Exporter::end);
    }
}

/// Why nothing can be logged.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The filter does not parse.
    #[error(
        "POLYMATH_LOG: `{filter}` is no filter; write a level (error, warn, info, debug, trace) or target=level"
    )]
    Filter {
        /// What was written.
        filter: String,
        /// The parser's reason.
        #[source]
        source: tracing_subscriber::filter::ParseError,
    },
    /// There can be no collector there.
    #[error("--otlp: {0}")]
    Endpoint(String),
    /// The file cannot be opened.
    #[error("--log-file: cannot write {}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// The system's reason.
        #[source]
        source: std::io::Error,
    },
    /// Something else set up logging before.
    #[error("logging is already set up")]
    Twice(#[from] TryInitError),
}

/// Starts logging for the whole process. Must be called within a tokio runtime.
///
/// # Errors
/// [`Error`] says what to change.
pub fn start(config: &Config) -> Result<Telemetry, Error> {
    let (exporter, unused) = exporter(config)?;
    let colours = config.file.is_none()
        && std::io::stderr().is_terminal()
        && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty());
    let writer = match &config.file {
        None => BoxMakeWriter::new(std::io::stderr),
        Some(path) => {
            let opened = file::LogFile::open(path);
            BoxMakeWriter::new(opened.map_err(|source| Error::File { path: path.clone(), source })?)
        }
    };
    let shown = fmt::layer().with_writer(writer);
    let shown = if config.json {
        shown.json().boxed()
    } else {
        shown.with_ansi(colours).with_target(config.verbosity > 1).boxed()
    };
    let kept = config.daemon.then(|| fmt::layer().json().with_writer(Tail::of_process()));
    let spans = exporter.as_ref().map(otlp::Exporter::layer);
    tracing_subscriber::registry().with(spans).with(shown).with(kept).with(filter(config)?).try_init()?;
    if let Some(reason) = unused {
        tracing::warn!("no spans are sent: {reason}");
    }
    Ok(Telemetry { exporter })
}

/// The way to the collector that is named, if one is; and why there is none to that of the environment.
fn exporter(config: &Config) -> Result<(Option<otlp::Exporter>, Option<String>), Error> {
    match (config.otlp.as_deref(), config.otlp_of_environment.as_deref()) {
        (Some(""), _) | (None, None) => Ok((None, None)),
        (Some(asked), _) => Ok((Some(otlp::Exporter::open(asked).map_err(Error::Endpoint)?), None)),
        (None, Some(named)) => Ok(match otlp::Exporter::open(named) {
            Ok(exporter) => (Some(exporter), None),
            Err(reason) => (None, Some(format!("{OTLP_VARIABLE}: {reason}"))),
        }),
    }
}

fn filter(config: &Config) -> Result<EnvFilter, Error> {
    let text = match (&config.filter, config.verbosity, config.daemon) {
        (Some(filter), _, _) => filter.clone(),
        // Vendors' crates stay at `warn` until they are asked for by name or by -vvv.
        // A node that is the first of its swarm has nobody to bootstrap from, and Kademlia warns of that.
        (None, 0, false) => "warn,libp2p_kad=error".to_owned(),
        (None, 0, true) | (None, 1, false) => "warn,libp2p_kad=error,polymath=info".to_owned(),
        (None, 1, true) | (None, 2, _) => "warn,polymath=debug".to_owned(),
        (None, _, _) => "debug".to_owned(),
    };
    EnvFilter::try_new(&text)
        .map_err(|source| Error::Filter { filter: text.escape_debug().to_string(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_quieter_than_nodes_and_a_filter_wins() {
        let text = |config: Config| filter(&config).unwrap().to_string();
        assert!(!text(Config::default()).contains("polymath=info"));
        assert!(text(Config { daemon: true, ..Config::default() }).contains("polymath=info"));
        assert!(text(Config { verbosity: 2, ..Config::default() }).contains("polymath=debug"));
        let set = Config { filter: Some("error".into()), verbosity: 3, ..Config::default() };
        assert_eq!(text(set), "error");
    }

    #[tokio::test]
    async fn a_bad_endpoint_is_told() {
        let of_flag = |endpoint: &str| Config { otlp: Some(endpoint.into()), ..Config::default() };
        for bad in [" ", "localhost:4317", "https://collector.example:4317"] {
            let error = exporter(&of_flag(bad)).unwrap_err().to_string();
            assert!(error.starts_with("--otlp: `") && error.contains("http://host:port"), "{error}");
        }
        assert!(exporter(&of_flag("http://127.0.0.1:4317")).unwrap().0.is_some());
    }

    #[tokio::test]
    async fn a_bad_endpoint_of_the_environment_stops_nothing() {
        let of_both = |flag: Option<&str>, variable: &str| {
            let (otlp, otlp_of_environment) = (flag.map(str::to_owned), Some(variable.to_owned()));
            exporter(&Config { otlp, otlp_of_environment, ..Config::default() }).unwrap()
        };
        let (none, reason) = of_both(None, "https://collector.example:4317");
        let reason = reason.unwrap();
        assert!(none.is_none() && !reason.contains("--otlp"), "{reason}");
        assert!(reason.starts_with("OTEL_EXPORTER_OTLP_ENDPOINT: `https://"), "{reason}");
        let (some, reason) = of_both(None, "http://127.0.0.1:4317");
        assert!(some.is_some() && reason.is_none());
        let (none, reason) = of_both(Some(""), "https://collector.example:4317");
        assert!(none.is_none() && reason.is_none(), "whoever says nothing by the flag means that");
    }

    #[test]
    fn a_bad_filter_is_told() {
        let error =
            filter(&Config { filter: Some("polymath=loud".into()), ..Config::default() }).unwrap_err();
        assert!(error.to_string().starts_with("POLYMATH_LOG: `polymath=loud` is no filter"), "{error}");
    }
}
