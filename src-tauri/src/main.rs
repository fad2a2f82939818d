//! Sidetone: talk with AI models by voice and text. One binary is both the window and the command line; everything
//! they do is done by the engine.
#![cfg_attr(all(windows, not(debug_assertions)), windows_subsystem = "windows")]

mod bridge;
mod cli;
mod commands;
mod crash;
mod link;
mod paths;
mod practice;
mod shell;

use std::env;
use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    let paths = paths::of(|name| env::var_os(name));
    crash::watch(&paths.log);
    let arguments = cli::Arguments::parse();
    let Some(command) = arguments.command else { return window(paths) };
    cli::run(command, paths)
}

fn window(paths: engine::Paths) -> ExitCode {
    if !has_display() {
        cli::note("There is no display here, so no window can open.");
        cli::note("To talk from this terminal: sidetone call    (more: sidetone --help)");
        return ExitCode::FAILURE;
    }
    prefer_plain_rendering();
    match shell::run(paths) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            cli::note(&format!("Sidetone could not start: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn has_display() -> bool {
    let is_set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
    !cfg!(target_os = "linux") || is_set("DISPLAY") || is_set("WAYLAND_DISPLAY")
}

/// On some graphics drivers `WebKitGTK` shows a blank window unless its DMABUF renderer is off, and it reads that from
/// the environment only. A program may not safely change its own environment, so it starts itself again (1–2 ms).
#[cfg(target_os = "linux")]
fn prefer_plain_rendering() {
    use std::os::unix::process::CommandExt as _;

    const SWITCH: &str = "WEBKIT_DISABLE_DMABUF_RENDERER";
    if env::var_os(SWITCH).is_some() {
        return;
    }
    let Ok(program) = env::current_exe() else { return };
    let mut arguments = env::args_os();
    let name = arguments.next().unwrap_or_else(|| program.clone().into_os_string());
    // Comes back only when it failed: then the window opens without the switch.
    let _ = std::process::Command::new(program).arg0(name).args(arguments).env(SWITCH, "1").exec();
}

#[cfg(not(target_os = "linux"))]
fn prefer_plain_rendering() {}
