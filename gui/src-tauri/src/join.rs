//! Joining a private swarm by a link. The link's invitation is shown in a window of our own, with the swarm's name and the
//! addresses it leads to; only when the user has agreed to just that one is it given to `daemon swarm join`, on standard input. Then
//! the same window offers to start his node there (`daemon swarm start`).

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};

use serde::Serialize;
use tauri::{AppHandle, Manager as _, Runtime, WebviewUrl, WebviewWindowBuilder};
use url::Url;
use zeroize::Zeroizing;

use crate::link::{self, LinkError, Offer};
use crate::node::Node;
use crate::{notice, window};

/// The dialog's name; its capability names it too.
const WINDOW: &str = "join";
/// Room for a name, some addresses and two buttons.
const SIZE: (f64, f64) = (520.0, 460.0);
/// What would make `daemon swarm join` do something else.
const VARIABLES: [&str; 2] = ["POLYMATH_INVITATION", "POLYMATH_SWARM"];

/// The link that was opened last: one at a time, so that a page that opens thousands fills nothing.
#[derive(Default)]
pub(crate) struct Offers(Mutex<Latest>);

#[derive(Default)]
struct Latest {
    /// Counts the links, so that the user agrees to what he was shown and not to what came in between.
    number: u64,
    read: Option<Result<Offer, LinkError>>,
    /// The swarm that was joined last.
    joined: Option<String>,
}

/// A link as the dialog shows it.
#[derive(Debug, Serialize)]
pub(crate) struct Shown {
    number: u64,
    name: String,
    addresses: Vec<String>,
    problem: Option<String>,
}

impl Offers {
    fn lock(&self) -> std::sync::MutexGuard<'_, Latest> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, read: Result<Offer, LinkError>) {
        let mut latest = self.lock();
        *latest = Latest { number: latest.number + 1, read: Some(read), joined: None };
    }

    fn shown(&self) -> Option<Shown> {
        let latest = self.lock();
        let number = latest.number;
        Some(match latest.read.as_ref()? {
            Ok(Offer { invitation, .. }) => {
                let (name, addresses) = (invitation.name.clone(), invitation.addresses.clone());
                Shown { number, name, addresses, problem: None }
            }
            Err(error) => {
                Shown { number, name: String::new(), addresses: vec![], problem: Some(error.to_string()) }
            }
        })
    }

    /// Hands the offer of this number out, once.
    fn take(&self, number: u64) -> Option<Offer> {
        let mut latest = self.lock();
        if latest.number != number {
            return None;
        }
        latest.read.take()?.ok()
    }

    fn forget(&self) {
        let mut latest = self.lock();
        (latest.read, latest.joined) = (None, None);
    }
}

/// Takes in what a link asks for, and asks the user.
pub(crate) fn on_links<R: Runtime>(app: &AppHandle<R>, urls: &[Url]) {
    let Some(url) = urls.first() else { return };
    let read = link::read(url);
    match &read {
        Ok(offer) => log::info!("a link offers the swarm {}", offer.invitation.name),
        Err(error) => log::warn!("a link was refused: {error}"),
    }
    app.state::<Offers>().put(read);
    let app = app.clone();
    // The caller may be the event loop, which a new window needs.
    tauri::async_runtime::spawn(async move {
        window::raise(&app);
        if let Err(error) = ask(&app) {
            log::error!("the dialog does not open: {error}");
        }
    });
}

fn ask<R: Runtime>(app: &AppHandle<R>) -> tauri::Result<()> {
    if let Some(dialog) = app.get_webview_window(WINDOW) {
        dialog.reload()?;
        return dialog.set_focus();
    }
    let navigating = app.clone();
    let dialog = WebviewWindowBuilder::new(app, WINDOW, WebviewUrl::App("join.html".into()))
        .title("Join a private swarm")
        .inner_size(SIZE.0, SIZE.1)
        .resizable(false)
        .center()
        .on_navigation(move |url| window::is_own(&navigating, url))
        .build()?;
    dialog.set_focus()
}

/// What the link offers.
#[tauri::command]
pub(crate) fn offer<R: Runtime>(app: AppHandle<R>) -> Option<Shown> {
    app.state::<Offers>().shown()
}

/// Joins, and says the swarm's name.
#[tauri::command]
pub(crate) async fn accept<R: Runtime>(app: AppHandle<R>, number: u64) -> Result<String, String> {
    let offer = app.state::<Offers>().take(number);
    let offer = offer.ok_or("another link has come in the meantime: look at that one")?;
    let text = offer.text;
    call(&app, ["swarm", "join"].map(str::to_owned).into(), text).await?;
    let name = offer.invitation.name;
    app.state::<Offers>().lock().joined = Some(name.clone());
    log::info!("joined the swarm {name}");
    notice::joined(&app, &name);
    Ok(name)
}

