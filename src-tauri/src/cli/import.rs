//! `sidetone import`

use std::fs::File;
use std::io::BufReader;
use std::path::PathBuf;

use engine::Paths;
use engine::store::Error;

use super::failure::Failure;
use super::print::{json, line};
use super::{history, history_failure};

/// Take over conversations from ChatGPT, or from another Sidetone
///
/// What was imported before is left as it is.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  sidetone import ~/Downloads/chatgpt-export.zip
  sidetone import everything.json")]
pub(crate) struct Arguments {
    /// ChatGPT's export: the zip file as it comes, or a conversations.json out of it. Or what `export --format json` wrote
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(arguments: &Arguments, paths: Paths) -> Result<(), Failure> {
    let place = arguments.file.display();
    let unread = |error: &dyn std::fmt::Display| Failure::other(format!("{place} cannot be read: {error}."));
    let file = File::open(&arguments.file).map_err(|error| unread(&error))?;
    let engine = super::engine(paths)?;
    let store = history(&engine).await?.clone();
    let imported = store.import(BufReader::new(file), |_| {}).await;
    store.close().await;
    let imported = imported.map_err(|error| {
        let is_about_file = matches!(error, Error::Foreign | Error::Io(_));
        if is_about_file { unread(&error) } else { history_failure(error) }
    })?;
    if arguments.json {
        return json(&imported);
    }
    let count = |count: u64, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
    line(format!("{} with {}", count(imported.conversations, "conversation"), count(imported.messages, "message")))?;
    let rest = [("known already", imported.known), ("skipped, as they make no sense", imported.skipped)];
    rest.into_iter().filter(|(_, count)| *count > 0).try_for_each(|(what, count)| line(format!("{count} {what}")))
}
