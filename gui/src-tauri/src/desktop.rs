//! The program on a computer: puts the parts together, from the first argument to the last signal.

use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tauri::{App, AppHandle, Builder, Manager as _, RunEvent, Runtime, Window, WindowEvent};
use tauri_plugin_deep_link::DeepLinkExt as _;
use tauri_plugin_log::{RotationStrategy, Target, TargetKind, TimezoneStrategy};

use crate::arguments::{self, Arguments, Instead};
use crate::elsewhere::{self, Elsewhere};
use crate::node::{self, Change, Node, Places};
use crate::supervisor::State;
use crate::{join, link, menu, notice, pages, tray, window};

/// The exit code of a wrong call, as the daemon has it.
const EXIT_USAGE: u8 = 2;
/// Bytes of a log file before it is begun anew; one old one is kept.
const LOG_BYTES_MAX: u128 = 2 * 1024 * 1024;
/// At login the tray may come after us: as long as slow desktops take.
const TRAY_MAX: Duration = Duration::from_secs(10);
/// How often it is looked for then.
const TRAY_POLL: Duration = Duration::from_millis(500);

/// Whether the program's end is under way, and whether the node has ended.
#[derive(Debug, Default)]
struct End {
    begun: AtomicBool,
    done: AtomicBool,
}

