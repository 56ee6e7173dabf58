//! The latest lines of the log, for whoever looks over the node's shoulder. Neither prompts nor answers are in them,
//! as in all that is logged.
//!
//! A line is kept as it was written, JSON of `tracing`, until newer ones push it out; those who follow get each as it
//! comes. Logging waits for nobody: a follower that is slow misses lines.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use tokio::sync::broadcast;
use tracing_subscriber::fmt::MakeWriter;

/// Lines that are kept: a few screens.
const LINES_MAX: usize = 256;
/// Bytes of a line; what is longer is left out, since half of it would be no JSON.
const LINE_BYTES_MAX: usize = 8 * 1024;

/// There is one log a process, so there is one of these.
static OF_PROCESS: LazyLock<Tail> = LazyLock::new(Tail::new);

/// The end of the log; cheap to clone.
#[derive(Clone)]
pub struct Tail {
    inner: Arc<Inner>,
}

struct Inner {
    /// Written to from wherever something is logged, so it has a lock; nothing is done under it but this.
    kept: Mutex<VecDeque<Arc<str>>>,
    coming: broadcast::Sender<Arc<str>>,
}

impl Tail {
    /// That of this process's log.
    pub fn of_process() -> Self {
        OF_PROCESS.clone()
    }

    fn new() -> Self {
        let (coming, _) = broadcast::channel(LINES_MAX);
        Self { inner: Arc::new(Inner { kept: Mutex::new(VecDeque::new()), coming }) }
    }

    /// The lines that are kept, oldest first, and those to come.
    pub fn follow(&self) -> (Vec<Arc<str>>, broadcast::Receiver<Arc<str>>) {
        // Under the lock, so that no line falls between the two.
        let kept = self.inner.kept.lock().unwrap_or_else(PoisonError::into_inner);
        (kept.iter().cloned().collect(), self.inner.coming.subscribe())
    }

    fn push(&self, line: &str) {
        if line.is_empty() || line.len() > LINE_BYTES_MAX {
            return;
        }
        let line: Arc<str> = line.into();
        let mut kept = self.inner.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() == LINES_MAX {
            kept.pop_front();
        }
        kept.push_back(Arc::clone(&line));
        // An error only says that nobody follows.
        let _ = self.inner.coming.send(line);
    }
}

/// The layer writes an event with one call.
impl io::Write for Tail {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        String::from_utf8_lossy(bytes).lines().for_each(|line| self.push(line));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Tail {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    #[tokio::test]
    async fn the_latest_lines_are_kept_and_those_to_come_are_told() {
        let mut tail = Tail::new();
        for number in 0..LINES_MAX + 3 {
            writeln!(tail, "{number}").unwrap();
        }
        let (kept, mut coming) = tail.follow();
        assert_eq!((kept.len(), &*kept[0]), (LINES_MAX, "3"));
        tail.write_all(b"next\n").unwrap();
        assert_eq!(&*coming.recv().await.unwrap(), "next");
        tail.write_all("x".repeat(LINE_BYTES_MAX + 1).as_bytes()).unwrap();
        tail.write_all(b"\n").unwrap();
        assert_eq!(tail.follow().0.last().unwrap().as_ref(), "next");
    }
}
