//! Writing conversations and the ledger in other formats, one conversation at a time.

mod csv;
mod lines;
mod markdown;
mod subtitles;

use std::io::{self, BufWriter, Write};

use serde::{Deserialize, Serialize};

use crate::Error;
use crate::conversation::{self, ConversationId};
use crate::desk::{self, Desk};
use subtitles::Subtitles;

/// Which conversations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selection {
    /// All.
    All,
    /// These, in this order.
    These(Vec<ConversationId>),
}

/// How to write them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// The chosen branch, to be read.
    Markdown,
    /// An array of conversations with all branches and files; [`crate::Store::import`] reads it.
    Json,
    /// One line per message of all branches.
    JsonLines,
    /// What was said, as SubRip subtitles, one call after the other.
    Srt,
    /// What was said, as WebVTT subtitles, one call after the other.
    Vtt,
    /// Their rows of the ledger.
    Csv,
}

impl Format {
    /// How files of this kind end, such as `md`.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Markdown => "md",
            Self::Json => "json",
            Self::JsonLines => "jsonl",
            Self::Srt => "srt",
            Self::Vtt => "vtt",
            Self::Csv => "csv",
        }
    }
}

pub(crate) async fn run<W>(desk: Desk, selection: Selection, format: Format, sink: W) -> Result<W, Error>
where
    W: Write + Send + 'static,
{
    desk::aside("store-export", move |is_wanted| {
        let mut sink = BufWriter::new(sink);
        match format {
            Format::Markdown => each(&desk, selection, is_wanted, |desk, id| markdown::write(desk, id, &mut sink))?,
            Format::Json => lines::array(&mut sink, |sink| {
                each(&desk, selection, is_wanted, |desk, id| lines::conversation(desk, id, sink))
            })?,
            Format::JsonLines => each(&desk, selection, is_wanted, |desk, id| lines::messages(desk, id, &mut sink))?,
            Format::Srt | Format::Vtt => {
                let mut subtitles = Subtitles::begin(format == Format::Vtt, &mut sink)?;
                each(&desk, selection, is_wanted, |desk, id| subtitles.write(desk, id, &mut sink))?;
            }
            Format::Csv => csv::write(&desk, i64::MIN, selection, is_wanted, &mut sink)?,
        }
        Ok(sink.into_inner().map_err(io::IntoInnerError::into_error)?)
    })
    .await
}

pub(crate) async fn usage<W>(desk: Desk, since_ms: i64, sink: W) -> Result<W, Error>
where
    W: Write + Send + 'static,
{
    desk::aside("store-export", move |is_wanted| {
        let mut sink = BufWriter::new(sink);
        csv::write(&desk, since_ms, Selection::All, is_wanted, &mut sink)?;
        Ok(sink.into_inner().map_err(io::IntoInnerError::into_error)?)
    })
    .await
}

/// Does `write` for each conversation, as long as somebody wants it.
fn each(
    desk: &Desk,
    selection: Selection,
    is_wanted: &dyn Fn() -> bool,
    mut write: impl FnMut(&Desk, ConversationId) -> Result<(), Error>,
) -> Result<(), Error> {
    let is_all = selection == Selection::All;
    let ids = match selection {
        Selection::All => desk.run_blocking(|connection| conversation::all(connection))?,
        Selection::These(ids) => ids,
    };
    for id in ids {
        if !is_wanted() {
            return Err(Error::Closed);
        }
        match write(desk, id) {
            // Deleted in the meantime.
            Err(Error::Missing(_)) if is_all => {}
            other => other?,
        }
    }
    Ok(())
}
