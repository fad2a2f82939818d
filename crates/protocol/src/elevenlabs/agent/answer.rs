//! The agent's side: which of its words and sounds belong to an answer, and when that is over.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::tool::Call;
use super::turn::Floor;
use super::{ElevenAgent, frame};
use crate::SAMPLE_RATE;
use crate::elevenlabs::format::Decoder;
use crate::elevenlabs::refusal::words;
use crate::interpreter::Told;
use crate::openai::server::Ending;

/// An answer is over when nothing of it came for as long as its sound lasts, within these limits.
const SHORTEST: Duration = Duration::from_millis(1_200);
const LONGEST: Duration = Duration::from_secs(8);
/// A greeting begins within this time of a new connection.
const GREETING: Duration = Duration::from_secs(1);
/// Sound of an answer that came too early and waits, in bytes of base64: some two minutes.
const MOST_HELD: usize = 8 << 20;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Voice {
    decoder: Option<Decoder>,
    answer: Option<Answer>,
    /// What came while the key was down.
    held: Vec<Held>,
    held_bytes: usize,
    mute: Mute,
    /// What comes now, until the next words, is of an answer that nobody wants.
    is_unwanted: bool,
    /// A greeting may still come; those that wait for it do so until then.
    greeting: Option<Instant>,
    expects_no_greeting: bool,
    /// Sound up to this event was cut off by the agent itself.
    stale: Option<i64>,
    newest: Option<i64>,
    /// The newest answer's item, and whether the agent knows by itself that it was cut short.
    item: String,
    is_cut_known: bool,
}

/// An answer that is being told.
#[derive(Debug)]
struct Answer {
    response: String,
    item: String,
    is_written: bool,
    words: String,
    until: Instant,
    plays_until: Instant,
    /// Calls of tools that it ends in. They are carried out when it is over, for sound of its words may still come.
    calls: Vec<String>,
}

#[derive(Debug)]
enum Held {
    Words(String),
    Sound(String),
    Call(Call),
}

/// Of an answer that was cancelled the rest is not wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Mute {
    #[default]
    Off,
    /// Its words came: the next words are of another one.
    UntilWords,
    /// Its words are still to come.
    BeyondWords,
}

/// What becomes of a piece of an answer.
pub(super) enum Admission {
    Tell,
    Hold,
    Drop,
}

impl Answer {
    fn is_calling(&self) -> bool {
        !self.calls.is_empty()
    }
}

impl Voice {
    pub(super) fn start(&mut self, decoder: Decoder, now: Instant) {
        self.decoder = Some(decoder);
        self.greeting = Some(now + GREETING).filter(|_| !self.expects_no_greeting);
    }

    pub(super) fn expect_no_greeting(&mut self) {
        self.expects_no_greeting = true;
    }

    pub(super) fn greeting_until(&self) -> Option<Instant> {
        self.greeting
    }

    pub(super) fn is_answering(&self) -> bool {
        self.answer.is_some()
    }

    /// The running answer, if the agent has told what it says: it tells that before the sound of it.
    pub(super) fn whole(&self) -> Option<String> {
        let answer = self.answer.as_ref().filter(|answer| !answer.words.is_empty() && !answer.is_calling());
        answer.map(|answer| answer.response.clone())
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.answer.as_ref().map(|answer| answer.until)
    }

    /// Nothing of what comes now is wanted.
    pub(super) fn is_muted(&self) -> bool {
        self.mute != Mute::Off || self.is_unwanted
    }

    /// The agent is about to say something that nobody asked for.
    pub(super) fn mute_next(&mut self) {
        if self.answer.is_none() {
            self.mute = Mute::BeyondWords;
        }
    }

    /// It is asked for after all.
    pub(super) fn unmute_next(&mut self) {
        if self.mute == Mute::BeyondWords {
            self.mute = Mute::Off;
        }
    }

    /// The user said something else: what is said from now on answers that.
    pub(super) fn heard_user(&mut self) {
        (self.mute, self.is_unwanted, self.greeting) = (Mute::Off, false, None);
    }

    pub(super) fn asked_in_writing(&mut self) {
        self.greeting = None;
        if self.mute == Mute::BeyondWords {
            self.mute = Mute::UntilWords;
        }
    }

