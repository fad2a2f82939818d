//! The user's side: spoken turns, typed messages, and what the agent understood of them.

use std::time::{Duration, Instant};

use super::{ElevenAgent, frame};
use crate::interpreter::Told;
use crate::openai::server::Ending;

/// A pause within a turn of the key that could end it for the agent.
const PAUSE: Duration = Duration::from_millis(600);

/// Whose turn it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Floor {
    /// Nobody's, or the agent's.
    #[default]
    Free,
    /// The user's: the key is down.
    Users,
    /// The key was let go, and the answer is about to be asked for.
    Committed,
    /// An answer was asked for and has not begun.
    Asked,
    /// The user took back what was said; the agent may have heard it, but its answer is not wanted.
    Dropped,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Turn {
    pub(super) floor: Floor,
    /// The turn that is spoken (open microphone) or was committed (key).
    item: Option<String>,
    /// What the agent understood of a turn of the key, piece by piece.
    segments: Vec<String>,
    /// The newest question, to ask it again.
    question: Option<String>,
    /// The message that was sent last: an agent may tell it as if it had heard it.
    typed: Option<String>,
    /// A message that lets the agent greet first, and until when.
    waiting: Option<(String, Instant)>,
    /// The answer that was asked for is to be read only.
    pub(super) is_written: bool,
    /// Open microphone: the agent has not begun to answer the newest turn.
    pub(super) is_unanswered: bool,
}

impl Turn {
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.waiting.as_ref().map(|(_, until)| *until)
    }

    /// The user is speaking, or waits for an answer that has not begun.
    pub(super) fn is_owed(&self, is_open_microphone: bool) -> bool {
        let is_speaking = is_open_microphone && self.item.is_some();
        is_speaking || self.is_unanswered || matches!(self.floor, Floor::Users | Floor::Committed | Floor::Asked)
    }

    /// Nobody is to say anything.
    pub(super) fn is_at_rest(&self) -> bool {
        self.floor == Floor::Free && !self.is_unanswered
    }
}

impl ElevenAgent {
    /// Sound of the microphone.
    pub(super) fn hear(&mut self, pcm: &[i16], now: Instant) {
        if !self.is_ready() {
            return;
        }
        self.tell_past();
        if !self.is_open_microphone && self.turn.floor != Floor::Users {
            self.begin_turn();
        }
        let frames = self.line.hear(pcm, now);
        self.send_sound(frames);
        let is_pausing = !self.is_open_microphone && self.line.quiet() >= PAUSE;
        if is_pausing || !self.answers {
            self.ask_for_patience(now);
        }
    }

    /// The key went down.
    fn begin_turn(&mut self) {
        if self.turn.floor == Floor::Asked {
            // What the agent says now answers both turns.
            self.answer_nothing(Ending::Cancelled);
        }
        self.turn.floor = Floor::Users;
        (self.turn.item, self.turn.segments) = (None, Vec::new());
        self.line.forget_onset();
        self.tools.forget();
        self.drop_held();
    }

    /// What was said on earlier connections.
    fn tell_past(&mut self) {
        if let Some(remark) = self.past.remark() {
            self.send(&frame::remark(&remark));
        }
    }

    /// The key was let go. The agent has heard the turn already, so it is an item at once.
    pub(super) fn commit(&mut self, now: Instant) {
        let frames = self.line.end(now);
        self.send_sound(frames);
        let item = self.id("turn");
        self.tell(Told::Committed { item: item.clone() });
        (self.turn.floor, self.turn.item) = (Floor::Committed, Some(item));
        self.tell_segments("", true);
    }

    pub(super) fn clear(&mut self) {
        self.line.clear();
        if self.is_open_microphone {
            self.turn.floor = Floor::Free;
        } else if self.turn.floor == Floor::Users {
            self.turn.floor = Floor::Dropped;
            self.drop_held();
        } else if self.turn.floor == Floor::Asked {
            self.begin_turn();
        }
    }

