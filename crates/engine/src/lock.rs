//! One program at a time: a lock on a file, which the system lets go of when the program ends, however it ends.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use crate::recording::create_private;

/// Takes the lock `name` in a folder, which is made if need be; nothing while another program has it.
pub(crate) fn take(folder: &Path, name: &str) -> io::Result<Option<File>> {
    create_private(folder)?;
    let lock = File::options().create(true).truncate(false).write(true).open(folder.join(name))?;
    match lock.try_lock() {
        Ok(()) => Ok(Some(lock)),
        Err(fs::TryLockError::WouldBlock) => Ok(None),
        Err(fs::TryLockError::Error(error)) => Err(error),
    }
}