    /// The agent tells what was heard of its answer by its own reckoning. Ours, by what was played, is nearer.
    pub(super) fn corrected(&mut self) {
        self.is_cut_known = true;
    }

    fn hold(&mut self, held: Held) {
        let length = match &held {
            Held::Words(text) | Held::Sound(text) => text.len(),
            Held::Call(call) => call.arguments.len(),
        };
        if self.held_bytes + length <= MOST_HELD {
            self.held_bytes += length;
            self.held.push(held);
        }
    }

    pub(super) fn hold_call(&mut self, call: Call) {
        self.hold(Held::Call(call));
    }
}

impl ElevenAgent {
    pub(super) fn admission(&self) -> Admission {
        let floor = self.turn.floor;
        let is_asked = matches!(floor, Floor::Users | Floor::Committed | Floor::Asked);
        let is_late_greeting = self.voice.greeting.is_some() && (is_asked || self.past.is_continued());
        if floor == Floor::Dropped || is_late_greeting {
            Admission::Drop
        } else if !self.is_open_microphone && matches!(floor, Floor::Users | Floor::Committed) {
            Admission::Hold
        } else {
            Admission::Tell
        }
    }

    /// Words of an answer, all of them or what follows those before.
    pub(super) fn said(&mut self, text: &str, now: Instant) {
        if text.is_empty() {
            return;
        }
        match std::mem::take(&mut self.voice.mute) {
            Mute::BeyondWords => return self.voice.mute = Mute::UntilWords,
            Mute::UntilWords | Mute::Off => {}
        }
        let admission = self.admission();
        self.voice.greeting = None;
        self.voice.is_unwanted = matches!(admission, Admission::Drop);
        match admission {
            Admission::Tell => self.tell_words(text, now),
            Admission::Hold => self.voice.hold(Held::Words(text.to_owned())),
            Admission::Drop => self.send_waiting_message(),
        }
    }

    /// An agent that only writes sends its words in pieces too.
    pub(super) fn said_part(&mut self, part: &Value, now: Instant) {
        let delta = words(part, "text");
        let is_wanted = self.voice.mute == Mute::Off && !self.voice.is_unwanted;
        if words(part, "type") == "delta" && is_wanted && matches!(self.admission(), Admission::Tell) {
            self.begin_answer(now);
            self.tell_delta(delta, now);
        }
    }

    pub(super) fn sounded(&mut self, id: Option<i64>, audio: &str, now: Instant) {
        let is_stale = id.zip(self.voice.stale).is_some_and(|(id, stale)| id <= stale);
        if is_stale || self.voice.mute != Mute::Off || self.voice.is_unwanted {
            return tracing::trace!("late sound dropped");
        }
        self.voice.newest = self.voice.newest.max(id);
        match self.admission() {
            Admission::Tell => self.tell_sound(audio, now),
            Admission::Hold => self.voice.hold(Held::Sound(audio.to_owned())),
            Admission::Drop => self.voice.is_unwanted = true,
        }
    }

    /// The key was let go: what the agent said too early is its answer after all.
    pub(super) fn tell_held(&mut self, now: Instant) {
        self.voice.held_bytes = 0;
        for held in std::mem::take(&mut self.voice.held) {
            match held {
                Held::Words(text) => self.tell_words(&text, now),
                Held::Sound(audio) => self.tell_sound(&audio, now),
                Held::Call(call) => self.call_tool(call, now),
            }
        }
    }

    /// What came too early answers something else.
    pub(super) fn drop_held(&mut self) {
        self.voice.held_bytes = 0;
        for held in std::mem::take(&mut self.voice.held) {
            if let Held::Call(call) = held {
                self.refuse_call(&call.id);
            }
        }
    }

    fn begin_answer(&mut self, now: Instant) {
        if self.voice.answer.is_some() {
            return;
        }
        let (response, item) = (self.id("answer"), self.id("speech"));
        let is_written = std::mem::take(&mut self.turn.is_written);
        (self.turn.floor, self.turn.is_unanswered) = (Floor::Free, false);
        self.tools.went_on();
        self.voice.greeting = None;
        self.voice.is_cut_known = false;
        self.voice.item.clone_from(&item);
        if let Some(decoder) = self.voice.decoder.as_mut() {
            decoder.reset();
        }
        let words = String::new();
        self.voice.answer = Some(Answer {
            response: response.clone(),
            item,
            is_written,
            words,
            until: now + LONGEST,
            plays_until: now,
            calls: Vec::new(),
        });
        self.tell(Told::Began { response });
    }

