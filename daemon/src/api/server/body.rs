//! Reads a request's body before anyone handles it: whole, in bounded time and memory. A slow sender holds its
//! own connection for `READ_MAX` at the most, and nothing else.

use crate::api::table::Fault;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::header::CONTENT_LENGTH;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use futures::StreamExt as _;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit};

/// Bytes of a body: a prompt of the size allowed and its frame, with room for a longer one to be refused by the
/// check that names both sizes.
pub const BYTES_MAX: usize = 16 * 1024 * 1024;
/// KiB of all bodies that are being read or handled: sixteen of the largest, thousands of usual ones.
const KIB_AT_ONCE_MAX: usize = 256 * 1024;
/// Time for a body to arrive: 16 MiB at 4 Mbit/s.
const READ_MAX: Duration = Duration::from_secs(30);
/// When to come back if there is no memory for one more: most bodies are read in less.
const RETRY_MS: u32 = 1_000;

/// Memory for bodies; cheap to clone.
#[derive(Clone)]
pub(in crate::api) struct Room(Arc<Semaphore>);

impl Default for Room {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(KIB_AT_ONCE_MAX)))
    }
}

/// Middleware: hands the request on with its body in memory, or answers 408, 413 or 503 itself.
pub(in crate::api) async fn read(State(room): State<Room>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let said = parts.headers.get(CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse::<usize>().ok());
    if said.is_some_and(|bytes| bytes > BYTES_MAX) {
        return too_large().into_response();
    }
    match in_time(&room.0, body, READ_MAX).await {
        Ok((bytes, _memory)) => next.run(Request::from_parts(parts, Body::from(bytes))).await,
        Err(fault) => fault.into_response(),
    }
}

/// The body, and the memory that it holds, if it arrives in time.
async fn in_time(
    room: &Semaphore,
    body: Body,
    limit: Duration,
) -> Result<(Bytes, Option<SemaphorePermit<'_>>), Fault> {
    let late = |_| Fault::new("slow_request", format!("the body did not arrive within {limit:?}"));
    tokio::time::timeout(limit, whole(room, body)).await.map_err(late)?
}

/// The body, and the memory that it holds.
async fn whole(room: &Semaphore, body: Body) -> Result<(Bytes, Option<SemaphorePermit<'_>>), Fault> {
    let mut pieces = body.into_data_stream();
    let mut all = Vec::new();
    let mut memory: Option<SemaphorePermit<'_>> = None;
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|error| {
            tracing::debug!(%error, "a body broke off");
            Fault::new("invalid", "the body broke off")
        })?;
        if all.len() + piece.len() > BYTES_MAX {
            return Err(too_large());
        }
        let held = memory.as_ref().map_or(0, SemaphorePermit::num_permits);
        let wanted = (all.len() + piece.len()).div_ceil(1024).saturating_sub(held);
        let more = room.try_acquire_many(u32::try_from(wanted).unwrap_or(u32::MAX)).map_err(|_| busy())?;
        match &mut memory {
            Some(memory) => memory.merge(more),
            None => memory = Some(more),
        }
        all.extend_from_slice(&piece);
    }
    Ok((all.into(), memory))
}

fn busy() -> Fault {
    let busy = Fault::new("busy", "too many requests are being read; try again soon");
    Fault { retry_after_ms: Some(RETRY_MS), ..busy }
}

fn too_large() -> Fault {
    Fault::new("too_large", format!("the body has more than {BYTES_MAX} bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::stream;

    type Piece = Result<Vec<u8>, std::io::Error>;

    fn pieces(count: usize, bytes: usize) -> Body {
        Body::from_stream(stream::iter((0..count).map(move |_| Piece::Ok(vec![b'x'; bytes]))))
    }

    async fn refused(room: &Semaphore, body: Body) -> (&'static str, u16) {
        let fault = in_time(room, body, Duration::from_millis(200)).await.unwrap_err();
        (fault.row.code, fault.row.http)
    }

    #[tokio::test]
    async fn a_body_is_read_whole_and_gives_its_memory_back() {
        let room = Semaphore::new(8);
        let (bytes, memory) = in_time(&room, pieces(3, 1_000), READ_MAX).await.unwrap();
        assert_eq!((bytes.len(), room.available_permits()), (3_000, 5));
        drop(memory);
        assert_eq!(room.available_permits(), 8);
        assert!(in_time(&room, Body::empty(), READ_MAX).await.unwrap().0.is_empty());
    }

    #[tokio::test]
    async fn slow_large_broken_and_too_many_bodies_are_refused_and_hold_nothing() {
        let room = Semaphore::new(KIB_AT_ONCE_MAX);
        let begun = stream::iter([Piece::Ok(vec![b'x'; 10_000])]);
        let slow = Body::from_stream(begun.chain(stream::pending()));
        assert_eq!(refused(&room, slow).await, ("slow_request", 408));
        // Nothing said how long it would be.
        assert_eq!(refused(&room, pieces(17, 1024 * 1024)).await, ("too_large", 413));
        let broken = Body::from_stream(stream::iter([Piece::Err(std::io::Error::other("gone"))]));
        assert_eq!(refused(&room, broken).await, ("invalid", 400));
        assert_eq!(room.available_permits(), KIB_AT_ONCE_MAX);

        let small = Semaphore::new(4);
        let fault = in_time(&small, pieces(8, 1024), READ_MAX).await.unwrap_err();
        assert_eq!((fault.row.code, fault.retry_after_ms), ("busy", Some(RETRY_MS)));
        assert_eq!(small.available_permits(), 4);
    }
}
