//! Embeds the web console: lists the files that `npm run build` made of `gui/`, for `api::console` to include. There may
//! be none; the page then says how to make them.

use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs, io};

/// Where they are, from this crate's folder.
const DIST: &str = "../gui/dist";
/// Keeps the folder in git, and is none of them.
const KEPT: &str = ".gitkeep";

fn main() -> io::Result<()> {
    // A folder is looked at with all that is in it.
    println!("cargo::rerun-if-changed={DIST}");
    let variable =
        |name: &str| env::var_os(name).ok_or_else(|| io::Error::other(format!("{name} is not set")));
    let dist = Path::new(&variable("CARGO_MANIFEST_DIR")?).join(DIST);
    let mut names = Vec::new();
    if dist.is_dir() {
        list(&dist, "", &mut names)?;
    }
    names.sort();
    let out = Path::new(&variable("OUT_DIR")?).to_owned();
    // Copies: whoever builds the page anew meanwhile does not break this build.
    let copies = out.join("console");
    if copies.exists() {
        fs::remove_dir_all(&copies)?;
    }
    let mut code = String::from("[\n");
    for name in names {
        let path = copies.join(&name);
        fs::create_dir_all(path.parent().unwrap_or(&copies))?;
        fs::copy(dist.join(&name), &path)?;
        let path = path.to_str().ok_or_else(|| io::Error::other("a path is not UTF-8"))?;
        writeln!(code, "    ({name:?}, include_bytes!({path:?}) as &[u8]),").map_err(io::Error::other)?;
    }
    code.push_str("]\n");
    fs::write(out.join("console.rs"), code)
}

/// Names of files below `folder`, as the browser asks for them.
fn list(folder: &Path, prefix: &str, names: &mut Vec<String>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            list(&entry.path(), &format!("{name}/"), names)?;
        } else if name != KEPT {
            names.push(name);
        }
    }
    Ok(())
}
