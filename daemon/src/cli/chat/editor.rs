//! The line editor: keys and history between turns, by reedline.

use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use reedline::{
    DefaultPrompt, DefaultPromptSegment, FileBackedHistory, Reedline, Signal, ValidationResult, Validator,
};
use tokio_util::sync::CancellationToken;

use super::super::terminal::{self, Style};
use crate::config::Loaded;

/// Name of the history in the state folder.
const HISTORY_NAME: &str = "chat_history";
/// Lines it holds: months of chatting, and small enough to read at every start.
const HISTORY_LINES_MAX: usize = 1_000;

/// What a person did.
pub(super) enum Line {
    /// A turn; its lines are joined.
    Text(String),
    /// Ctrl-C: the line is thrown away.
    Interrupted,
    /// Ctrl-D, or the program ends.
    End,
}

/// The editor with its history.
pub(super) struct Editor {
    reedline: Reedline,
    prompt: DefaultPrompt,
    stopped: CancellationToken,
}

impl Editor {
    /// Opens the history in the state folder; a chat without one is still a chat.
    pub(super) fn open(loaded: &Loaded, style: Style, stopped: &CancellationToken) -> Self {
        let breaks = Arc::new(AtomicBool::new(false));
        let (waker, cancelled) = (breaks.clone(), stopped.clone());
        tokio::spawn(async move {
            cancelled.cancelled().await;
            waker.store(true, Ordering::Relaxed);
        });
        let mut reedline = Reedline::create()
            .with_validator(Box::new(Continued))
            .with_ansi_colors(style.is_on())
            .with_break_signal(breaks)
            .use_bracketed_paste(true);
        let folder = &loaded.config.node.state_dir;
        let history = loaded.config.prepare_state_dir().map_err(anyhow::Error::from);
        match history.and_then(|()| history_in(folder)) {
            Ok(history) => reedline = reedline.with_history(Box::new(history)),
            Err(error) => terminal::note(&format!("the history is not kept: {error:#}")),
        }
        let prompt =
            DefaultPrompt::new(DefaultPromptSegment::Basic("you".to_owned()), DefaultPromptSegment::Empty);
        Self { reedline, prompt, stopped: stopped.clone() }
    }

    /// Waits for a turn. Blocks.
    pub(super) fn read(&mut self) -> anyhow::Result<Line> {
        if self.stopped.is_cancelled() {
            return Ok(Line::End);
        }
        Ok(match self.reedline.read_line(&self.prompt)? {
            Signal::Success(text) => {
                if let Err(error) = self.reedline.sync_history() {
                    tracing::debug!(%error, "the history was not written");
                }
                Line::Text(joined(&text))
            }
            Signal::CtrlC => Line::Interrupted,
            _ => Line::End,
        })
    }
}

/// The history's file, for its owner alone: people ask private things.
fn history_in(folder: &Path) -> anyhow::Result<FileBackedHistory> {
    let path = folder.join(HISTORY_NAME);
    let file = std::fs::OpenOptions::new().append(true).create(true).mode(0o600).open(&path)?;
    file.set_permissions(std::fs::Permissions::from_mode(0o600))?;
    FileBackedHistory::with_file(HISTORY_LINES_MAX, path).map_err(|e| anyhow::anyhow!("{e:?}"))
}

/// A backslash at the end goes on with the next line.
struct Continued;

impl Validator for Continued {
    fn validate(&self, line: &str) -> ValidationResult {
        if goes_on(line) { ValidationResult::Incomplete } else { ValidationResult::Complete }
    }
}

/// Whether a line ends in a backslash that is not itself escaped.
pub(super) fn goes_on(line: &str) -> bool {
    let line = line.trim_end_matches(['\r', '\n']);
    line.bytes().rev().take_while(|b| *b == b'\\').count() % 2 == 1
}

/// Lines that went on, without their backslashes.
pub(super) fn joined(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for line in text.lines() {
        if !out.is_empty() {
            out.push('\n');
        }
        out.push_str(if goes_on(line) { line.get(..line.len() - 1).unwrap_or(line) } else { line });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backslash_goes_on() {
        assert!(goes_on("a\\") && goes_on("\\\n") && goes_on("a\\\\\\"));
        assert!(!goes_on("a") && !goes_on("a\\\\") && !goes_on(""));
        assert_eq!(joined("first\\\nsecond"), "first\nsecond");
        assert_eq!(joined("one"), "one");
    }

    #[test]
    fn the_history_is_its_owner_s_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(HISTORY_NAME);
        std::fs::write(&path, "old\n").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        history_in(folder.path()).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(history_in(&folder.path().join("absent")).is_err());
    }
}
