//! The one table from outcomes to exit codes, and how a failure is told.

use std::process::ExitCode;

use polymath_swarm::sanitise::SanitiseError;

use super::terminal;
use crate::api::access::store;
use crate::catalog::pull;
use crate::{api, catalog, config, node, owner, telemetry};

/// The table as `--help` shows it.
pub(super) const HELP: &str = "\
Exit codes:
  0    done
  1    failed
  2    the command line or the question is wrong
  3    no node is running, and the command needs one
  4    no expert fits the question
  5    busy: try again later
  6    the settings are wrong
  7    the question ran out of time
  130  interrupted

Environment: POLYMATH_CONFIG, POLYMATH_STATE_DIR, POLYMATH_ASSETS, POLYMATH_LOG (error, warn, info, debug, \
trace or target=level), POLYMATH_LOG_FORMAT, and for a node POLYMATH_NODE_NAME, POLYMATH_LISTEN, \
POLYMATH_BOOTSTRAP, POLYMATH_MDNS, POLYMATH_NAMESPACE, POLYMATH_SOCKET, POLYMATH_REST, POLYMATH_GRPC, \
POLYMATH_WS, POLYMATH_INSECURE, POLYMATH_ALLOWED_HOSTS, POLYMATH_ALLOWED_ORIGINS, POLYMATH_TLS_CERTIFICATE, \
POLYMATH_TLS_KEY. A flag wins over the environment, \
the environment over the file.";

/// How a command ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exit {
    Done = 0,
    Failed = 1,
    Usage = 2,
    NotRunning = 3,
    NoExpert = 4,
    Busy = 5,
    Settings = 6,
    Timeout = 7,
    Interrupted = 130,
}

/// Ctrl-C came first.
#[derive(Debug, thiserror::Error)]
#[error("interrupted")]
pub(super) struct Interrupted;

/// The arguments contradict each other in a way that clap cannot see.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Usage(pub(super) String);

/// What a node answers when it will not: a code that all of its interfaces share, and a text for people.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(super) struct Refused {
    pub(super) code: String,
    pub(super) message: String,
}

/// What a command that looks at nothing but the settings finds wrong with them.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
struct WrongSettings(anyhow::Error);

/// The failure of a command that looks at nothing but the settings: whatever has no code of its own is their fault, unless it cannot be
/// printed.
pub(super) fn of_settings(error: anyhow::Error) -> anyhow::Error {
    if Exit::of(&error) == Exit::Failed && !error.is::<std::io::Error>() {
        return WrongSettings(error).into();
    }
    error
}

impl Exit {
    /// Judges a failure by the first cause that has a code of its own.
    pub(super) fn of(error: &anyhow::Error) -> Self {
        error.chain().find_map(Self::of_cause).unwrap_or(Self::Failed)
    }

