//! A log in a file that does not grow without bound: it is begun anew when it is full, and one old one is kept beside it.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
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
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        Ok(Self(Arc::new(Mutex::new(Open { path: path.to_owned(), file, bytes_max }))))
    }
}

impl Open {
    /// Copied and emptied, not renamed: standard error may lead to the same file, and is to do so still.
    fn begin_anew(&self) -> io::Result<()> {
        let mut old = self.path.clone().into_os_string();
        old.push(".1");
        std::fs::copy(&self.path, old)?;
        self.file.set_len(0)
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
}
