//! The program's few own commands: in the tray's menu, or in the window's where there is no tray.

use tauri::menu::{CheckMenuItem, Menu, MenuEvent, MenuItem, PredefinedMenuItem, Submenu};
use tauri::{AppHandle, Manager as _, Runtime};
use tauri_plugin_autostart::ManagerExt as _;

use crate::supervisor::State;
use crate::{pages, window};

const SHOW: &str = "show";
const STATUS: &str = "status";
const LOGIN: &str = "login";
const LOG: &str = "log";
const QUIT: &str = "quit";

/// The entries, of which two change.
pub(crate) struct Entries<R: Runtime> {
    show: MenuItem<R>,
    status: MenuItem<R>,
    login: CheckMenuItem<R>,
    log: MenuItem<R>,
    quit: MenuItem<R>,
}

impl<R: Runtime> Entries<R> {
    /// As they are at the beginning.
    pub(crate) fn new(app: &AppHandle<R>) -> tauri::Result<Self> {
        // A folder that cannot be read has no entry for us.
        let starts_at_login = app.autolaunch().is_enabled().unwrap_or(false);
        Ok(Self {
            show: MenuItem::with_id(app, SHOW, "Open Polymath", true, None::<&str>)?,
            status: MenuItem::with_id(app, STATUS, "Looking for your node", false, None::<&str>)?,
            login: CheckMenuItem::with_id(app, LOGIN, "Start at login", true, starts_at_login, None::<&str>)?,
            log: MenuItem::with_id(app, LOG, "Show the logs", true, None::<&str>)?,
            quit: MenuItem::with_id(app, QUIT, "Quit", true, None::<&str>)?,
        })
    }

    /// The tray's menu.
    pub(crate) fn for_tray(&self, app: &AppHandle<R>) -> tauri::Result<Menu<R>> {
        let lines = (PredefinedMenuItem::separator(app)?, PredefinedMenuItem::separator(app)?);
        Menu::with_items(
            app,
            &[&self.show, &self.status, &lines.0, &self.login, &self.log, &lines.1, &self.quit],
        )
    }

    /// The window's menu.
    pub(crate) fn for_window(&self, app: &AppHandle<R>) -> tauri::Result<Menu<R>> {
        let line = PredefinedMenuItem::separator(app)?;
        let entries = Submenu::with_items(
            app,
            "Polymath",
            true,
            &[&self.status, &self.login, &self.log, &line, &self.quit],
        )?;
        Menu::with_items(app, &[&entries])
    }
}

/// Says how the node is.
pub(crate) fn set_status<R: Runtime>(app: &AppHandle<R>, state: &State) {
    let text = match state {
        State::Looking => "Looking for your node",
        State::Starting { .. } => "Your node is starting",
        State::Up { own: true, .. } => "Your node is running",
        State::Up { own: false, .. } => "Your node is running (started elsewhere)",
        State::Waiting { .. } => "Your node has stopped; starting it again",
        State::Failed { .. } => "Your node does not run",
        State::Over => "Your node is being stopped",
    };
    if let Some(entries) = app.try_state::<Entries<R>>()
        && let Err(error) = entries.status.set_text(text)
    {
        log::warn!("the menu does not change: {error}");
    }
}

/// Does what was chosen.
pub(crate) fn on_event<R: Runtime>(app: &AppHandle<R>, event: &MenuEvent) {
    match event.id().as_ref() {
        SHOW => window::raise(app),
        LOGIN => toggle_login(app),
        LOG => pages::show_log(app.clone()),
        QUIT => app.exit(0),
        _ => {}
    }
}

fn toggle_login<R: Runtime>(app: &AppHandle<R>) {
    let at_login = app.autolaunch();
    let changed =
        at_login.is_enabled().and_then(|is| if is { at_login.disable() } else { at_login.enable() });
    if let Err(error) = changed {
        log::warn!("start at login: {error}");
    }
    let is_enabled = at_login.is_enabled().unwrap_or(false);
    log::info!("start at login: {}", if is_enabled { "on" } else { "off" });
    if let Some(entries) = app.try_state::<Entries<R>>() {
        // What is shown is what is, also where it could not be changed.
        let _ = entries.login.set_checked(is_enabled);
    }
}