    fn of_cause(cause: &(dyn std::error::Error + 'static)) -> Option<Self> {
        if cause.is::<Interrupted>() {
            return Some(Self::Interrupted);
        }
        if cause.is::<Usage>() || cause.is::<SanitiseError>() {
            return Some(Self::Usage);
        }
        if cause.is::<config::Error>() || cause.is::<telemetry::Error>() || cause.is::<WrongSettings>() {
            return Some(Self::Settings);
        }
        if let Some(store::Error::Unknown(_)) = cause.downcast_ref() {
            return Some(Self::Usage);
        }
        if let Some(error) = cause.downcast_ref() {
            return Self::of_catalog(error);
        }
        if let Some(error) = cause.downcast_ref() {
            return Self::of_owner(error);
        }
        if let Some(error) = cause.downcast_ref() {
            return Self::of_pull(error);
        }
        if let Some(error) = cause.downcast_ref::<api::client::Error>() {
            return Some(Self::of_code(error.code()));
        }
        let shut = |error: &api::Error| matches!(error, api::Error::Access(_) | api::Error::Tls(_));
        if cause.downcast_ref().is_some_and(shut) {
            return Some(Self::Settings);
        }
        match cause.downcast_ref() {
            Some(node::Error::Api(error)) if shut(error) => return Some(Self::Settings),
            Some(node::Error::Owner(error)) => return Self::of_owner(error),
            _ => {}
        }
        if let Some(refused) = cause.downcast_ref::<Refused>() {
            return Some(Self::of_code(&refused.code));
        }
        // Whoever reads our output has had enough: that is no failure.
        let io = cause.downcast_ref::<std::io::Error>()?;
        (io.kind() == std::io::ErrorKind::BrokenPipe).then_some(Self::Done)
    }

    /// What is asked of a swarm by its name, or by an invitation, is the command line's: so is a name that nothing has, an
    /// invitation that is damaged. (`--swarm` and POLYMATH_SWARM are settings.)
    fn of_owner(error: &owner::Error) -> Option<Self> {
        match error {
            owner::Error::Unknown(_)
            | owner::Error::Invalid { .. }
            | owner::Error::Config(config::Error::Swarm { .. }) => Some(Self::Usage),
            owner::Error::Config(_) => Some(Self::Settings),
            owner::Error::Catalog(error) => Self::of_catalog(error),
            owner::Error::Pull(error) => Self::of_pull(error),
            _ => None,
        }
    }

    /// A model that is nowhere, or not under that name, is the command line's fault too.
    fn of_pull(error: &pull::Error) -> Option<Self> {
        let is_unknown = matches!(
            error,
            pull::Error::Source(_)
                | pull::Error::NotHere { .. }
                | pull::Error::NoFile { .. }
                | pull::Error::NotStored { .. }
                | pull::Error::Missing { .. }
        );
        is_unknown.then_some(Self::Usage)
    }

    /// The settings name cards and models, so that what is wrong with these is wrong with them; not so a file that has changed, or a disk
    /// that takes no more.
    fn of_catalog(error: &catalog::Error) -> Option<Self> {
        let is_other = matches!(error, catalog::Error::Mismatch { .. } | catalog::Error::Write { .. });
        (!is_other).then_some(Self::Settings)
    }

    /// By the code that the node's table and the SDK share.
    fn of_code(code: &str) -> Self {
        match code {
            "not_running" => Self::NotRunning,
            "no_expert" => Self::NoExpert,
            "busy" | "rate_limited" => Self::Busy,
            "deadline" => Self::Timeout,
            "invalid" | "too_long" | "refused" | "unknown_expert" | "unknown_task" => Self::Usage,
            _ => Self::Failed,
        }
    }

    pub(super) fn code(self) -> i32 {
        self as i32
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(u8::try_from(exit.code()).unwrap_or(1))
    }
}

/// Tells a person what went wrong: one line, causes joined by colons. `has_node` says whether a node runs here.
pub(super) fn report(error: &anyhow::Error, exit: Exit, has_node: impl FnOnce() -> bool) {
    if matches!(exit, Exit::Done | Exit::Interrupted) {
        return;
    }
    terminal::note(&format!("error: {}", told(error)));
    if exit == Exit::NoExpert {
        let list = if has_node() { "experts" } else { "models" };
        terminal::note(&format!("hint: `daemon {list} list` shows who is there"));
    }
}

/// The causes from the outside in. Vendors' errors repeat their source in their own text; it is told once.
fn told(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain() {
        let cause = cause.to_string();
        let cause = cause.trim_matches(|c: char| c == ':' || c.is_whitespace());
        if !text.contains(cause) {
            text.push_str(if text.is_empty() { "" } else { ": " });
            text.push_str(cause);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::anyhow;

    #[test]
    fn a_cause_is_told_once() {
        let error = anyhow!("in use").context(": in use").context("cannot listen");
        assert_eq!(told(&error), "cannot listen: in use");
        assert_eq!(told(&anyhow!("lines\n")), "lines");
    }

    #[test]
    fn what_a_look_at_the_settings_finds_is_theirs() {
        let found = of_settings(anyhow!("no file").context("expert x"));
        assert_eq!((Exit::of(&found), told(&found)), (Exit::Settings, "expert x: no file".to_owned()));
        for kept in [std::io::ErrorKind::BrokenPipe, std::io::ErrorKind::StorageFull] {
            let before = Exit::of(&anyhow!(std::io::Error::from(kept)));
            assert_eq!(Exit::of(&of_settings(anyhow!(std::io::Error::from(kept)))), before);
        }
        assert_eq!(Exit::of(&of_settings(anyhow!(Interrupted))), Exit::Interrupted);
    }

    fn twice() -> catalog::Error {
        catalog::Error::Twice { id: "x".into(), first: "a".into(), second: "b".into() }
    }

    fn no_swarm() -> config::Error {
        config::Error::Swarm { name: "x".into(), reason: "none".into() }
    }

    #[test]
    fn every_outcome_has_its_code() {
        let refused = |code: &str| anyhow!(Refused { code: code.into(), message: String::new() });
        let not_running = api::client::Error::NotRunning { place: "x".into() };
        let pipe = std::io::Error::from(std::io::ErrorKind::BrokenPipe);
        let cases = [
            (anyhow!("anything"), Exit::Failed),
            (anyhow!(Usage("x".into())), Exit::Usage),
            (anyhow!(not_running).context("asking"), Exit::NotRunning),
            (refused("no_expert"), Exit::NoExpert),
            (refused("busy"), Exit::Busy),
            (refused("deadline"), Exit::Timeout),
            (refused("invalid"), Exit::Usage),
            (refused("failed"), Exit::Failed),
            (anyhow!(api::client::Error::NoExpert { message: "m".into() }), Exit::NoExpert),
            (anyhow!(SanitiseError::Empty), Exit::Usage),
            (anyhow!(config::Error::NoHome), Exit::Settings),
            (anyhow!(Interrupted), Exit::Interrupted),
            (anyhow!(pipe), Exit::Done),
            (anyhow!(store::Error::Unknown("x".into())), Exit::Usage),
            (anyhow!(twice()), Exit::Settings),
            (anyhow!(twice()).context("reading"), Exit::Settings),
            (anyhow!(node::Error::Owner(twice().into())), Exit::Settings),
            (
                anyhow!(node::Error::Owner(owner::Error::Card { id: "x".into(), source: twice() })),
                Exit::Settings,
            ),
            (anyhow!(no_swarm()), Exit::Settings),
            (anyhow!(owner::Error::Config(no_swarm())), Exit::Usage),
            (anyhow!(owner::Error::Config(config::Error::NoHome)), Exit::Settings),
            (anyhow!(owner::Error::Unknown("x".into())), Exit::Usage),
            (anyhow!(owner::Error::Invalid { field: "invitation", reason: "x".into() }), Exit::Usage),
            (anyhow!(owner::Error::Conflict("x".into())), Exit::Failed),
            (anyhow!(pull::Error::Source("x".into())), Exit::Usage),
            (anyhow!(owner::Error::Pull(pull::Error::NotHere { path: "x".into() })), Exit::Usage),
            (anyhow!(pull::Error::Missing { url: "x".into() }), Exit::Usage),
            (anyhow!(pull::Error::NoFile { repo: "x".into(), reason: "none".into() }), Exit::Usage),
            (anyhow!(pull::Error::NotPublic { url: "x".into() }), Exit::Failed),
            (anyhow!(pull::Error::TooLarge { repo: "x".into(), bytes: 1 }), Exit::Failed),
            (anyhow!(pull::Error::Hub { url: "x".into(), reason: "is silent".into() }), Exit::Failed),
        ];
        for (error, exit) in cases {
            assert_eq!(Exit::of(&error), exit, "{error:?}");
            assert!(HELP.contains(&format!("\n  {:<5}", exit.code())), "{exit:?} is not documented");
        }
    }
}
