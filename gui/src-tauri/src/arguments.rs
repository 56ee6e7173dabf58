//! What the program may be called with.

use crate::console::Console;
use crate::link;

/// What `--help` prints.
pub(crate) const HELP: &str = "\
Polymath's console in a window, with the node behind it.

Usage: polymath-desktop [--hidden] [--node ADDRESS] [polymath://join?invitation=...]

  --hidden         Starts in the tray, without a window (as at login)
  --node ADDRESS   Shows the console of a node elsewhere and starts none here
  -h, --help       Prints this
  -V, --version    Prints the version

The node's program is looked for where POLYMATH_DAEMON says, then beside this one, then in PATH.
";

/// What was said.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Arguments {
    /// Without a window, if there is a tray.
    pub(crate) hidden: bool,
    /// The node elsewhere whose console is shown.
    pub(crate) node: Option<Console>,
}

/// What is to be done instead of running.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Instead {
    /// Print this and end well.
    Print(String),
    /// Say this and end with the exit code of a wrong call.
    Refuse(String),
}

/// Reads the arguments after the program's name. Links are only let through here: the plugin for them reads them itself.
pub(crate) fn read(arguments: impl IntoIterator<Item = String>) -> Result<Arguments, Instead> {
    let mut read = Arguments::default();
    let mut arguments = arguments.into_iter();
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--hidden" => read.hidden = true,
            "--node" => {
                let address =
                    arguments.next().ok_or_else(|| Instead::Refuse("--node wants an address".into()))?;
                read.node =
                    Some(node(&address).map_err(|reason| Instead::Refuse(format!("--node: {reason}")))?);
            }
            "-h" | "--help" => return Err(Instead::Print(HELP.to_owned())),
            "-V" | "--version" => {
                return Err(Instead::Print(
                    concat!("polymath-desktop ", env!("CARGO_PKG_VERSION"), "\n").into(),
                ));
            }
            link if is_link(link) => {}
            // Older systems' file managers name the process so.
            number if cfg!(target_os = "macos") && number.starts_with("-psn_") => {}
            other => return Err(Instead::Refuse(format!("unknown argument: {other} (see --help)"))),
        }
    }
    Ok(read)
}

fn node(address: &str) -> Result<Console, String> {
    let console = Console::of_typed(address).map_err(|error| error.to_string())?;
    if console.address().fragment().is_some() {
        return Err(
            "leave out what stands behind `#`: everybody on this machine can read a command line".into()
        );
    }
    Ok(console)
}

fn is_link(argument: &str) -> bool {
    argument.split_once(':').is_some_and(|(scheme, _)| scheme.eq_ignore_ascii_case(link::SCHEME))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(arguments: &[&str]) -> Result<Arguments, Instead> {
        read(arguments.iter().map(|argument| (*argument).to_owned()))
    }

    #[test]
    fn what_can_be_said_is_understood() {
        assert_eq!(said(&[]), Ok(Arguments::default()));
        assert!(said(&["--hidden"]).unwrap().hidden);
        let node = said(&["--node", "10.0.0.2:8080"]).unwrap().node.unwrap();
        assert_eq!(node.place(), "http://10.0.0.2:8080");
        assert_eq!(said(&["polymath://join?invitation=x"]), Ok(Arguments::default()));
        assert!(matches!(said(&["--help"]), Err(Instead::Print(text)) if text.contains("--hidden")));
        assert!(matches!(said(&["-V"]), Err(Instead::Print(text)) if text.starts_with("polymath-desktop ")));
    }

    #[test]
    fn what_cannot_is_refused_by_name() {
        for wrong in [
            &["--hiden"][..],
            &["--node"],
            &["--node", "ftp://x"],
            &["--node", "x#key=k"],
            &["http://x"],
            &["file"],
        ] {
            assert!(matches!(said(wrong), Err(Instead::Refuse(_))), "{wrong:?}");
        }
    }
}
