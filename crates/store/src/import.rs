//! Reading conversations from elsewhere, one at a time.

mod archive;
mod chatgpt;
mod elements;

use std::io::{Read, Seek};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Error;
use crate::desk::{self, Desk};
use crate::portable::{self, Portable, PutIn};
use archive::Archive;
use elements::{Element, Elements};

/// Largest conversation, bytes of JSON. The longest ones that people have are a tenth of this.
const LARGEST: usize = 64 << 20;
/// JSON of conversations that are written together, bytes. The index of the search takes many words at once far better
/// than few at a time; and no other call waits long.
const BATCH: u64 = 1 << 20;

/// How far an import is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Bytes of JSON that were read.
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
    /// Conversations that make no sense have no words, or are larger than 64 MiB.
    pub skipped: u64,
    /// Messages that make no sense, in conversations that were imported.
    pub skipped_messages: u64,
}

pub(crate) async fn run<R, P>(desk: Desk, reader: R, progress: P) -> Result<Imported, Error>
where
    R: Read + Seek + Send + 'static,
    P: FnMut(Progress) + Send + 'static,
{
    desk::aside("store-import", move |is_wanted| read(&desk, reader, progress, is_wanted)).await
}

fn read(
    desk: &Desk,
    mut reader: impl Read + Seek,
    progress: impl FnMut(Progress),
    is_wanted: &dyn Fn() -> bool,
) -> Result<Imported, Error> {
    let mut intake = Intake { desk, progress, is_wanted, told: Progress::default() };
    if archive::is_one(&mut reader)? {
        let mut archive = Archive::open(reader)?;
        while let Some(part) = archive.next()? {
            intake.take(part)?;
        }
    } else {
        intake.take(reader)?;
    }
    let so_far = intake.told.so_far;
    let is_foreign = so_far.conversations + so_far.known == 0 && so_far.skipped > 0;
    if is_foreign { Err(Error::Foreign) } else { Ok(so_far) }
}

/// Puts what is read into the store.
struct Intake<'a, P> {
    desk: &'a Desk,
    progress: P,
    is_wanted: &'a dyn Fn() -> bool,
    told: Progress,
}

impl<P: FnMut(Progress)> Intake<'_, P> {
    /// All conversations of one file.
    fn take(&mut self, reader: impl Read) -> Result<(), Error> {
        let mut elements = Elements::new(reader, LARGEST);
        let mut waiting = Vec::new();
        let mut written = 0;
        while (self.is_wanted)() {
            let element = elements.next();
            if elements.bytes() - written >= BATCH || !matches!(element, Ok(Some(_))) {
                self.put_in(std::mem::take(&mut waiting))?;
                self.told.bytes += elements.bytes() - written;
                written = elements.bytes();
                (self.progress)(self.told);
            }
            match element? {
                None => return Ok(()),
                Some(Element::TooLarge) => self.told.so_far.skipped += 1,
                Some(Element::Json(json)) => match understand(&json) {
                    None => self.told.so_far.skipped += 1,
                    Some(conversation) => waiting.push(conversation),
                },
            }
        }
        Err(Error::Closed)
    }

    fn put_in(&mut self, conversations: Vec<Foreign>) -> Result<(), Error> {
        let skipped_before: Vec<u64> = conversations.iter().map(|conversation| conversation.skipped).collect();
        let results = self.desk.run_blocking(move |connection| {
            let conversations = conversations.iter().map(|foreign| &foreign.conversation);
            portable::put_in(connection, conversations)
        })?;
        let so_far = &mut self.told.so_far;
        for (result, skipped_before) in results.into_iter().zip(skipped_before) {
            match result {
                PutIn::Known => so_far.known += 1,
                PutIn::New { messages, skipped } => {
                    so_far.conversations += 1;
                    so_far.messages += messages;
                    so_far.skipped_messages += skipped + skipped_before;
                }
            }
        }
        Ok(())
    }
}

/// A conversation from elsewhere, and how many of its messages make no sense.
struct Foreign {
    conversation: Portable,
    skipped: u64,
}

fn understand(json: &[u8]) -> Option<Foreign> {
    let value: Value = serde_json::from_slice(json).ok()?;
    if value.get("mapping").is_some() {
        return chatgpt::conversation(&value);
    }
    let conversation = Portable::deserialize(value).ok()?;
    (conversation.sidetone == portable::VERSION).then_some(Foreign { conversation, skipped: 0 })
}
