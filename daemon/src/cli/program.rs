//! Texts with the commands in them as they are typed here ([`crate::config::program`]).

use crate::config::program::{WRITTEN, name};
use clap::{Command, CommandFactory as _};
use std::borrow::Cow;
use std::sync::OnceLock;

/// A text with the commands that it names as they are typed here.
pub(super) fn named(text: &str) -> Cow<'_, str> {
    in_words_of(text, name())
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
    let text = |text: &clap::builder::StyledStr| in_words_of(&text.to_string(), name).into_owned();
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

fn in_words_of<'t>(text: &'t str, name: &str) -> Cow<'t, str> {
    if name == WRITTEN || !text.contains(WRITTEN) {
        return Cow::Borrowed(text);
    }
    let (mut out, mut rest) = (String::with_capacity(text.len()), text);
    while let Some((before, after)) = rest.split_once(WRITTEN) {
        let begins = !before.ends_with(|c: char| c.is_alphanumeric() || "-_/.".contains(c));
        let is_command = begins && after.strip_prefix(' ').is_some_and(goes_on);
        out.push_str(before);
        out.push_str(if is_command { name } else { WRITTEN });
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
        assert_eq!(in_words_of(text, "daemon"), text);
        assert_eq!(
            in_words_of(text, "polymath"),
            "the daemon is up:\n  polymath --swarm a run, `polymath ask \"x\"`, $(polymath keys list); mydaemon ask, /usr/lib/daemon ask"
        );
        assert_eq!(in_words_of("daemon", "polymath"), "daemon");
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
