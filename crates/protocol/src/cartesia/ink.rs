//! Ink: speech to text. With the key, over the socket that is told when to be done (`/stt/websocket`); with an open
//! microphone, over the one that knows turns (`/stt/turns/websocket`).

mod key;
#[cfg(test)]
mod tests;
mod turns;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::refusal::complaint;
use super::{PIECE, language, versioned};
use crate::cascade::ear::{Ear, EarDeed, Heard};
use crate::frame::object;
use crate::openai::config::TurnTaking;
use crate::{Config, Leg, Message, Place, Received, SAMPLE_RATE, pcm};

use key::Key;
use turns::Turns;

/// The service closes a socket without sound after some minutes.
const QUIET: Duration = Duration::from_secs(60);

/// See the module.
#[derive(Debug)]
pub(crate) struct Ink {
    socket: Socket,
    line: Line,
}

/// Which socket, and what was heard over it.
#[derive(Debug)]
enum Socket {
    Key(Key),
    Turns(Turns),
}

/// What goes out, whatever the socket.
#[derive(Debug, Default)]
struct Line {
    deeds: VecDeque<EarDeed>,
    is_ready: bool,
    /// Sound that waits for a whole frame.
    pending: Vec<i16>,
    quiet_since: Option<Instant>,
}

impl Line {
    fn tell(&mut self, heard: Heard) {
        self.deeds.push_back(EarDeed::Heard(heard));
    }

    fn ready(&mut self) {
        if !std::mem::replace(&mut self.is_ready, true) {
            self.tell(Heard::Ready);
        }
    }

    fn text(&mut self, text: String) {
        self.deeds.push_back(EarDeed::Transmit { message: Message::Text(text), is_audio: false });
    }

    fn sound(&mut self, sound: &[i16], is_audio: bool, now: Instant) {
        self.quiet_since = Some(now);
        self.deeds.push_back(EarDeed::Transmit { message: Message::Binary(pcm::bytes(sound)), is_audio });
    }

    /// Sends what waits, all of it or whole frames; returns how many samples.
    fn hear(&mut self, sound: &[i16], now: Instant) -> usize {
        self.pending.extend_from_slice(sound);
        if self.pending.len() < PIECE { 0 } else { self.flush(now) }
    }

    fn flush(&mut self, now: Instant) -> usize {
        let pending = std::mem::take(&mut self.pending);
        if !pending.is_empty() {
            self.sound(&pending, true, now);
        }
        pending.len()
    }
}

impl Ink {
    /// An ear for one connection whose place was [`place`].
    pub(crate) fn new() -> Self {
        Self { socket: Socket::Key(Key::default()), line: Line::default() }
    }
}

impl Ear for Ink {
    fn open(&mut self, config: &Config, now: Instant) {
        self.line.quiet_since = Some(now);
        match config.turn_taking {
            TurnTaking::PushToTalk => self.line.ready(), // there is no greeting
            TurnTaking::Open { patience, .. } => {
                self.socket = Socket::Turns(Turns::open(patience, now, &mut self.line));
            }
        }
    }

    fn configure(&mut self, config: &Config, _now: Instant) {
        if let (Socket::Turns(turns), TurnTaking::Open { patience, .. }) = (&mut self.socket, config.turn_taking) {
            turns.configure(patience, &mut self.line);
        }
    }

    fn hear(&mut self, pcm: &[i16], now: Instant) {
        let sent = self.line.hear(pcm, now);
        match &mut self.socket {
            Socket::Key(key) => key.heard(sent),
            Socket::Turns(turns) => turns.heard(),
        }
    }

    fn end_turn(&mut self, now: Instant) {
        let sent = self.line.flush(now);
        match &mut self.socket {
            Socket::Key(key) => {
                key.heard(sent);
                key.end(now, &mut self.line);
            }
            Socket::Turns(turns) => turns.end(&mut self.line),
        }
    }

    fn clear(&mut self, now: Instant) {
        self.line.pending.clear();
        match &mut self.socket {
            Socket::Key(key) => key.clear(now, &mut self.line),
            Socket::Turns(turns) => turns.clear(),
        }
    }

    fn receive(&mut self, received: Received<'_>, now: Instant) {
        let Received::Text(text) = received else { return tracing::debug!("binary frame ignored") };
        let Some(frame) = object(text) else { return };
        let kind = frame.get("type").and_then(Value::as_str).unwrap_or_default();
        if kind == "error" {
            return self.line.tell(Heard::Failed(complaint(&frame)));
        }
        match &mut self.socket {
            Socket::Key(key) => key.event(kind, &frame, now, &mut self.line),
            Socket::Turns(turns) => turns.event(kind, &frame, &mut self.line),
        }
    }

    fn poll(&mut self) -> Option<EarDeed> {
        self.line.deeds.pop_front()
    }

    fn deadline(&self) -> Option<(Instant, &'static str)> {
        let own = match &self.socket {
            Socket::Key(key) => key.deadline().map(|at| (at, "the words of a turn")),
            Socket::Turns(turns) => turns.deadline(&self.line).map(|at| (at, "the ear's turns")),
        };
        let quiet = self.line.quiet_since.map(|since| (since + QUIET, "sound for the ear"));
        [own, quiet].into_iter().flatten().min()
    }

    fn timeout(&mut self, now: Instant) {
        match &mut self.socket {
            Socket::Key(key) => key.timeout(now, &mut self.line),
            Socket::Turns(turns) => turns.timeout(now, &mut self.line),
        }
        if self.line.quiet_since.is_some_and(|since| since + QUIET <= now) {
            self.line.sound(&[0; PIECE], false, now);
        }
    }
}

/// Where the ear's socket is. `version`: date of the API's version.
pub(crate) fn place(model: &str, version: &str, config: &Config) -> Place {
    let is_open = config.turn_taking.is_open();
    let mut query = versioned(version);
    query.push(("model", model.trim().to_owned()));
    query.push(("encoding", "pcm_s16le".to_owned()));
    query.push(("sample_rate", SAMPLE_RATE.to_string()));
    if let Some(language) = language(config).filter(|_| !is_open) {
        query.push(("language", language));
    }
    let path = if is_open { "stt/turns/websocket" } else { "stt/websocket" };
    Place { leg: Leg::Ears, path: path.to_owned(), query }
}
