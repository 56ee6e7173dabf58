//! The client: each call over whichever transport it was built with, with retries and a limit of time.

use crate::answer::{Answer, Event, Plan};
use crate::builder::Builder;
use crate::chat::{self, ChatCompletion, ChatCompletionChunk, ChatCompletionRequest};
use crate::connection::Connection;
use crate::error::Error;
use crate::node::{Audit, Expert, Health, Ledger, Network, Peer, Probe, Reputation, Standing};
use crate::question::Ask;
use crate::retry::{RetryBudget, retried};
use crate::stream::{ChatCompletionStream, EventStream, Items, begun};
use crate::transport::{Transport, grpc, rest, web_socket};
use futures::future::BoxFuture;
use futures::stream::{self, StreamExt as _};
use std::time::Duration;

/// A client of a Polymath node; cheap to clone, and clones share their connection and retry budget.
#[derive(Clone, Debug)]
pub struct PolymathClient {
    pub(crate) transport: Transport,
    pub(crate) timeout: Duration,
    pub(crate) budget: RetryBudget,
}

impl PolymathClient {
    /// A client of the node on this machine.
    ///
    /// `POLYMATH_URL` says where (see [`Builder::url`]); else the Unix socket in the state folder
    /// (`POLYMATH_SOCKET`, `POLYMATH_STATE_DIR`, `~/.local/state/polymath`) if a node answers there, else
    /// `http://127.0.0.1:8080`. `POLYMATH_API_KEY` is the key for all but the socket.
    pub async fn local() -> Result<Self, Error> {
        crate::builder::local(|name| std::env::var(name).ok()).await
    }

    /// A client as it is described.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Asks the swarm, and waits for the answer.
    ///
    /// ```no_run
    /// # async fn run(client: polymath_sdk::PolymathClient) -> Result<(), polymath_sdk::Error> {
    /// let answer = client.ask("What is the capital of Peru? Spell it backwards.").await?;
    /// for task in &answer.tasks {
    ///     println!("{} = {}", task.text, task.result());
    /// }
    /// # Ok(()) }
    /// ```
    pub async fn ask(&self, prompt: impl Into<String>) -> Result<Answer, Error> {
        self.ask_with(Ask::new(prompt)).await
    }

    /// Asks with wishes, and waits for the answer.
    pub async fn ask_with(&self, ask: Ask) -> Result<Answer, Error> {
        self.ask_stream(ask).answer().await
    }

    /// Asks; what happens as it happens. Nothing is sent before the first poll; dropping the stream cancels.
    ///
    /// ```no_run
    /// # async fn run(client: polymath_sdk::PolymathClient) -> Result<(), polymath_sdk::Error> {
    /// use futures::StreamExt as _;
    /// let mut events = client.ask_stream("What is 17 times 4?");
    /// while let Some(event) = events.next().await {
    ///     if let polymath_sdk::Event::Delta { text } = event? {
    ///         print!("{text}");
    ///     }
    /// }
    /// # Ok(()) }
    /// ```
    pub fn ask_stream(&self, ask: impl Into<Ask>) -> EventStream {
        let ask = ask.into();
        let limit = ask.deadline.map_or(self.timeout, |deadline| deadline.min(self.timeout));
        let client = self.clone();
        let opening = async move {
            let open = || async { begun(client.open(&ask).await?).await };
            retried(&client.budget, limit, open).await
        };
        EventStream::new(Box::pin(opening), limit)
    }

    async fn open(&self, ask: &Ask) -> Result<Items<Event>, Error> {
        match &self.transport {
            Transport::Rest(rest) => rest::ask(rest, ask).await,
            Transport::Grpc(connection) => grpc::ask(connection, ask).await,
            Transport::WebSocket(web_socket) => web_socket::ask(web_socket, ask).await,
        }
    }

    /// A chat completion, as OpenAI's clients ask for one. Over another transport than REST it is translated, and
    /// what has no counterpart there (`tools`, `response_format`, `n`, `logprobs`) is [`Error::Unsupported`].
    pub async fn chat_completion(&self, request: ChatCompletionRequest) -> Result<ChatCompletion, Error> {
        let Transport::Rest(rest) = &self.transport else {
            let ask = chat::ask(&request, self.transport_name())?;
            return Ok(chat::completion(self.ask_with(ask).await?, request.model));
        };
        retried(&self.budget, self.timeout, || rest.chat_completion(&request)).await
    }

