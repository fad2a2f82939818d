//! Hearing a part of a recording again: through the call's speaker, or through one opened for it.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use audio::recording::{Recorder, Stereo, read};
use audio::{Card, Duplex, ItemKey, Notice};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

use super::{Outcome, Recordings, Word, failure};
use crate::api::{self, Problem};
use crate::call::{millis, sound_config, sound_problem, unix_ms};

/// Names of what is heard again; those of items are counted from zero and never come here.
const FIRST_KEY: u64 = 1 << 63;
/// Around a turn.
const MARGIN: Duration = Duration::from_millis(150);
/// A step back.
const BACK: Duration = Duration::from_secs(10);
/// Longest part: less than what the speaker's queue holds.
const LONGEST: Duration = Duration::from_secs(280);
/// How long a recording under way may take to write what is wanted from it.
const SYNC_LIMIT: Duration = Duration::from_secs(1);

/// Whether this is the name of something that is heard again.
pub(crate) fn is_replay(key: ItemKey) -> bool {
    key.0 >= FIRST_KEY
}

/// What is heard again.
pub(super) struct Replay {
    pub(super) key: ItemKey,
    pub(super) part: Part,
    /// When it became audible, unix ms.
    pub(super) since: Option<i64>,
    /// The speaker, when there is no call.
    pub(super) player: Option<Duplex>,
}

/// A part of a recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Part {
    pub(super) take: String,
    /// The turn, if it is one.
    pub(super) item: Option<u64>,
    pub(super) range: Range<Duration>,
}

impl Replay {
    pub(super) fn new(number: u64, part: Part) -> Self {
        let end = part.range.end.min(part.range.start + LONGEST);
        let part = Part { range: part.range.start..end, ..part };
        Self { key: ItemKey(FIRST_KEY + number), part, since: None, player: None }
    }

    pub(super) fn view(&self) -> api::Replay {
        api::Replay {
            item: self.part.item,
            take: self.part.take.clone(),
            from_ms: millis(self.part.range.start),
            to_ms: millis(self.part.range.end),
            since: self.since,
        }
    }
}

/// A part that was fetched.
pub(crate) struct Loaded {
    pub(super) pcm: Vec<i16>,
    pub(super) player: Option<Duplex>,
}

impl std::fmt::Debug for Loaded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Loaded").field("samples", &self.pcm.len()).finish_non_exhaustive()
    }
}

/// Fetches a part, and opens a speaker when `card` says which. Blocks.
pub(super) fn load(
    key: ItemKey,
    file: &Path,
    range: Range<Duration>,
    recorder: Option<Arc<Recorder>>,
    card: Option<Card>,
    tell: &mpsc::Sender<Word>,
) -> Result<Loaded, Problem> {
    if let Some(recorder) = recorder {
        recorder.sync(SYNC_LIMIT);
    }
    let pcm = mono(&read(file, protocol::SAMPLE_RATE, range).map_err(|error| failure(&error))?);
    let player = card.map(|card| {
        let tell = tell.clone();
        let notice = move |notice| {
            let _ = tell.try_send(Word::Player(key, notice));
        };
        Duplex::open(sound_config(card), |_| {}, notice).map_err(|error| sound_problem(&error))
    });
    Ok(Loaded { pcm, player: player.transpose()? })
}

/// Both voices together, as loud as they were.
fn mono(sound: &Stereo) -> Vec<i16> {
    let sample = |(left, right): (&f32, &f32)| ((left + right) * 32_767.0).round().clamp(-32_768.0, 32_767.0) as i16;
    sound.left.iter().zip(&sound.right).map(sample).collect()
}

/// The speaker of `card` alone.
pub(super) fn without_microphone(card: Card) -> Card {
    match card {
        Card::System { output, .. } => Card::System { input: audio::Choice::Off, output },
        Card::Files { output, .. } => Card::Files { input: None, output },
    }
}

impl Recordings {
    /// Where a turn is.
    pub(crate) fn part_of(&self, item: u64) -> Option<Part> {
        self.takes.iter().rev().find_map(|take| {
            let turn = take.turns.iter().find(|turn| turn.item.0 == item)?;
            let range = turn.start.saturating_sub(MARGIN)..turn.end? + MARGIN;
            Some(Part { take: take.name(), item: Some(item), range })
        })
    }

    /// Ten seconds before what is being heard again (`heard` tells how much of it was), or before the end of the last
    /// recording.
    pub(crate) fn part_before(&self, heard: impl Fn(ItemKey) -> Duration) -> Option<Part> {
        if let Some(replay) = &self.replay {
            let heard = replay.player.as_ref().map_or_else(|| heard(replay.key), |player| player.heard(replay.key));
            let start = (replay.part.range.start + heard).saturating_sub(BACK);
            return Some(Part { range: start..replay.part.range.end, ..replay.part.clone() });
        }
        let take = self.takes.last()?;
        let end = take.length.or_else(|| self.position())?;
        Some(Part { take: take.name(), item: None, range: end.saturating_sub(BACK)..end })
    }

    /// Fetches a part; [`Outcome::Play`] follows, or it is heard from the speaker of `card`, opened for it.
    pub(crate) fn fetch(&mut self, part: Part, card: Option<Card>) {
        let Some(take) = self.takes.iter().find(|take| take.name() == part.take) else { return };
        self.count += 1;
        let replay = Replay::new(self.count, part);
        let (key, range, file, tell) = (replay.key, replay.part.range.clone(), take.file.clone(), self.tell.clone());
        let recorder = self.session.as_ref().map(|session| Arc::clone(&session.recorder));
        spawn_blocking(move || {
            let loaded = load(key, &file, range, recorder, card.map(without_microphone), &tell);
            let _ = tell.blocking_send(Word::Loaded(key, loaded.map(Box::new)));
        });
        self.replay = Some(replay);
        self.has_changed = true;
    }

    /// Ends what is heard again. Whether it may sound through the call's speaker.
    pub(crate) fn end_replay(&mut self) -> bool {
        let Some(replay) = self.replay.take() else { return false };
        self.has_changed = true;
        let Some(player) = replay.player else { return true };
        // Closing a device can block for long on some systems.
        drop(spawn_blocking(move || drop(player)));
        false
    }

    pub(super) fn loaded(&mut self, key: ItemKey, loaded: Result<Box<Loaded>, Problem>) -> Outcome {
        let Some(replay) = self.replay.as_mut().filter(|replay| replay.key == key) else {
            drop(spawn_blocking(move || drop(loaded)));
            return Outcome::Nothing;
        };
        match loaded {
            Ok(loaded) => match loaded.player {
                Some(player) => {
                    player.play(key, loaded.pcm);
                    player.finish(key);
                    replay.player = Some(player);
                    Outcome::Nothing
                }
                None => Outcome::Play(key, loaded.pcm),
            },
            Err(problem) => {
                self.end_replay();
                Outcome::Failed(problem)
            }
        }
    }

    /// What a speaker says of something that is heard again.
    pub(crate) fn heard(&mut self, key: ItemKey, notice: &Notice) {
        let Some(replay) = self.replay.as_mut().filter(|replay| replay.key == key) else { return };
        match notice {
            Notice::Started(_) => {
                replay.since = Some(unix_ms());
                self.has_changed = true;
            }
            Notice::Finished(_) | Notice::Lost { .. } => drop(self.end_replay()),
            Notice::Opened { .. } | Notice::Silent | Notice::Audible => {}
        }
    }
}
