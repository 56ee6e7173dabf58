//! Against a hub of the test's own that speaks the protocol, breaks off, and lies.

use super::*;
use axum::Router;
use axum::extract::{Path as Named, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use futures::StreamExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

#[derive(Clone)]
struct FakeHub {
    content: Arc<Vec<u8>>,
    /// Bytes that a response has before it breaks off, though it says more; 0 for all.
    breaks_after: usize,
    knows_ranges: bool,
    asked: Arc<AtomicUsize>,
}

impl FakeHub {
    fn new(breaks_after: usize, knows_ranges: bool) -> Self {
        let mut content: Vec<u8> = (0..300_000u32).map(|i| (i * 7 % 251) as u8).collect();
        content[..SIGNATURE.len()].copy_from_slice(&SIGNATURE);
        Self { content: Arc::new(content), breaks_after, knows_ranges, asked: Arc::default() }
    }

    async fn start(self) -> Hub {
        let about = async |State(hub): State<Self>, Named((_, name, _)): Named<(String, String, String)>| {
            match name.as_str() {
                "gated" => StatusCode::FORBIDDEN.into_response(),
                "missing" => StatusCode::NOT_FOUND.into_response(),
                "strange" => "<html>".into_response(),
                name => {
                    let sha256 = Sha256Hash::of(if name == "liar" { b"else" } else { &hub.content });
                    let file = |name: &str, size: usize| {
                        serde_json::json!({
                            "rfilename": name, "size": size, "lfs": { "sha256": sha256.to_string(), "size": size },
                        })
                    };
                    let files = [
                        file("model-q8_0.gguf", 900_000_000),
                        file("model-q4_k_m.gguf", hub.content.len()),
                        file("model-f16-00001-of-00002.gguf", 10),
                        file("../../outside.gguf", 10),
                        file("README.md", 10),
                    ];
                    axum::Json(serde_json::json!({
                        "sha": COMMIT, "siblings": files, "cardData": { "license": "apache-2.0" },
                    }))
                    .into_response()
                }
            }
        };
        let app = Router::new()
            .route("/api/models/{owner}/{name}/revision/{revision}", get(about))
            .route("/{owner}/{name}/resolve/{commit}/{file}", get(resolve))
            .with_state(self);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}/", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await });
        Hub::new(&endpoint, None).unwrap()
    }
}

async fn resolve(
    State(hub): State<FakeHub>,
    Named((_, name, _, _)): Named<(String, String, String, String)>,
    headers: HeaderMap,
) -> Response {
    hub.asked.fetch_add(1, Ordering::SeqCst);
    if name == "vanished" {
        return StatusCode::NOT_FOUND.into_response();
    }
    let range = headers.get("range").and_then(|range| range.to_str().ok());
    let from = range.and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse::<usize>().ok());
    let from = from.filter(|_| hub.knows_ranges).unwrap_or(0);
    let rest = hub.content[from..].to_vec();
    let whole = hub.breaks_after == 0 || rest.len() <= hub.breaks_after;
    let sent = if whole { rest.clone() } else { rest[..hub.breaks_after].to_vec() };
    // What is sent has arrived by then.
    let cut = async {
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        Err(io::Error::other("cut"))
    };
    let sent = futures::stream::iter([Ok(sent)]);
    let stream = if whole { sent.boxed() } else { sent.chain(futures::stream::once(cut)).boxed() };
    let mut response = Response::new(axum::body::Body::from_stream(stream));
    response.headers_mut().insert("content-length", rest.len().into());
    if from > 0 {
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
        let range = format!("bytes {from}-{}/{}", hub.content.len() - 1, hub.content.len());
        response.headers_mut().insert("content-range", range.parse().unwrap());
    }
    response
}

fn silent(_: u64, _: u64) {}