/// Runs the program until it is told to quit.
pub fn main() -> ExitCode {
    let arguments = match arguments::read(std::env::args().skip(1)) {
        Ok(arguments) => arguments,
        Err(Instead::Print(text)) => {
            print!("{text}");
            return ExitCode::SUCCESS;
        }
        Err(Instead::Refuse(text)) => {
            eprintln!("error: {text}");
            return ExitCode::from(EXIT_USAGE);
        }
    };
    if !has_screen() {
        eprintln!("error: there is no screen here: neither DISPLAY nor WAYLAND_DISPLAY is set");
        return ExitCode::FAILURE;
    }
    #[cfg(target_os = "linux")]
    if crate::instance::is_taken_by_another() {
        return ExitCode::SUCCESS;
    }
    let built = with_plugins(Builder::default(), arguments).build(tauri::generate_context!());
    match built {
        Ok(app) => {
            app.run(on_event);
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Without one, the toolkit would panic.
fn has_screen() -> bool {
    let is_set = |name: &&str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    !cfg!(target_os = "linux") || ["DISPLAY", "WAYLAND_DISPLAY"].iter().any(is_set)
}

fn with_plugins<R: Runtime>(builder: Builder<R>, arguments: Arguments) -> Builder<R> {
    // The first plugin: a second start is to end before it has done anything.
    let builder = builder.plugin(tauri_plugin_single_instance::init(|app, arguments, _| {
        log::info!("started a second time");
        if !arguments.iter().any(|argument| argument == "--hidden") {
            window::raise(app);
        }
    }));
    with_commands(builder)
        .plugin(logs())
        .plugin(tauri_plugin_deep_link::init())
        .plugin(tauri_plugin_notification::init())
        .plugin(tauri_plugin_opener::Builder::new().open_js_links_on_click(false).build())
        .plugin(tauri_plugin_autostart::Builder::new().app_name("Polymath").arg("--hidden").build())
        .on_menu_event(|app, event| menu::on_event(app, &event))
        .on_window_event(on_window_event)
        .setup(move |app| set_up(app, arguments))
}

/// The commands of our own pages, and what they need; tests build this much.
pub(crate) fn with_commands<R: Runtime>(builder: Builder<R>) -> Builder<R> {
    builder
        .manage(window::Whereabouts::default())
        .manage(join::Offers::default())
        .manage(End::default())
        .invoke_handler(tauri::generate_handler![
            pages::situation,
            pages::retry,
            pages::connect,
            pages::show_log,
            join::offer,
            join::accept,
            join::start,
            join::decline,
        ])
}

/// One file for the program, one for what the node prints, where the system wants logs.
fn logs<R: Runtime>() -> tauri::plugin::TauriPlugin<R> {
    let file = |name: &str| TargetKind::LogDir { file_name: Some(name.to_owned()) };
    let is_nodes = |metadata: &log::Metadata<'_>| metadata.target() == node::LOG_TARGET;
    tauri_plugin_log::Builder::new()
        .level(log::LevelFilter::Info)
        .max_file_size(LOG_BYTES_MAX)
        .rotation_strategy(RotationStrategy::KeepOne)
        .format(move |out, message, record| {
            // The node's own lines have their time and level.
            if is_nodes(record.metadata()) {
                return out.finish(*message);
            }
            let now = TimezoneStrategy::UseUtc.get_now();
            let (date, hour, minute, second) = (now.date(), now.hour(), now.minute(), now.second());
            let level = record.level();
            out.finish(format_args!("{date}T{hour:02}:{minute:02}:{second:02}Z {level:>5} {message}"));
        })
        .targets([
            Target::new(file("desktop")).filter(move |metadata| !is_nodes(metadata)),
            Target::new(file("node")).filter(is_nodes),
        ])
        .build()
}

fn set_up<R: Runtime>(app: &mut App<R>, arguments: Arguments) -> Result<(), Box<dyn std::error::Error>> {
    let app = app.handle();
    app.manage(menu::Entries::new(app)?);
    tray::build(app)?;
    let window = window::open(app, !arguments.hidden)?;
    if !tray::is_shown() && !cfg!(target_os = "macos") {
        window.set_menu(app.state::<menu::Entries<R>>().for_window(app)?)?;
    }
    if arguments.hidden {
        show_without_tray(app.clone());
    }
    end_by_signal(app.clone());
    let told = app.clone();
    match arguments.node {
        Some(console) => {
            app.manage(Elsewhere::default());
            // What went wrong is on the page.
            std::thread::spawn(move || drop(elsewhere::connect(&told, &console)));
        }
        None => {
            let places = Places::of_process(app.path().resource_dir().ok());
            app.manage(Node::start(places, move |change| on_change(&told, &change)));
        }
    }
    links(app);
    Ok(())
}

/// Hears links, the one that started us included.
fn links<R: Runtime>(app: &AppHandle<R>) {
    let heard = app.clone();
    app.deep_link().on_open_url(move |event| join::on_links(&heard, &event.urls()));
    if let Ok(Some(urls)) = app.deep_link().get_current() {
        join::on_links(app, &urls);
    }
    // A package does it when it is installed; a program that was only copied, or an AppImage, does it itself.
    #[cfg(any(windows, target_os = "linux"))]
    if !app.deep_link().is_registered(link::SCHEME).unwrap_or(false) {
        match app.deep_link().register(link::SCHEME) {
            Ok(()) => log::info!("links of {}: lead here", link::SCHEME),
            Err(error) => log::warn!("links of {}: lead nowhere: {error}", link::SCHEME),
        }
    }
}

fn on_change<R: Runtime>(app: &AppHandle<R>, change: &Change) {
    match change {
        Change::Tell(what) => notice::tell(app, *what),
        // The windows are gone.
        Change::State(State::Over) => {}
        Change::State(state) => {
            match state {
                State::Up { console, .. } => window::show_console(app, console),
                _ => window::show_start(app),
            }
            menu::set_status(app, state);
        }
    }
}

/// Closing the main window hides it, if there is a tray to bring it back from; else it ends the program.
fn on_window_event<R: Runtime>(window: &Window<R>, event: &WindowEvent) {
    let WindowEvent::CloseRequested { api, .. } = event else { return };
    if window.label() != window::MAIN {
        return;
    }
    api.prevent_close();
    if !tray::is_shown() {
        window.app_handle().exit(0);
    } else if let Err(error) = window.hide() {
        log::warn!("the window does not hide: {error}");
    }
}

/// A window that was to stay hidden is shown after all where no tray comes up.
fn show_without_tray<R: Runtime>(app: AppHandle<R>) {
    std::thread::spawn(move || {
        for _ in 0..TRAY_MAX.as_millis() / TRAY_POLL.as_millis() {
            if tray::is_shown() {
                return;
            }
            std::thread::sleep(TRAY_POLL);
        }
        window::raise(&app);
    });
}

/// Signals end the program as its menu does: the node first.
#[cfg(unix)]
fn end_by_signal<R: Runtime>(app: AppHandle<R>) {
    use tokio::signal::unix::{SignalKind, signal};
    for kind in [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::hangup()] {
        let app = app.clone();
        tauri::async_runtime::spawn(async move {
            match signal(kind) {
                Ok(mut signals) => {
                    if signals.recv().await.is_some() {
                        app.exit(0);
                    }
                }
                Err(error) => log::warn!("signals are not heard: {error}"),
            }
        });
    }
}

#[cfg(not(unix))]
fn end_by_signal<R: Runtime>(_: AppHandle<R>) {}

/// Lets the program end only when the node has. The loop goes on meanwhile: the node's thread may wait for it.
fn on_event<R: Runtime>(app: &AppHandle<R>, event: RunEvent) {
    let RunEvent::ExitRequested { api, .. } = event else { return };
    let end = app.state::<End>();
    if end.done.load(Ordering::Acquire) {
        return;
    }
    api.prevent_exit();
    if end.begun.swap(true, Ordering::AcqRel) {
        return;
    }
    log::info!("the program ends");
    for window in app.webview_windows().values() {
        // One that is gone needs no hiding.
        let _ = window.hide();
    }
    let app = app.clone();
    std::thread::spawn(move || {
        if let Some(node) = app.try_state::<Node>() {
            node.stop();
        }
        app.state::<End>().done.store(true, Ordering::Release);
        app.exit(0);
    });
}
