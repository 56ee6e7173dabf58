//! `completions`: what a shell needs to complete our commands.

use clap::{Args, CommandFactory as _};

use super::{Cli, terminal};

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
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    // Into memory first: clap_complete panics when the pipe that it writes to closes.
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Cli::command(), "daemon", &mut script);
    Ok(terminal::say(&String::from_utf8_lossy(&script))?)
}