#[test]
fn sources_are_told_apart() {
    let of = |text: &str| text.parse::<Source>();
    let hub = |file: Option<&str>| Source::Hub { repo: "o/n".into(), file: file.map(str::to_owned) };
    assert_eq!(of("o/n").unwrap(), hub(None));
    assert_eq!(of("hf:o/n/sub/a.gguf").unwrap(), hub(Some("sub/a.gguf")));
    assert_eq!(
        of("ollama:llama3.2").unwrap(),
        Source::Ollama { name: "llama3.2".into(), tag: "latest".into() }
    );
    assert_eq!(of("ollama:me/x:1b").unwrap(), Source::Ollama { name: "me/x".into(), tag: "1b".into() });
    for bad in
        ["", "name", "../x", "o/n/../a.gguf", "o/n/a.bin", "ollama:", "ollama:../x", "o/.n", "https://a/b"]
    {
        assert!(of(bad).is_err(), "{bad}");
    }
}

#[test]
fn a_path_with_a_slip_is_no_repository() {
    for path in [
        "model.gguf",
        "downloads/my-model.gguf",
        "downloads/My-Model.GGUF",
        "~/downloads/m.gguf",
        "/no/m.gguf",
    ] {
        let error = path.parse::<Source>().unwrap_err();
        assert!(
            matches!(&error, Error::NotHere { path: named } if named == Path::new(path)),
            "{path}: {error}"
        );
        assert!(error.to_string().contains("OWNER/REPO/FILE.gguf"), "{error}");
    }
    let named = "hf:owner/name.gguf".parse::<Source>().unwrap();
    assert_eq!(
        named,
        Source::Hub { repo: "owner/name.gguf".into(), file: None },
        "whoever says so means the hub"
    );
    assert!(matches!("https://example.org/m.gguf".parse::<Source>(), Err(Error::Source(_))));
}

#[tokio::test]
async fn a_model_comes_whole_however_often_it_breaks_off() {
    for (breaks_after, knows_ranges, asked) in [(0, true, 1), (70_000, true, 5), (0, false, 1)] {
        let fake = FakeHub::new(breaks_after, knows_ranges);
        let (content, count) = (fake.content.clone(), fake.asked.clone());
        let hub = fake.start().await;
        let folder = tempfile::tempdir().unwrap();
        let about = hub.about("owner/name", "main").await.unwrap();
        assert_eq!((about.commit.as_str(), about.licence.as_deref()), (COMMIT, Some("apache-2.0")));
        let names: Vec<&str> = about.files.iter().map(|file| file.name.as_str()).collect();
        assert_eq!(names, ["model-q8_0.gguf", "model-q4_k_m.gguf"], "whole models inside the repository");
        let file = about.choose(None, None).unwrap();
        let last = std::sync::Mutex::new((0, 0));
        let progress = |there, all| *last.lock().unwrap() = (there, all);
        let fetched = hub.fetch(&about, file, None, folder.path(), &progress).await.unwrap();
        assert_eq!(std::fs::read(&fetched.path).unwrap(), *content);
        assert_eq!(*last.lock().unwrap(), (300_000, 300_000));
        assert_eq!((fetched.was_there, count.load(Ordering::SeqCst)), (false, asked));
        let again = hub.fetch(&about, file, None, folder.path(), &silent).await.unwrap();
        assert_eq!(
            (again.was_there, count.load(Ordering::SeqCst)),
            (true, asked),
            "nothing is fetched twice"
        );
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
    }
}

#[tokio::test]
async fn what_an_earlier_run_left_is_taken_up() {
    let fake = FakeHub::new(0, true);
    let content = fake.content.clone();
    let hub = fake.start().await;
    let folder = tempfile::tempdir().unwrap();
    let about = hub.about("owner/name", "main").await.unwrap();
    let file = about.choose(Some("model-q4_k_m.gguf"), None).unwrap();
    let version: String = file.sha256.unwrap().to_string().chars().take(16).collect();
    let part = folder.path().join(format!("model-q4_k_m.gguf.{version}.part"));
    std::fs::write(&part, &content[..120_000]).unwrap();
    let least = std::sync::Mutex::new(u64::MAX);
    let progress = |there, _| {
        let mut least = least.lock().unwrap();
        *least = (*least).min(there);
    };
    hub.fetch(&about, file, None, folder.path(), &progress).await.unwrap();
    assert!(*least.lock().unwrap() > 120_000, "it did not begin anew");
}

