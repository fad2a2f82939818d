//! `sidetone export`

use std::fs::OpenOptions;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

use clap::ValueEnum;
use engine::Paths;
use engine::store::{ConversationId, Filter, Format, Selection, Store};

use super::failure::Failure;
use super::print::{json, line};
use super::{history, history_failure, table};

/// Write conversations to a file, or list them
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  sidetone export --list
  sidetone export 12 14 > talk.md
  sidetone export --format json --output everything.json")]
pub(crate) struct Arguments {
    /// Which conversations [default: all]
    #[arg(value_name = "ID")]
    ids: Vec<i64>,
    /// How they are written
    #[arg(long, default_value = "markdown")]
    format: As,
    /// A new file [default: standard output]
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// List the conversations with their ids
    #[arg(long, conflicts_with_all = ["ids", "output"])]
    list: bool,
    /// With --list: print one JSON object for each conversation
    #[arg(long, requires = "list")]
    json: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum As {
    /// To be read
    Markdown,
    /// One document with everything; Sidetone can import it
    Json,
    /// One message a line
    JsonLines,
    /// Subtitles of what was said
    Srt,
    /// Subtitles for the web
    Vtt,
    /// What each request consumed; not what was said
    Csv,
}

pub(crate) async fn run(arguments: &Arguments, paths: Paths) -> Result<(), Failure> {
    let engine = super::engine(paths)?;
    let store = history(&engine).await?;
    if arguments.list {
        return list(store, arguments.json).await;
    }
    let format = match arguments.format {
        As::Markdown => Format::Markdown,
        As::Json => Format::Json,
        As::JsonLines => Format::JsonLines,
        As::Srt => Format::Srt,
        As::Vtt => Format::Vtt,
        As::Csv => Format::Csv,
    };
    let selection = if arguments.ids.is_empty() {
        Selection::All
    } else {
        Selection::These(arguments.ids.iter().copied().map(ConversationId).collect())
    };
    let sink: Box<dyn Write + Send> = match &arguments.output {
        Some(file) => {
            let mut options = OpenOptions::new();
            options.write(true).create_new(true);
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
            let file = options.open(file);
            Box::new(BufWriter::new(file.map_err(|error| Failure::other(format!("cannot write: {error}")))?))
        }
        None => Box::new(io::stdout()),
    };
    let mut sink = store.export(selection, format, sink).await.map_err(history_failure)?;
    sink.flush().map_err(|error| Failure::other(format!("cannot write: {error}")))
}

async fn list(store: &Store, is_json: bool) -> Result<(), Failure> {
    let entries = store.list(Filter { limit: 10_000, ..Filter::default() }).await.map_err(history_failure)?;
    if is_json {
        return entries.iter().try_for_each(json);
    }
    let cells =
        |entry: &engine::store::Entry| vec![entry.id.0.to_string(), entry.count.to_string(), entry.title.clone()];
    line(table::aligned(&["id", "messages", "title"], entries.iter().map(cells)))
}
