//! Who may talk to a node over TCP: real nodes, real sockets, requests written by hand where a client library
//! would not send them.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[expect(dead_code, reason = "each test file uses a part of the sandbox")]
#[path = "sandbox/sandbox.rs"]
mod sandbox;

use polymath::api::access::keys::{Scope, Wish};
use polymath::api::access::{KEYS_FILE, store};
use polymath::api::server::tls;
use polymath::config::Config;
use polymath::node::Node;
use sandbox::{PATIENCE, config, until};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, pem::PemObject as _};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs};

/// A node that serves REST on a port of the system's choosing.
struct Served {
    node: Node,
    state: TempDir,
    rest: SocketAddr,
}

async fn served(keys: &[Wish], change: impl FnOnce(&mut Config)) -> (Served, Vec<String>) {
    let state = tempfile::tempdir().unwrap();
    let made = keys.iter().map(|wish| store::create(&keys_file(&state), wish.clone()).unwrap().1).collect();
    let mut config = config(&[], &[], state.path());
    config.api.rest = Some("127.0.0.1:0".parse().unwrap());
    change(&mut config);
    let node = Node::start(config).await.unwrap();
    let rest = node.summary().rest.unwrap();
    (Served { node, state, rest }, made)
}

fn keys_file(state: &TempDir) -> PathBuf {
    state.path().join(KEYS_FILE)
}

fn wish(scopes: &[Scope], rate_per_minute: Option<u32>) -> Wish {
    Wish { name: "test".into(), scopes: scopes.to_vec(), rate_per_minute }
}

struct Reply {
    status: u16,
    head: String,
    body: String,
}

impl Reply {
    fn code(&self) -> String {
        let value: serde_json::Value = serde_json::from_str(&self.body).unwrap();
        value["error"]["code"].as_str().unwrap().to_owned()
    }

    /// Whether the door let the request in, whatever came of it.
    fn is_in(&self) -> bool {
        ![401, 403, 429].contains(&self.status)
    }
}

async fn exchange(mut stream: impl AsyncRead + AsyncWrite + Unpin, request: &str) -> Reply {
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    // A node that has read enough may reset the connection after its answer.
    let _ = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut bytes)).await.expect("an answer");
    let text = String::from_utf8(bytes).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").expect("a head");
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Reply { status, head: head.to_lowercase(), body: body.to_owned() }
}

impl Served {
    /// Sends a request with these header lines and reads until the node closes.
    async fn send(&self, line: &str, headers: &[&str]) -> Reply {
        let headers = headers.iter().map(|header| format!("{header}\r\n")).collect::<String>();
        let request = format!("{line} HTTP/1.1\r\n{headers}connection: close\r\n\r\n");
        exchange(TcpStream::connect(self.rest).await.unwrap(), &request).await
    }

