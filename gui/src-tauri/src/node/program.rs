//! Where the daemon's program is, and what it says of its settings: the state folder, the socket and the ports are its own business,
//! so that they are asked for and not guessed.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde::Deserialize;

use super::ports::{self, Said};

/// What the daemon is called beside us: in our packages, and where it was built.
const NAMES_BESIDE: [&str; 2] = ["polymath-daemon", "daemon"];
/// What it is called in `PATH`: Debian has another program named `daemon`, so that this name comes last.
const NAMES: [&str; 3] = ["polymath", "polymath-daemon", "daemon"];
/// Says where the program is.
const VARIABLE: &str = "POLYMATH_DAEMON";
/// Says where its models are; then ours do not count.
const VARIABLE_ASSETS: &str = "POLYMATH_ASSETS";
/// What the daemon writes into its state folder for its owner: the console's address with his key.
const CONSOLE_FILE: &str = "console.url";

/// Where the program may be.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    /// Our own program's file: the sidecar is beside it.
    pub(crate) own: Option<PathBuf>,
    /// What the environment says.
    pub(crate) said: Option<PathBuf>,
    /// The folders of `PATH`.
    pub(crate) folders: Vec<PathBuf>,
    /// The bundled models, if they came with us.
    pub(crate) models: Option<PathBuf>,
}

/// A program that is there, and what it says of its settings.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    path: PathBuf,
    /// The bundled models, if they came with us.
    assets: Option<PathBuf>,
    settings: Settings,
}

/// What of `daemon config show --json` concerns us.
#[derive(Clone, Debug, Deserialize)]
struct Settings {
    node: NodeSettings,
    api: ApiSettings,
}

#[derive(Clone, Debug, Deserialize)]
struct NodeSettings {
    state_dir: PathBuf,
    listen_address: Vec<String>,
}

#[derive(Clone, Debug, Deserialize)]
struct ApiSettings {
    socket: PathBuf,
    rest_address: String,
    grpc_address: String,
    ws_address: String,
}

/// Why there is no program to use.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// None of the places has one.
    #[error("the program `daemon` was not found: install Polymath, or say where it is with {VARIABLE}")]
    Missing,
    /// It is there and does not start.
    #[error("{} cannot be started: {source}", path.display())]
    Start {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It refuses its settings, and says why.
    #[error("{said}")]
    Settings {
        /// Its own words.
        said: String,
    },
    /// Another program of that name, or another version.
    #[error("{} is not Polymath's daemon, or of another version: {source}", path.display())]
    Other {
        /// Which.
        path: PathBuf,
        /// What was wrong with its answer.
        source: serde_json::Error,
    },
}

impl Places {
    /// Those of this process; `resources` is where our package has put what belongs to it.
    pub(crate) fn of_process(resources: Option<PathBuf>) -> Self {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let resources = resources.filter(|_| std::env::var_os(VARIABLE_ASSETS).is_none());
        Self {
            own: std::env::current_exe().ok(),
            said: std::env::var_os(VARIABLE).map(PathBuf::from),
            folders: std::env::split_paths(&path).collect(),
            models: resources.map(|folder| folder.join("models")),
        }
    }

    /// Every place where the program may be, the best first: what somebody has said goes over what came with us.
    fn candidates(&self) -> Vec<PathBuf> {
        let beside = self.folder().into_iter().flat_map(|folder| named(folder, NAMES_BESIDE));
        // What a relative folder of PATH has depends on where one stands.
        let usual = self.folders.iter().filter(|folder| folder.is_absolute());
        let usual = usual.flat_map(|folder| named(folder, NAMES));
        self.said.clone().into_iter().chain(beside).chain(usual).collect()
    }

    /// Our own program's folder.
    fn folder(&self) -> Option<&Path> {
        self.own.as_deref()?.parent()
    }

    /// The models that came with us, for the daemon that came with us.
    fn assets_of(&self, program: &Path) -> Option<PathBuf> {
        let is_beside = self.said.as_deref() != Some(program) && program.parent() == self.folder();
        self.models.clone().filter(|models| is_beside && models.join("experts").is_dir())
    }
}

impl Program {
    /// Looks where the environment says, then beside our own program, then in `PATH`.
    pub(super) fn find(places: &Places) -> Result<Self, Error> {
        let path = places.candidates().into_iter().find(|path| is_program(path)).ok_or(Error::Missing)?;
        let assets = places.assets_of(&path);
        let settings = Settings::ask(&path, assets.as_deref())?;
        Ok(Self { path, assets, settings })
    }

    /// A call of it, with nothing but its arguments missing.
    pub(crate) fn command(&self) -> Command {
        command(&self.path, self.assets.as_deref())
    }

    /// The program's file.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Where the daemon writes its console's address.
    pub(super) fn console_file(&self) -> PathBuf {
        self.settings.node.state_dir.join(CONSOLE_FILE)
    }

    /// Whether a node of this user runs. The socket is in a folder that only its owner enters, so that whoever answers there is his;
    /// a port could be anybody's.
    pub(super) fn is_running(&self) -> bool {
        answers(&self.settings.api.socket)
    }

