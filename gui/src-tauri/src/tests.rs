//! Who may call what, against the capabilities that are built in.

use tauri::ipc::{CallbackFn, InvokeBody};
use tauri::test::{INVOKE_KEY, MockRuntime, get_ipc_response, mock_builder};
use tauri::webview::InvokeRequest;
use tauri::{App, WebviewUrl, WebviewWindow, WebviewWindowBuilder};

use crate::desktop::with_commands;

/// Every command there is; `build.rs` has the same list.
const COMMANDS: [&str; 8] =
    ["situation", "retry", "connect", "show_log", "offer", "accept", "start", "decline"];

fn app() -> App<MockRuntime> {
    with_commands(mock_builder()).build(tauri::generate_context!()).unwrap()
}

fn open(app: &App<MockRuntime>, label: &str) -> WebviewWindow<MockRuntime> {
    WebviewWindowBuilder::new(app, label, WebviewUrl::App("index.html".into())).build().unwrap()
}

/// Whether a page at `url` may call `command`: what it answers is another matter.
fn may(window: &WebviewWindow<MockRuntime>, url: &str, command: &str) -> bool {
    let request = InvokeRequest {
        cmd: command.into(),
        callback: CallbackFn(0),
        error: CallbackFn(1),
        url: url.parse().unwrap(),
        body: InvokeBody::Json(serde_json::json!({ "address": "", "number": 0 })),
        headers: Default::default(),
        invoke_key: INVOKE_KEY.to_owned(),
    };
    let answer = get_ipc_response(window, request);
    !answer.is_err_and(|error| error.to_string().contains("not allowed"))
}

fn home() -> &'static str {
    if cfg!(windows) { "http://tauri.localhost/index.html" } else { "tauri://localhost/index.html" }
}

#[test]
fn the_consoles_page_gets_no_command_whatever_its_window() {
    let app = app();
    for label in ["main", "join"] {
        let window = open(&app, label);
        for url in ["http://127.0.0.1:8080/", "http://localhost:1/#/chat", "https://example.org/"] {
            for command in COMMANDS.into_iter().chain([
                "plugin:event|listen",
                "plugin:opener|open_url",
                "plugin:opener|open_path",
                "plugin:autostart|enable",
                "plugin:notification|notify",
                "plugin:log|log",
                "plugin:deep-link|register",
                "plugin:window|create",
                "plugin:webview|create_webview_window",
            ]) {
                assert!(!may(&window, url, command), "{label}: {url} may {command}");
            }
        }
    }
}

#[test]
fn our_own_pages_have_their_own_commands_and_not_each_others() {
    let app = app();
    let (start, join, other) = (open(&app, "main"), open(&app, "join"), open(&app, "other"));
    for command in COMMANDS {
        let is_joins = matches!(command, "offer" | "accept" | "start" | "decline");
        // It would open a window of the system's.
        if command != "show_log" {
            assert_eq!(may(&start, home(), command), !is_joins, "main: {command}");
        }
        assert_eq!(may(&join, home(), command), is_joins, "join: {command}");
        assert!(!may(&other, home(), command), "other: {command}");
    }
    assert!(!may(&start, home(), "plugin:opener|open_url"));
}

#[cfg(target_os = "linux")]
#[test]
fn the_second_start_looks_for_the_name_that_the_first_has() {
    let name = format!("{}.SingleInstance", app().config().identifier);
    assert_eq!(name, crate::instance::NAME);
}
