use serde::{Deserialize, Serialize};

use crate::conversation::ConversationId;

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

pub(crate) async fn run<W: std::io::Write>(
    desk: crate::desk::Desk,
    _selection: Selection,
    _format: Format,
    sink: W,
) -> Result<W, crate::Error> {
    desk.run(|_| Ok(())).await?;
    Ok(sink)
}

pub(crate) async fn usage<W: std::io::Write>(
    desk: crate::desk::Desk,
    _since_ms: i64,
    sink: W,
) -> Result<W, crate::Error> {
    desk.run(|_| Ok(())).await?;
    Ok(sink)
}
