//! `doctor`: whether this machine and its settings are fit for a node, and how to mend what is not.
//!
//! Each check looks at one thing and gives one finding: what it saw, and if that is not as it should be, the fix. What a running
//! node knows better than its settings (what it serves, who reaches it, whom it knows) is asked of the running node. Nothing is changed.

mod running;
mod state;

use std::net::TcpListener;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use clap::Args;
use serde_json::json;

use super::session::Session;
use super::{Context, Json, terminal};
use crate::api::{self, access};
use crate::catalog::{self, Entry};
use crate::config::file::File;
use crate::config::{Config, ExpertConfig, Loaded};
use crate::embedding::Encoder;
use crate::inference;
use crate::network;

/// Bytes of memory of a node without experts: encoder, ONNX Runtime, the rest.
const NODE_BYTES: u64 = 128 << 20;
/// Before this program was made: a clock that says so has stopped or was never set.
const UNIX_SECONDS_MIN: u64 = 1_764_000_000;
/// How long the system may take to say who keeps its clock.
const CLOCK_MAX: Duration = Duration::from_secs(3);
/// An embedding that takes longer makes every question wait.
const EMBEDDING_SLOW: Duration = Duration::from_millis(100);

/// What `doctor` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  daemon doctor
  daemon doctor --json | jq '.findings[] | select(.state != \"ok\")'

Exits with 1 if anything fails. Start a node first to have its reach looked at too.")]
pub(super) struct Arguments {
    #[command(flatten)]
    json: Json,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Ok,
    /// Works, but not as well as it could.
    Warn,
    Fail,
    /// Could not be looked at.
    Unknown,
}

impl State {
    fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
            Self::Unknown => "unknown",
        }
    }
}

/// What one check saw.
#[derive(Debug)]
struct Finding {
    check: &'static str,
    state: State,
    found: String,
    /// What to do about it.
    fix: Option<String>,
}

fn ok(check: &'static str, found: impl Into<String>) -> Finding {
    Finding { check, state: State::Ok, found: found.into(), fix: None }
}

fn not_ok(check: &'static str, state: State, found: impl Into<String>, fix: impl Into<String>) -> Finding {
    Finding { check, state, found: found.into(), fix: Some(fix.into()) }
}

pub(super) async fn run(arguments: Arguments, context: Context) -> anyhow::Result<()> {
    let findings = context.unless_cancelled(examine(&context)).await?;
    if arguments.json.json {
        let object = |finding: &Finding| {
            json!({
                "check": finding.check, "state": finding.state.name(), "found": finding.found, "fix": finding.fix,
            })
        };
        terminal::json(&json!({ "findings": findings.iter().map(object).collect::<Vec<_>>() }))?;
    } else {
        terminal::advise(&told(&findings, terminal::Style::detect()))?;
    }
    let failed = findings.iter().filter(|finding| finding.state == State::Fail).count();
    anyhow::ensure!(failed == 0, "{failed} of {} checks failed", findings.len());
    Ok(())
}

fn told(findings: &[Finding], style: terminal::Style) -> String {
    let line = |finding: &Finding| {
        let mark = match finding.state {
            State::Ok => style.good("ok  "),
            State::Warn => style.bold("warn"),
            State::Fail => style.bad("FAIL"),
            State::Unknown => style.dim("?   "),
        };
        let fix = finding.fix.as_ref().map(|fix| format!("                -> {fix}\n"));
        format!("{mark}  {:<9} {}\n{}", finding.check, finding.found, fix.unwrap_or_default())
    };
    findings.iter().map(line).collect()
}

