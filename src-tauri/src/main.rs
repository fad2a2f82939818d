//! Sidetone: talk with AI models by voice and text. One binary is both the window and the command line; everything
//! they do is done by the engine.
#![cfg_attr(all(windows, not(debug_assertions)), windows_subsystem = "windows")]

mod bridge;
mod cli;
mod commands;
mod crash;
mod departure;
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
    match shell::run(paths) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            cli::note(&format!("Sidetone could not start: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// Whether a window can open; where it can, the window library is ready.
#[cfg(target_os = "linux")]
fn has_display() -> bool {
    // On some graphics drivers WebKitGTK shows a blank window unless its DMABUF renderer is off. It takes that from the
    // environment only, which may be changed as long as there is no other thread: here.
    // It cannot fail for this name, and a value that is set already stays.
    let _ = gtk::glib::setenv("WEBKIT_DISABLE_DMABUF_RENDERER", "1", false);
    gtk::init().is_ok()
}

#[cfg(not(target_os = "linux"))]
fn has_display() -> bool {
    true
}
