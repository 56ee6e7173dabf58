//! The web console: the page that people open at the REST port, built from `gui/` and embedded in the program.
//!
//! Everything is a file that was there when the program was built, so a request is a look-up in a table. Names below
//! `/assets/` contain a hash of what is in them and never change; the rest is asked for again with its `ETag`. The page
//! itself needs no key, for it holds nothing of the node: its calls of the API bring the key that the user entered.
//!
//! Not here: anything that the page shows, which is the API's; and files of the disk, which are never read.

use crate::api::table::Fault;
use crate::program;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Path;
use axum::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG,
    HeaderName, HeaderValue, IF_NONE_MATCH, REFERRER_POLICY, VARY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// The page, and where it stands among the files.
const PAGE: &str = "index.html";
const PAGE_ZIPPED: &str = "index.html.gz";
/// What the page may do: load its own scripts, styles and images, talk to its own node, and nothing else. No site may
/// frame it, and no text becomes markup but by the two policies that are named (Svelte's templates, the sanitiser).
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
     connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
     require-trusted-types-for 'script'; trusted-types svelte-trusted-html dompurify";
/// Files whose names change with what is in them: a year, the most that caches take.
const FOREVER: &str = "public, max-age=31536000, immutable";
/// Other files: kept, and asked about each time.
const ASK_AGAIN: &str = "no-cache";
/// What is shown where the program was built without the page.
const NOT_BUILT: &str = "The console is not built. Run scripts/setup, then build the daemon again.\n\
     The API is served all the same: /openapi.json says what there is.\n";

/// What `npm run build` made of `gui/`, and each file again as gzip, as the build script lists it; perhaps nothing.
static EMBEDDED: &[(&str, &[u8])] = &include!(concat!(env!("OUT_DIR"), "/console.rs"));
/// The same, by name.
static FILES: LazyLock<BTreeMap<&str, File>> = LazyLock::new(|| files(program::name()));

/// A file of the page.
struct File {
    bytes: Bytes,
    tag: String,
}

impl File {
    fn new(bytes: Bytes) -> Self {
        Self { tag: tag_of(&bytes), bytes }
    }
}

/// The files, the page with the name of the program in it: what it has people type is to work.
fn files(program: &str) -> BTreeMap<&'static str, File> {
    let all = EMBEDDED.iter().map(|(name, bytes)| (*name, File::new(Bytes::from_static(bytes))));
    let mut files: BTreeMap<&str, File> = all.collect();
    let said = |name: &str| format!("<meta name=\"program\" content=\"{name}\"");
    if program != program::WRITTEN
        && let Some(page) = files.get(PAGE)
    {
        let page = String::from_utf8_lossy(&page.bytes).replace(&said(program::WRITTEN), &said(program));
        files.insert(PAGE, File::new(page.into()));
        // It has the other name still, and the page is small.
        files.remove(PAGE_ZIPPED);
    }
    files
}

/// Whether `path` belongs to the page, which is shown to whoever may see that the node lives.
pub(super) fn is_of_page(path: &str) -> bool {
    path == "/" || path.starts_with("/assets/") || ROOT_FILES.contains(&path)
}

/// Files beside the page whose names stay.
const ROOT_FILES: [&str; 2] = ["/favicon.svg", "/theme.js"];

/// Every route of the page.
pub(super) fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    let mut router = Router::new().route("/", get(page)).route("/assets/{*path}", get(asset));
    for path in ROOT_FILES {
        router = router.route(path, get(move |headers: HeaderMap| root_file(path, headers)));
    }
    router
}

