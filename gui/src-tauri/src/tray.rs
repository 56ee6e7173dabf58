//! The icon in the tray, and whether there is a tray at all: without one, a window that is hidden could not be found again.

use tauri::tray::{MouseButton, MouseButtonState, TrayIconBuilder, TrayIconEvent};
use tauri::{AppHandle, Manager as _, Runtime};

use crate::menu::Entries;
use crate::window;

/// Puts the icon there. Where no tray is yet, it comes up with it.
pub(crate) fn build<R: Runtime>(app: &AppHandle<R>) -> tauri::Result<()> {
    let menu = app.state::<Entries<R>>().for_tray(app)?;
    let mut tray = TrayIconBuilder::with_id("polymath")
        .tooltip("Polymath")
        .menu(&menu)
        .show_menu_on_left_click(cfg!(target_os = "macos"))
        .on_tray_icon_event(|tray, event| {
            if let TrayIconEvent::Click {
                button: MouseButton::Left,
                button_state: MouseButtonState::Up,
                ..
            } = event
            {
                window::raise(tray.app_handle());
            }
        });
    if let Some(icon) = app.default_window_icon() {
        tray = tray.icon(icon.clone());
    }
    tray.build(app)?;
    Ok(())
}

/// Whether the desktop shows such icons now.
#[cfg(target_os = "linux")]
pub(crate) fn is_shown() -> bool {
    use gtk::gio;
    use gtk::glib::ToVariant as _;
    /// Who shows them has this name on the session's bus.
    const WATCHER: &str = "org.kde.StatusNotifierWatcher";
    /// The bus itself answers, at once.
    const ANSWER_MS_MAX: i32 = 1_000;
    let asked = gio::bus_get_sync(gio::BusType::Session, gio::Cancellable::NONE).and_then(|bus| {
        bus.call_sync(
            Some("org.freedesktop.DBus"),
            "/org/freedesktop/DBus",
            "org.freedesktop.DBus",
            "NameHasOwner",
            Some(&(WATCHER,).to_variant()),
            None,
            gio::DBusCallFlags::NONE,
            ANSWER_MS_MAX,
            gio::Cancellable::NONE,
        )
    });
    asked.ok().and_then(|answer| answer.get::<(bool,)>()).is_some_and(|(is_owned,)| is_owned)
}

/// Whether the desktop shows such icons now: these always do.
#[cfg(not(target_os = "linux"))]
pub(crate) fn is_shown() -> bool {
    true
}
