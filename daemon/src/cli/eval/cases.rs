//! JSON lines: one case a line, a bad one named by file and line.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;

use anyhow::Context as _;
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// Bytes of a file of cases: a hundred thousand long questions.
const FILE_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// A question and the strings that its answer must hold.
#[derive(Clone, Debug, Deserialize)]
pub(in crate::cli) struct AnswerCase {
    pub(in crate::cli) prompt: String,
    pub(in crate::cli) expect: Vec<String>,
}

/// Reads a file of JSON lines; blank lines are skipped, and there must be at least one case.
pub(in crate::cli) fn read<T: DeserializeOwned>(path: &Path) -> anyhow::Result<Vec<T>> {
    let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut cases = Vec::new();
    for (index, line) in BufReader::new(file.take(FILE_BYTES_MAX)).lines().enumerate() {
        let place = || format!("{}:{}", path.display(), index + 1);
        let line = line.with_context(place)?;
        if !line.trim().is_empty() {
            cases.push(serde_json::from_str(&line).with_context(place)?);
        }
    }
    anyhow::ensure!(!cases.is_empty(), "{} holds no cases", path.display());
    Ok(cases)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    #[test]
    fn a_bad_line_is_named() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        writeln!(file, "{{\"prompt\": \"a\", \"expect\": [\"b\"]}}\n\n{{\"prompt\": 1}}").unwrap();
        let error = read::<AnswerCase>(file.path()).unwrap_err();
        assert!(format!("{error:#}").contains(":3: invalid type"), "{error:#}");
        let empty = tempfile::NamedTempFile::new().unwrap();
        assert!(read::<AnswerCase>(empty.path()).unwrap_err().to_string().contains("holds no cases"));
    }
}
