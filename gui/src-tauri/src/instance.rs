//! The second start, on Linux: hands its arguments to the first and ends, before a toolkit or a thread has begun.
//!
//! The plugin for this does the same, but only when the toolkit is up, and ends the process from within: one time in some hundred
//! the toolkit's threads do not bear that. It still owns the name, and is there for two starts at the same instant.

use gtk::gio;
use gtk::glib::ToVariant as _;

/// The name that the plugin owns: the program's identifier (tauri.conf.json) and this.
pub(crate) const NAME: &str = "org.polymath.desktop.SingleInstance";
/// Where the plugin listens, and for what.
const PATH: &str = "/org/polymath/desktop/SingleInstance";
const INTERFACE: &str = "org.SingleInstance.DBus";
const METHOD: &str = "ExecuteCallback";
/// The first one only raises its window.
const ANSWER_MS_MAX: i32 = 5_000;

/// Whether another instance has taken the arguments; if it has not, this one is the first.
pub(crate) fn is_taken_by_another() -> bool {
    let arguments: Vec<String> = std::env::args().collect();
    let folder = std::env::current_dir().unwrap_or_default().to_string_lossy().into_owned();
    let Ok(bus) = gio::bus_get_sync(gio::BusType::Session, gio::Cancellable::NONE) else { return false };
    let taken = bus.call_sync(
        Some(NAME),
        PATH,
        INTERFACE,
        METHOD,
        Some(&(arguments, folder).to_variant()),
        None,
        gio::DBusCallFlags::NO_AUTO_START,
        ANSWER_MS_MAX,
        gio::Cancellable::NONE,
    );
    taken.is_ok()
}
