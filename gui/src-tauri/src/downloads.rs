//! What the console hands out as files: the ledger's export, receipts, logs. They go where the user's downloads go, never over a
//! file that is there, and the user is told where.

use std::path::{Path, PathBuf};

use tauri::webview::DownloadEvent;
use tauri::{AppHandle, Manager as _, Runtime};

use crate::notice;

/// Bytes of a name that are kept: file systems take 255, and a number may be added.
const NAME_BYTES_MAX: usize = 200;
/// Files of one name, after which there is no more.
const SAME_MAX: u32 = 1_000;

/// Says where a file goes, and that it has arrived.
pub(crate) fn on_event<R: Runtime>(app: &AppHandle<R>, event: DownloadEvent<'_>) -> bool {
    match event {
        DownloadEvent::Requested { destination, .. } => match choose(app, destination) {
            Some(chosen) => {
                log::info!("a file goes to {}", chosen.display());
                *destination = chosen;
                true
            }
            None => {
                log::warn!("a file has no place to go");
                false
            }
        },
        DownloadEvent::Finished { path, success, .. } => {
            let name =
                path.as_deref().and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
            notice::saved(app, name.as_deref().filter(|_| success));
            true
        }
        _ => true,
    }
}

fn choose<R: Runtime>(app: &AppHandle<R>, suggested: &Path) -> Option<PathBuf> {
    // Not every desktop says where downloads go.
    let usual = || app.path().home_dir().map(|home| home.join("Downloads"));
    let folder = app.path().download_dir().or_else(|_| usual()).ok()?;
    std::fs::create_dir_all(&folder).ok()?;
    free_place(&folder, suggested)
}

/// A path in `folder` that is not taken, of a name like the suggested one's: its last part alone, and no hidden file.
fn free_place(folder: &Path, suggested: &Path) -> Option<PathBuf> {
    let name = suggested.file_name()?.to_string_lossy();
    let plain = |c: char| if c.is_control() || "/\\:*?\"<>|".contains(c) { '_' } else { c };
    let mut name: String = name.trim_start_matches('.').chars().map(plain).collect();
    while name.len() > NAME_BYTES_MAX {
        name.pop();
    }
    let name = if name.trim().is_empty() { "download".to_owned() } else { name };
    let (stem, ending) = match name.split_once('.') {
        Some((stem, ending)) => (stem, format!(".{ending}")),
        None => (name.as_str(), String::new()),
    };
    let numbered = (1..SAME_MAX).map(|number| format!("{stem} ({number}){ending}"));
    let mut paths = std::iter::once(name.clone()).chain(numbered).map(|name| folder.join(name));
    paths.find(|path| !path.exists())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_lands_in_the_folder_and_on_no_other_file() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let place = |suggested: &str| free_place(folder, Path::new(suggested)).unwrap();
        assert_eq!(place("/anywhere/receipts.jsonl"), folder.join("receipts.jsonl"));
        std::fs::write(folder.join("receipts.jsonl"), "").unwrap();
        assert_eq!(place("receipts.jsonl"), folder.join("receipts (1).jsonl"));
        assert_eq!(place("/x/../../.bashrc"), folder.join("bashrc"));
        assert_eq!(place("a\nb:c.csv"), folder.join("a_b_c.csv"));
        assert_eq!(place("..."), folder.join("download"));
        let long = place(&"ä".repeat(500));
        assert_eq!(long.parent(), Some(folder));
        assert!(long.file_name().unwrap().len() <= NAME_BYTES_MAX);
        assert_eq!(free_place(folder, Path::new("/")), None);
    }
}
