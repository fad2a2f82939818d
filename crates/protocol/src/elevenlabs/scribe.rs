//! Scribe realtime: speech to text over one socket (`/v1/speech-to-text/realtime`).
//!
//! What the service heard since the last commit is a segment. With the key we commit it, with an open microphone the
//! service does, after silence.

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::language;
use super::refusal::{close, complaint, words};
use crate::cascade::ear::{Ear, EarDeed, Heard};
use crate::frame::object;
use crate::openai::config::TurnTaking;
use crate::{Config, Fault, Leg, Message, Place, Received, SAMPLE_RATE, pcm};

/// 100 ms: how much sound goes into a frame.
const PIECE: usize = SAMPLE_RATE as usize / 10;
/// A commit of less than 0.3 s of new sound closes the session (observed); a little more is sent.
const SHORTEST: usize = SAMPLE_RATE as usize * 4 / 10;
/// The service ends a session that hears nothing; it may hear an empty frame.
const QUIET: Duration = Duration::from_secs(5);
/// Longest wait for the words of a commit; what was understood so far stands then.
const WORDS: Duration = Duration::from_secs(6);
/// Words of a commit that was given up may come so long afterwards.
const LATE: Duration = Duration::from_secs(20);

/// See the module.
#[derive(Debug)]
pub(crate) struct Scribe {
    is_open_microphone: bool,
    deeds: VecDeque<EarDeed>,
    is_ready: bool,
    /// Sound that waits for a whole frame.
    pending: Vec<i16>,
    /// Samples since the last commit, of whoever.
    fresh: usize,
    /// Our commits whose words have not come.
    commits: VecDeque<Commit>,
    /// Words that came for a turn which was given up, while another one waits.
    stray: Option<String>,
    /// What the user is saying is to be forgotten (open microphone).
    is_forgetting: bool,
    is_speaking: bool,
    /// Segments of the present turn that the service committed by itself, and the open one.
    settled: String,
    open: String,
    quiet_since: Option<Instant>,
    words_due: Option<Instant>,
}

/// Whose words the service owes. It names no commits, but answers them in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Commit {
    Wanted,
    /// The user took back what he said.
    Unwanted,
    /// The turn went on without; what comes until then is of old.
    GivenUp {
        until: Instant,
    },
}

impl Commit {
    fn is_awaited(&self) -> bool {
        !matches!(self, Self::GivenUp { .. })
    }
}

impl Scribe {
    /// An ear for one connection whose place was [`place`].
    pub(crate) fn new() -> Self {
        Self {
            is_open_microphone: false,
            deeds: VecDeque::new(),
            is_ready: false,
            pending: Vec::new(),
            fresh: 0,
            commits: VecDeque::new(),
            stray: None,
            is_forgetting: false,
            is_speaking: false,
            settled: String::new(),
            open: String::new(),
            quiet_since: None,
            words_due: None,
        }
    }

    fn tell(&mut self, heard: Heard) {
        self.deeds.push_back(EarDeed::Heard(heard));
    }

    fn transmit(&mut self, sound: &[i16], commit: bool, is_audio: bool, now: Instant) {
        let frame = json!({
            "message_type": "input_audio_chunk",
            "audio_base_64": pcm::base64(&pcm::bytes(sound)),
            "commit": commit,
            "sample_rate": SAMPLE_RATE,
        });
        self.fresh += sound.len();
        self.quiet_since = Some(now);
        self.deeds.push_back(EarDeed::Transmit { message: Message::Text(frame.to_string()), is_audio });
    }

    fn send_pending(&mut self, now: Instant) {
        let pending = std::mem::take(&mut self.pending);
        if !pending.is_empty() {
            self.transmit(&pending, false, true, now);
        }
    }

    fn commit(&mut self, commit: Commit, now: Instant) {
        if self.fresh < SHORTEST {
            self.transmit(&vec![0; SHORTEST - self.fresh], false, false, now);
        }
        self.transmit(&[], true, false, now);
        self.fresh = 0;
        self.commits.push_back(commit);
        self.words_due = Some(now + WORDS);
    }

    /// The words of the turn so far.
    fn words(&self) -> String {
        joined(&self.settled, &self.open)
    }

    fn forget(&mut self) {
        self.is_speaking = false;
        self.settled.clear();
        self.open.clear();
    }

    /// The turn is over.
    fn end(&mut self) {
        let words = self.words();
        self.forget();
        self.stray = None;
        self.tell(Heard::Ended(words));
    }

    /// The words of our commits do not come.
    fn give_up(&mut self, now: Instant) {
        let until = now + LATE;
        for commit in std::mem::take(&mut self.commits) {
            // The older turn never got words: these were not its late ones.
            let stray = self.stray.take().filter(|_| commit == Commit::Wanted);
            let is_answered = stray.is_some();
            if let Some(stray) = stray {
                self.open = stray;
            }
            if commit == Commit::Wanted {
                self.end();
            }
            // With an open microphone what is committed next is the service's own.
            if !is_answered && !self.is_open_microphone {
                self.commits.push_back(if commit.is_awaited() { Commit::GivenUp { until } } else { commit });
            }
        }
    }

    fn begin(&mut self) {
        if self.is_open_microphone && !std::mem::replace(&mut self.is_speaking, true) {
            self.tell(Heard::Started);
        }
    }

    /// The open segment so far.
    fn partial(&mut self, text: &str) {
        let is_of_old = self.is_forgetting || self.commits.front() == Some(&Commit::Unwanted);
        if is_of_old || (text.is_empty() && self.words().is_empty()) {
            return;
        }
        self.begin();
        text.clone_into(&mut self.open);
        let words = self.words();
        self.tell(Heard::Words(words));
    }