#[tokio::test]
async fn what_is_not_what_it_should_be_is_not_kept() {
    let hub = FakeHub::new(0, true).start().await;
    let folder = tempfile::tempdir().unwrap();
    let about = hub.about("owner/liar", "main").await.unwrap();
    let file = about.choose(None, None).unwrap();
    let error = hub.fetch(&about, file, None, folder.path(), &silent).await.unwrap_err();
    assert!(matches!(error, Error::Mismatch { .. }), "{error}");
    assert!(!folder.path().exists(), "nothing of it is left");
    for (name, word) in
        [("gated", "HF_TOKEN"), ("missing", "is the name right"), ("strange", "as the hub does")]
    {
        let error = hub.about(&format!("owner/{name}"), "main").await.unwrap_err().to_string();
        assert!(error.contains(word), "{error}");
    }
    let nobody = Hub::new("http://127.0.0.1:9", None).unwrap().about("o/n", "main").await.unwrap_err();
    assert!(nobody.to_string().contains("127.0.0.1:9"), "{nobody}");
}

#[tokio::test]
async fn what_is_gone_is_asked_for_once() {
    let fake = FakeHub::new(0, true);
    let asked = Arc::clone(&fake.asked);
    let hub = fake.start().await;
    let about = hub.about("owner/vanished", "main").await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let gone = hub.fetch(&about, &about.files[1], None, folder.path(), &silent).await.unwrap_err();
    assert!(matches!(gone, Error::Missing { .. }), "{gone}");
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn the_file_suits_the_machine() {
    let hub = FakeHub::new(0, true).start().await;
    let about = hub.about("owner/name", "main").await.unwrap();
    assert_eq!(about.choose(None, Some(1 << 20)).unwrap().name, "model-q4_k_m.gguf");
    assert!(matches!(about.choose(None, Some(1_000)), Err(Error::TooLarge { .. })));
    let named = about.choose(Some("other.gguf"), None).unwrap_err().to_string();
    assert!(named.contains("model-q8_0.gguf"), "{named}");
    let huge = GgufFile { bytes: u64::MAX / 2, ..about.files[0].clone() };
    let folder = tempfile::tempdir().unwrap();
    let full = hub.fetch(&about, &huge, None, folder.path(), &silent).await.unwrap_err();
    assert!(matches!(full, Error::NoRoom { .. }), "{full}");
}

#[test]
fn ollamas_models_and_files_are_copied_and_compared() {
    let store = tempfile::tempdir().unwrap();
    let (model, licence) = (b"GGUF and more".to_vec(), b"\n  Some Licence 2.0\nwith words".to_vec());
    let digest = |bytes: &[u8]| Sha256Hash::of(bytes).to_string();
    let blobs = store.path().join("blobs");
    std::fs::create_dir(&blobs).unwrap();
    for bytes in [&model, &licence] {
        std::fs::write(blobs.join(format!("sha256-{}", digest(bytes))), bytes).unwrap();
    }
    let manifests = store.path().join("manifests/registry.ollama.ai/library/tiny");
    std::fs::create_dir_all(&manifests).unwrap();
    let layer = |kind: &str, bytes: &[u8]| {
        serde_json::json!({
            "mediaType": format!("application/vnd.ollama.image.{kind}"), "digest": format!("sha256:{}", digest(bytes)),
        })
    };
    let layers = [layer("model", &model), layer("license", &licence)];
    std::fs::write(manifests.join("1b"), serde_json::json!({ "layers": layers }).to_string()).unwrap();
    let stored = Stored::find(store.path(), "tiny", "1b").unwrap();
    assert_eq!(stored.licence.as_deref(), Some("Some Licence 2.0"));
    let folder = tempfile::tempdir().unwrap();
    let stated = Expected { stated: Some(stored.sha256), asked: None };
    let fetched = copy(&stored.blob, folder.path(), "tiny-1b.gguf", stated, &silent).unwrap();
    assert_eq!((std::fs::read(&fetched.path).unwrap(), fetched.was_there), (model, false));
    assert!(copy(&stored.blob, folder.path(), "tiny-1b.gguf", stated, &silent).unwrap().was_there);
    let wrong = Expected { stated: None, asked: Some(Sha256Hash::of(b"x")) };
    let other = copy(&stored.blob, folder.path(), "other.gguf", wrong, &silent);
    assert!(matches!(other, Err(Error::Mismatch { .. })));
    for (name, tag) in [("tiny", "7b"), ("../tiny", "1b"), ("tiny", "../1b")] {
        assert!(
            matches!(Stored::find(store.path(), name, tag), Err(Error::NotStored { .. })),
            "{name}:{tag}"
        );
    }
}

#[test]
fn one_fetch_at_a_time_writes_to_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let prepare = || Place::prepare(folder.path(), "a.gguf", "1");
    let first = prepare().unwrap();
    assert!(matches!(prepare(), Err(Error::UnderWay { .. })));
    drop(first);
    prepare().unwrap();
}

