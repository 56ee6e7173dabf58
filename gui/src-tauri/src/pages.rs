//! What the start page asks and may do. `build.rs` and `capabilities/start.json` name the same commands.

use serde::Serialize;
use tauri::{AppHandle, Manager as _, Runtime};

use crate::console::Console;
use crate::elsewhere::{self, Elsewhere};
#[cfg(desktop)]
use crate::{node::Node, supervisor::State};

/// Lines of the node's that are shown: as many as fit.
#[cfg(desktop)]
const LINES_SHOWN: usize = 12;

/// Where things stand, in the page's terms.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Situation {
    /// `looking`, `starting`, `up`, `waiting`, `failed`, `over` or `connect`.
    phase: &'static str,
    /// Why it is not up.
    reason: Option<String>,
    /// The last lines that the node has printed.
    lines: Vec<String>,
    /// The address that the form begins with.
    address: Option<String>,
}

/// How it is.
#[tauri::command]
pub(crate) fn situation<R: Runtime>(app: AppHandle<R>) -> Situation {
    #[cfg(desktop)]
    if let Some(node) = app.try_state::<Node>() {
        return of_node(&node);
    }
    let last = app.try_state::<Elsewhere>().map(|elsewhere| elsewhere.last()).unwrap_or_default();
    Situation { phase: "connect", reason: last.problem, address: last.address, lines: vec![] }
}

#[cfg(desktop)]
fn of_node(node: &Node) -> Situation {
    let (phase, reason) = match node.state() {
        State::Looking => ("looking", None),
        State::Starting { .. } => ("starting", None),
        State::Up { .. } => ("up", None),
        State::Waiting { reason, .. } => ("waiting", Some(reason)),
        State::Failed { reason } => ("failed", Some(reason)),
        State::Over => ("over", None),
    };
    let mut lines = node.lines();
    lines.drain(..lines.len().saturating_sub(LINES_SHOWN));
    Situation { phase, reason, lines, address: None }
}

/// Another try, now.
#[tauri::command]
pub(crate) fn retry<R: Runtime>(app: AppHandle<R>) {
    #[cfg(desktop)]
    if let Some(node) = app.try_state::<Node>() {
        node.retry();
    }
    #[cfg(mobile)]
    drop(app);
}

/// Shows the console of the node at the address that was typed, where no node of our own is kept.
#[tauri::command]
pub(crate) async fn connect<R: Runtime>(app: AppHandle<R>, address: String) -> Result<(), String> {
    if app.try_state::<Elsewhere>().is_none() {
        return Err("a node of this machine is shown: start the program with --node for another".to_owned());
    }
    let console = Console::of_typed(&address).map_err(|error| error.to_string())?;
    let connected = tauri::async_runtime::spawn_blocking(move || elsewhere::connect(&app, &console)).await;
    connected.unwrap_or_else(|error| Err(error.to_string()))
}

/// Opens the folder with the logs.
#[tauri::command]
pub(crate) fn show_log<R: Runtime>(app: AppHandle<R>) {
    use tauri_plugin_opener::OpenerExt as _;
    let folder = app.path().app_log_dir().map_err(|error| error.to_string());
    let opened = folder.and_then(|folder| {
        app.opener().open_path(folder.to_string_lossy(), None::<&str>).map_err(|error| error.to_string())
    });
    if let Err(error) = opened {
        log::warn!("the folder of the logs does not open: {error}");
    }
}
