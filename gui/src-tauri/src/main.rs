//! Polymath's console in a window. Everything is in the library, since phones load that and have no `main`.

// Without it, Windows opens a terminal beside the window.
#![cfg_attr(windows, windows_subsystem = "windows")]

fn main() -> std::process::ExitCode {
    polymath_desktop::main()
}
