//! The file itself: who has it open, whether it is sound, and what becomes of it when it is not.

use std::ffi::OsString;
use std::fs::{self, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};

use crate::{Error, message, reserve, schema};

/// The open file.
pub(crate) struct File {
    pub(crate) connection: Connection,
    /// Where a damaged one was moved to.
    pub(crate) damaged: Option<PathBuf>,
    path: PathBuf,
    /// Held (shared) as long as the file is open, so that only the first of several processes repairs and recovers.
    _lock: fs::File,
}

impl File {
    /// Notes that the file has to be checked before it is used again.
    pub(crate) fn suspect(&self) {
        if let Err(error) = fs::write(beside(&self.path, "-suspect"), []) {
            tracing::warn!(%error, "cannot note that the file is damaged");
        }
    }

    /// Closes it, without what only a crash would need.
    pub(crate) fn close(self) {
        if let Err(error) = self.connection.execute_batch("PRAGMA optimize; PRAGMA wal_checkpoint(TRUNCATE);") {
            tracing::warn!(%error, "cannot tidy up the store");
        }
        if let Err((_, error)) = self.connection.close() {
            tracing::warn!(%error, "cannot close the store");
        }
    }
}

pub(crate) fn open(path: &Path) -> Result<File, Error> {
    let lock = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(beside(path, "-lock"))
        .map_err(|error| unopenable(&error))?;
    let is_alone = match lock.try_lock() {
        Ok(()) => true,
        Err(TryLockError::WouldBlock) => false,
        // A file system without locks.
        Err(TryLockError::Error(_)) => true,
    };
    let share = || lock.lock_shared().inspect_err(|error| tracing::debug!(%error, "no locks here"));
    let (connection, damaged) = if is_alone {
        let opened = open_alone(path)?;
        // Whoever comes in between finds nothing to recover yet.
        let _ = lock.unlock().and_then(|()| share());
        opened
    } else {
        // The first one may be making the tables.
        let _ = share();
        (connect(path)?, None)
    };
    Ok(File { connection, damaged, path: path.to_owned(), _lock: lock })
}

fn open_alone(path: &Path) -> Result<(Connection, Option<PathBuf>), Error> {
    let (connection, damaged) = match connect_checked(path) {
        Err(Error::Damaged) => {
            let aside = set_aside(path)?;
            tracing::error!(aside = %aside.display(), "the file of the conversations is damaged and was set aside");
            (connect(path)?, Some(aside))
        }
        other => (other?, None),
    };
    message::recover(&connection)?;
    reserve::forget_all(&connection)?;
    Ok((connection, damaged))
}

fn connect(path: &Path) -> Result<Connection, Error> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags)?;
    schema::prepare(&connection)?;
    schema::migrate(&mut connection)?;
    Ok(connection)
}

/// Looks through the whole file when there is a reason: it was not closed, or seemed to be damaged.
fn connect_checked(path: &Path) -> Result<Connection, Error> {
    let suspect = beside(path, "-suspect");
    let was_cut = fs::metadata(beside(path, "-wal")).is_ok_and(|wal| wal.len() > 0);
    let is_suspect = suspect.exists();
    let connection = connect(path)?;
    if (is_suspect || was_cut) && !is_sound(&connection)? {
        return Err(Error::Damaged);
    }
    if is_suspect {
        fs::remove_file(suspect)?;
    }
    Ok(connection)
}

/// An index of the search that is damaged is made anew; the words are elsewhere.
fn is_sound(connection: &Connection) -> Result<bool, Error> {
    if check(connection)? {
        return Ok(true);
    }
    connection.execute_batch(
        "INSERT INTO message_words (message_words) VALUES ('rebuild');
         INSERT INTO title_words (title_words) VALUES ('rebuild');",
    )?;
    check(connection)
}

fn check(connection: &Connection) -> Result<bool, Error> {
    let verdict: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    Ok(verdict == "ok")
}

/// Moves the file, with what belongs to it, to the first free name.
fn set_aside(path: &Path) -> Result<PathBuf, Error> {
    let free = (1..1000).map(|number| beside(path, &format!(".damaged-{number}"))).find(|name| !name.exists());
    let aside = free.ok_or(Error::Damaged)?;
    fs::rename(path, &aside).map_err(|error| unopenable(&error))?;
    for part in ["-wal", "-shm"] {
        match fs::rename(beside(path, part), beside(&aside, part)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(unopenable(&error)),
            Ok(()) | Err(_) => {}
        }
    }
    // It is about the file that is gone.
    let _ = fs::remove_file(beside(path, "-suspect"));
    Ok(aside)
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(ending);
    name.into()
}

fn unopenable(error: &io::Error) -> Error {
    use io::ErrorKind::{PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    let is = |kinds: [io::ErrorKind; 2]| kinds.contains(&error.kind());
    if is([PermissionDenied, ReadOnlyFilesystem]) {
        Error::ReadOnly
    } else if is([StorageFull, QuotaExceeded]) {
        Error::DiskFull
    } else {
        Error::Unopenable(error.to_string())
    }
}
