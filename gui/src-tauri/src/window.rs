//! The main window: first a page of our own that says what is going on, then the node's console, and nothing else.
//!
//! The console's page is the node's, not ours. It gets no command (no capability names its address), and the window goes nowhere
//! but to that node: what else a page links to is opened by the system's browser.

use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use tauri::webview::{NewWindowResponse, PageLoadEvent};
use tauri::{AppHandle, Manager as _, Runtime, WebviewUrl, WebviewWindow, WebviewWindowBuilder};
use tauri_plugin_opener::OpenerExt as _;
use url::Url;

use crate::console::Console;

/// The main window's name; the capability of the start page names it too.
pub(crate) const MAIN: &str = "main";
/// Room for the console's wide layout, on screens of laptops.
#[cfg(desktop)]
const SIZE: (f64, f64) = (1180.0, 780.0);
/// A phone's width, which the console is made for as well.
#[cfg(desktop)]
const SIZE_MIN: (f64, f64) = (360.0, 480.0);

/// The least time between two pages for the browser: a person clicks no faster, and a page that went wrong opens no hundred.
const BROWSER_INTERVAL: Duration = Duration::from_millis(700);

/// Where the window may go at present.
#[derive(Debug, Default)]
pub(crate) struct Whereabouts {
    /// Our own page's address, as the web view has it.
    home: OnceLock<Url>,
    /// The console that is shown; none while our own page is.
    console: Mutex<Option<Console>>,
    /// When the browser was given a page last.
    handed_over: Mutex<Option<Instant>>,
}

/// What becomes of an address that a page wants to go to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// It is shown here.
    Here,
    /// The system's browser shows it.
    Browser,
    /// Nobody does.
    Nowhere,
}

impl Whereabouts {
    fn console(&self) -> std::sync::MutexGuard<'_, Option<Console>> {
        self.console.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the browser may be given another page now.
    fn may_hand_over(&self, now: Instant) -> bool {
        let mut last = self.handed_over.lock().unwrap_or_else(PoisonError::into_inner);
        let may = last.is_none_or(|last| now.saturating_duration_since(last) >= BROWSER_INTERVAL);
        if may {
            *last = Some(now);
        }
        may
    }

    /// While a console is shown, our own page is out of its reach: that one has commands.
    fn way(&self, url: &Url) -> Way {
        let here = match (&*self.console(), self.home.get()) {
            (Some(console), _) => console.is_of(url),
            (None, Some(home)) => is_page_of(home, url),
            // The first page of all is ours.
            (None, None) => true,
        };
        match (here, url.scheme()) {
            (true, _) => Way::Here,
            (false, "http" | "https" | "mailto") => Way::Browser,
            (false, _) => Way::Nowhere,
        }
    }
}

/// Whether `url` is a page of our own.
#[cfg(desktop)]
pub(crate) fn is_own<R: Runtime>(app: &AppHandle<R>, url: &Url) -> bool {
    app.state::<Whereabouts>().home.get().is_some_and(|home| is_page_of(home, url))
}

/// Origins do not tell pages of our own apart from others: their scheme is none of the web's.
fn is_page_of(home: &Url, url: &Url) -> bool {
    (home.scheme(), home.host_str(), home.port()) == (url.scheme(), url.host_str(), url.port())
}

/// Opens the main window with our own page in it.
pub(crate) fn open<R: Runtime>(app: &AppHandle<R>, is_visible: bool) -> tauri::Result<WebviewWindow<R>> {
    let (navigating, opening) = (app.clone(), app.clone());
    let builder = WebviewWindowBuilder::new(app, MAIN, WebviewUrl::App("index.html".into()))
        .title("Polymath")
        .visible(is_visible)
        // The console's own handling of what is dropped on it counts.
        .disable_drag_drop_handler()
        .on_navigation(move |url| follow(&navigating, url))
        .on_new_window(move |url, _| {
            hand_over(&opening, &url);
            NewWindowResponse::Deny
        })
        .on_page_load(|window, loaded| {
            // Without what stands behind `#`: it may be a key.
            let place = loaded.url().origin().ascii_serialization();
            if loaded.event() == PageLoadEvent::Finished {
                log::info!(
                    "window {}: loaded {}",
                    window.label(),
                    if place == "null" { "our own page" } else { &place }
                );
            }
        });
    #[cfg(desktop)]
    let builder = builder
        .inner_size(SIZE.0, SIZE.1)
        .min_inner_size(SIZE_MIN.0, SIZE_MIN.1)
        .center()
        .on_download(|page, event| crate::downloads::on_event(page.app_handle(), event))
        .on_document_title_changed(|window, title| {
            let _ = window.set_title(&title);
        });
    let window = builder.build()?;
    // Set once: a second main window is never made.
    let _ = app.state::<Whereabouts>().home.set(window.url()?);
    Ok(window)
}

