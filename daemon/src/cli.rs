//! The command line: what people type, and what they see.
//!
//! A command reads the settings ([`crate::config`]), reaches a node through a `session::Session` (the one that
//! runs on this machine, or an embedded one for questions), and prints. Answers and tables go to standard
//! output, everything else to standard error, so that output can be piped; whoever closes the pipe early ends
//! the command quietly. Ctrl-C cancels one token that every command hangs on: the first asks for a clean end,
//! the second does not wait for it.
//!
//! Outcomes become exit codes in one table (`exit::Exit`). Nothing here decides how a question is answered.

mod ask;
mod audit;
mod benchmark;
mod chat;
mod completions;
mod console;
mod demo;
mod doctor;
mod eval;
mod exit;
mod experts;
mod feedback;
mod health;
mod identity;
mod keys;
mod ledger;
mod mcp;
mod models;
mod network;
mod peers;
mod plan;
mod program;
mod reputation;
mod run;
mod session;
mod settings;
mod simulate;
mod stop;
mod swarm;
mod terminal;

use std::future::Future;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{ArgAction, Args, FromArgMatches as _, Parser, Subcommand, ValueEnum};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::config::{self, ProcessEnvironment, file::File};
use crate::telemetry;
use exit::{Exit, Interrupted};

/// How long what still runs may take to end once the command is over.
const WIND_DOWN: Duration = Duration::from_millis(500);

/// Many small experts, one assistant: host an expert, join the swarm, ask it.
#[derive(Debug, Parser)]
#[command(name = "daemon", version, arg_required_else_help = true, max_term_width = 100, after_help = exit::HELP)]
pub struct Cli {
    #[command(flatten)]
    globals: Globals,
    #[command(subcommand)]
    command: Command,
}

