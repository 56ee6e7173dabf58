//! Private swarms: made, joined, left, given a new key, and the user's own node in each, which is a process of its own (ADR 22).

use super::{Error, console, end_of_log};
use crate::config::{NodePlaces, lock, paths, swarms};
use polymath_swarm::private::{ADDRESSES_MAX, Invitation, InvitationError, SwarmSecret};
use std::fs::OpenOptions;
use std::io;
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use tokio::process::{Child, Command};
use tokio::sync::Mutex;
use tokio::time::Instant;

/// How long a node may take to start: large models are loaded meanwhile.
const START_MAX: Duration = Duration::from_secs(120);
/// How often it is looked at.
const POLL: Duration = Duration::from_millis(50);
/// What the node says, in its folder.
const LOG_NAME: &str = "node.log";
/// Bytes of it that are shown when it does not start.
const LOG_TAIL_BYTES: u64 = 1_000;

/// A swarm that this machine's user is a member of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Membership {
    /// Its name.
    pub name: String,
    /// Whether his node in it runs.
    pub is_running: bool,
    /// That node's console, if it runs and has one.
    pub console: Option<String>,
}

/// The swarms of this machine's user; cheap to clone.
#[derive(Clone, Debug)]
pub struct Swarms {
    places: NodePlaces,
    /// Held by the start that is under way: a second one would take the first one's console away.
    starting: Arc<Mutex<()>>,
}

impl Swarms {
    /// Those below a state folder.
    pub fn new(places: NodePlaces) -> Self {
        Self { places, starting: Arc::default() }
    }

    /// All of them, by name.
    pub fn all(&self) -> Vec<Membership> {
        swarms::names(&self.places.home).into_iter().filter_map(|name| self.of(&name).ok()).collect()
    }

    /// One of them.
    ///
    /// # Errors
    /// [`Error::Unknown`] if the user is in none of that name.
    pub fn of(&self, name: &str) -> Result<Membership, Error> {
        let folder = self.folder(name)?;
        let is_running = lock::is_held(&folder);
        Ok(Membership { name: name.to_owned(), is_running, console: console::address(&folder) })
    }

    /// Makes one with a new key.
    ///
    /// # Errors
    /// [`Error::Config`] for a name that nothing can have, or that is taken.
    pub fn create(&self, name: &str) -> Result<Membership, Error> {
        let secret = SwarmSecret::new(rand::random());
        let invitation = Invitation { name: name.to_owned(), secret, addresses: Vec::new() };
        swarms::write(&self.places.home, &invitation, true)?;
        self.of(name)
    }

    /// Makes the user a member.
    ///
    /// # Errors
    /// [`Error::Invalid`] for what is no invitation, [`Error::Config`].
    pub fn join(&self, invitation: &str) -> Result<Membership, Error> {
        let wrong =
            |error: InvitationError| Error::Invalid { field: "invitation", reason: error.to_string() };
        let invitation = Invitation::decode(invitation).map_err(wrong)?;
        swarms::write(&self.places.home, &invitation, true)?;
        self.of(&invitation.name)
    }

    /// What lets others in: with these addresses, else with those that came with the user's own invitation.
    ///
    /// # Errors
    /// [`Error::Config`] if there is no such swarm.
    pub fn invitation(&self, name: &str, addresses: Vec<String>) -> Result<Invitation, Error> {
        let mut invitation = swarms::read(&self.places.home, name)?;
        if !addresses.is_empty() {
            invitation.addresses = addresses;
        }
        invitation.addresses.truncate(ADDRESSES_MAX);
        Ok(invitation)
    }

    /// A new key: whoever has only the old one is out. Members at the old addresses have the old key, so they are forgotten.
    ///
    /// # Errors
    /// [`Error::Conflict`] while the user's node runs: it would go on with the old key; [`Error::Config`].
    pub fn rotate(&self, name: &str) -> Result<Membership, Error> {
        let old = swarms::read(&self.places.home, name)?;
        self.stopped(name)?;
        let secret = SwarmSecret::new(rand::random());
        let renewed = Invitation { secret, addresses: Vec::new(), name: old.name };
        swarms::write(&self.places.home, &renewed, false)?;
        self.of(name)
    }

    /// Forgets the key and what the user's node was there.
    ///
    /// # Errors
    /// [`Error::Conflict`] while that runs, [`Error::Config`].
    pub fn leave(&self, name: &str) -> Result<(), Error> {
        self.stopped(name)?;
        Ok(swarms::remove(&self.places.home, name)?)
    }

    /// The folder of the user's node in a swarm.
    ///
    /// # Errors
    /// [`Error::Config`] for what is no name, [`Error::Unknown`] if he is in none of that name.
    pub fn folder(&self, name: &str) -> Result<PathBuf, Error> {
        let folder = swarms::folder(&self.places.home, name)?;
        if swarms::names(&self.places.home).iter().any(|known| known == name) {
            return Ok(folder);
        }
        Err(Error::Unknown(format!("you are in no private swarm `{name}`")))
    }

    /// The socket of that node.
    ///
    /// # Errors
    /// As [`Swarms::folder`].
    pub fn socket(&self, name: &str) -> Result<PathBuf, Error> {
        Ok(self.folder(name)?.join(paths::SOCKET_NAME))
    }

    /// Waits until that node does not run.
    ///
    /// # Errors
    /// As [`Swarms::folder`].
    pub async fn ended(&self, name: &str) -> Result<(), Error> {
        lock::released(&self.folder(name)?).await;
        Ok(())
    }

