//! A bug leaves a report in the log folder: what, where, which version. Nothing that looks like a key gets into it.

use std::fs;
use std::panic::{self, PanicHookInfo};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// Longest message that is kept, in characters.
const LIMIT: usize = 2_000;

/// From now on a panic writes a report into `folder` and says so on standard error.
pub(crate) fn watch(folder: &Path) {
    let folder = folder.to_owned();
    panic::set_hook(Box::new(move |panic| {
        let report = report(panic);
        tracing::error!("{report}");
        crate::cli::note(&match write(&folder, &report) {
            Some(file) => format!("Sidetone hit a bug. The report is in {}\n{report}", file.display()),
            None => format!("Sidetone hit a bug.\n{report}"),
        });
    }));
}

fn report(panic: &PanicHookInfo<'_>) -> String {
    let message = panic.payload_as_str().unwrap_or("(no message)");
    let place = panic.location().map_or_else(|| "unknown place".into(), ToString::to_string);
    let thread = std::thread::current();
    format!(
        "{}\nat {place}\nthread {}\nsidetone {} on {} {}\n",
        without_keys(message),
        thread.name().unwrap_or("unnamed"),
        env!("CARGO_PKG_VERSION"),
        std::env::consts::OS,
        std::env::consts::ARCH,
    )
}

fn write(folder: &Path, report: &str) -> Option<PathBuf> {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).ok()?.as_secs();
    let file = folder.join(format!("crash-{seconds}.txt"));
    fs::create_dir_all(folder).ok()?;
    fs::write(&file, report).ok()?;
    Some(file)
}

/// Keys are long runs of letters, digits, `-` and `_`, with at least one digit among them; words are not.
fn without_keys(message: &str) -> String {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let mut clean = String::new();
    let mut rest = message.chars().take(LIMIT).collect::<String>();
    while let Some(first) = rest.chars().next() {
        let starts_run = is_part(first);
        let end = rest.find(|c| is_part(c) != starts_run).unwrap_or(rest.len());
        let tail = rest.split_off(end);
        let is_key = starts_run
            && (rest.starts_with("sk-") || (rest.len() >= 20 && rest.contains(|c: char| c.is_ascii_digit())));
        clean.push_str(if is_key { "[hidden]" } else { &rest });
        rest = tail;
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_a_key_is_hidden() {
        let message = "refused: Bearer sk-proj-Ab12_cd, token=0123456789abcdef0123456789abcdef at call.rs:12";
        assert_eq!(without_keys(message), "refused: Bearer [hidden], token=[hidden] at call.rs:12");
    }

    #[test]
    fn words_stay_readable() {
        let message = "index out of bounds: the len is 3 but the index is 7 — input_audio_buffer_append";
        assert_eq!(without_keys(message), message);
    }

    #[test]
    fn a_very_long_message_is_cut() {
        assert_eq!(without_keys(&"ab ".repeat(5_000)).chars().count(), LIMIT);
    }
}
