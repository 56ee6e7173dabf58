//! The `daemon` program: parses, runs, maps the outcome to an exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    polymath::cli::main(polymath::cli::parse())
}