    /// Starts the user's node in a swarm, which lives on after this process, and waits until it answers.
    ///
    /// # Errors
    /// [`Error::Conflict`] with the end of its log if it does not start.
    pub async fn start(&self, name: &str) -> Result<Membership, Error> {
        let _one = self.starting.lock().await;
        let now = self.of(name)?;
        if now.is_running {
            return Ok(now);
        }
        let folder = self.folder(name)?;
        console::forget(&folder);
        let mut child = self.spawn(name, &folder).map_err(Error::io(&folder))?;
        let late = Instant::now() + START_MAX;
        while console::address(&folder).is_none() {
            let ended = child.try_wait().map_err(Error::io(&folder))?;
            let is_late = Instant::now() > late;
            if is_late {
                child.kill().await.map_err(Error::io(&folder))?;
            }
            if is_late || ended.is_some() {
                let how = if is_late { "did not start in time" } else { "ended" };
                let log = end_of_log(&folder.join(LOG_NAME), LOG_TAIL_BYTES);
                return Err(Error::Conflict(format!("your node in {name} {how}: {log}")));
            }
            tokio::time::sleep(POLL).await;
        }
        self.of(name)
    }

    fn spawn(&self, name: &str, folder: &Path) -> io::Result<Child> {
        let log_path = folder.join(LOG_NAME);
        // Of this start alone; appended to, since the node begins it anew when it is full.
        let log = OpenOptions::new().create(true).append(true).open(&log_path)?;
        log.set_len(0)?;
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("--state-dir").arg(&self.places.home);
        if let Some(settings) = &self.places.settings {
            command.arg("--config").arg(settings);
        }
        if let Some(assets) = &self.places.assets {
            command.arg("--assets").arg(&assets.root);
        }
        // A page of its own, wherever there is a port.
        command.args(["--swarm", name, "run", "--rest", "127.0.0.1:0", "--log-file"]).arg(log_path);
        if !self.is_port_free(name) {
            // Another user of this machine is a member too.
            command.args(["--listen", "/ip4/0.0.0.0/udp/0/quic-v1", "--listen", "/ip4/0.0.0.0/tcp/0"]);
        }
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).process_group(0).spawn()
    }

    /// Whether nobody has the port that follows from the swarm's key.
    fn is_port_free(&self, name: &str) -> bool {
        let Ok(invitation) = swarms::read(&self.places.home, name) else { return true };
        let place = (Ipv4Addr::UNSPECIFIED, swarms::port(&invitation));
        UdpSocket::bind(place).is_ok() && TcpListener::bind(place).is_ok()
    }

    /// A node that runs goes on with the old key.
    fn stopped(&self, name: &str) -> Result<(), Error> {
        if lock::is_held(&swarms::folder(&self.places.home, name)?) {
            return Err(Error::Conflict(format!("your node in {name} runs: daemon --swarm {name} stop")));
        }
        Ok(())
    }
}

/// Addresses with those first that other machines can reach.
pub fn far_first(mut addresses: Vec<String>) -> Vec<String> {
    addresses.sort_by_key(|address| address.starts_with("/ip4/127.") || address.starts_with("/ip6/::1"));
    addresses
}

#[cfg(test)]
mod tests {
    use super::*;

    fn swarms(folder: &Path) -> Swarms {
        Swarms::new(NodePlaces { home: folder.to_owned(), ..NodePlaces::default() })
    }

    #[test]
    fn who_is_invited_is_a_member_until_the_key_is_new() {
        let (ours, theirs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (ours, theirs) = (swarms(ours.path()), swarms(theirs.path()));
        let made = ours.create("family").unwrap();
        assert_eq!(made, Membership { name: "family".into(), is_running: false, console: None });
        assert!(matches!(ours.create("family"), Err(Error::Config(_))));
        let invitation = ours.invitation("family", vec!["/ip4/192.0.2.1/tcp/1".into()]).unwrap();
        theirs.join(&invitation.encode()).unwrap();
        assert_eq!(theirs.invitation("family", Vec::new()).unwrap(), invitation);
        ours.rotate("family").unwrap();
        let renewed = ours.invitation("family", Vec::new()).unwrap();
        assert!(renewed.secret != invitation.secret && renewed.addresses.is_empty());
        theirs.leave("family").unwrap();
        assert!(theirs.all().is_empty());
    }

    #[test]
    fn a_node_that_runs_keeps_its_key() {
        let folder = tempfile::tempdir().unwrap();
        let ours = swarms(folder.path());
        ours.create("family").unwrap();
        let held = lock::StateLock::take(&ours.folder("family").unwrap()).unwrap();
        assert!(ours.of("family").unwrap().is_running);
        for outcome in [ours.rotate("family").map(drop), ours.leave("family")] {
            assert!(matches!(outcome, Err(Error::Conflict(_))));
        }
        // Nor does it lose its folder when its key has gone.
        let key = ours.folder("family").unwrap().join("swarm.key");
        let kept = std::fs::read(&key).unwrap();
        std::fs::remove_file(&key).unwrap();
        assert!(matches!(ours.leave("family"), Err(Error::Conflict(_))));
        std::fs::write(&key, kept).unwrap();
        drop(held);
        ours.leave("family").unwrap();
    }

    #[test]
    fn what_is_wrong_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let ours = swarms(folder.path());
        assert!(matches!(ours.create("../x"), Err(Error::Config(_))));
        assert!(matches!(ours.folder("work"), Err(Error::Unknown(_))));
        assert!(matches!(ours.leave("work"), Err(Error::Config(_))));
        assert!(matches!(ours.join("hello"), Err(Error::Invalid { field: "invitation", .. })));
    }
}
