//! Polymath's console in a window, with the node behind it.
//!
//! `node` finds the user's node or starts one, by the rules of `supervisor`, and tells of every change. `window` shows a page of
//! our own until there is a console, and then that; `pages` is what our page may ask. `menu`, `tray` and `notice` are for a user
//! who is not looking at the window, `link` and `join` for invitations that come as links. Phones start nothing: they show the
//! console of a node `elsewhere`.
//!
//! What is decided is decided in `supervisor`, `console`, `link` and `arguments`, which know no window and no clock. What runs on a
//! computer alone is compiled there alone.

#![cfg_attr(test, expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking"))]

// No command, no event, no log line may hold what stands behind `#` in a console's address: it is the owner's key.

mod console;
mod elsewhere;
mod pages;
mod window;

#[cfg(desktop)]
mod arguments;
#[cfg(desktop)]
mod desktop;
#[cfg(desktop)]
mod downloads;
#[cfg(target_os = "linux")]
mod instance;
#[cfg(desktop)]
mod join;
#[cfg(desktop)]
mod link;
#[cfg(desktop)]
mod menu;
#[cfg(desktop)]
mod node;
#[cfg(desktop)]
mod notice;
#[cfg(desktop)]
mod supervisor;
#[cfg(desktop)]
mod tray;

#[cfg(desktop)]
pub use desktop::main;

/// Where a phone's system enters.
#[cfg(mobile)]
#[tauri::mobile_entry_point]
pub fn main() {
    use tauri::Manager as _;
    let built = tauri::Builder::default()
        .plugin(tauri_plugin_log::Builder::new().build())
        .plugin(tauri_plugin_opener::init())
        .manage(window::Whereabouts::default())
        .invoke_handler(tauri::generate_handler![
            pages::situation,
            pages::retry,
            pages::connect,
            pages::show_log
        ])
        .setup(|app| {
            let app = app.handle();
            app.manage(elsewhere::Elsewhere::kept(app));
            window::open(app, true)?;
            if let Some(console) = app.state::<elsewhere::Elsewhere>().remembered() {
                let app = app.clone();
                // What went wrong is on the page.
                std::thread::spawn(move || drop(elsewhere::connect(&app, &console)));
            }
            Ok(())
        })
        .run(tauri::generate_context!());
    if let Err(error) = built {
        log::error!("{error}");
    }
}

#[cfg(all(test, desktop))]
mod tests;
