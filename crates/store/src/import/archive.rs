//! ChatGPT's data export as it comes: a zip file with `conversations.json` in it, or, in exports since early 2026, with
//! `conversations-000.json` and so on, beside pictures and much else that is left alone.

use std::io::{self, Read, Seek, SeekFrom};

use zip::ZipArchive;
use zip::result::ZipError;

use crate::Error;

/// What may be unpacked for each byte of the file. Such JSON grows tenfold; files that are made to fill memory and disk grow
/// a thousandfold, and more where their parts overlap.
const GROWTH: u64 = 200;
/// Nobody is harmed by so little, however small the file.
const LEAST: u64 = 16 << 20;
/// And nobody has written more than this, bytes.
const MOST: u64 = 4 << 30;

/// Whether this is a zip file, and not JSON. Reads from the beginning, and goes back there.
pub(super) fn is_one(reader: &mut (impl Read + Seek)) -> io::Result<bool> {
    let mut mark = Vec::with_capacity(2);
    reader.by_ref().take(2).read_to_end(&mut mark)?;
    reader.rewind()?;
    Ok(mark == b"PK")
}

/// A zip file with conversations in it.
pub(super) struct Archive<R> {
    zip: ZipArchive<R>,
    /// Where its files of conversations are, the last one first.
    parts: Vec<usize>,
    /// What may still be unpacked, bytes.
    left: u64,
}

impl<R: Read + Seek> Archive<R> {
    /// # Errors
    /// [`Error::Foreign`]: there are no conversations in it, or it is damaged.
    pub(super) fn open(mut reader: R) -> Result<Self, Error> {
        let length = reader.seek(SeekFrom::End(0))?;
        reader.rewind()?;
        let zip = ZipArchive::new(reader).map_err(unreadable)?;
        let mut parts: Vec<(&str, usize)> = (0..zip.len())
            .filter_map(|at| Some((zip.name_for_index(at)?, at)))
            .filter(|(name, _)| is_part(name))
            .collect();
        parts.sort_unstable();
        let parts: Vec<usize> = parts.into_iter().rev().map(|(_, at)| at).collect();
        if parts.is_empty() {
            return Err(Error::Foreign);
        }
        Ok(Self { zip, parts, left: length.saturating_mul(GROWTH).clamp(LEAST, MOST) })
    }

    /// The next file of conversations.
    pub(super) fn next(&mut self) -> Result<Option<impl Read>, Error> {
        let Some(at) = self.parts.pop() else { return Ok(None) };
        let packed = self.zip.by_index(at).map_err(unreadable)?;
        Ok(Some(Rationed { packed, left: &mut self.left }))
    }
}

/// `conversations.json` or `conversations-012.json`, in whatever folder; not what macOS puts beside each file.
fn is_part(path: &str) -> bool {
    let name = path.rsplit(['/', '\\']).next().unwrap_or(path);
    let between = name.strip_prefix("conversations").and_then(|rest| rest.strip_suffix(".json"));
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_named = between.is_some_and(|text| text.is_empty() || text.strip_prefix('-').is_some_and(is_number));
    is_named && !path.starts_with("__MACOSX")
}

/// Unpacks until the ration is used up.
struct Rationed<'a, R> {
    packed: R,
    left: &'a mut u64,
}

impl<R: Read> Read for Rationed<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.packed.read(buffer)?;
        let too_much = || io::Error::other("the zip file unpacks to far more than conversations would");
        *self.left = self.left.checked_sub(read as u64).ok_or_else(too_much)?;
        Ok(read)
    }
}

fn unreadable(error: ZipError) -> Error {
    match error {
        ZipError::Io(error) => Error::Io(error),
        ZipError::UnsupportedArchive(why) => {
            Error::Io(io::Error::other(format!("the zip file cannot be unpacked here ({why}); unpack it first")))
        }
        ZipError::InvalidArchive(_) | ZipError::FileNotFound | ZipError::InvalidPassword | _ => Error::Foreign,
    }
}

#[cfg(test)]
mod tests {
    use super::is_part;

    #[test]
    fn only_files_of_conversations_are_read() {
        for name in
            ["conversations.json", "conversations-000.json", "export/conversations-12.json", "a\\conversations.json"]
        {
            assert!(is_part(name), "{name}");
        }
        for name in [
            "shared_conversations.json",
            "conversations.json.index",
            "conversations-.json",
            "conversations-1a.json",
            "conversations/user.json",
            "__MACOSX/conversations.json",
            "__MACOSX/export/._conversations.json",
            "chat.html",
        ] {
            assert!(!is_part(name), "{name}");
        }
    }
}
