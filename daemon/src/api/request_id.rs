//! Every request over HTTP has an id: the client's own if it is harmless, else a new one. It goes into the log and
//! out in `x-request-id`, also with a reply that refuses the request at the door.

use axum::extract::Request;
use axum::http::HeaderValue;
use axum::middleware::Next;
use axum::response::Response;

/// The header, both ways.
const REQUEST_ID: &str = "x-request-id";
/// Bytes of an id that a client chose: a UUID with a prefix is shorter.
const ID_BYTES_MAX: usize = 128;

/// Sees to it that the request has an id and the reply has the same.
pub(super) async fn identify(mut request: Request, next: Next) -> Response {
    let given = request.headers().get(REQUEST_ID).filter(|id| is_harmless(id)).cloned();
    let Some(id) = given.or_else(|| HeaderValue::from_str(&fresh()).ok()) else {
        return next.run(request).await;
    };
    request.headers_mut().insert(REQUEST_ID, id.clone());
    let mut response = next.run(request).await;
    response.headers_mut().insert(REQUEST_ID, id);
    response
}

/// An id that no other request has.
pub(super) fn fresh() -> String {
    format!("req_{:032x}", rand::random::<u128>())
}

/// The id that [`identify`] gave.
pub(super) fn of(request: &Request) -> String {
    let id = request.headers().get(REQUEST_ID).and_then(|id| id.to_str().ok());
    id.unwrap_or_default().to_owned()
}

fn is_harmless(id: &HeaderValue) -> bool {
    let bytes = id.as_bytes();
    let plain = |b: &u8| b.is_ascii_alphanumeric() || b"-_.:".contains(b);
    (1..=ID_BYTES_MAX).contains(&bytes.len()) && bytes.iter().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_others_are_taken_only_if_harmless() {
        assert!(is_harmless(&HeaderValue::from_static("req-1:a_b.C")));
        for bad in ["", "a b", "<script>", &"x".repeat(129)] {
            assert!(!is_harmless(&HeaderValue::from_str(bad).unwrap()), "{bad:?}");
        }
    }
}
