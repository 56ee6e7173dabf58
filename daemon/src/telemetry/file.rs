//! A log in a file that does not grow without bound: it is begun anew when it is full, and one old one is kept beside it.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use tracing_subscriber::fmt::MakeWriter;

/// Bytes of a log before it is begun anew: some twenty thousand lines.
const BYTES_MAX: u64 = 2 * 1024 * 1024;

/// The open file; cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct LogFile(Arc<Mutex<Open>>);

#[derive(Debug)]
struct Open {
    path: PathBuf,
    file: File,
    bytes_max: u64,
}

impl LogFile {
    /// Opens it, or makes it; what it has is kept.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        Self::bounded(path, BYTES_MAX)
    }

    fn bounded(path: &Path, bytes_max: u64) -> io::Result<Self> {
        let open = Open { path: path.to_owned(), file: opened(path)?, bytes_max };
        Ok(Self(Arc::new(Mutex::new(open))))
    }
}

fn opened(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).read(true).append(true).open(path)
}

impl Open {
    /// Copied and emptied, not renamed: standard error may lead to the same file, and is to do so still. What cannot be kept (the disk is
    /// full, say) is given up: the next lines matter more.
    fn begin_anew(&mut self) -> io::Result<()> {
        let kept = self.keep();
        self.file.set_len(0)?;
        // Somebody has taken it away.
        if !self.path.exists() {
            self.file = opened(&self.path)?;
        }
        if let Err(error) = kept {
            writeln!(self.file, "what was logged before could not be kept: {error}")?;
        }
        Ok(())
    }

    fn keep(&self) -> io::Result<()> {
        let beside = |end: &str| {
            let mut path = self.path.clone().into_os_string();
            path.push(end);
            PathBuf::from(path)
        };
        let (draft, mut from) = (beside(".1.part"), &self.file);
        from.seek(SeekFrom::Start(0))?;
        let kept = File::create(&draft)
            .and_then(|mut to| io::copy(&mut from.take(2 * self.bytes_max), &mut to))
            .and_then(|_| std::fs::rename(&draft, beside(".1")));
        if kept.is_err() {
            // It may not be there; the first error is the one to tell.
            let _ = std::fs::remove_file(draft);
        }
        kept
    }
}

impl Write for LogFile {
    /// Takes a line whole.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if open.file.metadata()?.len() >= open.bytes_max {
            open.begin_anew()?;
        }
        open.file.write_all(line)?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for LogFile {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_begun_anew_when_full_and_one_old_one_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("node.log");
        std::fs::write(&path, "before\n").unwrap();
        let mut log = LogFile::bounded(&path, 100).unwrap();
        let mut elsewhere = OpenOptions::new().append(true).open(&path).unwrap();
        for line in 0..50 {
            log.write_all(format!("line {line}\n").as_bytes()).unwrap();
        }
        writeln!(elsewhere, "standard error").unwrap();
        let read = |path: &Path| std::fs::read_to_string(path).unwrap();
        let (now, old) = (read(&path), read(&folder.path().join("node.log.1")));
        assert!(now.len() <= 130 && old.len() <= 130, "{} and {} bytes", now.len(), old.len());
        assert!(now.ends_with("line 49\nstandard error\n"), "{now}");
        let next = now.lines().next().unwrap().trim_start_matches("line ").parse::<u32>().unwrap();
        assert!(old.ends_with(&format!("line {}\n", next - 1)), "{old}, then {now}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn what_cannot_be_kept_or_was_taken_away_does_not_silence_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("node.log");
        // Nothing can be put there.
        std::fs::create_dir_all(folder.path().join("node.log.1/x")).unwrap();
        let mut log = LogFile::bounded(&path, 100).unwrap();
        let mut say = |lines: std::ops::Range<u32>| {
            lines.for_each(|line| log.write_all(format!("line {line}\n").as_bytes()).unwrap());
            std::fs::read_to_string(&path).unwrap_or_default()
        };
        let now = say(0..20);
        assert!(now.contains("could not be kept") && now.ends_with("line 19\n"), "{now}");
        std::fs::rename(&path, folder.path().join("elsewhere")).unwrap();
        let now = say(20..60);
        assert!(now.ends_with("line 59\n"), "{now}");
    }
}
