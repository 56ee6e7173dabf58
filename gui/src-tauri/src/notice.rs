//! Notifications of the system's kind: few, since each interrupts somebody.

use tauri::{AppHandle, Runtime};
use tauri_plugin_notification::NotificationExt as _;

use crate::supervisor::Notice;

/// Tells what became of the node.
pub(crate) fn tell<R: Runtime>(app: &AppHandle<R>, notice: Notice) {
    let (title, text) = match notice {
        Notice::Died => ("Your node has stopped", "It is being started again."),
        Notice::Back => ("Your node is back", "It has been started again."),
        Notice::GivenUp => ("Your node does not start", "Open Polymath to see why."),
    };
    show(app, title, text);
}

/// Tells that this machine's user is a member now.
pub(crate) fn joined<R: Runtime>(app: &AppHandle<R>, name: &str) {
    show(app, "You are in a private swarm", &format!("You have joined {name}."));
}

/// Tells where a file went, or that it did not arrive.
pub(crate) fn saved<R: Runtime>(app: &AppHandle<R>, name: Option<&str>) {
    match name {
        Some(name) => show(app, "Saved", &format!("{name} is with your downloads.")),
        None => show(app, "Not saved", "The file did not arrive."),
    }
}

fn show<R: Runtime>(app: &AppHandle<R>, title: &str, text: &str) {
    log::info!("notification: {title}");
    if let Err(error) = app.notification().builder().title(title).body(text).show() {
        log::warn!("the notification is not shown: {error}");
    }
}
