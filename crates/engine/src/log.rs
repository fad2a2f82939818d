//! Traces: a file a day in the log folder, the last seven kept. What the user said and keys never go there.

use std::path::Path;

use tracing_appender::non_blocking::WorkerGuard;
use tracing_appender::rolling::{RollingFileAppender, Rotation};
use tracing_subscriber::EnvFilter;

/// Keeps the log writer alive; the rest is flushed when it is dropped.
#[derive(Debug)]
pub struct Guard {
    _writer: WorkerGuard,
}

/// The `pulseaudio` crate reports an error at every normal shutdown.
const DEFAULT_FILTER: &str = "info,pulseaudio=off";

/// Starts logging into `folder`. `RUST_LOG` chooses what; without it `info`. A folder that cannot be written is
/// no reason not to talk: then nothing is logged.
#[must_use]
pub fn start(folder: &Path) -> Option<Guard> {
    std::fs::create_dir_all(folder).ok()?;
    let files = RollingFileAppender::builder()
        .rotation(Rotation::DAILY)
        .filename_prefix("sidetone")
        .filename_suffix("log")
        .max_log_files(7)
        .build(folder)
        .ok()?;
    let (writer, guard) = tracing_appender::non_blocking(files);
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(DEFAULT_FILTER));
    tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false).with_writer(writer).try_init().ok()?;
    Some(Guard { _writer: guard })
}
