//! gRPC over TCP, with tonic's client: chat, health, reflection, deadlines, cancellation, keys.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[expect(dead_code, reason = "each test file uses a part of the sandbox")]
#[path = "sandbox/sandbox.rs"]
mod sandbox;

use polymath::api::access::keys::{Scope, Wish};
use polymath::api::access::{KEYS_FILE, store};
use polymath_proto::v1;
use polymath_proto::v1::chat_event::Body;
use polymath_proto::v1::node_client::NodeClient;
use sandbox::{Running, until};
use tonic::transport::Channel;
use tonic::{Code, Request};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

/// A node with the chemistry expert, one task at a time, that serves gRPC, and a channel to it.
async fn served() -> (Running, Channel) {
    served_at(0).await
}

/// The same with an expert so slow that an endless answer is not over before the test has seen its beginning.
async fn served_slowly() -> (Running, Channel) {
    served_at(50).await
}

async fn served_at(tokens_per_second: u32) -> (Running, Channel) {
    let running = sandbox::served_with(&["chemistry"], |config| {
        config.experts[0].slots = 1;
        config.experts[0].tokens_per_second = tokens_per_second;
    })
    .await;
    let address = running.grpc();
    let channel = Channel::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap();
    running.knows(&["chemistry"]).await;
    (running, channel)
}

fn asking(prompt: &str) -> v1::ChatRequest {
    v1::ChatRequest { prompt: prompt.into(), ..v1::ChatRequest::default() }
}

/// A question whose answer goes on until the expert's context is full: the grammar never lets it end.
fn endless() -> v1::ChatRequest {
    v1::ChatRequest {
        expert: "chemistry".into(),
        grammar: "start: /[a-z ]+[0-9]/".into(),
        max_tokens: 10_000,
        ..asking("What is the symbol for gold?")
    }
}

fn code(status: &tonic::Status) -> (Code, &str) {
    (status.code(), status.metadata().get("polymath-code").map_or("", |code| code.to_str().unwrap()))
}

