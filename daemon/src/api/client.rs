//! The commands' way to a running node on this machine: the SDK over the node's Unix socket.

/// The generated types, for commands.
pub use polymath_sdk::wire;

use std::path::Path;

/// Why a node does not answer.
pub use polymath_sdk::Error;

/// The SDK's types that commands use.
pub use polymath_sdk::{
    Answer, Ask, Candidate, ChatCompletionRequest, ChatMessage, Connection, Event, Expert, Message, Model,
    Opinion, Plan, PolymathClient, Task, TaskStatus,
};

/// A node that answered; cheap to clone.
#[derive(Clone)]
pub struct Client {
    connection: Connection,
    sdk: PolymathClient,
}

impl Client {
    /// Connects to the node that listens on `socket`; [`Error::NotRunning`] if nobody does.
    pub async fn connect(socket: &Path) -> Result<Self, Error> {
        let connection = Connection::unix(socket)?;
        connection.connect().await?;
        Ok(Self { sdk: connection.clone().into(), connection })
    }

    /// Every call as it stands on the wire, the owner's included; no retries.
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// The calls that programs use.
    pub fn sdk(&self) -> &PolymathClient {
        &self.sdk
    }
}
