//! Spans to an OpenTelemetry collector, by OTLP over gRPC: how long a question took, and each of its tasks. As in the log, neither prompts
//! nor answers are in them.
//!
//! They are sent in batches by a thread of their own, so that nothing waits for a collector; what one does not take is dropped.

use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use std::time::Duration;
use tracing::Subscriber;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::registry::LookupSpan;

/// The name under which a collector shows the spans.
const SERVICE: &str = "polymath";
/// How long a collector may take for a batch.
const EXPORT_TIME_MAX: Duration = Duration::from_secs(5);

/// The way to a collector.
#[derive(Clone, Debug)]
pub(super) struct Exporter {
    provider: SdkTracerProvider,
}

impl Exporter {
    /// Opens it; nothing is sent yet. Must be called within a tokio runtime. Else says why there can be no collector there.
    pub(super) fn open(endpoint: &str) -> Result<Self, String> {
        let refused = |reason: String| format!("`{}`: {reason}", endpoint.escape_debug());
        if !endpoint.starts_with("http://") {
            let reason = "write http://host:port of a collector's gRPC port; one elsewhere is reached by way of one here";
            return Err(refused(reason.to_owned()));
        }
        let exporter =
            SpanExporter::builder().with_tonic().with_endpoint(endpoint).with_timeout(EXPORT_TIME_MAX);
        let exporter = exporter.build().map_err(|error| refused(error.to_string()))?;
        let resource = Resource::builder().with_service_name(SERVICE).build();
        let provider =
            SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build();
        Ok(Self { provider })
    }

    /// What hands it the spans.
    pub(super) fn layer<S>(&self) -> impl Layer<S>
    where
        S: Subscriber + for<'span> LookupSpan<'span>,
    {
        // Spans alone: what is logged has its own way out.
        let layer = tracing_opentelemetry::layer().with_tracer(self.provider.tracer(SERVICE));
        layer.with_location(false).with_threads(false).with_filter(filter_fn(|metadata| metadata.is_span()))
    }

    /// Sends what is left.
    pub(super) fn end(&self) {
        if let Err(error) = self.provider.shutdown() {
            tracing::debug!(%error, "the last spans were not taken");
        }
    }
}