    /// A chat completion in pieces, as they are made. Dropping the stream cancels.
    pub fn chat_completion_stream(&self, request: ChatCompletionRequest) -> ChatCompletionStream {
        let client = self.clone();
        let opening: BoxFuture<'static, Result<Items<ChatCompletionChunk>, Error>> = Box::pin(async move {
            let Transport::Rest(rest) = &client.transport else {
                return client.translated(&request);
            };
            let open = || async { begun(rest.chat_completion_stream(&request).await?).await };
            retried(&client.budget, client.timeout, open).await
        });
        ChatCompletionStream::new(opening, self.timeout)
    }

    fn translated(&self, request: &ChatCompletionRequest) -> Result<Items<ChatCompletionChunk>, Error> {
        let events = self.ask_stream(chat::ask(request, self.transport_name())?);
        let mut pieces = chat::pieces(request.model.clone());
        let chunks = events.flat_map(move |event| {
            let chunks = match event {
                Ok(event) => pieces(event).into_iter().map(Ok).collect(),
                Err(error) => vec![Err(error)],
            };
            stream::iter(chunks)
        });
        Ok(chunks.boxed())
    }

    /// How a question would be cut, and who could answer each part. Nobody is asked.
    pub async fn plan(&self, prompt: impl Into<String>) -> Result<Plan, Error> {
        let prompt = prompt.into();
        let plan = || async {
            match &self.transport {
                Transport::Rest(rest) => rest.plan(&prompt).await,
                Transport::Grpc(connection) => grpc::plan(connection, prompt.clone()).await,
                Transport::WebSocket(_) => Err(questions_only("a plan")),
            }
        };
        retried(&self.budget, self.timeout, plan).await
    }

    /// Says whether the answer to a task was good; the node routes prompts like it by that. `task_id` is
    /// [`crate::Finished::task_id`]. A later verdict takes the place of an earlier one.
    pub async fn feedback(&self, task_id: &str, good: bool) -> Result<Standing, Error> {
        let feedback = || async {
            match &self.transport {
                Transport::Rest(rest) => rest.feedback(task_id, good).await,
                Transport::Grpc(connection) => grpc::feedback(connection, task_id, good).await,
                Transport::WebSocket(_) => Err(questions_only("feedback")),
            }
        };
        retried(&self.budget, self.timeout, feedback).await
    }

    /// Peers that the node is connected to.
    pub async fn peers(&self) -> Result<Vec<Peer>, Error> {
        let peers = || async {
            match &self.transport {
                Transport::Rest(rest) => rest.peers().await,
                Transport::Grpc(connection) => grpc::peers(connection).await,
                Transport::WebSocket(_) => Err(questions_only("the list of peers")),
            }
        };
        retried(&self.budget, self.timeout, peers).await
    }

    /// Asks a peer, by its id or DID, whether it is there.
    pub async fn probe(&self, peer: &str) -> Result<Probe, Error> {
        let probe = || async {
            match &self.transport {
                Transport::Rest(rest) => rest.probe(peer).await,
                Transport::Grpc(connection) => grpc::probe(connection, peer).await,
                Transport::WebSocket(_) => Err(questions_only("probes")),
            }
        };
        retried(&self.budget, self.timeout, probe).await
    }

    /// How the node is reached.
    pub async fn network(&self) -> Result<Network, Error> {
        let network = || async {
            match &self.transport {
                Transport::Rest(rest) => rest.network().await,
                Transport::Grpc(connection) => grpc::network(connection).await,
                Transport::WebSocket(_) => Err(questions_only("how the node is reached")),
            }
        };
        retried(&self.budget, self.timeout, network).await
    }

    /// Experts that the node knows, its own included.
    pub async fn experts(&self) -> Result<Vec<Expert>, Error> {
        let experts = || async {
            match &self.transport {
                Transport::Rest(rest) => rest.experts().await,
                Transport::Grpc(connection) => grpc::experts(connection).await,
                Transport::WebSocket(_) => Err(questions_only("the list of experts")),
            }
        };
        retried(&self.budget, self.timeout, experts).await
    }

    /// What the node thinks of other nodes' experts.
    pub async fn reputation(&self) -> Result<Vec<Reputation>, Error> {
        let reputation = || async {
            match &self.transport {
                Transport::Rest(rest) => rest.reputation().await,
                Transport::Grpc(connection) => grpc::reputation(connection).await,
                Transport::WebSocket(_) => Err(questions_only("reputation")),
            }
        };
        retried(&self.budget, self.timeout, reputation).await
    }

    /// The latest audits of other nodes' experts, latest first; at most `most`.
    pub async fn audits(&self, most: u32) -> Result<Vec<Audit>, Error> {
        let audits = || async {
            match &self.transport {
                Transport::Rest(rest) => rest.audits(most).await,
                Transport::Grpc(connection) => grpc::audits(connection, most).await,
                Transport::WebSocket(_) => Err(questions_only("the list of audits")),
            }
        };
        retried(&self.budget, self.timeout, audits).await
    }

    /// What the node and others have delivered to each other, with the latest receipts; at most `most`.
    pub async fn ledger(&self, most: u32) -> Result<Ledger, Error> {
        let ledger = || async {
            match &self.transport {
                Transport::Rest(rest) => rest.ledger(most).await,
                Transport::Grpc(connection) => grpc::ledger(connection, most).await,
                Transport::WebSocket(_) => Err(questions_only("the ledger")),
            }
        };
        retried(&self.budget, self.timeout, ledger).await
    }

    /// The node's state.
    pub async fn health(&self) -> Result<Health, Error> {
        let health = || async {
            match &self.transport {
                Transport::Rest(rest) => rest.health().await,
                Transport::Grpc(connection) => grpc::health(connection).await,
                Transport::WebSocket(_) => Err(questions_only("health")),
            }
        };
        retried(&self.budget, self.timeout, health).await
    }

    /// The gRPC connection below, if that is the transport: for what the typed calls leave out.
    pub fn connection(&self) -> Option<&Connection> {
        match &self.transport {
            Transport::Grpc(connection) => Some(connection),
            _ => None,
        }
    }

    fn transport_name(&self) -> &'static str {
        match self.transport {
            Transport::Rest(_) => "REST",
            Transport::Grpc(_) => "gRPC",
            Transport::WebSocket(_) => "WebSocket",
        }
    }
}

/// Over a connection that is there already, with the usual retries and limit of time.
impl From<Connection> for PolymathClient {
    fn from(connection: Connection) -> Self {
        Self {
            transport: Transport::Grpc(Box::new(connection)),
            timeout: crate::builder::TIMEOUT,
            budget: RetryBudget::default(),
        }
    }
}

fn questions_only(what: &'static str) -> Error {
    Error::Unsupported {
        what,
        transport: "WebSocket",
        fix: "use REST, gRPC or the Unix socket: builder().rest(\"http://127.0.0.1:8080\")",
    }
}
