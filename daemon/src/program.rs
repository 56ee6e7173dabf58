//! What this program is called here. Our texts call it `daemon`, as it is built; packages install it as `polymath`, and whoever reads what
//! to type next must be able to type it.

use std::ffi::OsStr;
use std::path::Path;
use std::sync::OnceLock;

/// What our texts call it.
pub const WRITTEN: &str = "daemon";

/// What it was called when it was started: letters, digits, `-`, `_` and `.`.
pub fn name() -> &'static str {
    static NAME: OnceLock<String> = OnceLock::new();
    NAME.get_or_init(|| {
        std::env::args_os().next().and_then(|path| name_of(&path)).unwrap_or(WRITTEN.to_owned())
    })
}

/// The name of a program's file, unless it is one that nobody would type.
fn name_of(path: &OsStr) -> Option<String> {
    let name = Path::new(path).file_stem()?.to_str()?;
    let is_typed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    name.bytes().all(is_typed).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_nobody_types_is_none() {
        assert_eq!(name_of(OsStr::new("/usr/bin/polymath")).as_deref(), Some("polymath"));
        assert_eq!(name_of(OsStr::new("C:/x/polymath.exe")).as_deref(), Some("polymath"));
        assert_eq!(name_of(OsStr::new("/opt/my daemon")), None);
        assert_eq!(name_of(OsStr::new("")), None);
    }
}
