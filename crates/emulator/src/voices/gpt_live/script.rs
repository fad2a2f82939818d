//! What the model will do, by the session's clock.

use std::collections::VecDeque;

use serde_json::{Value, json};

use crate::schema::encode;
use crate::voices::sound::{RATE, tone};

/// 100 ms of the track.
const PIECE: usize = RATE as usize / 10;
/// How long a spoken word takes, ms.
const WORD: u64 = 200;

/// Things to come, and the voice that is being played.
#[derive(Debug, Default)]
pub(super) struct Script {
    /// By the clock in ms: event, and its fields.
    coming: Vec<(u64, String, Value)>,
    /// Utterances, by when they begin.
    utterances: VecDeque<(u64, String)>,
    voice: VecDeque<i16>,
    /// Where the track ends, ms.
    played: u64,
}

impl Script {
    /// An event at this time.
    pub(super) fn tell(&mut self, at: u64, kind: &str, fields: Value) {
        self.coming.push((at, kind.to_owned(), fields));
    }

    /// The user's words, in three fragments from `at` on.
    pub(super) fn hear(&mut self, at: u64, from: u64, to: u64, words: &str) {
        let all: Vec<&str> = words.split_whitespace().collect();
        let size = all.len().div_ceil(3).max(1);
        let step = to.saturating_sub(from) / 3;
        for (index, part) in all.chunks(size).enumerate() {
            let index = index as u64;
            let fields = json!({
                "delta": format!(" {}", part.join(" ")),
                "start_ms": from + index * step,
                "end_ms": from + (index + 1) * step,
            });
            self.tell(at + index * 100, "session.input_transcript.delta", fields);
        }
    }

    /// An utterance, behind those that are planned.
    pub(super) fn speak(&mut self, at: u64, text: &str) {
        self.utterances.push_back((at, text.to_owned()));
    }

    /// Silence from then on: whatever is being said or planned now is not said.
    pub(super) fn hush(&mut self, at: u64) {
        self.tell(at, "hush", Value::Null);
    }

    /// The ids of appends that were not put into the session.
    pub(super) fn pending(&self) -> Vec<Value> {
        let pending = self.coming.iter().filter(|(_, kind, _)| kind.ends_with(".appended"));
        pending.filter_map(|(.., fields)| fields.get("client_event_id").cloned()).collect()
    }

    /// Everything until this time.
    pub(super) fn due(&mut self, clock: u64) -> Vec<(String, Value)> {
        let mut due = Vec::new();
        while self.played + 100 <= clock {
            self.played += 100;
            self.begin();
            let mut now: Vec<_> = self.coming.extract_if(.., |(at, ..)| *at <= self.played).collect();
            now.sort_by_key(|(at, ..)| *at);
            for (_, kind, fields) in now {
                if kind == "hush" {
                    self.voice.clear();
                    self.coming.retain(|(_, kind, _)| kind != "session.output_transcript.delta");
                } else {
                    due.push((kind, fields));
                }
            }
            let count = PIECE.min(self.voice.len());
            let mut pcm: Vec<i16> = self.voice.drain(..count).collect();
            pcm.resize(PIECE, 0);
            due.push(("session.output_audio.delta".to_owned(), Value::String(encode(&pcm))));
        }
        due
    }

    /// Begins the next utterance, if it is time and nothing is being said.
    fn begin(&mut self) {
        if !self.voice.is_empty() || self.utterances.front().is_none_or(|(at, _)| *at > self.played) {
            return;
        }
        let Some((_, text)) = self.utterances.pop_front() else { return };
        let words: Vec<&str> = text.split_whitespace().collect();
        let length = words.len() as u64 * WORD;
        self.voice.extend(tone(440.0, u32::try_from(length).unwrap_or(u32::MAX), RATE));
        for (index, word) in words.iter().enumerate() {
            let from = self.played + index as u64 * WORD;
            let fields = json!({ "delta": format!(" {word}"), "start_ms": from, "end_ms": from + WORD });
            self.tell(from, "session.output_transcript.delta", fields);
        }
    }
}
