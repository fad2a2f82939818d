//! One recording: its file, its turns, and the list of turns beside it (`<name>.json`).

use std::path::{Path, PathBuf};
use std::time::Duration;

use protocol::{Delivery, Item, ItemId};
use serde::Serialize;
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, spawn_blocking};

use super::{Word, failure};
use crate::api::{self, Role};
use crate::call::millis;
use crate::config;

/// A spoken turn in a recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Turn {
    pub(super) item: ItemId,
    pub(super) role: Role,
    pub(super) start: Duration,
    /// `None` while it is being spoken.
    pub(super) end: Option<Duration>,
    pub(super) text: String,
}

/// One file.
pub(super) struct Take {
    pub(super) file: PathBuf,
    /// Unix ms.
    pub(super) began: i64,
    /// `None` while it is under way.
    pub(super) length: Option<Duration>,
    pub(super) turns: Vec<Turn>,
    markers: Option<Markers>,
}

/// The task that writes the list of turns; the latest one wins.
struct Markers {
    latest: watch::Sender<String>,
    writer: JoinHandle<()>,
}

impl Take {
    pub(super) fn new(file: PathBuf, began: i64, tell: mpsc::Sender<Word>) -> Self {
        let (latest, changes) = watch::channel(String::new());
        let writer = tokio::spawn(write(file.with_extension("json"), changes, tell));
        Self { file, began, length: None, turns: Vec::new(), markers: Some(Markers { latest, writer }) }
    }

    pub(super) fn name(&self) -> String {
        self.file.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    pub(super) fn turn(&mut self, item: ItemId) -> Option<&mut Turn> {
        self.turns.iter_mut().find(|turn| turn.item == item)
    }

    pub(super) fn view(&self) -> api::Take {
        api::Take { name: self.name(), began: self.began, duration_ms: self.length.map(millis) }
    }

    /// The turns that are whole, as shells see them.
    pub(super) fn turns_view(&self) -> impl Iterator<Item = api::RecordedTurn> {
        self.turns.iter().filter_map(|turn| {
            Some(api::RecordedTurn {
                item: turn.item.0,
                role: turn.role,
                take: self.name(),
                start_ms: millis(turn.start),
                end_ms: millis(turn.end?),
            })
        })
    }

    /// A turn begins, unless it has.
    pub(super) fn begin(&mut self, item: &Item, start: Duration) -> bool {
        if self.turn(item.id).is_some() {
            return false;
        }
        let role = match item.role {
            protocol::Role::User => Role::User,
            protocol::Role::Assistant => Role::Assistant,
        };
        self.turns.push(Turn { item: item.id, role, start, end: None, text: item.text.clone() });
        true
    }

    /// A turn that was being spoken is over.
    pub(super) fn end(&mut self, item: ItemId, end: Duration) -> bool {
        let Some(turn) = self.turn(item).filter(|turn| turn.end.is_none()) else { return false };
        turn.end = Some(end);
        self.write();
        true
    }

    /// What was said, as far as it is known.
    pub(super) fn caption(&mut self, item: &Item) {
        let Some(turn) = self.turn(item.id).filter(|turn| turn.text != item.text) else { return };
        turn.text.clone_from(&item.text);
        let is_over = turn.end.is_some();
        if is_over && item.is_final {
            self.write();
        }
    }

    pub(super) fn forget(&mut self, item: ItemId) -> bool {
        let before = self.turns.len();
        self.turns.retain(|turn| turn.item != item);
        if self.turns.len() == before {
            return false;
        }
        self.write();
        true
    }

    /// The recording is over.
    pub(super) fn close(&mut self, length: Duration) {
        self.length = Some(length);
        for turn in self.turns.iter_mut().filter(|turn| turn.end.is_none()) {
            turn.end = Some(length);
        }
        self.write();
    }

    /// No more is written; the task ends when the last list is in the file.
    pub(super) fn seal(&mut self) -> Option<JoinHandle<()>> {
        self.markers.take().map(|markers| markers.writer)
    }

    fn write(&self) {
        if let Some(markers) = &self.markers {
            markers.latest.send_replace(list(self.began, self.length, &self.turns));
        }
    }
}

#[derive(Serialize)]
struct List<'a> {
    /// Of this format.
    version: u32,
    /// Unix ms.
    began: i64,
    duration_ms: Option<u32>,
    /// In the order of the recording.
    turns: Vec<Mark<'a>>,
}

#[derive(Serialize)]
struct Mark<'a> {
    item: u64,
    role: Role,
    start_ms: u32,
    end_ms: u32,
    text: &'a str,
}

fn list(began: i64, length: Option<Duration>, turns: &[Turn]) -> String {
    let marks = turns.iter().filter_map(|turn| {
        let (start_ms, end_ms) = (millis(turn.start), millis(turn.end?));
        Some(Mark { item: turn.item.0, role: turn.role, start_ms, end_ms, text: &turn.text })
    });
    let list = List { version: 1, began, duration_ms: length.map(millis), turns: marks.collect() };
    serde_json::to_string_pretty(&list).unwrap_or_default() + "\n"
}

async fn write(file: PathBuf, mut changes: watch::Receiver<String>, tell: mpsc::Sender<Word>) {
    while changes.changed().await.is_ok() {
        let (text, file) = (changes.borrow_and_update().clone(), file.clone());
        let written = spawn_blocking(move || config::write_private(&file, text.as_bytes())).await;
        if let Ok(Err(error)) = written {
            let _ = tell.try_send(Word::Failed(failure(&error)));
        }
    }
}

/// Deletes a recording and its list.
pub(super) fn delete(file: &Path) -> std::io::Result<()> {
    let gone = |result: std::io::Result<()>| match result {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    };
    gone(std::fs::remove_file(file))?;
    gone(std::fs::remove_file(file.with_extension("json")))
}

/// Whether the words of this item are being spoken into the microphone.
pub(super) fn is_being_spoken(item: &Item) -> bool {
    item.role == protocol::Role::User && item.kind == protocol::Kind::Spoken && item.delivery == Delivery::Recording
}
