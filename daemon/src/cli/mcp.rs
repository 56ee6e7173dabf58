//! `mcp`: the swarm as tools for assistants, by the Model Context Protocol on standard input and output.
//!
//! Nothing but the protocol goes to standard output; logs go to standard error. The node is reached with the first
//! call, so that the handshake is quick even where an embedded swarm has to start. What goes wrong with a call is a
//! tool error with the same code that every other interface uses.

mod tools;

use std::sync::Arc;

use clap::Args;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, Implementation, ListToolsResult, PaginatedRequestParams,
    ServerCapabilities, ServerConfig,
};
use rmcp::service::RequestContext;
use rmcp::transport::stdio_pipes;
use rmcp::{ErrorData, RoleServer, ServerHandler, ServiceExt as _};
use tokio::sync::OnceCell;

use super::Context;
use super::session::Session;
use crate::config::Loaded;
use crate::config::file::File;
use tools::{Call, Failure};

/// What the assistant is told of the server.
const INSTRUCTIONS: &str = "A swarm of small expert models. ask_swarm answers a question, cut into tasks where it has several; \
     list_experts says what the experts are good at; plan_question shows who would do what, without asking anyone.";

/// What `mcp` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  daemon mcp
  claude mcp add polymath -- daemon mcp
      With any client: the command is `daemon`, the argument `mcp`.

Tools: ask_swarm, plan_question, list_experts.
With no node running here, the bundled experts answer inside this process.")]
pub(super) struct Arguments {}

pub(super) async fn run(_: &Arguments, context: Context) -> anyhow::Result<()> {
    let loaded = context.load(File::default())?;
    let swarm = Arc::new(Swarm { context: context.clone(), loaded, session: OnceCell::new() });
    let server = Server { swarm: swarm.clone() };
    let serving = server.serve_with_ct(stdio_pipes(), context.cancel.clone());
    match context.unless_cancelled(serving).await? {
        Ok(running) => _ = running.waiting().await?,
        // A client that leaves before it has said hello leaves nothing to do.
        Err(rmcp::service::ServerInitializeError::ConnectionClosed(_)) => {}
        Err(error) => return Err(error.into()),
    }
    // A call that is still under way holds the swarm; it ends with the process.
    if let Some(session) = Arc::into_inner(swarm).and_then(|swarm| swarm.session.into_inner()) {
        session.close().await;
    }
    Ok(())
}

/// The way to the node, made with the first call.
struct Swarm {
    context: Context,
    loaded: Loaded,
    session: OnceCell<Session>,
}

impl Swarm {
    async fn session(&self) -> Result<&Session, Failure> {
        let opened = self.session.get_or_try_init(|| Session::open(&self.context, &self.loaded)).await;
        opened.map_err(|error| {
            tracing::error!(error = format!("{error:#}"), "the swarm cannot be reached");
            Failure::new("unavailable", "the swarm cannot be reached; the log of `daemon mcp` says why")
        })
    }
}

/// Answers the protocol's requests.
#[derive(Clone)]
struct Server {
    swarm: Arc<Swarm>,
}

impl ServerHandler for Server {
    fn get_info(&self) -> ServerConfig {
        let version = env!("CARGO_PKG_VERSION");
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(Implementation::new("polymath", version))
            .with_instructions(INSTRUCTIONS)
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(tools::all()))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let Some(call) = Call::read(&request.name, request.arguments.unwrap_or_default()) else {
            return Err(ErrorData::invalid_params(format!("no tool is called {:?}", request.name), None));
        };
        let working = async {
            let call = call?;
            call.make(self.swarm.session().await?.sdk()).await
        };
        // Dropping the work cancels the question, at the node and at every expert.
        let outcome = tokio::select! {
            () = context.ct.cancelled() => Err(Failure::new("cancelled", "the call was cancelled")),
            outcome = working => outcome,
        };
        Ok(outcome.unwrap_or_else(Failure::result).into())
    }
}
