//! Lines for people and for other programs.

use std::fmt::Display;
use std::io::{self, ErrorKind, IsTerminal as _, Write as _};

use super::failure::Failure;

/// Writes a line to standard output, at once. A reader that has gone away (`sidetone devices | head -1`) ends the
/// command without a word.
pub(crate) fn line(text: impl Display) -> Result<(), Failure> {
    piece(&format!("{text}\n"))
}

/// Writes a piece of a line to standard output, at once.
pub(crate) fn piece(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    write!(out, "{text}").and_then(|()| out.flush()).map_err(|error| {
        let has_left = error.kind() == ErrorKind::BrokenPipe;
        if has_left { Failure::silent() } else { Failure::other(format!("cannot write: {error}")) }
    })
}

/// Writes one JSON object as a line to standard output.
pub(crate) fn json(value: &impl serde::Serialize) -> Result<(), Failure> {
    line(serde_json::to_string(value).map_err(|error| Failure::other(error.to_string()))?)
}

/// Writes a line to standard error: what a person should know and a program need not read.
pub(crate) fn note(text: &str) {
    // Nobody is left to be told when this fails.
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Whether standard output takes colours and signs (<https://no-color.org>).
pub(crate) fn is_colourful() -> bool {
    io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}
