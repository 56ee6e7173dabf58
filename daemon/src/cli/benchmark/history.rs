//! The figures of the last run of each suite on this machine, with the same arguments: a file in the state folder, which nothing depends on.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Its name.
const NAME: &str = "benchmarks.json";
/// Bytes of it: a dozen suites of some hundred figures.
const BYTES_MAX: u64 = 4 << 20;
/// Runs kept, the latest.
const RUNS_MAX: usize = 64;
/// Changes below are noise: medians on a busy machine differ by so much.
const NOISE: f64 = 0.1;
/// Changes that are shown, the largest ones.
const SHOWN_MAX: usize = 12;
/// What names an entry of a list.
const NAMES: [&str; 6] = ["id", "name", "method", "setting", "text", "expert"];

/// A figure that is another one now.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Change {
    /// Which.
    pub(super) figure: String,
    /// In the last run.
    pub(super) before: f64,
    /// In this one.
    pub(super) now: f64,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Run {
    /// Unix seconds.
    at: u64,
    figures: BTreeMap<String, f64>,
}

/// The last run of each suite, by what was asked for.
#[derive(Debug)]
pub(super) struct History {
    path: PathBuf,
    runs: BTreeMap<String, Run>,
}

impl History {
    /// What is remembered below a state folder; nothing of what cannot be read.
    pub(super) fn read(state_dir: &Path) -> Self {
        let path = state_dir.join(NAME);
        let mut text = String::new();
        let read = std::fs::File::open(&path).and_then(|file| file.take(BYTES_MAX).read_to_string(&mut text));
        let runs = read.ok().and_then(|_| serde_json::from_str(&text).ok()).unwrap_or_default();
        Self { path, runs }
    }

    /// Remembers a run of what was `asked` for; when the last one was (Unix seconds), and what has changed since, the most first.
    pub(super) fn note(&mut self, asked: &str, report: &Value) -> Option<(u64, Vec<Change>)> {
        let mut figures = BTreeMap::new();
        collect(report, String::new(), &mut figures);
        let last = self.runs.insert(asked.to_owned(), Run { at: now(), figures: figures.clone() });
        while self.runs.len() > RUNS_MAX
            && let Some(oldest) =
                self.runs.iter().min_by_key(|(_, run)| run.at).map(|(asked, _)| asked.clone())
        {
            self.runs.remove(&oldest);
        }
        self.write();
        let last = last?;
        let mut changes: Vec<Change> = figures
            .into_iter()
            .filter_map(|(figure, now)| Some(Change { before: *last.figures.get(&figure)?, now, figure }))
            .filter(|change| change.size() > NOISE.ln_1p())
            .collect();
        changes.sort_by(|a, b| b.size().total_cmp(&a.size()));
        changes.truncate(SHOWN_MAX);
        Some((last.at, changes))
    }

    fn write(&self) {
        let text = serde_json::to_vec(&self.runs).unwrap_or_default();
        let folder = self.path.parent().unwrap_or(Path::new("."));
        let written = std::fs::create_dir_all(folder).and_then(|()| std::fs::write(&self.path, text));
        if let Err(error) = written {
            tracing::warn!(%error, "the next run will have nothing to be compared with");
        }
    }
}

impl Change {
    /// How far the two are apart, whichever way: the logarithm of their ratio. What was nothing has no ratio.
    fn size(&self) -> f64 {
        let size = (self.now / self.before).ln().abs();
        if size.is_finite() { size } else { 0.0 }
    }
}

/// Unix seconds.
pub(super) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// Every number of a report, by its path.
fn collect(value: &Value, path: String, figures: &mut BTreeMap<String, f64>) {
    let below = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    match value {
        // What is rare is another thing each time.
        Value::Number(_) if path.ends_with(".p95") || path.ends_with(".p99") => {}
        Value::Number(number) => _ = number.as_f64().map(|number| figures.insert(path, number)),
        Value::Object(object) => object.iter().for_each(|(key, value)| collect(value, below(key), figures)),
        Value::Array(list) => list.iter().enumerate().for_each(|(at, value)| {
            let name = NAMES.iter().find_map(|name| value.get(name)?.as_str());
            collect(value, below(&name.map_or_else(|| at.to_string(), str::to_owned)), figures);
        }),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_changed_is_told_by_its_path() {
        let folder = tempfile::tempdir().unwrap();
        let report = |ms: f64| json!({"a": {"median": ms, "p99": 5.0}, "rows": [{"name": "x", "ratio": 1.0}], "none": 0});
        assert!(History::read(folder.path()).note("cells", &report(1.0)).is_none());
        // By another process.
        let mut history = History::read(folder.path());
        let (_, changes) = history.note("cells", &report(2.0)).unwrap();
        assert_eq!(changes, [Change { figure: "a.median".into(), before: 1.0, now: 2.0 }]);
        assert!(history.note("cells", &report(2.05)).unwrap().1.is_empty(), "noise");
        assert!(history.note("routing", &report(2.0)).is_none());
        assert!(history.runs["cells"].figures.contains_key("rows.x.ratio"));
        (0..100).for_each(|n| _ = history.note(&format!("cells {n}"), &report(2.0)));
        assert_eq!(history.runs.len(), RUNS_MAX);
    }
}
