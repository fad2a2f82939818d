use std::io;

use rusqlite::ErrorCode;

/// Why the store could not do it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The disk is full; nothing of this call was written.
    #[error("the disk is full")]
    DiskFull,
    /// The file, or its folder, may not be written.
    #[error("the file of the conversations may not be written")]
    ReadOnly,
    /// The file cannot be opened or made.
    #[error("the file of the conversations cannot be opened: {0}")]
    Unopenable(String),
    /// The file is damaged; it is set aside when the store is opened the next time.
    #[error("the file of the conversations is damaged")]
    Damaged,
    /// The file was written by a newer version of the program; it is left as it is.
    #[error("the file of the conversations is of a newer version")]
    Newer,
    /// Too much is waiting, or another process holds the file.
    #[error("the file of the conversations is busy")]
    Busy,
    /// The store is closed.
    #[error("the store is closed")]
    Closed,
    /// There is no such conversation, message or attachment (any more).
    #[error("there is no such {0}")]
    Missing(&'static str),
    /// The file to import is neither ChatGPT's nor ours.
    #[error("this is no export of conversations")]
    Foreign,
    /// A file to import could not be read, or one to export not be written.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// SQLite failed in another way.
    #[error("{0}")]
    Other(String),
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::DiskFull,
            Some(ErrorCode::ReadOnly) => Self::ReadOnly,
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy,
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Damaged,
            Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => Self::Unopenable(error.to_string()),
            Some(_) | None => Self::Other(error.to_string()),
        }
    }
}

impl From<rusqlite_migration::Error> for Error {
    fn from(error: rusqlite_migration::Error) -> Self {
        use rusqlite_migration::{Error as Migration, MigrationDefinitionError};
        if let Migration::MigrationDefinition(MigrationDefinitionError::DatabaseTooFarAhead) = error {
            return Self::Newer;
        }
        let text = error.to_string();
        if let Migration::RusqliteError { err, .. } = error { err.into() } else { Self::Other(text) }
    }
}