    /// The flags that keep a node from failing for a port that somebody else has, and give it a console in any case.
    pub(super) fn port_flags(&self) -> Vec<String> {
        let Settings { node, api } = &self.settings;
        ports::flags(&Said {
            listen: &node.listen_address,
            rest: &api.rest_address,
            grpc: &api.grpc_address,
            ws: &api.ws_address,
        })
    }
}

impl Settings {
    fn ask(path: &Path, assets: Option<&Path>) -> Result<Self, Error> {
        let mut command = command(path, assets);
        let Output { status, stdout, stderr } = command
            .args(["config", "show", "--json"])
            .stdin(Stdio::null())
            .output()
            .map_err(|source| Error::Start { path: path.to_owned(), source })?;
        if !status.success() {
            let said = String::from_utf8_lossy(&stderr).trim().trim_start_matches("error: ").to_owned();
            let said = if said.is_empty() { format!("{} ends with {status}", path.display()) } else { said };
            return Err(Error::Settings { said });
        }
        serde_json::from_slice(&stdout).map_err(|source| Error::Other { path: path.to_owned(), source })
    }
}

fn command(path: &Path, assets: Option<&Path>) -> Command {
    let mut command = Command::new(path);
    // It takes every variable of ours for a setting of its own, and warns of those that are none.
    command.env_remove(VARIABLE);
    if let Some(assets) = assets {
        command.arg("--assets").arg(assets);
    }
    command
}

fn named<const N: usize>(folder: &Path, names: [&str; N]) -> [PathBuf; N] {
    names.map(|name| folder.join(format!("{name}{}", std::env::consts::EXE_SUFFIX)))
}

#[cfg(unix)]
fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    path.metadata().is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_program(path: &Path) -> bool {
    path.is_file()
}

#[cfg(unix)]
fn answers(socket: &Path) -> bool {
    std::os::unix::net::UnixStream::connect(socket).is_ok()
}

/// Without such sockets there is no way to tell whose node it is: ours is started, and says so if another has the folder.
#[cfg(not(unix))]
fn answers(_: &Path) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_said_comes_first_then_the_sidecar_then_the_path() {
        let places = Places {
            own: Some("/app/polymath-desktop".into()),
            said: Some("/said".into()),
            folders: vec!["/usr/bin".into(), "relative".into()],
            models: None,
        };
        let suffix = std::env::consts::EXE_SUFFIX;
        let found = places.candidates().into_iter().map(|path| path.to_string_lossy().into_owned());
        let found: Vec<_> = found.map(|path| path.trim_end_matches(suffix).to_owned()).collect();
        let usual = ["/usr/bin/polymath", "/usr/bin/polymath-daemon", "/usr/bin/daemon"];
        let wanted: Vec<_> =
            ["/said", "/app/polymath-daemon", "/app/daemon"].into_iter().chain(usual).collect();
        assert_eq!(found, wanted);
    }

    #[test]
    fn our_models_are_for_our_daemon() {
        let folder = tempfile::tempdir().unwrap();
        let models = folder.path().join("models");
        std::fs::create_dir_all(models.join("experts")).unwrap();
        let mut places = Places {
            own: Some("/app/polymath-desktop".into()),
            said: None,
            folders: vec![],
            models: Some(models.clone()),
        };
        assert_eq!(places.assets_of(Path::new("/app/polymath-daemon")), Some(models));
        assert_eq!(places.assets_of(Path::new("/usr/bin/polymath")), None);
        places.said = Some("/app/other".into());
        assert_eq!(places.assets_of(Path::new("/app/other")), None);
        places.models = Some("/nowhere".into());
        assert_eq!(places.assets_of(Path::new("/app/polymath-daemon")), None);
    }

    #[test]
    fn its_answer_is_read_and_another_programs_is_not() {
        let text = r#"{"node": {"name": "n", "state_dir": "/s", "listen_address": []}, "network": {}, "api": {"socket": "/s/api.sock",
            "rest_address": "127.0.0.1:8080", "grpc_address": "off", "ws_address": "127.0.0.1:8081", "insecure": false}}"#;
        let settings: Settings = serde_json::from_str(text).unwrap();
        let program = Program { path: "/d".into(), assets: None, settings };
        assert_eq!(program.console_file(), Path::new("/s/console.url"));
        assert!(!program.is_running());
        assert!(serde_json::from_str::<Settings>("daemon-0.8.4").is_err());
    }

    #[cfg(unix)]
    #[test]
    fn a_program_that_says_no_is_quoted() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("daemon");
        std::fs::write(&path, "#!/bin/sh\necho 'error: unknown key nodee' >&2\nexit 6\n").unwrap();
        assert!(!is_program(&path));
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        assert!(is_program(&path));
        let error = Settings::ask(&path, None).unwrap_err().to_string();
        assert_eq!(error, "unknown key nodee");
        std::fs::write(&path, "#!/bin/sh\necho hello\n").unwrap();
        assert!(Settings::ask(&path, None).unwrap_err().to_string().contains("not Polymath's"));
    }
}