async fn page(headers: HeaderMap) -> Response {
    match file(PAGE, &headers, ASK_AGAIN) {
        Some(response) => response,
        None => {
            let text = [(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"))];
            with_policy((StatusCode::NOT_FOUND, text, NOT_BUILT).into_response())
        }
    }
}

async fn asset(Path(path): Path<String>, headers: HeaderMap) -> Response {
    file(&format!("assets/{path}"), &headers, FOREVER).unwrap_or_else(not_found)
}

async fn root_file(path: &'static str, headers: HeaderMap) -> Response {
    file(path.trim_start_matches('/'), &headers, ASK_AGAIN).unwrap_or_else(not_found)
}

fn not_found() -> Response {
    Fault::new("not_found", "the console has no such file").into_response()
}

/// A file as the client wants it: not at all if it has it, as gzip if it takes that and there is one.
fn file(name: &str, asked: &HeaderMap, cache: &'static str) -> Option<Response> {
    let plain = FILES.get(name)?;
    let zipped = if takes_gzip(asked) { FILES.get(format!("{name}.gz").as_str()) } else { None };
    let is_zipped = zipped.is_some();
    let file = zipped.unwrap_or(plain);
    let kept = asked.get(IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    let is_kept =
        kept.is_some_and(|kept| kept.split(',').any(|one| one.trim() == file.tag || one.trim() == "*"));
    let mut response = if is_kept {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        Body::from(file.bytes.clone()).into_response()
    };
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(type_of(name)));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(cache));
    headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
    if let Ok(tag) = HeaderValue::from_str(&file.tag) {
        headers.insert(ETAG, tag);
    }
    if is_zipped && !is_kept {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    Some(with_policy(response))
}

/// The first half of the file's SHA-256: enough that no two files of one build share it.
fn tag_of(bytes: &[u8]) -> String {
    let digits: String = Sha256::digest(bytes).iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("\"{digits}\"")
}

/// Whether gzip is among what the client takes, and not with weight 0.
fn takes_gzip(asked: &HeaderMap) -> bool {
    let values = asked.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|coding| {
        let mut parts = coding.split(';').map(str::trim);
        let named = parts.next().is_some_and(|name| name.eq_ignore_ascii_case("gzip"));
        let refused = parts.any(|part| {
            part.strip_prefix("q=").and_then(|weight| weight.parse::<f32>().ok()).is_some_and(|q| q <= 0.0)
        });
        named && !refused
    })
}

/// By the name's end; a browser is told not to guess.
fn type_of(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("json") => "application/json",
        _ => "application/octet-stream",
    }
}

fn with_policy(mut response: Response) -> Response {
    let said: [(HeaderName, &'static str); 3] = [
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
    ];
    for (name, value) in said {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asking(name: HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
    }

    #[test]
    fn gzip_is_sent_to_those_who_take_it() {
        let cases = [
            ("gzip, deflate, br", true),
            ("br;q=1.0, GZIP;q=0.5", true),
            ("gzip;q=0", false),
            ("br", false),
            ("", false),
        ];
        for (said, takes) in cases {
            assert_eq!(takes_gzip(&asking(ACCEPT_ENCODING, said)), takes, "{said}");
        }
    }

    #[tokio::test]
    async fn the_page_is_there_or_it_says_what_to_do() {
        let response = page(HeaderMap::new()).await;
        let policy = response.headers()[CONTENT_SECURITY_POLICY].to_str().unwrap().to_owned();
        assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
        assert_eq!(response.headers()[X_CONTENT_TYPE_OPTIONS], "nosniff");
        if !FILES.contains_key(PAGE) {
            assert_eq!(response.status(), StatusCode::NOT_FOUND);
            return;
        }
        assert_eq!(response.status(), StatusCode::OK);
        let tag = response.headers()[ETAG].clone();
        let again = page(HeaderMap::from_iter([(IF_NONE_MATCH, tag)])).await;
        assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
    }

    #[test]
    fn the_page_names_the_program_as_it_is_called() {
        let files = files("polymath");
        let Some(page) = files.get(PAGE) else {
            assert!(EMBEDDED.is_empty(), "the console was built without its page");
            return;
        };
        let text = std::str::from_utf8(&page.bytes).unwrap();
        assert!(text.contains("<meta name=\"program\" content=\"polymath\""), "{text}");
        assert!(!text.contains("content=\"daemon\"") && !files.contains_key(PAGE_ZIPPED));
    }

    #[tokio::test]
    async fn what_is_no_file_of_the_page_is_not_found() {
        for path in ["", "x", "../Cargo.toml", "../../etc/passwd", "index.html"] {
            let response = asset(Path(path.to_owned()), HeaderMap::new()).await;
            assert_eq!(response.status(), StatusCode::NOT_FOUND, "{path}");
        }
    }

    #[test]
    fn only_the_page_is_of_the_page() {
        for path in ["/", "/assets/index-1a2b.js", "/favicon.svg", "/theme.js"] {
            assert!(is_of_page(path), "{path}");
        }
        for path in ["", "//", "/assets", "/v1/models", "/theme.js/", "/metrics"] {
            assert!(!is_of_page(path), "{path}");
        }
    }

    #[test]
    fn types_are_told_by_name() {
        assert_eq!(type_of("assets/a.b.js"), "text/javascript; charset=utf-8");
        assert_eq!(type_of("favicon.svg"), "image/svg+xml");
        assert_eq!(type_of("x"), "application/octet-stream");
    }
}