/// Starts the user's node in the swarm that he has just joined; it lives on when this program ends, as one that the console starts.
#[tauri::command]
pub(crate) async fn start<R: Runtime>(app: AppHandle<R>) -> Result<(), String> {
    let name = app.state::<Offers>().lock().joined.clone();
    let name = name.ok_or("no swarm was joined by this window")?;
    call(&app, ["swarm", "start", &name].map(str::to_owned).into(), Zeroizing::default()).await?;
    log::info!("the node in {name} runs");
    Ok(())
}

async fn call<R: Runtime>(
    app: &AppHandle<R>,
    arguments: Vec<String>,
    input: Zeroizing<String>,
) -> Result<(), String> {
    let program = app.try_state::<Node>().and_then(|node| node.program());
    let program = program.ok_or("no node is kept on this machine, so that there is none to join with")?;
    let called = move || told(program.command().args(arguments), &input);
    tauri::async_runtime::spawn_blocking(called).await.map_err(|error| error.to_string())?
}

/// Forgets the link and closes the dialog.
#[tauri::command]
pub(crate) fn decline<R: Runtime>(app: AppHandle<R>) {
    app.state::<Offers>().forget();
    if let Some(dialog) = app.get_webview_window(WINDOW)
        && let Err(error) = dialog.close()
    {
        log::warn!("the dialog does not close: {error}");
    }
}

/// Runs the daemon with this on its standard input; an error is in its own words.
fn told(program: &mut Command, input: &Zeroizing<String>) -> Result<(), String> {
    for variable in VARIABLES {
        program.env_remove(variable);
    }
    let mut child = program
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("the daemon cannot be started: {error}"))?;
    if let Some(mut stdin) = child.stdin.take() {
        // If it does not read to the end, it says why itself.
        let _ = stdin.write_all(input.as_bytes());
    }
    let output = child.wait_with_output().map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().trim_start_matches("error: ").to_owned();
    Err(if said.is_empty() { format!("the daemon ended with {}", output.status) } else { said })
}

#[cfg(test)]
mod tests {
    use super::*;
    use polymath_swarm::private::{Invitation, SwarmSecret};

    fn offered(name: &str) -> Result<Offer, LinkError> {
        let invitation =
            Invitation { name: name.into(), secret: SwarmSecret::new([1; 32]), addresses: vec![] };
        let text = invitation.encode();
        Ok(Offer { invitation, text })
    }

    #[test]
    fn the_user_agrees_to_what_he_was_shown() {
        let offers = Offers::default();
        assert!(offers.shown().is_none());
        offers.put(offered("family"));
        let shown = offers.shown().unwrap();
        assert_eq!(shown.name, "family");
        offers.put(offered("strangers"));
        assert!(offers.take(shown.number).is_none(), "a link that came in between is not what was agreed to");
        let shown = offers.shown().unwrap();
        assert_eq!(offers.take(shown.number).unwrap().invitation.name, "strangers");
        assert!(offers.take(shown.number).is_none(), "twice");
    }

    #[test]
    fn a_bad_link_is_shown_with_its_fault_and_joins_nothing() {
        let offers = Offers::default();
        offers.put(Err(LinkError::Empty));
        let shown = offers.shown().unwrap();
        assert!(shown.problem.unwrap().contains("no invitation"));
        assert!(offers.take(shown.number).is_none());
        offers.put(offered("family"));
        offers.forget();
        assert!(offers.shown().is_none());
    }

    #[cfg(unix)]
    #[test]
    fn the_daemon_gets_it_on_standard_input_and_is_quoted() {
        let invitation = Zeroizing::new("polymath1:abc".to_owned());
        let shell = |script: &str| {
            let mut command = Command::new("sh");
            command.args(["-c", script, "sh"]);
            command
        };
        let mut taking = shell(r#"[ "$*" = "swarm join" ] && [ "$(cat)" = polymath1:abc ]"#);
        told(taking.args(["swarm", "join"]), &invitation).unwrap();
        let error =
            told(&mut shell("echo 'error: you are in it already' >&2; exit 1"), &invitation).unwrap_err();
        assert_eq!(error, "you are in it already");
        assert!(told(&mut shell("exit 4"), &invitation).unwrap_err().contains('4'));
        let missing = told(&mut Command::new("/nowhere/daemon"), &invitation).unwrap_err();
        assert!(missing.contains("cannot be started"));
    }
}