    /// A segment is settled, by our commit or the service's.
    fn committed(&mut self, text: &str, now: Instant) {
        while self.commits.pop_front_if(|commit| matches!(commit, Commit::GivenUp { until } if *until <= now)).is_some()
        {
        }
        if let Some(commit) = self.commits.pop_front() {
            let is_awaiting = self.commits.iter().any(Commit::is_awaited);
            self.words_due = self.words_due.filter(|_| is_awaiting).map(|_| now + WORDS);
            text.clone_into(&mut self.open);
            match commit {
                Commit::Wanted => self.end(),
                Commit::Unwanted => self.open.clear(),
                Commit::GivenUp { .. } => self.stray = Some(std::mem::take(&mut self.open)).filter(|_| is_awaiting),
            }
            return;
        }
        // Nothing new was heard since the last one: the same segment once more.
        if std::mem::take(&mut self.fresh) < SHORTEST / 2 {
            return;
        }
        if std::mem::take(&mut self.is_forgetting) {
            return self.open.clear();
        }
        if !self.is_open_microphone {
            self.settled = joined(&self.settled, text);
            self.open.clear();
        } else if self.is_speaking || !text.is_empty() {
            self.begin();
            text.clone_into(&mut self.open);
            self.end();
        }
    }

    fn event(&mut self, frame: &Value, now: Instant) {
        let text = || frame.get("text").and_then(Value::as_str).unwrap_or_default().trim();
        match frame.get("message_type").and_then(Value::as_str).unwrap_or_default() {
            "session_started" if !self.is_ready => {
                self.is_ready = true;
                self.quiet_since = Some(now);
                self.tell(Heard::Ready);
            }
            "partial_transcript" | "final_transcript" => self.partial(text()),
            "committed_transcript" => self.committed(text(), now),
            // The same words once more.
            "committed_transcript_with_timestamps" => {}
            kind => match frame.get("error") {
                Some(_) => self.tell(Heard::Failed(complaint(kind, &words(frame, "error")))),
                None => tracing::trace!("event of no interest"),
            },
        }
    }
}

/// Two segments, with a space between them if both say something.
fn joined(one: &str, other: &str) -> String {
    let space = if one.is_empty() || other.is_empty() { "" } else { " " };
    format!("{one}{space}{other}")
}

impl Ear for Scribe {
    fn open(&mut self, config: &Config, _now: Instant) {
        self.is_open_microphone = config.turn_taking.is_open();
    }

    fn hear(&mut self, pcm: &[i16], now: Instant) {
        self.pending.extend_from_slice(pcm);
        if self.pending.len() >= PIECE {
            self.send_pending(now);
        }
    }

    fn end_turn(&mut self, now: Instant) {
        self.send_pending(now);
        let has_heard = if self.is_open_microphone { self.is_speaking } else { self.fresh > 0 };
        if has_heard { self.commit(Commit::Wanted, now) } else { self.end() }
    }

    fn clear(&mut self, now: Instant) {
        self.pending.clear();
        if self.is_open_microphone {
            self.is_forgetting |= self.is_speaking;
        } else if self.fresh > 0 {
            self.commit(Commit::Unwanted, now);
        }
        self.forget();
    }

    fn receive(&mut self, received: Received<'_>, now: Instant) {
        match received {
            Received::Text(text) => {
                if let Some(frame) = object(text) {
                    self.event(&frame, now);
                }
            }
            Received::Binary(bytes) => tracing::debug!(bytes = bytes.len(), "binary frame ignored"),
        }
    }

    fn closed(&self, reason: &str) -> Option<Fault> {
        close(reason)
    }

    fn poll(&mut self) -> Option<EarDeed> {
        self.deeds.pop_front()
    }

    fn deadline(&self) -> Option<(Instant, &'static str)> {
        let quiet = self.quiet_since.filter(|_| self.is_ready).map(|since| (since + QUIET, "sound for the ear"));
        [quiet, self.words_due.map(|due| (due, "the words of a turn"))].into_iter().flatten().min()
    }

    fn timeout(&mut self, now: Instant) {
        if self.words_due.is_some_and(|due| due <= now) {
            self.words_due = None;
            self.give_up(now);
        }
        if self.is_ready && self.quiet_since.is_some_and(|since| since + QUIET <= now) {
            self.transmit(&[], false, false, now);
        }
    }
}

/// Where the ear's socket is.
pub(crate) fn place(model: &str, config: &Config) -> Place {
    let mut query = vec![("model_id", model.to_owned()), ("audio_format", format!("pcm_{SAMPLE_RATE}"))];
    match config.turn_taking {
        TurnTaking::PushToTalk => query.push(("commit_strategy", "manual".to_owned())),
        TurnTaking::Open { patience, .. } => {
            query.push(("commit_strategy", "vad".to_owned()));
            query.push(("vad_silence_threshold_secs", format!("{:.2}", silence(patience))));
        }
    }
    if let Some(language) = language(config) {
        query.push(("language_code", language));
    }
    Place { leg: Leg::Ears, path: "v1/speech-to-text/realtime".to_owned(), query }
}

/// Silence that ends a turn, in seconds: 0.4 (quick) ..= 1.6 (patient); the service takes 0.3 to 3.
fn silence(patience: f32) -> f32 {
    0.4 + 1.2 * if patience.is_finite() { patience.clamp(0.0, 1.0) } else { 0.5 }
}