async fn examine(context: &Context) -> Vec<Finding> {
    let Loaded { config, .. } = match context.load(File::default()) {
        Ok(loaded) => loaded,
        Err(error) => {
            let fix = "mend the file, or see what is in force with `daemon config show`";
            return vec![not_ok("settings", State::Fail, error.to_string(), fix)];
        }
    };
    let mut findings = vec![ok("settings", "are read")];
    findings.extend(state::findings(&config).await);
    findings.push(clock(SystemTime::now(), kept_by_ntp().await));
    findings.push(encoder(&config).await);
    match Session::running(&config).await {
        Ok(session) => findings.extend(running::findings(&session, &config).await),
        Err(_) => {
            findings.extend(models(config.experts.clone()).await);
            findings.push(memory(&config));
            findings.extend(ports(&config));
            for check in ["nat", "swarm"] {
                let fix = "start one with `daemon run`, then ask again";
                findings.push(not_ok(check, State::Unknown, "no node is running here", fix));
            }
        }
    }
    findings
}

/// Statuses are signed with times; whoever is minutes off is believed by nobody.
fn clock(now: SystemTime, kept_by_ntp: Option<bool>) -> Finding {
    let fix = "set the clock: sudo timedatectl set-ntp true";
    let now = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    if now < UNIX_SECONDS_MIN {
        return not_ok("clock", State::Fail, "is years behind: others will not believe this node", fix);
    }
    match kept_by_ntp {
        Some(true) => ok("clock", "is kept by a time server"),
        Some(false) => not_ok("clock", State::Warn, "no time server keeps it, so that it may be off", fix),
        None => ok("clock", "is plausible; whether a time server keeps it is not known here"),
    }
}

/// Whether the kernel's clock is kept by whatever program does it (chrony, ntpd, timesyncd), as systemd says; nothing without systemd.
async fn kept_by_ntp() -> Option<bool> {
    let asked = tokio::process::Command::new("timedatectl")
        .args(["show", "--property=NTPSynchronized", "--value"])
        .kill_on_drop(true)
        .output();
    let answer = tokio::time::timeout(CLOCK_MAX, asked).await.ok()?.ok()?;
    match answer.stdout.trim_ascii() {
        b"yes" => Some(true),
        b"no" => Some(false),
        _ => None,
    }
}

async fn encoder(config: &Config) -> Finding {
    let opened = match Encoder::open(config.embedding.clone()).await {
        Ok(encoder) => encoder,
        Err(error) => return not_ok("encoder", State::Fail, chain(error), "run scripts/setup"),
    };
    let began = Instant::now();
    match opened.embed(vec!["How warm is it in here?".to_owned()]).await {
        Err(error) => not_ok("encoder", State::Fail, chain(error), "run scripts/setup"),
        Ok(_) if began.elapsed() > EMBEDDING_SLOW => {
            let found = format!("{} takes {} ms for a sentence", opened.name(), began.elapsed().as_millis());
            not_ok(
                "encoder",
                State::Warn,
                found,
                "give it more room: is the machine busy with something else?",
            )
        }
        Ok(_) => {
            let took = began.elapsed().as_secs_f64() * 1e3;
            ok("encoder", format!("{} works, {took:.1} ms a sentence", opened.name()))
        }
    }
}

/// The experts of the settings: their cards, and whether the model files are what these say.
async fn models(experts: Vec<ExpertConfig>) -> Vec<Finding> {
    if experts.is_empty() {
        return vec![ok("models", "the settings name no experts: this node will only ask")];
    }
    // Hashing gigabytes blocks.
    let look = move || {
        let entries = |expert: &ExpertConfig| catalog::resolve(&expert.source).ok();
        let entries: Vec<Entry> = experts.iter().filter_map(entries).collect();
        let twice = catalog::distinct(&entries).err().map(|error| {
            not_ok("models", State::Fail, chain(error), "name each expert once, or give one another id")
        });
        experts.iter().map(model).chain(twice).collect()
    };
    tokio::task::spawn_blocking(look).await.unwrap_or_else(|error| {
        vec![not_ok("models", State::Unknown, format!("looking at them broke off: {error}"), "ask again")]
    })
}