#[tokio::test]
async fn another_file_of_its_name_is_kept_unless_this_one_is_asked_for() {
    let fake = FakeHub::new(0, true);
    let (content, asked) = (fake.content.clone(), fake.asked.clone());
    let hub = fake.start().await;
    let about = hub.about("owner/name", "main").await.unwrap();
    let file = about.choose(None, None).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path().join(&file.name);
    std::fs::write(&here, "GGUF, the one before").unwrap();
    let taken = hub.fetch(&about, file, None, folder.path(), &silent).await.unwrap_err();
    assert!(matches!(taken, Error::Another { .. }), "{taken}");
    assert_eq!(asked.load(Ordering::SeqCst), 0, "it is said before anything comes");
    // What the hub does not state is known once it is here.
    let unstated = GgufFile { sha256: None, ..file.clone() };
    let taken = hub.fetch(&about, &unstated, None, folder.path(), &silent).await.unwrap_err();
    assert!(matches!(taken, Error::Another { coming, .. } if Some(coming) == file.sha256), "{taken}");
    assert_eq!(std::fs::read(&here).unwrap(), b"GGUF, the one before");
    let huge = GgufFile { bytes: u64::MAX / 2, ..file.clone() };
    let full = hub.fetch(&about, &huge, file.sha256, folder.path(), &silent).await.unwrap_err();
    assert!(matches!(full, Error::NoRoom { .. }), "{full}");
    let fetched = hub.fetch(&about, file, file.sha256, folder.path(), &silent).await.unwrap();
    assert!(!fetched.was_there && std::fs::read(&here).unwrap() == *content);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
}

#[test]
fn what_is_no_model_takes_nobodys_place() {
    let home = tempfile::tempdir().unwrap();
    let (from, folder) = (home.path().join("notes.gguf"), home.path().join("models"));
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(&from, "no model").unwrap();
    std::fs::write(folder.join("notes.gguf"), "GGUF, a model").unwrap();
    let expected = Expected { stated: None, asked: Some(Sha256Hash::of(b"no model")) };
    let error = copy(&from, &folder, "notes.gguf", expected, &silent).unwrap_err();
    assert!(matches!(error, Error::NotGguf { .. }), "{error}");
    assert_eq!(std::fs::read(folder.join("notes.gguf")).unwrap(), b"GGUF, a model");
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1);
}
