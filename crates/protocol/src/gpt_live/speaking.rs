//! The model's side: an answer begins when it is asked for, or when there is sound or a word of it, and ends with the
//! silence behind it. What the user cut short goes on for a while on the wire, as the model itself decides to stop; it
//! is dropped here until the track is silent.

use std::time::{Duration, Instant};

use crate::interpreter::Told;
use crate::openai::refusal::Complaint;
use crate::openai::server::Ending;
use crate::{Role, Usage};

use super::server::Fragment;
use super::track::Track;
use super::{Kind, Live};

/// The model has not begun by itself: it is told that it may.
const PATIENCE: Duration = Duration::from_secs(5);
/// It was told and says nothing.
const ENDURANCE: Duration = Duration::from_secs(12);
/// A caption without sound, or a sound that stops without silence, is over after this long.
const STALLED: Duration = Duration::from_secs(3);
/// While work is done behind a silent answer, the conversation hears this often that it goes on.
const SIGN: Duration = Duration::from_secs(10);
/// A cut takes this long at least: sound is on its way.
const CUT: Duration = Duration::from_millis(700);
/// Longest beginning of an answer that is kept while the user still holds the talk key: 20 s.
const HELD: usize = 20 * crate::SAMPLE_RATE as usize;
/// Words of an answer trail its sound by no more than this, in ms.
const TRAIL: u64 = 300;

const ANSWER_NOW: &str = "The user has finished speaking and waits: answer now.";
const STOP: &str = "Stop speaking now and listen: the user has the floor.";

/// An answer that the conversation knows of.
#[derive(Debug)]
struct Answer {
    response: String,
    item: String,
    /// When it was asked for, or when there was last a reason to wait.
    since: Instant,
    /// When something last came of it.
    touched: Instant,
    told_at: Instant,
    has_sound: bool,
    has_words: bool,
    is_nudged: bool,
    /// In writing: the model that speaks has no part in it.
    is_written: bool,
}

/// The track, and what is made of it.
#[derive(Debug, Default)]
pub(super) struct Voice {
    track: Track,
    answer: Option<Answer>,
    /// Since when everything is dropped.
    cut: Option<Instant>,
    /// An answer that began while the user still held the talk key.
    held: (Vec<i16>, String),
    /// Where the last answer ended on the track, in ms.
    end: u64,
}

impl Voice {
    /// Whether the user hears an answer.
    pub(super) fn is_sounding(&self) -> bool {
        self.cut.is_none() && self.track.is_speaking() && self.answer.as_ref().is_some_and(|answer| answer.has_sound)
    }

    /// Whether an item is one that we told of.
    pub(super) fn is_ours(&self, item: &str) -> bool {
        item.starts_with("spoken_")
    }

    /// Waiting for the answer that is asked for begins now.
    pub(super) fn await_anew(&mut self, now: Instant) {
        if let Some(answer) = self.answer.as_mut() {
            answer.since = now;
        }
    }
}

impl Live {
    /// An answer is there: made by the model, or wished for.
    fn begin(&mut self, is_written: bool, now: Instant) {
        if self.voice.answer.is_some() {
            return;
        }
        self.end_turn(now);
        let (response, item) = (self.name("answer"), self.name("spoken"));
        self.tell(Told::Began { response: response.clone() });
        self.voice.answer = Some(Answer {
            response,
            item,
            since: now,
            touched: now,
            told_at: now,
            has_sound: false,
            has_words: false,
            is_nudged: false,
            is_written,
        });
    }

    /// Work has begun that an answer will come of.
    pub(super) fn begin_unless_listening(&mut self, now: Instant) {
        if !self.is_listening() {
            self.begin(false, now);
        }
    }

    /// The conversation wants an answer.
    pub(super) fn respond(&mut self, is_written: bool, now: Instant) {
        let is_new = self.floor.take_new_turn();
        let typed = self.work.take_typed();
        if self.voice.answer.is_some() {
            tracing::trace!("asked for an answer that has begun");
            return;
        }
        self.begin(is_written, now);
        if typed.is_some() || is_written {
            self.think_about_typed(typed, is_written);
        } else if self.is_open_microphone || !is_new {
            self.nudge();
        }
        self.release_held(now);
    }

    /// The model decides by itself when to speak. Here it does not seem to.
    fn nudge(&mut self) {
        if let Some(answer) = self.voice.answer.as_mut() {
            answer.is_nudged = true;
        }
        if !self.work.is_busy() {
            self.append(Kind::Instruction, None, ANSWER_NOW);
        }
    }

    /// A piece of the track.
    pub(super) fn sounds(&mut self, pcm: &[i16], now: Instant) {
        let sound = self.voice.track.take(pcm);
        if self.is_cut(now) {
            return;
        }
        if self.is_listening() {
            let held = &mut self.voice.held;
            if !self.voice.track.is_speaking() {
                // It stopped again: it has understood that the user goes on.
                *held = Default::default();
            } else if held.0.len() < HELD {
                held.0.extend(sound);
            }
        } else if !sound.is_empty() {
            self.sound(sound, now);
        }
    }

    fn sound(&mut self, pcm: Vec<i16>, now: Instant) {
        self.begin(false, now);
        let Some(answer) = self.voice.answer.as_mut().filter(|answer| !answer.is_written) else { return };
        answer.has_sound = true;
        (answer.touched, answer.told_at) = (now, now);
        let (response, item) = (answer.response.clone(), answer.item.clone());
        self.tell(Told::Audio { response, item, pcm });
    }

