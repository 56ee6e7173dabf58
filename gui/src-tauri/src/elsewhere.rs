//! A node on another machine: its console is shown, and nothing is started here. Phones know no other kind, since none runs a node;
//! on a computer it is asked for by `--node`.
//!
//! Only the node's address is kept. The key is the console's business: it asks for it and keeps it if the user says so.

use std::fs;
use std::net::{TcpStream, ToSocketAddrs as _};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tauri::{AppHandle, Manager as _, Runtime};

use crate::console::Console;
use crate::window;

/// The address of the last node, in the program's own folder.
#[cfg(mobile)]
const FILE: &str = "node.address";
/// How long a node may take to answer: twice a slow mobile network's round trip, several times over.
const ANSWER_MAX: Duration = Duration::from_secs(5);

/// What is known of the node.
#[derive(Debug, Default)]
pub(crate) struct Elsewhere {
    /// Where its address is kept; nowhere if it was said on the command line.
    file: Option<PathBuf>,
    last: Mutex<Last>,
}

/// The last try.
#[derive(Clone, Debug, Default)]
pub(crate) struct Last {
    /// The address, for the form.
    pub(crate) address: Option<String>,
    /// Why it did not work.
    pub(crate) problem: Option<String>,
}

impl Elsewhere {
    /// A node whose address is kept from one start to the next.
    #[cfg(mobile)]
    pub(crate) fn kept<R: Runtime>(app: &AppHandle<R>) -> Self {
        let file = app.path().app_config_dir().ok().map(|folder| folder.join(FILE));
        Self { file, ..Self::default() }
    }

    /// The node of the last time.
    #[cfg(any(mobile, test))]
    pub(crate) fn remembered(&self) -> Option<Console> {
        Console::of_typed(&fs::read_to_string(self.file.as_deref()?).ok()?).ok()
    }

    /// What came of the last try.
    pub(crate) fn last(&self) -> Last {
        self.lock().clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Last> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keep(&self, console: &Console) {
        let Some(file) = &self.file else { return };
        let made = file.parent().map_or(Ok(()), fs::create_dir_all);
        if let Err(error) = made.and_then(|()| fs::write(file, console.place())) {
            log::warn!("the node's address is not kept: {error}");
        }
    }
}

/// Shows the console at an address, if somebody answers there: a web view says nothing useful otherwise. Blocks for some seconds.
pub(crate) fn connect<R: Runtime>(app: &AppHandle<R>, console: &Console) -> Result<(), String> {
    let elsewhere = app.state::<Elsewhere>();
    let place = console.place();
    let problem = reach(console).err().map(|error| format!("{place} does not answer: {error}"));
    log::info!("node elsewhere: {place}{}", if problem.is_none() { "" } else { ", no answer" });
    *elsewhere.lock() = Last { address: Some(place), problem: problem.clone() };
    if let Some(problem) = problem {
        return Err(problem);
    }
    elsewhere.keep(console);
    window::show_console(app, console);
    Ok(())
}

fn reach(console: &Console) -> std::io::Result<()> {
    let mut last = std::io::Error::from(std::io::ErrorKind::AddrNotAvailable);
    let Some(host_and_port) = console.host_and_port() else { return Err(last) };
    for address in host_and_port.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, ANSWER_MAX) {
            Ok(_) => return Ok(()),
            Err(error) => last = error,
        }
    }
    Err(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_address_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("new/node.address");
        let elsewhere = Elsewhere { file: Some(file.clone()), ..Elsewhere::default() };
        assert_eq!(elsewhere.remembered(), None);
        elsewhere.keep(&Console::of_typed("https://node.example:8443/#key=secret").unwrap());
        assert_eq!(fs::read_to_string(file).unwrap(), "https://node.example:8443");
        assert_eq!(elsewhere.remembered().unwrap().place(), "https://node.example:8443");
    }

    #[test]
    fn whether_somebody_answers_is_known_before() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let console = Console::of_typed(&listener.local_addr().unwrap().to_string()).unwrap();
        assert!(reach(&console).is_ok());
        drop(listener);
        assert!(reach(&console).is_err());
    }
}
