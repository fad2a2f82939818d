//! The command line: the same engine as the window, without one.

mod ask;
mod call;
mod devices;
mod doctor;
mod emulate;
mod export;
mod failure;
mod import;
mod keys;
mod latency;
mod models;
mod print;
mod serve;
mod table;
mod turn;
mod usage;

use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};
use engine::store::Store;
use engine::{Engine, Handle, Options, Paths};

use crate::practice;
use failure::Failure;
pub(crate) use print::note;

/// Time to end what runs and to finish files.
const FAREWELL: Duration = Duration::from_secs(3);

const EXAMPLES: &str = "\
Examples:
  sidetone                                        open the window
  sidetone call                                   talk with the practice partner: no key, no cost
  sidetone call --input question.wav --output answer.wav
  sidetone call --provider openai --text 'Good morning' --json
  sidetone call --endpoint ws://localhost:8765/v1 --mode open
  sidetone ask 'What is a sidetone?'
  sidetone keys set openai < key.txt
  sidetone doctor network

Exit codes:
  0 fine   2 usage   3 no key, or refused   4 network   5 audio device   6 provider   1 anything else";

/// Talk with AI models by voice and text, on your own keys.
///
/// Without a command the window opens.
#[derive(Debug, Parser)]
#[command(name = "sidetone", version, after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Call(call::Arguments),
    Ask(ask::Arguments),
    Models(models::Arguments),
    Usage(usage::Arguments),
    Export(export::Arguments),
    Import(import::Arguments),
    Serve(serve::Arguments),
    /// List microphones and speakers
    Devices(devices::Arguments),
    /// Look at everything a call needs and say what is wrong
    Doctor(doctor::Arguments),
    /// Keep, test, list and delete keys
    Keys(keys::Arguments),
    /// Tell how long answers took to come, by provider, model and route
    Latency(latency::Arguments),
    Emulate(emulate::Arguments),
}

/// Carries out a command and tells how it went.
pub(crate) fn run(command: Command, paths: Paths) -> ExitCode {
    let _log = engine::log::start(&paths.log);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            note(&format!("cannot start: {error}"));
            return ExitCode::FAILURE;
        }
    };
    let result = runtime.block_on(async {
        match command {
            Command::Call(arguments) => call::run(arguments, paths).await,
            Command::Ask(arguments) => ask::run(&arguments, paths).await,
            Command::Models(arguments) => models::run(&arguments, paths).await,
            Command::Usage(arguments) => usage::run(&arguments, paths).await,
            Command::Export(arguments) => export::run(&arguments, paths).await,
            Command::Import(arguments) => import::run(&arguments, paths).await,
            Command::Serve(arguments) => serve::run(&arguments, paths).await,
            Command::Devices(arguments) => devices::run(&arguments, paths).await,
            Command::Doctor(arguments) => doctor::run(&arguments, &paths).await,
            Command::Keys(arguments) => keys::run(&arguments, paths).await,
            Command::Latency(arguments) => latency::run(&arguments, &paths),
            Command::Emulate(arguments) => emulate::run(&arguments).await,
        }
    });
    // Somebody may still hold a thread: the terminal, a keychain that waits for a password.
    runtime.shutdown_background();
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if !failure.words.is_empty() {
                note(&failure.words);
            }
            ExitCode::from(failure.status)
        }
    }
}

/// Where the history is needed.
async fn history(engine: &Handle) -> Result<&Store, Failure> {
    let shelf = engine.text().shelf();
    shelf.store().await.map_err(|error| shelf.problem(&error).into())
}

fn history_failure(error: engine::store::Error) -> Failure {
    Failure::other(format!("The history cannot be read: {error}."))
}

/// An engine on the user's settings, to look at things; it writes no settings.
fn engine(paths: Paths) -> Result<Handle, Failure> {
    let overrides = Some(serde_json::json!({}));
    Ok(Engine::start(paths, Options { practice: practice::start(), card: None, overrides })?)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_arguments_are_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn without_a_command_the_window_opens() {
        assert!(Arguments::try_parse_from(["sidetone"]).unwrap().command.is_none());
    }

    #[test]
    fn help_says_what_there_is() {
        let mut command = Arguments::command().term_width(100);
        command.build();
        insta::assert_snapshot!("help", command.render_long_help());
        for name in ["ask", "call", "devices", "doctor", "export", "import", "keys", "models", "serve", "usage"] {
            let part = command.find_subcommand_mut(name).unwrap();
            insta::assert_snapshot!(format!("help_{name}"), part.render_long_help());
        }
    }

    #[test]
    fn help_names_every_fault() {
        let mut command = Arguments::command();
        let help = command.find_subcommand_mut("emulate").unwrap().render_long_help().to_string();
        let of_voices = emulator::voices::FAULTS.into_iter().flat_map(|(_, names)| names.iter().copied());
        for name in emulator::Fault::names().chain(emulator::chat::Fault::names()).chain(of_voices) {
            assert!(help.contains(name), "{name}");
        }
    }

    #[test]
    fn a_key_is_never_an_argument() {
        let refused = Arguments::try_parse_from(["sidetone", "keys", "set", "openai", "sk-test"]).unwrap_err();
        assert_eq!(refused.exit_code(), 2);
    }
}
