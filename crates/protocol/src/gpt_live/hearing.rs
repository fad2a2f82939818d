//! The user's side. With a talk key the conversation says when a turn begins and ends; with an open microphone the
//! transcript tells: a turn begins with its first words and ends when the model answers or no more words come.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::Role;
use crate::interpreter::Told;

use super::server::Fragment;
use super::{Kind, Live};

/// Open microphone: no words for this long, and the turn is over.
const PAUSE: Duration = Duration::from_millis(1_500);
/// What comes of the words later than this belongs to them and changes nothing.
const SETTLING: Duration = Duration::from_secs(3);
/// Spoken into an answer, this much takes the floor; less ("mm-hm") encourages whoever speaks.
const WORDS: usize = 3;
const MEANT: u64 = 1_000;
/// Transcripts tell their places roughly, in ms.
const ROUGHLY: u64 = 300;
/// Utterances whose words may still come.
const MOST: usize = 4;

/// Something that the user says.
#[derive(Debug)]
struct Utterance {
    item: String,
    /// Where it begins and ends on the session's clock, in ms.
    from: u64,
    to: u64,
    /// Where it begins among the samples of the microphone.
    position: u64,
    text: String,
    stage: Stage,
    /// When the last words came, or the turn ended.
    touched: Instant,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Spoken,
    Committed,
    Final,
}

/// Whose turn it is, as far as the user is concerned.
#[derive(Debug, Default)]
pub(super) struct Floor {
    utterances: VecDeque<Utterance>,
    /// Words spoken into an answer: the beginning of a turn, or nothing.
    aside: Option<Utterance>,
    /// Push to talk: the key is down.
    is_recording: bool,
    /// A turn has ended since an answer was asked for.
    has_new_turn: bool,
    /// When the last words came.
    words_at: Option<Instant>,
}

impl Floor {
    pub(super) fn is_recording(&self) -> bool {
        self.is_recording
    }

    pub(super) fn has_new_turn(&self) -> bool {
        self.has_new_turn
    }

    pub(super) fn take_new_turn(&mut self) -> bool {
        std::mem::take(&mut self.has_new_turn)
    }

    /// When the last words of the user came.
    pub(super) fn words_at(&self) -> Option<Instant> {
        self.words_at
    }

    fn spoken(&mut self) -> Option<&mut Utterance> {
        self.utterances.back_mut().filter(|utterance| utterance.stage == Stage::Spoken)
    }

    fn push(&mut self, utterance: Utterance) {
        self.utterances.push_back(utterance);
        if self.utterances.len() > MOST {
            self.utterances.pop_front();
        }
    }

    /// The utterance that words from here belong to. Words of an older one may come late.
    fn owner(&mut self, start: u64) -> Option<&mut Utterance> {
        let index = self.utterances.iter().rposition(|utterance| utterance.from <= start + ROUGHLY).unwrap_or(0);
        self.utterances.get_mut(index)
    }
}

impl Utterance {
    fn add(&mut self, fragment: Fragment<'_>, now: Instant) {
        self.text.push_str(fragment.text);
        self.to = self.to.max(fragment.end.or(fragment.start).unwrap_or(self.to));
        self.touched = now;
    }

    fn words(&self, is_final: bool) -> Told {
        Told::UserWords { item: self.item.clone(), text: self.text.trim().to_owned(), is_final }
    }

    /// Whether somebody who says so much wants the floor.
    fn is_meant(&self) -> bool {
        self.text.split_whitespace().count() >= WORDS || self.to.saturating_sub(self.from) >= MEANT
    }
}

impl Live {
    fn utterance(&mut self, from: u64, now: Instant) -> Utterance {
        let position = self.pace.as_ref().map_or(0, super::Pace::position);
        let item = self.name("said");
        Utterance { item, from, to: from, position, text: String::new(), stage: Stage::Spoken, touched: now }
    }

    pub(super) fn clock(&self) -> u64 {
        self.pace.as_ref().map_or(0, super::Pace::clock)
    }

    pub(super) fn listen(&mut self, pcm: &[i16], now: Instant) {
        if !self.is_open_microphone && !std::mem::replace(&mut self.floor.is_recording, true) {
            let from = self.pace.as_ref().map_or(0, super::Pace::clock_behind);
            let utterance = self.utterance(from, now);
            self.floor.push(utterance);
        }
        if let Some(pace) = self.pace.as_mut() {
            pace.hear(pcm, !self.is_open_microphone, now);
        }
        self.tick(now);
    }

