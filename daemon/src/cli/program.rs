//! Texts with the commands in them as they are typed here ([`crate::program`]).

use super::Globals;
use crate::program::{WRITTEN, name};
use clap::{Command, CommandFactory as _};
use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::OnceLock;

/// The flags with which a node was named on the command line, and a private swarm: whatever is typed next has to name them so too.
static FLAGS: OnceLock<Flags> = OnceLock::new();

#[derive(Debug, Default)]
struct Flags {
    node: String,
    swarm: String,
}

/// Remembers them.
pub(super) fn remember(globals: &Globals) {
    let path = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string());
    let flag = |flag: &str, value: Option<String>| {
        value.map(|value| format!(" {flag} {}", quoted(&value))).unwrap_or_default()
    };
    let node = flag("--config", path(&globals.config)) + &flag("--state-dir", path(&globals.state_dir));
    // Said once, at the start.
    let _ = FLAGS.set(Flags { node, swarm: flag("--swarm", globals.swarm.clone()) });
}

/// As a shell takes it for one word.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "-_./:@+,=".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

/// A text with the commands that it names as they are typed here, for the node that was named.
pub(super) fn named(text: &str) -> Cow<'_, str> {
    static NONE: Flags = Flags { node: String::new(), swarm: String::new() };
    in_words_of(text, name(), FLAGS.get().unwrap_or(&NONE))
}

/// The program's commands with their texts, as they are typed here.
pub(super) fn command() -> Command {
    command_of(name())
}

/// The same for a program of this name.
pub(super) fn command_of(name: &str) -> Command {
    let command = super::Cli::command();
    if name == WRITTEN { command } else { renamed(command, name) }
}

fn renamed(mut command: Command, name: &str) -> Command {
    let text = |text: &clap::builder::StyledStr| {
        in_words_of(&text.to_string(), name, &Flags::default()).into_owned()
    };
    if let Some(help) = command.get_after_help().map(text) {
        command = command.after_help(help);
    }
    if let Some(about) = command.get_long_about().map(text) {
        command = command.long_about(about);
    }
    command = command.mut_args(|argument| match argument.get_help().map(text) {
        Some(help) => argument.help(help),
        None => argument,
    });
    let below: Vec<String> = command.get_subcommands().map(|below| below.get_name().to_owned()).collect();
    below.into_iter().fold(command, |command, below| command.mut_subcommand(below, |it| renamed(it, name)))
}

/// With this name, and these flags where the command does not name a node itself.
fn in_words_of<'t>(text: &'t str, name: &str, flags: &Flags) -> Cow<'t, str> {
    let is_plain = name == WRITTEN && flags.node.is_empty() && flags.swarm.is_empty();
    if is_plain || !text.contains(WRITTEN) {
        return Cow::Borrowed(text);
    }
    let (mut out, mut rest) = (String::with_capacity(text.len()), text);
    while let Some((before, after)) = rest.split_once(WRITTEN) {
        let begins = !before.ends_with(|c: char| c.is_alphanumeric() || "-_/.".contains(c));
        let is_command = begins && after.strip_prefix(' ').is_some_and(goes_on);
        out.push_str(before);
        out.push_str(if is_command { name } else { WRITTEN });
        if is_command && !after.starts_with(" --state-dir") {
            out.push_str(&flags.node);
            // Some name the swarm themselves, `swarm` after the command.
            let names_one = after.starts_with(" --swarm ") || after.starts_with(" swarm ");
            out.push_str(if names_one { "" } else { &flags.swarm });
        }
        rest = after;
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// Whether a command line goes on like that after the program's name.
fn goes_on(line: &str) -> bool {
    static COMMANDS: OnceLock<Vec<String>> = OnceLock::new();
    let commands = COMMANDS.get_or_init(|| {
        super::Cli::command().get_subcommands().map(|command| command.get_name().to_owned()).collect()
    });
    let word: &str = line.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
    line.starts_with("--") || commands.iter().any(|command| command == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_named_as_they_are_typed_and_nothing_else_changes() {
        let text = "the daemon is up:\n  daemon --swarm a run, `daemon ask \"x\"`, $(daemon keys list); mydaemon ask, /usr/lib/daemon ask";
        let none = Flags::default();
        assert_eq!(in_words_of(text, "daemon", &none), text);
        assert_eq!(
            in_words_of(text, "polymath", &none),
            "the daemon is up:\n  polymath --swarm a run, `polymath ask \"x\"`, $(polymath keys list); mydaemon ask, /usr/lib/daemon ask"
        );
        assert_eq!(in_words_of("daemon", "polymath", &none), "daemon");
    }

    #[test]
    fn a_node_that_was_named_is_named_again() {
        let flags = Flags { node: " --state-dir 'my node'".to_owned(), swarm: " --swarm a".to_owned() };
        let named = |text| in_words_of(text, "daemon", &flags).into_owned();
        assert_eq!(
            named("daemon health, or daemon --state-dir /x ask; the daemon"),
            "daemon --state-dir 'my node' --swarm a health, or daemon --state-dir /x ask; the daemon"
        );
        assert_eq!(named("daemon swarm join"), "daemon --state-dir 'my node' swarm join");
        assert_eq!(named("daemon --swarm b run"), "daemon --state-dir 'my node' --swarm b run");
        assert_eq!(quoted("it's"), r"'it'\''s'");
        assert_eq!(quoted("/home/a-b_c.d"), "/home/a-b_c.d");
    }

    #[test]
    fn help_names_the_program_that_was_asked() {
        let mut ask = command_of("polymath").find_subcommand("ask").unwrap().clone();
        let help = ask.render_long_help().to_string();
        assert!(help.contains("polymath ask") && !help.contains("daemon ask"), "{help}");
        let mut swarm = command_of("polymath").find_subcommand("swarm").unwrap().clone();
        let help = swarm.find_subcommand_mut("join").unwrap().render_long_help().to_string();
        assert!(help.contains("polymath swarm join") && !help.contains("daemon swarm join"), "{help}");
    }
}