/// Said with any command.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Everywhere")]
struct Globals {
    /// Settings to read [default: ~/.config/polymath/config.toml]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Folder of identity and socket [default: ~/.local/state/polymath]
    #[arg(long, global = true, value_name = "DIR")]
    state_dir: Option<PathBuf>,
    /// Your node in a private swarm (see `daemon swarm`)
    #[arg(long, global = true, value_name = "NAME")]
    swarm: Option<String>,
    /// The `models` folder [default: beside or above the program]
    #[arg(long, global = true, value_name = "DIR")]
    assets: Option<PathBuf>,
    /// Say more; repeat for more still
    #[arg(short, long, global = true, action = ArgAction::Count)]
    verbose: u8,
    /// Log as `text` or `json`
    #[arg(long, global = true, value_enum, value_name = "FORM", hide_possible_values = true)]
    log_format: Option<LogFormat>,
    /// Send spans to an OpenTelemetry collector's gRPC port, such as http://127.0.0.1:4317
    #[arg(long, global = true, value_name = "URL")]
    otlp: Option<String>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum LogFormat {
    Text,
    Json,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a node: host experts, join the swarm
    #[command(visible_alias = "daemon")]
    Run(run::Arguments),
    /// Ask the swarm a question
    Ask(ask::Arguments),
    /// Talk to the swarm
    Chat(chat::Arguments),
    /// Say whether an answer was good
    Feedback(feedback::Arguments),
    /// Show how a question would be cut and who could answer, without asking anyone
    Plan(plan::Arguments),
    /// Serve the swarm to assistants as tools (Model Context Protocol on stdio)
    Mcp(mcp::Arguments),
    /// Start a local swarm of the bundled experts and ask it something
    Demo(demo::Arguments),
    /// Measure experts, answers, routing or planning
    #[command(subcommand)]
    Eval(eval::Command),
    /// Measure what a node adds to its model's own time
    Benchmark(benchmark::Arguments),
    /// Peers of the running node
    #[command(subcommand)]
    Peers(peers::Command),
    /// How the running node is reached
    #[command(subcommand)]
    Network(network::Command),
    /// Experts that the running node knows
    #[command(subcommand)]
    Experts(experts::Command),
    /// Models on this machine
    #[command(subcommand)]
    Models(models::Command),
    /// Whether other nodes' experts run the models that they claim
    #[command(subcommand)]
    Audit(audit::Command),
    /// What this node thinks of other nodes' experts
    #[command(subcommand)]
    Reputation(reputation::Command),
    /// What this node and others have delivered to each other
    #[command(subcommand)]
    Ledger(ledger::Command),
    /// Play a large swarm in which nodes come and go, or one with bad experts
    Simulate(simulate::Arguments),
    /// This node's identity, and the nodes that it vouches for
    #[command(subcommand)]
    Identity(identity::Command),
    /// API keys of this node
    #[command(subcommand)]
    Keys(keys::Command),
    /// Private swarms
    #[command(subcommand)]
    Swarm(swarm::Command),
    /// Settings in force
    #[command(subcommand)]
    Config(settings::Command),
    /// Look for what keeps a node from working well here, and say how to mend it
    Doctor(doctor::Arguments),
    /// Show how the running node is
    Health(health::Arguments),
    /// Open the running node's web console, as its owner
    Console(console::Arguments),
    /// Stop the running node
    Stop(stop::Arguments),
    /// Print a completion script for a shell
    Completions(completions::Arguments),
    /// Write manual pages
    Man(completions::Man),
}

/// What every command is given.
#[derive(Clone)]
struct Context {
    globals: Globals,
    cancel: CancellationToken,
}

/// What the command line asks for; an end of the process with help or the reason if that is nothing.
pub fn parse() -> Cli {
    let matches = program::command().get_matches();
    Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
}

/// Runs the command and says how it went.
pub fn main(cli: Cli) -> ExitCode {
    let globals = cli.globals.clone();
    let outcome = start(cli);
    let exit = outcome.as_ref().map_or_else(Exit::of, |()| Exit::Done);
    if let Err(error) = outcome {
        exit::report(&error, exit, || globals.has_node());
    }
    exit.into()
}

fn start(cli: Cli) -> anyhow::Result<()> {
    let environment = ProcessEnvironment;
    let from_variable = config::Environment::variable(&environment, "POLYMATH_LOG_FORMAT");
    let json = match cli.globals.log_format {
        Some(format) => matches!(format, LogFormat::Json),
        None => from_variable.is_some_and(|v| v == "json"),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let telemetry = {
        let _entered = runtime.enter();
        telemetry::start(&telemetry::Config {
            filter: config::Environment::variable(&environment, "POLYMATH_LOG"),
            verbosity: cli.globals.verbose,
            json,
            daemon: matches!(cli.command, Command::Run(_)),
            file: match &cli.command {
                Command::Run(arguments) => arguments.log_file.clone(),
                _ => None,
            },
            otlp: cli.globals.otlp.clone(),
            otlp_of_environment: config::Environment::variable(&environment, telemetry::OTLP_VARIABLE),
        })?
    };
    program::remember(&cli.globals);
    let cancel = CancellationToken::new();
    let context = Context { globals: cli.globals, cancel: cancel.clone() };
    // At a terminal, Ctrl-C belongs to the chat: it ends an answer and not the program.
    let keyboard = !(matches!(cli.command, Command::Chat(_)) && chat::is_interactive());
    let drains = matches!(cli.command, Command::Run(_) | Command::Demo(_));
    let outcome = runtime.block_on(async {
        let signals = tokio::spawn(cancel_on_signals(cancel, keyboard, drains));
        let outcome = dispatch(cli.command, context).await;
        signals.abort();
        outcome
    });
    telemetry.end();
    // A thread that still reads standard input must not hold the process.
    runtime.shutdown_timeout(WIND_DOWN);
    outcome
}

async fn dispatch(command: Command, context: Context) -> anyhow::Result<()> {
    match command {
        Command::Run(arguments) => run::run(arguments, context).await,
        Command::Ask(arguments) => ask::run(arguments, context).await,
        Command::Chat(arguments) => chat::run(arguments, context).await,
        Command::Mcp(arguments) => mcp::run(&arguments, context).await,
        Command::Feedback(arguments) => feedback::run(arguments, context).await,
        Command::Plan(arguments) => plan::run(arguments, context).await,
        Command::Demo(arguments) => demo::run(arguments, context).await,
        Command::Eval(command) => eval::run(command, context).await,
        Command::Benchmark(arguments) => benchmark::run(arguments, context).await,
        Command::Peers(command) => peers::run(command, context).await,
        Command::Network(command) => network::run(command, context).await,
        Command::Experts(command) => experts::run(command, context).await,
        Command::Models(command) => models::run(command, context).await,
        Command::Audit(command) => audit::run(command, context).await,
        Command::Reputation(command) => reputation::run(command, context).await,
        Command::Ledger(command) => ledger::run(command, context).await,
        Command::Simulate(arguments) => simulate::run(arguments, context).await,
        Command::Identity(command) => identity::run(command, context).await,
        Command::Keys(command) => keys::run(&command, &context),
        Command::Swarm(command) => swarm::run(command, context).await,
        Command::Config(command) => settings::run(&command, &context).map_err(exit::of_settings),
        Command::Doctor(arguments) => doctor::run(arguments, context).await,
        Command::Health(arguments) => health::run(arguments, context).await,
        Command::Stop(arguments) => stop::run(&arguments, context).await,
        Command::Console(arguments) => console::run(arguments, context).await,
        Command::Completions(arguments) => completions::run(&arguments),
        Command::Man(arguments) => completions::man(&arguments),
    }
}

/// The first SIGINT (unless a chat has the keyboard) or SIGTERM cancels; the second ends the process at once. So does a SIGHUP cancel what `drains`, and
/// counts as neither: of a terminal that closes, its shell and the kernel tell, and a session's end sends a SIGTERM besides.
async fn cancel_on_signals(cancel: CancellationToken, keyboard: bool, drains: bool) {
    // Taken even where it does not count: by default it would end the process.
    let signals = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()));
    let (Ok(mut terminate), Ok(mut interrupt)) = signals else { return };
    // Once it is taken, it is ignored no more: what nohup has started would end with its terminal.
    let is_taken = drains && !is_hangup_ignored();
    let mut hangup = if is_taken { signal(SignalKind::hangup()).ok() } else { None };
    let mut is_second = false;
    loop {
        tokio::select! {
            _ = interrupt.recv(), if keyboard => {}
            _ = terminate.recv() => {}
            Some(()) = next(&mut hangup) => {
                cancel.cancel();
                continue;
            }
        }
        if is_second {
            std::process::exit(Exit::Interrupted.code());
        }
        is_second = true;
        cancel.cancel();
    }
}

