use serde::{Deserialize, Serialize};

/// How far an import is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Bytes of the file that were read.
    pub bytes: u64,
    /// What came of them so far.
    pub so_far: Imported,
}

/// What was imported.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Imported {
    /// New conversations.
    pub conversations: u64,
    /// Their messages.
    pub messages: u64,
    /// Conversations that were imported before.
    pub known: u64,
    /// Conversations that make no sense or are larger than 256 MiB.
    pub skipped: u64,
    /// Messages that make no sense, in conversations that were imported.
    pub skipped_messages: u64,
}

pub(crate) async fn run<R: std::io::Read, P: FnMut(Progress)>(
    desk: crate::desk::Desk,
    _reader: R,
    _progress: P,
) -> Result<Imported, crate::Error> {
    desk.run(|_| Ok(())).await?;
    Err(crate::Error::Foreign)
}
