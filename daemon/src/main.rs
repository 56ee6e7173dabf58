//! The `daemon` program: parses, runs, maps the outcome to an exit code.

use clap::Parser as _;
use std::process::ExitCode;

fn main() -> ExitCode {
    polymath::cli::main(polymath::cli::Cli::parse())
}