    /// The response that a call belongs to.
    pub(super) fn begin_call(&mut self, id: &str, now: Instant) -> Option<String> {
        self.begin_answer(now);
        let answer = self.voice.answer.as_mut()?;
        answer.calls.push(id.to_owned());
        answer.until = now + SHORTEST;
        Some(answer.response.clone())
    }

    fn tell_words(&mut self, text: &str, now: Instant) {
        self.begin_answer(now);
        let before = self.voice.answer.as_ref().map(|answer| answer.words.trim().to_owned()).unwrap_or_default();
        let delta = match text.strip_prefix(before.as_str()) {
            Some(rest) => rest.to_owned(),
            // The agent goes on, behind a tool for example.
            None => format!(" {text}"),
        };
        self.tell_delta(delta, now);
    }

    fn tell_delta(&mut self, delta: String, now: Instant) {
        let Some(answer) = self.voice.answer.as_mut().filter(|_| !delta.is_empty()) else { return };
        self.tools.went_on();
        answer.words.push_str(&delta);
        // Of what is spoken the sound is still to come.
        answer.until = now + if answer.is_written || answer.is_calling() { SHORTEST } else { LONGEST };
        let (response, item, is_spoken) = (answer.response.clone(), answer.item.clone(), !answer.is_written);
        self.tell(Told::Words { response, item, delta, is_spoken });
    }

    fn tell_sound(&mut self, audio: &str, now: Instant) {
        self.begin_answer(now);
        let voice = &mut self.voice;
        let (Some(answer), Some(decoder)) = (voice.answer.as_mut(), voice.decoder.as_mut()) else { return };
        let Some(pcm) = decoder.decode(audio).filter(|pcm| !pcm.is_empty()) else { return };
        let length = Duration::from_secs_f64(pcm.len() as f64 / f64::from(SAMPLE_RATE));
        if answer.is_written {
            answer.until = now + SHORTEST;
            return;
        }
        answer.plays_until = answer.plays_until.max(now) + length;
        // Who waits for a tool need not wait until all was heard.
        let longest = if answer.is_calling() { SHORTEST } else { LONGEST };
        answer.until = now + answer.plays_until.saturating_duration_since(now).clamp(SHORTEST, longest);
        let (response, item) = (answer.response.clone(), answer.item.clone());
        self.tell(Told::Audio { response, item, pcm });
    }

    /// Nothing more came.
    pub(super) fn finish_answer(&mut self) {
        self.end_answer(Ending::Completed);
    }

    fn end_answer(&mut self, ending: Ending) {
        if let Some(answer) = self.voice.answer.take() {
            self.end_calls(answer.calls, ending);
            self.tell(Told::Ended { response: answer.response, ending, usage: None, complaint: None });
        }
    }

    /// The user speaks again, and the agent has heard it.
    pub(super) fn end_answer_for_user(&mut self) {
        self.end_answer(Ending::Cancelled);
    }

    /// The user does not want the rest.
    pub(super) fn cancel(&mut self) {
        self.forget_waiting_message();
        let Some(answer) = &self.voice.answer else { return };
        self.voice.mute = if answer.words.is_empty() { Mute::BeyondWords } else { Mute::UntilWords };
        self.end_answer(Ending::Cancelled);
    }

    /// The agent fell silent because it heard the user.
    pub(super) fn interrupted(&mut self, id: Option<i64>) {
        self.voice.stale = self.voice.stale.max(id.or(self.voice.newest));
        self.voice.mute = Mute::Off;
        self.voice.is_unwanted = false;
        self.voice.is_cut_known = true;
        self.drop_held();
        self.speech_began();
        self.end_answer(Ending::Cancelled);
    }

    /// How much of an answer was heard: the agent learns it, unless it knows that the user spoke over it.
    pub(super) fn cut_short(&mut self, item: &str, heard: &str) {
        if item != self.voice.item || std::mem::replace(&mut self.voice.is_cut_known, true) {
            return;
        }
        let remark = match heard.trim() {
            "" => "The user did not hear your last answer.".to_owned(),
            heard => format!("The user stopped your last answer after these words: {heard}"),
        };
        self.send(&frame::remark(&remark));
    }
}