fn follow<R: Runtime>(app: &AppHandle<R>, url: &Url) -> bool {
    let way = app.state::<Whereabouts>().way(url);
    if way == Way::Browser {
        hand_over(app, url);
    }
    if way == Way::Nowhere {
        log::info!("an address of {}: is not followed", url.scheme());
    }
    way == Way::Here
}

/// Opens an address in the system's browser, if it is one for a browser.
fn hand_over<R: Runtime>(app: &AppHandle<R>, url: &Url) {
    let is_for_browsers = matches!(url.scheme(), "http" | "https" | "mailto");
    let may = is_for_browsers && app.state::<Whereabouts>().may_hand_over(Instant::now());
    if may && let Err(error) = app.opener().open_url(url.as_str(), None::<&str>) {
        log::warn!("the browser does not open: {error}");
    }
}

/// Shows a console.
pub(crate) fn show_console<R: Runtime>(app: &AppHandle<R>, console: &Console) {
    *app.state::<Whereabouts>().console() = Some(console.clone());
    go(app, console.address().clone());
}

/// Shows our own page again.
#[cfg(desktop)]
pub(crate) fn show_start<R: Runtime>(app: &AppHandle<R>) {
    let whereabouts = app.state::<Whereabouts>();
    let before = whereabouts.console().take();
    // It follows the node's state by itself: once there it stays.
    if let (Some(_), Some(home)) = (before, whereabouts.home.get()) {
        go(app, home.clone());
    }
}

fn go<R: Runtime>(app: &AppHandle<R>, url: Url) {
    if let Some(window) = app.get_webview_window(MAIN)
        && let Err(error) = window.navigate(url)
    {
        log::error!("the window does not follow: {error}");
    }
}

/// Brings the window to the front, wherever it was.
#[cfg(desktop)]
pub(crate) fn raise<R: Runtime>(app: &AppHandle<R>) {
    if let Some(window) = app.get_webview_window(MAIN) {
        let shown = window.show().and_then(|()| window.unminimize()).and_then(|()| window.set_focus());
        if let Err(error) = shown {
            log::warn!("the window does not come to the front: {error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn way(whereabouts: &Whereabouts, url: &str) -> Way {
        whereabouts.way(&Url::parse(url).unwrap())
    }

    #[test]
    fn the_browser_is_not_flooded() {
        let (whereabouts, now) = (Whereabouts::default(), Instant::now());
        assert!(whereabouts.may_hand_over(now));
        assert!(!whereabouts.may_hand_over(now + BROWSER_INTERVAL / 2));
        assert!(whereabouts.may_hand_over(now + BROWSER_INTERVAL));
        assert!(!whereabouts.may_hand_over(now));
    }

    #[test]
    fn the_window_shows_our_page_or_the_console_and_never_the_other() {
        let whereabouts = Whereabouts::default();
        assert_eq!(way(&whereabouts, "tauri://localhost/index.html"), Way::Here);
        whereabouts.home.set(Url::parse("tauri://localhost/index.html").unwrap()).unwrap();
        for (url, wanted) in [
            ("tauri://localhost/index.html", Way::Here),
            ("tauri://evil/index.html", Way::Nowhere),
            ("http://127.0.0.1:8080/", Way::Browser),
        ] {
            assert_eq!(way(&whereabouts, url), wanted, "{url}");
        }
        *whereabouts.console() = Some(Console::of_own("http://127.0.0.1:8080/#key=k").unwrap());
        for (url, wanted) in [
            ("http://127.0.0.1:8080/", Way::Here),
            ("http://127.0.0.1:8080/#/trust", Way::Here),
            ("blob:http://127.0.0.1:8080/1", Way::Here),
            ("tauri://localhost/index.html", Way::Nowhere),
            ("http://tauri.localhost/index.html", Way::Browser),
            ("http://127.0.0.1:9999/", Way::Browser),
            ("https://example.org/", Way::Browser),
            ("mailto:a@example.org", Way::Browser),
            ("file:///etc/passwd", Way::Nowhere),
            ("javascript:alert(1)", Way::Nowhere),
            ("data:text/html,x", Way::Nowhere),
            ("polymath://join?invitation=x", Way::Nowhere),
            ("ssh://host", Way::Nowhere),
        ] {
            assert_eq!(way(&whereabouts, url), wanted, "{url}");
        }
    }
}
