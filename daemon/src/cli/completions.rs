//! `completions` and `man`: what shells and the manual's reader need to know of our commands. Packagers make files of it.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;

use super::{program, terminal};

/// What `completions` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  daemon completions bash > ~/.local/share/bash-completion/completions/daemon
  daemon completions zsh > ~/.zfunc/_daemon
  daemon completions fish > ~/.config/fish/completions/daemon.fish")]
pub(super) struct Arguments {
    /// Which shell
    #[arg(value_enum)]
    shell: clap_complete::Shell,
    /// What the program is called there
    #[arg(long, value_name = "NAME", default_value = "daemon")]
    name: String,
}

/// What `man` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  daemon man ~/.local/share/man/man1
  daemon man build/man1 --name polymath")]
pub(super) struct Man {
    /// Folder for the pages: one for the program, and one for each command
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// What the program is called there
    #[arg(long, value_name = "NAME", default_value = "daemon")]
    name: String,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    // Into memory first: clap_complete panics when the pipe that it writes to closes.
    let mut script = Vec::new();
    clap_complete::generate(
        arguments.shell,
        &mut program::command_of(&arguments.name),
        &arguments.name,
        &mut script,
    );
    Ok(terminal::say(&String::from_utf8_lossy(&script))?)
}

pub(super) fn man(arguments: &Man) -> anyhow::Result<()> {
    let folder = &arguments.folder;
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let mut program =
        program::command_of(&arguments.name).name(forever(&arguments.name)).bin_name(arguments.name.clone());
    program.build();
    pages(&program, &arguments.name, folder)
}

/// Clap wants names that last; this process does not last much longer.
fn forever(name: &str) -> &'static str {
    Box::leak(name.to_owned().into_boxed_str())
}

/// A page for a command, and for each one below it that is shown.
fn pages(command: &clap::Command, title: &str, folder: &Path) -> anyhow::Result<()> {
    let path = folder.join(format!("{title}.1"));
    let mut page = Vec::new();
    // In a page's head the words of a command are joined: git-commit(1).
    let titled = command.clone().name(forever(title)).display_name(title.to_owned());
    clap_mangen::Man::new(titled).render(&mut page)?;
    std::fs::write(&path, page).with_context(|| format!("cannot write {}", path.display()))?;
    let below = command.get_subcommands().filter(|below| !below.is_hide_set() && below.get_name() != "help");
    below.into_iter().try_for_each(|below| pages(below, &format!("{title}-{}", below.get_name()), folder))
}