    /// Makes the agent answer, unless it does already.
    pub(super) fn respond(&mut self, is_written: bool, now: Instant) {
        if self.voice.is_answering() {
            return;
        }
        self.turn.is_written = is_written;
        if self.turn.floor == Floor::Committed {
            self.turn.floor = Floor::Asked;
            return self.tell_held(now);
        }
        let question = self.past.question();
        let is_new = question.is_some();
        self.tell_past();
        self.turn.floor = Floor::Asked;
        if !is_new && self.go_on(now) {
            return;
        }
        self.tools.forget();
        // Without a new question: the last one again. Words of a spoken one may still come.
        let Some(question) = question.or_else(|| self.turn.question.clone()) else { return };
        match self.voice.greeting_until().filter(|until| is_new && now < *until) {
            Some(until) => self.turn.waiting = Some((question, until)),
            None => self.send_message(question),
        }
    }

    pub(super) fn send_waiting_message(&mut self) {
        if let Some((message, _)) = self.turn.waiting.take() {
            self.send_message(message);
        }
    }

    fn send_message(&mut self, message: String) {
        self.send(&frame::message(&message));
        self.voice.asked_in_writing();
        self.turn.typed = Some(message.clone());
        self.turn.question = Some(message);
    }

    pub(super) fn forget_waiting_message(&mut self) {
        self.turn.waiting = None;
    }

    /// The turn that the agent hears now (open microphone).
    fn speech(&mut self) -> String {
        if let Some(item) = &self.turn.item {
            return item.clone();
        }
        let item = self.id("turn");
        self.turn.item = Some(item.clone());
        self.tell(Told::SpeechStarted { item: item.clone(), since: self.line.since_onset() });
        item
    }

    /// The agent's voice fell silent because it heard the user (open microphone).
    pub(super) fn speech_began(&mut self) {
        if self.is_open_microphone && self.turn.floor != Floor::Asked {
            self.speech();
        }
    }

    /// What the agent understands so far.
    pub(super) fn hearing(&mut self, words: &str) {
        if is_nothing(words) {
        } else if self.is_open_microphone {
            let item = self.speech();
            self.tell(Told::UserWords { item, text: words.to_owned(), is_final: false });
        } else if self.turn.floor != Floor::Dropped {
            self.tell_segments(words, false);
        }
    }

    /// What the agent understood: a turn is over for it.
    pub(super) fn heard(&mut self, words: &str) {
        if self.turn.typed.as_deref().is_some_and(|typed| typed.trim() == words) {
            self.turn.typed = None;
            return;
        }
        // An agent tells the user's silence as dots.
        if is_nothing(words) {
            if self.is_open_microphone && self.turn.item.is_some() {
                self.end_speech("");
            }
            return;
        }
        self.voice.heard_user();
        self.drop_held();
        if self.is_open_microphone {
            self.tools.forget();
            self.turn.is_unanswered = true;
            self.speech();
            self.end_answer_for_user();
            self.end_speech(words);
            self.turn.question = Some(words.to_owned());
            self.line.forget_onset();
        } else if self.turn.floor != Floor::Dropped {
            self.turn.segments.push(words.to_owned());
            self.turn.question = Some(self.turn.segments.join(" "));
            self.tell_segments("", true);
        }
    }

    fn end_speech(&mut self, words: &str) {
        let item = self.speech();
        self.turn.item = None;
        self.tell(Told::SpeechStopped { item: item.clone() });
        self.tell(Told::Committed { item: item.clone() });
        self.tell(Told::UserWords { item, text: words.to_owned(), is_final: true });
    }

    /// The words of a turn of the key so far, if it is an item already.
    fn tell_segments(&mut self, more: &str, is_final: bool) {
        let more = Some(more).filter(|more| !more.is_empty());
        let words: Vec<&str> = self.turn.segments.iter().map(String::as_str).chain(more).collect();
        if let Some(item) = self.turn.item.clone().filter(|_| !words.is_empty()) {
            self.tell(Told::UserWords { item, text: words.join(" "), is_final });
        }
    }
}

/// No words, or the dots that stand for silence.
fn is_nothing(words: &str) -> bool {
    words.chars().all(|letter| letter == '.' || letter == '…' || letter.is_whitespace())
}
