//! `run`: a node in the foreground, until it is told to stop.

use std::path::PathBuf;

use clap::Args;

use super::exit::Usage;
use super::{Context, terminal};
use crate::config::file::{ExpertSection, File, OneOrMany};
use crate::node::Node;

/// What `run` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  daemon run
      Joins the swarm without an expert; questions can be asked from here.
  daemon run --model qwen2.5-7b.gguf --description \"Answers questions about Rust code\"
      Serves your own model.
  daemon run --expert models/experts/geography --expert models/experts/chemistry
      Serves experts that come with a card.
  daemon run --bootstrap /dns4/friend.example/udp/4820/quic-v1
      Joins by a friend's node.
  daemon run --config polymath.toml

Stop it with Ctrl-C, SIGTERM or `daemon stop`.")]
pub(super) struct Arguments {
    /// A GGUF file to serve; needs --description
    #[arg(long, value_name = "FILE.gguf", requires = "description")]
    model: Option<PathBuf>,
    /// One sentence: what the model is good at
    #[arg(long, value_name = "TEXT", requires = "model")]
    description: Option<String>,
    /// A card.toml, or the folder that holds one; repeat for more experts
    #[arg(long, value_name = "CARD")]
    expert: Vec<PathBuf>,
    /// Multiaddress to listen on; repeat for more
    #[arg(long, value_name = "ADDRESS")]
    listen: Vec<String>,
    /// Multiaddress of a node to join by; repeat for more
    #[arg(long, value_name = "ADDRESS")]
    bootstrap: Vec<String>,
    /// Name shown to people
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Swarm to join; others do not see it, but it is not secret
    #[arg(long, value_name = "NAME")]
    namespace: Option<String>,
    /// Address and port of the OpenAI-compatible REST interface, or off [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS")]
    rest: Option<String>,
    /// Address and port of the gRPC interface, or off [default: 127.0.0.1:50051]
    #[arg(long, value_name = "ADDRESS")]
    grpc: Option<String>,
    /// Address and port of the WebSocket interface, or off [default: 127.0.0.1:8081]
    #[arg(long, value_name = "ADDRESS")]
    ws: Option<String>,
    /// Let other machines use those interfaces without an API key
    #[arg(long)]
    insecure: bool,
    /// Do not look for peers on the local network
    #[arg(long)]
    no_mdns: bool,
    /// Tasks at once, for each expert
    #[arg(long, value_name = "N")]
    slots: Option<u32>,
    /// CPU threads for each expert; 0 chooses by the model's size
    #[arg(long, value_name = "N")]
    threads: Option<u32>,
    /// Layers to offload to a GPU (needs a build with cuda, metal or vulkan)
    #[arg(long, value_name = "N")]
    gpu_layers: Option<u32>,
    /// Tokens of context for each slot; 0 takes the model's own
    #[arg(long, value_name = "TOKENS")]
    context: Option<u32>,
    /// Log there instead of to standard error; begun anew at 2 MiB, one old one is kept (FILE.1)
    #[arg(long, value_name = "FILE")]
    pub(super) log_file: Option<PathBuf>,
    /// Stop when standard input closes: for programs that start a node and must not leave it behind
    #[arg(long, hide = true)]
    until_stdin_closes: bool,
}

impl Arguments {
    /// What the flags say, in the settings' terms.
    fn layer(&self) -> File {
        let mut file = File::default();
        file.node.name.clone_from(&self.name);
        file.node.listen_address = list(&self.listen);
        file.node.bootstrap_nodes = list(&self.bootstrap);
        file.network.namespace.clone_from(&self.namespace);
        file.api.rest_address.clone_from(&self.rest);
        file.api.grpc_address.clone_from(&self.grpc);
        file.api.ws_address.clone_from(&self.ws);
        file.api.insecure = self.insecure.then_some(true);
        file.network.mdns = self.no_mdns.then_some(false);
        let model = self.model.iter().map(|model| ExpertSection {
            model_path: Some(model.clone()),
            description: self.description.clone(),
            ..ExpertSection::default()
        });
        let cards = self
            .expert
            .iter()
            .map(|card| ExpertSection { card: Some(card.clone()), ..ExpertSection::default() });
        let tuned = |section: ExpertSection| ExpertSection {
            slots: self.slots,
            threads: self.threads,
            gpu_layers: self.gpu_layers,
            max_context: self.context,
            ..section
        };
        file.expert = list(&model.chain(cards).map(tuned).collect::<Vec<_>>());
        file
    }

    fn check(&self) -> Result<(), Usage> {
        let tunes = [self.slots, self.threads, self.gpu_layers, self.context].iter().any(Option::is_some);
        if tunes && self.model.is_none() && self.expert.is_empty() {
            return Err(Usage(
                "--slots, --threads, --gpu-layers and --context go with --model or --expert".into(),
            ));
        }
        Ok(())
    }
}

fn list<T: Clone>(items: &[T]) -> Option<OneOrMany<T>> {
    (!items.is_empty()).then(|| OneOrMany(items.to_vec()))
}

pub(super) async fn run(arguments: Arguments, context: Context) -> anyhow::Result<()> {
    arguments.check()?;
    let loaded = context.load(arguments.layer())?;
    loaded.config.prepare_state_dir()?;
    // Whole: where the folder comes from a variable, the next terminal may not have that.
    let home = &loaded.config.node.places.home;
    let swarm = loaded.config.node.state_dir.file_name().filter(|_| loaded.config.network.private.is_some());
    let swarm = swarm.map(|name| format!(" --swarm {}", name.display())).unwrap_or_default();
    let call = format!("daemon --state-dir {}{swarm}", home.display());
    let name = loaded.config.node.name.clone();
    let node = context.unless_cancelled(Node::start(loaded.config)).await??;
    let summary = node.summary();
    let mut text = format!("{name} is up as {}\n", summary.peer_id);
    summary.listen_addresses.iter().for_each(|a| text.push_str(&format!("  listening on {a}\n")));
    summary.experts.iter().for_each(|e| text.push_str(&format!("  serving {e}\n")));
    let served = [("REST", summary.rest), ("gRPC", summary.grpc), ("WebSocket", summary.ws)];
    served
        .iter()
        .filter_map(|(name, at)| Some((name, (*at)?)))
        .for_each(|(name, at)| text.push_str(&format!("  {name} on {at}\n")));
    if summary.rest.is_some() {
        text.push_str(&format!("  console: {call} console\n"));
    }
    summary.left_out.iter().for_each(|reason| text.push_str(&format!("  NOT serving {reason}\n")));
    text.push_str(&format!("  ask it with: {call} ask \"...\"\n"));
    // A node goes on when nobody reads what it prints.
    let _ = terminal::advise(&text);
    let cancel = context.cancel.clone();
    if arguments.until_stdin_closes {
        // A thread of its own: it waits as long as the node lives, and the process does not wait for it.
        std::thread::spawn(move || {
            let _ = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
            cancel.cancel();
        });
    }
    node.run_until(context.cancel).await;
    Ok(())
}