    /// The key is up. Silence follows what was said, and with that the model takes the turn: there is no commit.
    pub(super) fn commit(&mut self, now: Instant) {
        self.floor.is_recording = false;
        self.floor.has_new_turn = true;
        if let Some(pace) = self.pace.as_mut() {
            pace.end();
        }
        if self.floor.spoken().is_none() {
            let from = self.clock();
            let utterance = self.utterance(from, now);
            self.floor.push(utterance);
        }
        let Some(utterance) = self.floor.spoken() else { return };
        utterance.stage = Stage::Committed;
        utterance.touched = now;
        let (item, words) = (utterance.item.clone(), (!utterance.text.is_empty()).then(|| utterance.words(false)));
        self.tell(Told::Committed { item });
        if let Some(words) = words {
            self.tell(words);
        }
    }

    /// What was recorded is taken back, as far as the model has not heard it.
    pub(super) fn clear(&mut self) {
        if !std::mem::take(&mut self.floor.is_recording) {
            return;
        }
        let Some(dropped) = self.floor.utterances.pop_back() else { return };
        if let Some(pace) = self.pace.as_mut() {
            pace.forget(dropped.position);
        }
        self.append(Kind::Thinking, None, "The user took back what was just said: do not answer it.");
    }

    /// Words of the user.
    pub(super) fn heard(&mut self, fragment: Fragment<'_>, now: Instant) {
        if fragment.text.is_empty() {
            return;
        }
        self.log.add(Role::User, fragment.text);
        self.floor.words_at = Some(now);
        let start = fragment.start.unwrap_or_else(|| self.clock());
        if self.is_open_microphone && !self.belongs(start) {
            self.hear_new(start, fragment, now);
        } else if let Some(utterance) = self.floor.owner(start) {
            utterance.add(fragment, now);
            // Before its turn is over a recorded utterance has no name in the conversation.
            let is_named = utterance.stage != Stage::Spoken || self.is_open_microphone;
            let words = utterance.words(utterance.stage == Stage::Final);
            if is_named {
                self.tell(words);
            }
        }
    }

    /// Whether words from here go on with something, or come late.
    fn belongs(&self, start: u64) -> bool {
        self.floor.utterances.back().is_some_and(|last| last.stage == Stage::Spoken || start < last.to)
    }

    /// Open microphone: words that begin something.
    fn hear_new(&mut self, start: u64, fragment: Fragment<'_>, now: Instant) {
        let mut utterance = match self.floor.aside.take() {
            Some(aside) => aside,
            None => self.utterance(start, now),
        };
        utterance.add(fragment, now);
        if self.voice.is_sounding() && !utterance.is_meant() {
            self.floor.aside = Some(utterance);
            return;
        }
        self.begin_turn(utterance);
        self.interrupted(now);
    }

    fn begin_turn(&mut self, utterance: Utterance) {
        let behind = self.pace.as_ref().map_or(0, super::Pace::clock_behind);
        let since = Duration::from_millis(behind.saturating_sub(utterance.from));
        self.tell(Told::SpeechStarted { item: utterance.item.clone(), since });
        self.tell(utterance.words(false));
        self.floor.push(utterance);
    }

    /// Open microphone: the turn is over, as the model speaks or the user does not.
    pub(super) fn end_turn(&mut self, now: Instant) {
        if !self.is_open_microphone {
            return;
        }
        let clock = self.clock();
        let Some(utterance) = self.floor.spoken() else { return };
        utterance.stage = Stage::Committed;
        utterance.touched = now;
        // Transcripts trail: what was spoken until now may still come.
        utterance.to = utterance.to.max(clock.saturating_sub(ROUGHLY));
        let item = utterance.item.clone();
        self.floor.has_new_turn = true;
        self.tell(Told::SpeechStopped { item: item.clone() });
        self.tell(Told::Committed { item });
    }

    /// An answer is over: what was spoken into its end begins a turn, what was spoken into its middle does not.
    pub(super) fn settle_aside(&mut self, now: Instant) {
        if let Some(aside) = self.floor.aside.take()
            && now.saturating_duration_since(aside.touched) < PAUSE
        {
            self.begin_turn(aside);
        }
    }

    pub(super) fn settle_floor(&mut self, now: Instant) {
        let is_past = |utterance: &Utterance, pause| now.saturating_duration_since(utterance.touched) >= pause;
        if self.is_open_microphone && self.floor.spoken().is_some_and(|utterance| is_past(utterance, PAUSE)) {
            self.end_turn(now);
        }
        if self.floor.aside.as_ref().is_some_and(|aside| is_past(aside, PAUSE)) {
            self.floor.aside = None;
        }
        let mut words = Vec::new();
        let is_behind = self.pace.as_ref().is_some_and(super::Pace::is_behind);
        for utterance in &mut self.floor.utterances {
            if utterance.stage == Stage::Committed && is_past(utterance, SETTLING) && !is_behind {
                utterance.stage = Stage::Final;
                words.push(utterance.words(true));
            }
        }
        for words in words {
            self.tell(words);
        }
    }
}