/// The next of these signals; `None` where they are not listened for.
async fn next(signals: &mut Option<Signal>) -> Option<()> {
    signals.as_mut()?.recv().await
}

/// Whether whoever has started this process had SIGHUP ignored. Where the system does not say so in `/proc`, it is left as it is.
fn is_hangup_ignored() -> bool {
    std::fs::read_to_string("/proc/self/status").ok().is_none_or(|status| ignores_hangup(&status))
}

/// As proc(5) has it: a hexadecimal mask, SIGHUP, number 1, in its lowest bit.
fn ignores_hangup(status: &str) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_none_or(|mask| mask & 1 == 1)
}

impl Globals {
    /// The settings, `flags` being what the command's own arguments say.
    fn load(&self, mut flags: File) -> Result<config::Loaded, config::Error> {
        flags.node.state_dir = self.state_dir.clone();
        flags.node.swarm = self.swarm.clone();
        let places = config::Places { config: self.config.clone(), assets: self.assets.clone() };
        config::load(&places, flags, &ProcessEnvironment)
    }

    /// Whether a node listens where commands look for one.
    fn has_node(&self) -> bool {
        let loaded = self.load(File::default());
        loaded.is_ok_and(|loaded| UnixStream::connect(&loaded.config.api.socket).is_ok())
    }
}

impl Context {
    /// The settings, `flags` being what the command's own arguments say.
    fn load(&self, flags: File) -> Result<config::Loaded, config::Error> {
        let loaded = self.globals.load(flags)?;
        loaded.warnings.iter().for_each(|warning| terminal::note(&format!("warning: {warning}")));
        Ok(loaded)
    }

    /// Waits for `work` unless Ctrl-C comes first.
    async fn unless_cancelled<T>(&self, work: impl Future<Output = T>) -> Result<T, Interrupted> {
        tokio::select! {
            biased;
            () = self.cancel.cancelled() => Err(Interrupted),
            done = work => Ok(done),
        }
    }
}

/// `--json`, for commands that scripts read.
#[derive(Clone, Copy, Debug, Default, Args)]
struct Json {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        use clap::CommandFactory as _;
        Cli::command().debug_assert();
    }

    #[test]
    fn a_hangup_that_is_ignored_stays_so() {
        let status =
            |mask: &str| format!("Name:\tdaemon\nSigBlk:\t0000000000000001\nSigIgn:\t{mask}\nSigCgt:\t1\n");
        assert!(ignores_hangup(&status("0000000000000001")));
        assert!(ignores_hangup(&status("0000000000001001")));
        assert!(!ignores_hangup(&status("0000000000001000")));
        for unclear in ["", "Name:\tdaemon\n", &status("none")] {
            assert!(ignores_hangup(unclear), "{unclear}");
        }
    }
}
