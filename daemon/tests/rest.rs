//! REST over a real port: whole nodes with bundled experts, asked as any HTTP client would.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "rest/client.rs"]
mod client;
#[path = "sandbox/sandbox.rs"]
#[expect(dead_code, reason = "the other tests ask nodes directly")]
mod sandbox;

#[path = "rest/chat.rs"]
mod chat;
#[path = "rest/errors.rs"]
mod errors;
#[path = "rest/feedback.rs"]
mod feedback;
#[path = "rest/others.rs"]
mod others;
#[path = "rest/responses.rs"]
mod responses;
#[path = "rest/tools.rs"]
mod tools;