fn model(expert: &ExpertConfig) -> Finding {
    let fix = "mend the card or fetch the model again; `daemon models verify` looks at all";
    let entry = match catalog::resolve(&expert.source) {
        Ok(entry) => entry,
        Err(error) => return not_ok("models", State::Fail, chain(error), fix),
    };
    if let Some(service) = &expert.service {
        return ok("models", format!("{} is on a server: {}", entry.id, service.url));
    }
    match catalog::verify(&entry) {
        Ok(found) if entry.sha256.is_some() => {
            ok("models", format!("{} is what its card says ({})", entry.id, terminal::bytes(found.bytes)))
        }
        Ok(found) => ok("models", format!("{} is there ({})", entry.id, terminal::bytes(found.bytes))),
        Err(error) => not_ok("models", State::Fail, format!("{}: {}", entry.id, chain(error)), fix),
    }
}

fn memory(config: &Config) -> Finding {
    let Some(available) = inference::memory_available() else {
        return not_ok("memory", State::Unknown, "how much is free is not told here", "see what `free` says");
    };
    let needed = |expert: &ExpertConfig| {
        let entry = catalog::resolve(&expert.source).ok().filter(|_| expert.service.is_none())?;
        let (context_tokens, slots) = (entry.max_context, expert.slots);
        let model = inference::Config {
            model_path: entry.model_path,
            context_tokens,
            slots,
            ..inference::Config::default()
        };
        inference::memory_needed(&model).ok()
    };
    let wanted: u64 = config.experts.iter().filter_map(needed).sum();
    let bound = config.node.model_memory_mb << 20;
    let models = if bound > 0 { wanted.min(bound) } else { wanted };
    let all = NODE_BYTES.saturating_add(models);
    let found = format!("{} free, about {} wanted", terminal::bytes(available), terminal::bytes(all));
    if all > available {
        let fix = "host smaller models or fewer, or let them take turns: node.model_memory_mb";
        return not_ok("memory", State::Fail, found, fix);
    }
    ok("memory", found)
}

/// Whether what the node will listen on can be had, and may be opened.
fn ports(config: &Config) -> Vec<Finding> {
    let fix = |at: &str| format!("stop whoever holds it (`ss -lnp`), or name another port instead of {at}");
    let mut findings = Vec::new();
    match config.api.ports().check() {
        // Of damaged keys there is a finding already.
        Ok(()) | Err(api::Error::Access(access::Error::Keys(_))) => {}
        Err(error) => {
            let fix = "mend [api] in the settings; `daemon config check` looks at them alone";
            findings.push(not_ok("ports", State::Fail, chain(error), fix));
        }
    }
    for address in &config.network.listen {
        findings.push(match network::try_listen(address) {
            Ok(()) => ok("ports", format!("{address} is free")),
            Err(error) => not_ok(
                "ports",
                State::Fail,
                format!("{address} cannot be listened on: {error}"),
                fix(address),
            ),
        });
    }
    let ports = &config.api;
    for (name, address) in [("REST", ports.rest), ("gRPC", ports.grpc), ("WebSocket", ports.ws)] {
        let Some(address) = address else { continue };
        findings.push(match TcpListener::bind(address) {
            Ok(_) => ok("ports", format!("{address} is free for {name}")),
            Err(error) => {
                let found = format!("{address} cannot be listened on for {name}: {error}");
                not_ok("ports", State::Fail, found, fix(&address.to_string()))
            }
        });
    }
    findings
}

fn chain(error: impl std::error::Error + Send + Sync + 'static) -> String {
    format!("{:#}", anyhow::Error::new(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_judged_by_its_year_and_by_who_keeps_it() {
        let now = UNIX_EPOCH + Duration::from_secs(UNIX_SECONDS_MIN);
        let state = |now, kept| clock(now, kept).state;
        assert_eq!(state(UNIX_EPOCH, Some(true)), State::Fail);
        assert_eq!(state(now, Some(true)), State::Ok);
        assert_eq!(state(now, Some(false)), State::Warn);
        assert_eq!(state(now, None), State::Ok);
    }
}
