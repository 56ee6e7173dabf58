//! WebSocket: `/ws/chat`, several chats at once in JSON messages (docs/api.md has them all).
//!
//! ```text
//! coordinator ─ pump ─ Chat (bounded ring of numbered events) ─┐
//! coordinator ─ pump ─ Chat                                    ├─ Session ─ writer ─ socket
//!                      started, cancelled, moved by ───────────┘            reader ─ socket
//! ```
//!
//! A chat's events are numbered and kept for a while, so that a client whose connection broke can come back within
//! [`session::RESUME_WITHIN`], name its session, and go on where it was: nothing lost, nothing twice. Meanwhile the
//! question keeps running. A ring that is full of what was not sent holds its pump, and so the question: a slow
//! socket slows its own chats and nobody else's.

mod chat;
mod message;
mod session;
mod socket;

pub(super) use session::Hub;

use super::access::Caller;
use super::table::Fault;
use axum::Extension;
use axum::extract::State;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::response::{IntoResponse as _, Response};
use axum::{Router, routing::any};

/// Bytes of a message that are read at all; one between this and [`message::BYTES_MAX`] is refused by name, a
/// longer one ends the connection.
const FRAME_BYTES_MAX: usize = 4 * message::BYTES_MAX;
/// Bytes that wait in memory for a slow socket, besides one message.
const UNWRITTEN_BYTES_MAX: usize = 2 * 1024 * 1024;
/// The protocol that is spoken, as `Sec-WebSocket-Protocol` names it.
const PROTOCOL: &str = "polymath";

/// The routes of the WebSocket port.
pub(super) fn router(hub: Hub) -> Router {
    Router::new()
        .route("/ws/chat", any(open))
        .fallback(async || Fault::new("not_found", "this port serves /ws/chat").into_response())
        .with_state(hub)
}

async fn open(
    State(hub): State<Hub>,
    Extension(caller): Extension<Caller>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    let upgrade = match upgrade {
        Ok(upgrade) => upgrade,
        Err(rejection) => {
            let message = format!("this is a WebSocket: {}", rejection.body_text());
            return Fault::new("invalid", message).into_response();
        }
    };
    // Dropped together with the upgrade, should that fail.
    let attached = match hub.open(caller) {
        Ok(attached) => attached,
        Err(fault) => return fault.into_response(),
    };
    upgrade
        .max_message_size(FRAME_BYTES_MAX)
        .max_frame_size(FRAME_BYTES_MAX)
        .max_write_buffer_size(UNWRITTEN_BYTES_MAX)
        // Tokens are small and must not wait for each other.
        .write_buffer_size(0)
        .protocols([PROTOCOL])
        .on_upgrade(move |socket| socket::run(socket, attached))
}
