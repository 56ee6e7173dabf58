//! Spans at an OpenTelemetry collector: a real one by its protocol, which keeps what it is sent.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::trace::v1::Span;
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status};

#[derive(Clone, Default)]
struct Collector {
    taken: Arc<Mutex<Vec<ExportTraceServiceRequest>>>,
}

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        self.taken.lock().unwrap().push(request.into_inner());
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_and_its_tasks_are_spans_without_a_word_of_it() {
    let collector = Collector::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let service = TraceServiceServer::new(collector.clone());
    let serving = tonic::transport::Server::builder().add_service(service);
    tokio::spawn(serving.serve_with_incoming(TcpListenerStream::new(listener)));

    let state = tempfile::tempdir().unwrap();
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models");
    let mut daemon = tokio::process::Command::new(env!("CARGO_BIN_EXE_daemon"));
    daemon.arg("--assets").arg(models).arg("--state-dir").arg(state.path()).args(["-v", "--otlp", &endpoint]);
    daemon.args(["ask", "What is the capital of Peru? And what is the chemical symbol for gold?"]);
    let answered = daemon.stdin(Stdio::null()).output().await.unwrap();
    assert!(answered.status.success(), "{}", String::from_utf8_lossy(&answered.stderr));

    let taken = collector.taken.lock().unwrap();
    let resources = taken.iter().flat_map(|request| &request.resource_spans);
    let spans: Vec<&Span> = resources.flat_map(|of| &of.scope_spans).flat_map(|of| &of.spans).collect();
    let question = spans.iter().find(|span| span.name == "question").unwrap();
    let tasks: Vec<_> = spans.iter().filter(|span| span.name == "task").collect();
    assert_eq!(tasks.len(), 2, "{spans:?}");
    assert!(tasks.iter().all(|task| task.parent_span_id == question.span_id));
    assert!(spans.iter().all(|span| span.events.is_empty()), "the log is not among them");
    let experts: Vec<String> = tasks.iter().map(|task| format!("{:?}", task.attributes)).collect();
    let named = |id: &str| experts.iter().any(|attributes| attributes.contains(id));
    assert!(named("geography") && named("chemistry"), "{experts:?}");
    let all = format!("{taken:?}");
    assert!(
        all.contains("polymath")
            && !["Peru", "Lima", "symbol for gold"].iter().any(|word| all.contains(word))
    );
}
