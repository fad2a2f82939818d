//! The folder of the outbox. One program at a time owns it, however many run.

use std::fs::{self, File};
use std::io;
use std::path::PathBuf;

use super::letter::Name;
use crate::config::write_private;
use crate::lock;

/// What the name of a letter that cannot be read is given.
const ASIDE: &str = ".damaged";
/// What a letter is called while it is being written.
const UNFINISHED: &str = ".new";

#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    /// Held as long as this program owns the folder.
    lock: Option<File>,
}

impl Folder {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, lock: None }
    }

    /// Makes the folder and takes possession of it, unless another program has.
    pub(super) fn claim(&mut self) -> io::Result<bool> {
        if self.lock.is_some() {
            return Ok(true);
        }
        self.lock = lock::take(&self.path, "lock")?;
        if self.lock.is_some() {
            self.sweep();
        }
        Ok(self.lock.is_some())
    }

    /// The letters, oldest first. Makes no folder.
    pub(super) fn names(&self) -> Vec<Name> {
        let mut names: Vec<Name> = self.files().iter().filter_map(|file| Name::read(file)).collect();
        names.sort_unstable();
        names
    }

    pub(super) fn read(&self, name: Name) -> io::Result<Vec<u8>> {
        fs::read(self.path.join(name.file()))
    }

    /// In one step: after a crash it is the old letter or the new one.
    pub(super) fn write(&self, name: Name, bytes: &[u8]) -> io::Result<()> {
        write_private(&self.path.join(name.file()), bytes)
    }

    pub(super) fn remove(&self, name: Name) -> io::Result<()> {
        match fs::remove_file(self.path.join(name.file())) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// It cannot be read now; perhaps somebody can some day.
    pub(super) fn set_aside(&self, name: Name) -> io::Result<()> {
        let file = name.file();
        fs::rename(self.path.join(&file), self.path.join(format!("{file}{ASIDE}")))
    }

    /// What a crash left half written; the letter before it is still there.
    fn sweep(&self) {
        for file in self.files().into_iter().filter(|file| file.ends_with(UNFINISHED)) {
            let _ = fs::remove_file(self.path.join(file));
        }
    }

    fn files(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.path).into_iter().flatten().flatten();
        entries.filter_map(|entry| entry.file_name().into_string().ok()).collect()
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn one_program_owns_it_until_it_ends() {
        let root = tempfile::tempdir().unwrap();
        let folder = || Folder::new(root.path().join("outbox"));
        let (mut first, mut second) = (folder(), folder());
        assert!(first.names().is_empty() && !root.path().join("outbox").exists());
        assert_eq!((first.claim().unwrap(), second.claim().unwrap(), first.claim().unwrap()), (true, false, true));
        drop(first);
        assert!(second.claim().unwrap());
    }

    #[test]
    fn letters_are_listed_by_time_set_aside_and_removed() {
        let root = tempfile::tempdir().unwrap();
        let mut folder = Folder::new(root.path().join("outbox"));
        folder.claim().unwrap();
        let (new, old) = (Name::new(2, 0), Name::new(1, 0));
        for name in [new, old] {
            folder.write(name, b"sealed").unwrap();
        }
        assert_eq!(folder.names(), [old, new]);
        folder.set_aside(old).unwrap();
        assert_eq!(folder.names(), [new]);
        assert!(root.path().join("outbox").join(format!("{}.damaged", old.file())).exists());
        folder.remove(new).unwrap();
        folder.remove(new).unwrap();
        assert!(folder.names().is_empty());
    }

    #[test]
    fn what_a_crash_left_half_written_is_swept() {
        let root = tempfile::tempdir().unwrap();
        let half = root.path().join(format!("{}.77.new", Name::new(1, 0).file()));
        fs::write(&half, b"half").unwrap();
        let mut folder = Folder::new(root.path().to_owned());
        assert!(folder.names().is_empty());
        folder.claim().unwrap();
        assert!(!half.exists());
    }
}
