//! Names the commands of the program's own pages, so that each has a permission and no other page gets any.

/// As `src/pages.rs` and `src/join.rs` have them.
const COMMANDS: &[&str] =
    &["situation", "retry", "connect", "show_log", "offer", "accept", "start", "decline"];

fn main() {
    let manifest = tauri_build::AppManifest::new().commands(COMMANDS);
    if let Err(error) = tauri_build::try_build(tauri_build::Attributes::new().app_manifest(manifest)) {
        println!("cargo::error={error:#}");
        std::process::exit(1);
    }
}
