//! The node's process: started, listened to, ended.

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Read};
use std::process::{Child, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::program::Program;

/// The log's target for what the node prints: a file of its own.
pub(crate) const LOG_TARGET: &str = "node";
/// Lines kept to be shown when it fails.
const LINES_MAX: usize = 40;
/// Bytes of a line that are kept: what follows is seldom for people.
const LINE_BYTES_MAX: u64 = 2_000;
/// How long a node may take to finish what it is doing: as `daemon stop` has it.
const STOP_MAX: Duration = Duration::from_secs(20);
/// How often it is looked whether it has ended, while we wait for that.
const STOP_POLL: Duration = Duration::from_millis(20);

/// The last lines that nodes have printed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lines(Arc<Mutex<VecDeque<String>>>);

impl Lines {
    /// All that are kept, the oldest first.
    pub(crate) fn all(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    fn push(&self, line: String) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == LINES_MAX {
            lines.pop_front();
        }
        lines.push_back(line);
    }

    /// Reads until the end, and keeps and logs every line.
    fn follow(&self, source: impl Read) {
        let mut reader = BufReader::new(source);
        let mut bytes = Vec::new();
        loop {
            bytes.clear();
            match reader.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut bytes) {
                Ok(0) | Err(_) => return,
                Ok(_) => {
                    let line = String::from_utf8_lossy(&bytes).trim_end().to_owned();
                    log::info!(target: LOG_TARGET, "{line}");
                    self.push(line);
                }
            }
        }
    }
}

/// A node that we started. Its standard input stays open as long as we live, and it ends when that closes.
pub(super) struct Process {
    child: Child,
}

impl Process {
    /// Starts it; `on_silent` is called from another thread when it prints no more, which is when it has ended.
    pub(super) fn start(
        program: &Program,
        lines: &Lines,
        on_silent: impl FnOnce() + Send + 'static,
    ) -> io::Result<Self> {
        let mut child = program
            .command()
            .args(["run", "--until-stdin-closes"])
            .args(program.port_flags())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let (out, err) = (lines.clone(), lines.clone());
        std::thread::spawn(move || {
            if let Some(stdout) = stdout {
                out.follow(stdout);
            }
        });
        std::thread::spawn(move || {
            if let Some(stderr) = stderr {
                err.follow(stderr);
            }
            on_silent();
        });
        Ok(Self { child })
    }

    /// How it ended, if it did.
    pub(super) fn ended(&mut self) -> Option<String> {
        match self.child.try_wait() {
            Ok(None) => None,
            Ok(Some(status)) => Some(words(status)),
            Err(error) => Some(format!("it cannot be watched: {error}")),
        }
    }

    /// Asks it to end, waits, and ends it by force if it takes too long.
    pub(super) fn stop(mut self) {
        self.ask_to_end();
        let deadline = Instant::now() + STOP_MAX;
        while Instant::now() < deadline {
            if self.ended().is_some() {
                return;
            }
            std::thread::sleep(STOP_POLL);
        }
        log::warn!("the node does not end: killed");
        // It may have ended just now.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    fn ask_to_end(&mut self) {
        #[cfg(unix)]
        if let Some(pid) = i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw) {
            // Not waited for yet, so that the number is still its own.
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
        drop(self.child.stdin.take());
    }
}

#[cfg(unix)]
fn words(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt as _;
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("it ended with exit code {code}"),
        (None, Some(9)) => "it was killed, by somebody or for want of memory".to_owned(),
        (None, Some(signal)) => format!("it ended by signal {signal}"),
        (None, None) => "it ended".to_owned(),
    }
}

#[cfg(not(unix))]
fn words(status: ExitStatus) -> String {
    format!("it ended with {status}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_are_kept_and_none_is_endless() {
        let lines = Lines::default();
        let mut text: String = (0..100).map(|n| format!("line {n}\n")).collect();
        text.push_str(&"x".repeat(3 * LINE_BYTES_MAX as usize));
        lines.follow(text.as_bytes());
        let kept = lines.all();
        assert_eq!(kept.len(), LINES_MAX);
        assert_eq!(kept[LINES_MAX - 4], "line 99");
        assert!(kept.iter().all(|line| line.len() <= LINE_BYTES_MAX as usize));
        lines.follow(&b"\xff\xfe half a line"[..]);
        assert!(lines.all().last().unwrap().ends_with("half a line"));
    }

    #[cfg(unix)]
    #[test]
    fn an_end_is_told_in_words() {
        use std::os::unix::process::ExitStatusExt as _;
        assert_eq!(words(ExitStatus::from_raw(3 << 8)), "it ended with exit code 3");
        assert!(words(ExitStatus::from_raw(9)).contains("killed"));
        assert!(words(ExitStatus::from_raw(11)).contains("signal 11"));
    }
}
