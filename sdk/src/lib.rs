//! A typed client of a Polymath node.
//!
//! ```no_run
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), polymath_sdk::Error> {
//! use polymath_sdk::PolymathClient;
//!
//! let client = PolymathClient::local().await?;
//! let answer = client.ask("What is the capital of Peru? Spell it backwards.").await?;
//! println!("{}", answer.text);
//! # Ok(()) }
//! ```
//!
//! # Transports
//!
//! REST, gRPC (over TCP or a Unix socket) and WebSocket, chosen by [`Builder`]; the calls and their results are the
//! same. REST does everything; a call that the chosen transport lacks is [`Error::Unsupported`] and says what to do.
//!
//! # Failures
//!
//! [`Error`] tells them apart by type and by [`Error::code`]. Connect errors, `429`, `503` and their gRPC cousins
//! are tried again as long as nothing of the answer has been seen, after a jittered wait or the node's own
//! `retry-after`, and within a [`RetryBudget`]: a busy swarm is not made busier. Everything a node sends is read
//! within bounds; a hostile one gets [`Error::Protocol`].
//!
//! # Streams
//!
//! [`PolymathClient::ask_stream`] and [`PolymathClient::chat_completion_stream`] send nothing before they are
//! polled. Dropping one cancels the question at the node and at every expert:
//!
//! ```no_run
//! # async fn run(client: polymath_sdk::PolymathClient) -> Result<(), polymath_sdk::Error> {
//! use futures::StreamExt as _;
//! use polymath_sdk::{Ask, Event, Model};
//!
//! let ask = Ask { model: Model::Expert("geography".into()), ..Ask::new("What is the capital of Peru?") };
//! let mut events = client.ask_stream(ask);
//! while let Some(event) = events.next().await {
//!     match event? {
//!         Event::Delta { text } => print!("{text}"),
//!         Event::Answered(answer) => println!("\n{} tokens", answer.usage.total_tokens()),
//!         _ => {}
//!     }
//! }
//! # Ok(()) }
//! ```
//!
//! Four small programs are in `sdk/examples`; the test suite runs them against a real node.

mod answer;
mod builder;
mod chat;
mod client;
mod connection;
mod error;
mod node;
mod question;
mod retry;
mod sse;
mod stream;
mod transport;

pub use answer::{
    Answer, Candidate, Consensus, Event, FinishReason, Finished, Opinion, Plan, PlannedTask, Task,
    TaskStatus, Timings, Usage,
};
pub use builder::Builder;
pub use chat::{
    ChatCompletion, ChatCompletionChunk, ChatCompletionRequest, ChatMessage, Choice, ChunkChoice, Content,
    Delta, FunctionCall, ToolCall,
};
pub use client::PolymathClient;
pub use connection::Connection;
pub use error::Error;
pub use node::{
    Account, Audit, Expert, Health, Honesty, Ledger, Network, Peer, Probe, Quality, Receipt, Relay,
    Reliability, Reputation, ShutOut, Standing,
};
pub use question::{Ask, Message, Model};
pub use retry::RetryBudget;
pub use stream::{ChatCompletionStream, EventStream};

/// The generated types, for what [`Connection`] takes and gives.
pub use polymath_proto::v1 as wire;