    /// Words of the model.
    pub(super) fn says(&mut self, fragment: Fragment<'_>, now: Instant) {
        if fragment.text.is_empty() {
            return;
        }
        self.log.add(Role::Assistant, fragment.text);
        if self.is_cut(now) {
            return;
        }
        let is_late = fragment.start.is_some_and(|start| start + TRAIL < self.voice.end);
        if self.is_listening() {
            self.voice.held.1.push_str(fragment.text);
        } else if self.voice.answer.is_some() || !is_late {
            self.words(fragment.text, now);
        }
    }

    fn words(&mut self, words: &str, now: Instant) {
        self.begin(false, now);
        let Some(answer) = self.voice.answer.as_mut().filter(|answer| !answer.is_written) else { return };
        let delta = if answer.has_words { words } else { words.trim_start() };
        answer.has_words = true;
        (answer.touched, answer.told_at) = (now, now);
        let (response, item) = (answer.response.clone(), answer.item.clone());
        self.tell(Told::Words { response, item, delta: delta.to_owned(), is_spoken: true });
    }

    /// Words of an answer in writing.
    pub(super) fn writes(&mut self, words: &str, now: Instant) {
        let Some(answer) = self.voice.answer.as_mut().filter(|answer| answer.is_written) else { return };
        (answer.touched, answer.told_at) = (now, now);
        let (response, item) = (answer.response.clone(), answer.item.clone());
        self.tell(Told::Words { response, item, delta: words.to_owned(), is_spoken: false });
    }

    /// The user has ended the turn: what the model began to say meanwhile is its answer.
    pub(super) fn release_held(&mut self, now: Instant) {
        if self.is_listening() {
            return;
        }
        let (pcm, words) = std::mem::take(&mut self.voice.held);
        if !words.is_empty() {
            self.words(&words, now);
        }
        if !pcm.is_empty() {
            self.sound(pcm, now);
        }
    }

    /// Whether what comes is dropped. It ends when the track falls silent.
    fn is_cut(&mut self, now: Instant) -> bool {
        let Some(since) = self.voice.cut else { return false };
        if self.voice.track.is_hushed() && now.saturating_duration_since(since) >= CUT {
            self.voice.cut = None;
            self.voice.track.cut();
            self.voice.end = self.voice.track.end();
        }
        true
    }

    fn cut(&mut self, now: Instant) {
        self.voice.cut = Some(now);
        self.voice.track.cut();
        self.voice.held = Default::default();
    }

    /// The conversation wants no more of the answer. Work that was delegated goes on.
    pub(super) fn cancel(&mut self, now: Instant) {
        let Some(answer) = self.voice.answer.as_ref() else { return };
        if answer.is_written {
            self.call_off_written();
        } else {
            self.retype();
            self.append(Kind::Instruction, None, STOP);
            self.cut(now);
        }
        self.finish(Ending::Cancelled, None, now);
    }

    /// Open microphone: the user took the floor, and the model hears that as well as we do.
    pub(super) fn interrupted(&mut self, now: Instant) {
        if self.voice.is_sounding() {
            self.cut(now);
            self.finish(Ending::Cancelled, None, now);
        }
    }

    /// The model takes for heard what it sent.
    pub(super) fn tell_heard(&mut self, heard: &str) {
        let words = match heard.trim() {
            "" => "The user did not hear your last answer.".to_owned(),
            heard => {
                let end: Vec<char> = heard.chars().rev().take(200).collect();
                let end: String = end.into_iter().rev().collect();
                format!("The user interrupted you and heard your last answer only up to: “{end}”")
            }
        };
        self.append(Kind::Thinking, None, &words);
    }

    pub(super) fn finish(&mut self, ending: Ending, complaint: Option<Complaint>, now: Instant) {
        let Some(answer) = self.voice.answer.take() else { return };
        let session = self.billed.replace(now).map(|since| now.saturating_duration_since(since)).unwrap_or_default();
        let usage = Some(Usage { session, ..Usage::default() });
        self.voice.end = self.voice.track.end();
        self.tell(Told::Ended { response: answer.response, ending, usage, complaint });
        self.settle_aside(now);
    }

    pub(super) fn finish_written(&mut self, complaint: Option<Complaint>, now: Instant) {
        if self.voice.answer.as_ref().is_some_and(|answer| answer.is_written) {
            let ending = if complaint.is_some() { Ending::Failed } else { Ending::Completed };
            self.finish(ending, complaint, now);
        }
    }

    /// Ends an answer that is over, and asks for one that does not come.
    pub(super) fn settle_answer(&mut self, now: Instant) {
        let is_waiting = self.work.is_busy() || self.pace.as_ref().is_some_and(super::Pace::is_behind);
        let is_speaking = self.voice.track.is_speaking();
        let Some(answer) = self.voice.answer.as_mut() else { return };
        let is_stalled = now.saturating_duration_since(answer.touched) >= STALLED;
        if answer.has_sound || answer.has_words {
            if is_stalled || (answer.has_sound && !is_speaking) {
                self.finish(Ending::Completed, None, now);
            }
            return;
        }
        if is_waiting || answer.is_written {
            answer.since = now;
            if now.saturating_duration_since(answer.told_at) >= SIGN {
                answer.told_at = now;
                let (response, item) = (answer.response.clone(), answer.item.clone());
                let is_spoken = !answer.is_written;
                self.tell(Told::Words { response, item, delta: String::new(), is_spoken });
            }
        } else if !answer.is_nudged && now.saturating_duration_since(answer.since) >= PATIENCE {
            answer.since = now;
            self.nudge();
        } else if now.saturating_duration_since(answer.since) >= ENDURANCE {
            let complaint = Complaint { message: "The model did not answer.".to_owned(), ..Complaint::default() };
            self.finish(Ending::Failed, Some(complaint), now);
        }
    }
}