    async fn with_key(&self, line: &str, key: &str) -> Reply {
        self.send(line, &["host: localhost", &format!("authorization: Bearer {key}")]).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_node_answers_to_its_own_name_and_to_no_website() {
    let (served, _) = served(&[], |config| {
        config.api.access.allowed_hosts = vec!["node.example".into()];
        config.api.access.allowed_origins = vec!["https://chat.example".into()];
    })
    .await;
    let own = format!("host: {}", served.rest);
    for hosts in [&["host: localhost:8080"][..], &["host: [::1]"], &["host: node.example"], &[&own]] {
        let reply = served.send("GET /health", hosts).await;
        assert_eq!(reply.status, 200, "{hosts:?}: {}", reply.body);
    }
    for hosts in
        [&["host: evil.example"][..], &["host: localhost", "host: evil.example"], &["host: 10.0.0.1"]]
    {
        for line in ["GET /health", "GET /v1/models", "POST /nowhere"] {
            let reply = served.send(line, hosts).await;
            // Two hosts may be refused by the HTTP layer already.
            assert!(
                reply.status == 403 || hosts.len() == 2 && reply.status == 400,
                "{hosts:?} {}",
                reply.status
            );
            assert!(reply.status != 403 || reply.code() == "forbidden");
        }
    }
    let absolute = served.send("GET http://evil.example/health", &["host: localhost"]).await;
    assert_eq!(absolute.status, 403, "{}", absolute.body);

    let from = |origin: &str| format!("origin: {origin}");
    let foreign = served.send("GET /health", &[&own, &from("https://evil.example")]).await;
    assert_eq!((foreign.status, foreign.code().as_str()), (403, "forbidden"));
    assert!(foreign.head.contains("x-request-id: req_"), "{}", foreign.head);
    assert!(!foreign.head.contains("access-control"), "CORS is closed: {}", foreign.head);
    let null = served.send("GET /health", &[&own, "origin: null"]).await;
    assert_eq!(null.status, 403);
    let own_page = served.send("GET /health", &[&own, &from(&format!("http://{}", served.rest))]).await;
    assert_eq!(own_page.status, 200);

    let preflight = ["access-control-request-method: POST", "access-control-request-headers: authorization"];
    let asked = ["host: localhost", "origin: https://chat.example", preflight[0], preflight[1]];
    let allowed = served.send("OPTIONS /v1/chat/completions", &asked).await;
    assert_eq!(allowed.status, 204, "{}", allowed.body);
    assert!(allowed.head.contains("access-control-allow-origin: https://chat.example"), "{}", allowed.head);
    assert!(allowed.head.contains("access-control-allow-headers: authorization"), "{}", allowed.head);
    let refused = ["host: localhost", "origin: https://evil.example", preflight[0], preflight[1]];
    let refused = served.send("OPTIONS /v1/chat/completions", &refused).await;
    assert_eq!(refused.status, 403);
    assert!(!refused.head.contains("access-control"), "{}", refused.head);
    let used = served.send("GET /health", &["host: localhost", "origin: https://chat.example"]).await;
    assert!(used.status == 200 && used.head.contains("access-control-allow-origin: https://chat.example"));
    served.node.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_keys_everything_but_health_wants_one_that_may() {
    let wishes = [
        wish(&[Scope::Chat], None),
        wish(&[Scope::Read], None),
        wish(&[Scope::Admin], None),
        wish(&[Scope::Read], Some(2)),
    ];
    let (served, keys) = served(&wishes, |_| {}).await;
    let [chat, read, admin, rated] = [0, 1, 2, 3].map(|n: usize| keys[n].as_str());
    assert_eq!(served.send("GET /health", &["host: anywhere.example"]).await.status, 200);
    let (looking, asking) = ("GET /v1/models", "POST /v1/chat/completions");
    for line in [looking, asking, "GET /metrics", "GET /nowhere"] {
        let none = served.send(line, &["host: localhost"]).await;
        assert_eq!((none.status, none.code().as_str()), (401, "unauthorized"), "{line}");
        assert!(none.head.contains("www-authenticate: bearer"), "{}", none.head);
    }
    let in_the_url = served.send(&format!("GET /v1/models?key={read}"), &["host: localhost"]).await;
    assert_eq!(in_the_url.status, 401, "a key in the URL counts for nothing");
    let wrong = format!("{}x", &read[..read.len() - 1]);
    for bad in [wrong.as_str(), "pmk_", "sk-abc", ""] {
        assert_eq!(served.with_key(looking, bad).await.status, 401, "{bad}");
    }
    assert!(served.with_key(looking, read).await.is_in());
    assert!(served.with_key(asking, chat).await.is_in());
    assert!(served.with_key(asking, admin).await.is_in() && served.with_key(looking, admin).await.is_in());
    for (line, key) in [(asking, read), (looking, chat)] {
        let reply = served.with_key(line, key).await;
        assert_eq!((reply.status, reply.code().as_str()), (403, "forbidden"), "{line}");
    }

    assert!(served.with_key(looking, rated).await.is_in() && served.with_key(looking, rated).await.is_in());
    let third = served.with_key(looking, rated).await;
    assert_eq!((third.status, third.code().as_str()), (429, "rate_limited"));
    assert!(third.head.contains("retry-after: "), "{}", third.head);

    let id = read.split('_').nth(1).unwrap();
    store::revoke(&keys_file(&served.state), id).unwrap();
    until("the revoked key is noticed", async || served.with_key(looking, read).await.status == 401).await;
    assert!(served.with_key(asking, chat).await.is_in(), "the others hold");
    served.node.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_key_closes_an_open_node() {
    let (served, _) = served(&[], |_| {}).await;
    assert!(served.send("GET /v1/models", &["host: localhost"]).await.is_in());
    let (_, key) = store::create(&keys_file(&served.state), wish(&[Scope::Read], None)).unwrap();
    until("the key is noticed", async || {
        served.send("GET /v1/models", &["host: localhost"]).await.status == 401
    })
    .await;
    assert!(served.with_key("GET /v1/models", &key).await.is_in());
    served.node.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_others_can_reach_opens_only_with_a_key_or_a_word() {
    let state = tempfile::tempdir().unwrap();
    let mut far = config(&[], &[], state.path());
    far.api.grpc = Some("0.0.0.0:0".parse().unwrap());
    let error = Node::start(far.clone()).await.err().expect("no key, no port").to_string();
    assert!(error.contains("daemon keys create") && error.contains("--insecure"), "{error}");

    let mut insecure = far.clone();
    insecure.api.access.insecure = true;
    Node::start(insecure).await.unwrap().shutdown().await;
    std::fs::write(keys_file(&state), "{").unwrap();
    let error = Node::start(far.clone()).await.err().expect("damaged keys").to_string();
    assert!(error.contains(KEYS_FILE) && error.contains("damaged"), "{error}");
    std::fs::remove_file(keys_file(&state)).unwrap();
    store::create(&keys_file(&state), wish(&[Scope::Chat], None)).unwrap();
    Node::start(far).await.unwrap().shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_in_use_is_named_before_the_node_is_up() {
    let (served, _) = served(&[], |_| {}).await;
    let state = tempfile::tempdir().unwrap();
    let mut second = config(&[], &[], state.path());
    second.api.ws = Some(served.rest);
    let error = Node::start(second).await.err().expect("the port is taken").to_string();
    assert!(error.contains(&served.rest.to_string()) && error.contains("ws_address"), "{error}");
    served.node.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_are_bounded_and_heads_too() {
    let (served, _) = served(&[], |_| {}).await;
    let said = served.send("POST /health", &["host: localhost", "content-length: 99999999999"]).await;
    assert_eq!((said.status, said.code().as_str()), (413, "too_large"));
    let long = format!("x: {}", "y".repeat(100_000));
    let head = served.send("GET /health", &["host: localhost", &long]).await;
    assert_eq!(head.status, 431, "{}", head.body);
    served.node.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_is_spoken_where_there_is_a_certificate() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let files = tls::Files { certificate: data.join("certificate.pem"), key: data.join("key.pem") };
    let (served, _) = served(&[], |config| config.api.tls = Some(files.clone())).await;
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(&files.certificate).unwrap()).unwrap();
    let client = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(served.rest).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let stream = tokio_rustls::TlsConnector::from(Arc::new(client)).connect(name, stream).await.unwrap();
    let request = "GET /health HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    let reply = exchange(stream, request).await;
    assert_eq!(reply.status, 200, "{}", reply.body);

    let mut plain = TcpStream::connect(served.rest).await.unwrap();
    plain.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer).await;
    assert!(!answer.starts_with(b"HTTP"), "plain text is not spoken on a TLS port");
    served.node.shutdown().await;
}