#[tokio::test(flavor = "multi_thread")]
async fn chat_streams_plan_tokens_and_answer() {
    let (running, channel) = served().await;
    let mut client = NodeClient::new(channel);
    let mut stream = client.chat(asking("What is the chemical symbol for gold?")).await.unwrap().into_inner();
    let (mut kinds, mut streamed, mut answer) = (Vec::new(), String::new(), None);
    while let Some(event) = stream.message().await.unwrap() {
        kinds.push(match event.body.unwrap() {
            Body::Planned(_) => "planned",
            Body::Loading(_) => "loading",
            Body::Started(_) => "started",
            Body::Text(_) => "text",
            Body::Answering(text) => {
                streamed.push_str(&text);
                "answering"
            }
            Body::Finished(_) => "finished",
            Body::Answer(found) => {
                answer = Some(found);
                "answer"
            }
            Body::Error(error) => panic!("{error:?}"),
        });
    }
    assert_eq!((kinds.first(), kinds.last()), (Some(&"planned"), Some(&"answer")), "{kinds:?}");
    assert!(kinds.contains(&"text") && kinds.contains(&"finished"), "{kinds:?}");
    let answer = answer.unwrap();
    assert!(answer.text.contains("Au") && answer.completion_tokens > 0, "{answer:?}");
    assert_eq!(streamed, answer.text);
    let experts = client.list_experts(v1::ListExpertsRequest {}).await.unwrap().into_inner().experts;
    assert_eq!(experts[0].id, "chemistry");
    running.node.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_are_statuses_with_the_code_of_the_table() {
    let (running, channel) = served().await;
    let mut client = NodeClient::new(channel);
    let empty = client.chat(asking("")).await.unwrap_err();
    assert_eq!(code(&empty), (Code::InvalidArgument, "invalid"), "{empty}");
    let unknown = v1::ChatRequest { expert: "alchemy".into(), ..asking("gold?") };
    let unknown = client.chat(unknown).await.unwrap_err();
    assert_eq!(code(&unknown), (Code::NotFound, "unknown_expert"), "{unknown}");
    let mut timed = Request::new(asking("x"));
    timed.metadata_mut().insert("grpc-timeout", "soon".parse().unwrap());
    assert_eq!(client.chat(timed).await.unwrap_err().code(), Code::InvalidArgument);
    let long = "x".repeat(1024 * 1024);
    let long = client.max_encoding_message_size(64 * 1024 * 1024).chat(asking(&long)).await.unwrap_err();
    assert!(
        [Code::OutOfRange, Code::ResourceExhausted, Code::InvalidArgument].contains(&long.code()),
        "{long}"
    );
    running.node.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_call_has_an_id() {
    let (running, channel) = served().await;
    let mut client = NodeClient::new(channel);
    let id = |metadata: &tonic::metadata::MetadataMap| {
        metadata.get("x-request-id").expect("an id").to_str().unwrap().to_owned()
    };
    let mut named = Request::new(v1::HealthRequest {});
    named.metadata_mut().insert("x-request-id", "mine-1".parse().unwrap());
    assert_eq!(id(client.health(named).await.unwrap().metadata()), "mine-1");
    let streamed = client.chat(asking("What is the chemical symbol for gold?")).await.unwrap();
    assert!(id(streamed.metadata()).starts_with("req_"));
    let refused = client.chat(asking("")).await.unwrap_err();
    assert!(id(refused.metadata()).starts_with("req_"), "{refused:?}");
    running.node.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deadline_reaches_the_question() {
    let (running, channel) = served_slowly().await;
    let mut client = NodeClient::new(channel);
    let drain = async |mut stream: tonic::Streaming<v1::ChatEvent>| loop {
        match stream.message().await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("ended without a status"),
            Err(status) => return status,
        }
    };
    // What the request says itself.
    let limited = v1::ChatRequest { deadline_ms: 1, ..endless() };
    let told = match client.chat(limited).await {
        Ok(stream) => drain(stream.into_inner()).await,
        Err(status) => status,
    };
    assert_eq!(code(&told), (Code::DeadlineExceeded, "deadline"), "{told}");
    // What the call says; the client library watches it as well, and may be first.
    let mut timed = Request::new(endless());
    timed.metadata_mut().insert("grpc-timeout", "1m".parse().unwrap());
    let told = match client.chat(timed).await {
        Ok(stream) => drain(stream.into_inner()).await,
        Err(status) => status,
    };
    assert!([Code::DeadlineExceeded, Code::Cancelled].contains(&told.code()), "{told}");
    until("nothing runs any more", async || running.is_idle()).await;
    running.node.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn leaving_streams_frees_the_slot_and_the_queue() {
    let (running, channel) = served_slowly().await;
    let mut client = NodeClient::new(channel);
    let mut first = client.chat(endless()).await.unwrap().into_inner();
    // The others wait for the one slot there is.
    let mut others = Vec::new();
    for _ in 0..15 {
        others.push(client.chat(endless()).await.unwrap().into_inner());
    }
    while !matches!(first.message().await.unwrap().unwrap().body, Some(Body::Text(_))) {}
    assert!(!running.is_idle(), "the questions run");
    drop((first, others));
    until("nothing runs any more", async || running.is_idle()).await;
    let mut short = client.chat(asking("What is the chemical symbol for gold?")).await.unwrap().into_inner();
    while short.message().await.unwrap().is_some() {}
    running.node.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn health_and_reflection_are_there_and_control_is_not() {
    let (running, channel) = served().await;
    let mut health = HealthClient::new(channel.clone());
    for service in ["", "polymath.v1.Node"] {
        let reply = health.check(HealthCheckRequest { service: service.into() }).await.unwrap().into_inner();
        assert_eq!(reply.status, 1, "{service} serves");
    }
    let control =
        v1::control_client::ControlClient::new(channel.clone()).shutdown(v1::ShutdownRequest {}).await;
    assert_eq!(control.unwrap_err().code(), Code::Unimplemented);

    use tonic_reflection::pb::v1::ServerReflectionRequest;
    use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
    use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
    use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
    let request = |message| ServerReflectionRequest { host: String::new(), message_request: Some(message) };
    let requests = [
        request(MessageRequest::ListServices(String::new())),
        request(MessageRequest::FileContainingSymbol("polymath.v1.Node".into())),
    ];
    let mut replies = ServerReflectionClient::new(channel)
        .server_reflection_info(futures::stream::iter(requests))
        .await
        .unwrap()
        .into_inner();
    let Some(MessageResponse::ListServicesResponse(listed)) =
        replies.message().await.unwrap().unwrap().message_response
    else {
        panic!("no list of services");
    };
    let names: Vec<String> = listed.service.into_iter().map(|service| service.name).collect();
    assert!(names.contains(&"polymath.v1.Node".to_owned()), "{names:?}");
    assert!(names.contains(&"grpc.health.v1.Health".to_owned()), "{names:?}");
    assert!(!names.iter().any(|name| name.contains("Control")), "{names:?}");
    let Some(MessageResponse::FileDescriptorResponse(files)) =
        replies.message().await.unwrap().unwrap().message_response
    else {
        panic!("no descriptor");
    };
    assert!(!files.file_descriptor_proto.is_empty());
    running.node.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_keys_calls_need_one() {
    let (running, channel) = served().await;
    let keys = running.state.path().join(KEYS_FILE);
    let wish = Wish { name: "test".into(), scopes: vec![Scope::Read], rate_per_minute: None };
    let (_, key) = store::create(&keys, wish).unwrap();
    let mut client = NodeClient::new(channel.clone());
    until("the key is noticed", async || {
        let refused = client.list_peers(v1::ListPeersRequest {}).await.err();
        refused.is_some_and(|status| code(&status) == (Code::Unauthenticated, "unauthorized"))
    })
    .await;
    let authorised = |mut request: Request<v1::ListPeersRequest>| {
        request.metadata_mut().insert("authorization", format!("Bearer {key}").parse().unwrap());
        request
    };
    client.list_peers(authorised(Request::new(v1::ListPeersRequest {}))).await.unwrap();
    let mut chat = Request::new(asking("What is the symbol for gold?"));
    chat.metadata_mut().insert("authorization", format!("Bearer {key}").parse().unwrap());
    assert_eq!(code(&client.chat(chat).await.unwrap_err()), (Code::PermissionDenied, "forbidden"));
    let health = HealthClient::new(channel).check(HealthCheckRequest::default()).await;
    assert_eq!(health.unwrap().into_inner().status, 1, "health checkers bring no keys");
    running.node.shutdown().await;
}
