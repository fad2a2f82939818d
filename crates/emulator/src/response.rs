//! One response: its steps in time, and the events they make.

use std::collections::VecDeque;
use std::time::Instant;

use serde_json::{Value, json};

use crate::item::Item;
use crate::practice::{self, Ending, Part};
use crate::schema;
use crate::script::Pace;

/// A response in progress.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) id: String,
    /// The response object as `response.created` tells it.
    pub(crate) json: Value,
    /// Whether its items go into the conversation.
    pub(crate) is_in_conversation: bool,
    pub(crate) steps: VecDeque<(Instant, Step)>,
    pub(crate) open: Option<Open>,
    /// Finished items.
    pub(crate) output: Vec<Value>,
    /// Text and audio tokens given out.
    pub(crate) given: (u64, u64),
    pub(crate) has_sent_audio: bool,
}

/// One thing that a response does.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Step {
    /// Begin an item.
    Begin(Opening),
    Audio(Vec<i16>),
    Words(String),
    /// End the item.
    End,
    Finish(Ending),
}

/// The kinds of item that a response can begin.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Opening {
    Spoken,
    Written,
    Call { name: String },
}

/// The item being made.
#[derive(Debug)]
pub(crate) struct Open {
    pub(crate) item: Item,
    pub(crate) opening: Opening,
    pub(crate) words: String,
    /// Samples sent.
    pub(crate) samples: usize,
}

impl Response {
    /// Plans the parts one after the other at this pace.
    pub(crate) fn plan(
        &mut self,
        parts: Vec<Part>,
        ending: Ending,
        pace: Pace,
        random: &mut fastrand::Rng,
        now: Instant,
    ) {
        let mut at = now;
        for part in parts {
            at = self.plan_part(part, pace, random, at);
        }
        if matches!(ending, Ending::Incomplete(_)) {
            // It breaks off: the last words never come.
            self.steps.retain({
                let mut left = self.steps.len().div_ceil(2);
                move |(_, step)| {
                    left = left.saturating_sub(1);
                    left > 0 || *step == Step::End
                }
            });
        }
        if ending != Ending::Held {
            self.steps.push_back((at, Step::Finish(ending)));
        }
    }

    fn plan_part(&mut self, part: Part, pace: Pace, random: &mut fastrand::Rng, start: Instant) -> Instant {
        let mut at = start;
        match part {
            Part::Spoken { pcm, transcript } => {
                self.steps.push_back((at, Step::Begin(Opening::Spoken)));
                let size = match pace {
                    Pace::Burst { piece } => piece / 2,
                    Pace::RealTime { piece, .. } => crate::sound::samples(piece.as_millis() as u64),
                };
                let mut words = practice::pieces(&transcript).into_iter();
                for (index, piece) in pcm.chunks(size.max(1)).enumerate() {
                    if let Pace::RealTime { piece, jitter } = pace {
                        let due = start + piece * index as u32 + jitter.mul_f64(random.f64() * 2.0);
                        at = at.max(due.checked_sub(jitter).unwrap_or(due));
                    }
                    self.steps.push_back((at, Step::Audio(piece.to_vec())));
                    self.steps.extend(words.next().map(|words| (at, Step::Words(words))));
                }
                self.steps.extend(words.map(|words| (at, Step::Words(words))));
            }
            Part::Written(text) => {
                self.steps.push_back((at, Step::Begin(Opening::Written)));
                self.steps.extend(practice::pieces(&text).into_iter().map(|words| (at, Step::Words(words))));
            }
            Part::Call { name, arguments } => {
                self.steps.push_back((at, Step::Begin(Opening::Call { name })));
                self.steps.extend(practice::pieces(&arguments).into_iter().map(|words| (at, Step::Words(words))));
            }
        }
        self.steps.push_back((at, Step::End));
        at
    }

    /// The events that begin an item; `previous` is the id before it in the conversation.
    pub(crate) fn begin(&mut self, opening: Opening, id: &str, call_id: &str, previous: Option<&str>) -> Vec<Value> {
        let json = match &opening {
            Opening::Spoken | Opening::Written => {
                json!({"type": "message", "role": "assistant", "status": "in_progress", "content": []})
            }
            Opening::Call { name } => {
                json!({"type": "function_call", "status": "in_progress", "name": name, "call_id": call_id, "arguments": ""})
            }
        };
        let item = Item::new(id, json);
        let mut events = vec![
            json!({"type": "response.output_item.added", "response_id": self.id, "output_index": self.output.len(), "item": item.json}),
        ];
        if self.is_in_conversation {
            events.push(json!({"type": "conversation.item.added", "item": item.json, "previous_item_id": previous}));
        }
        let part = match opening {
            Opening::Spoken => Some(json!({"type": "audio", "transcript": ""})),
            Opening::Written => Some(json!({"type": "text", "text": ""})),
            Opening::Call { .. } => None,
        };
        self.open = Some(Open { item, opening, words: String::new(), samples: 0 });
        events.extend(part.map(|part| self.event("response.content_part.added", json!({"part": part}))));
        events
    }

    /// A delta of audio.
    pub(crate) fn audio(&mut self, pcm: &[i16]) -> Option<Value> {
        let open = self.open.as_mut()?;
        open.samples += pcm.len();
        self.has_sent_audio = true;
        Some(self.event("response.output_audio.delta", json!({"delta": schema::encode(pcm)})))
    }

    /// A delta of text, transcript or arguments.
    pub(crate) fn words(&mut self, words: &str) -> Option<Value> {
        let open = self.open.as_mut()?;
        open.words.push_str(words);
        let kind = match open.opening {
            Opening::Spoken => "response.output_audio_transcript.delta",
            Opening::Written => "response.output_text.delta",
            Opening::Call { .. } => "response.function_call_arguments.delta",
        };
        Some(self.event(kind, json!({"delta": words})))
    }

    /// The events that end the open item, and the item as it became.
    pub(crate) fn end(&mut self, status: &str, previous: Option<&str>) -> Option<(Vec<Value>, Item)> {
        let open = self.open.as_ref()?;
        let words = open.words.as_str();
        let mut item = open.item.clone();
        item.json["status"] = status.into();
        item.audio_ms = crate::sound::millis(open.samples);
        let mut events = Vec::new();
        match &open.opening {
            Opening::Spoken => {
                item.json["content"] = json!([{"type": "output_audio", "transcript": words}]);
                events.push(self.event("response.output_audio.done", json!({})));
                events.push(self.event("response.output_audio_transcript.done", json!({"transcript": words})));
                let part = json!({"part": {"type": "audio", "transcript": words}});
                events.push(self.event("response.content_part.done", part));
            }
            Opening::Written => {
                item.json["content"] = json!([{"type": "output_text", "text": words}]);
                events.push(self.event("response.output_text.done", json!({"text": words})));
                events.push(self.event("response.content_part.done", json!({"part": {"type": "text", "text": words}})));
            }
            Opening::Call { name } => {
                item.json["arguments"] = words.into();
                let done = json!({"name": name, "arguments": words});
                events.push(self.event("response.function_call_arguments.done", done));
            }
        }
        if self.is_in_conversation {
            events.push(json!({"type": "conversation.item.done", "item": item.json, "previous_item_id": previous}));
        }
        events.push(
            json!({"type": "response.output_item.done", "response_id": self.id, "output_index": self.output.len(), "item": item.json}),
        );
        let (text, audio) = item.tokens();
        self.given = (self.given.0 + text, self.given.1 + audio);
        self.output.push(item.json.clone());
        self.open = None;
        Some((events, item))
    }

    /// The response object at its end.
    pub(crate) fn done(&self, ending: &Ending, usage: Value) -> Value {
        let mut json = self.json.clone();
        let (status, details) = match ending {
            Ending::Completed | Ending::Held => ("completed", Value::Null),
            Ending::Failed { kind, code, message } => {
                let error = json!({"type": kind, "code": code, "message": message});
                ("failed", json!({"type": "failed", "error": error}))
            }
            Ending::Incomplete(reason) => ("incomplete", json!({"type": "incomplete", "reason": reason})),
            Ending::Cancelled(reason) => ("cancelled", json!({"type": "cancelled", "reason": reason})),
        };
        json["status"] = status.into();
        json["status_details"] = details;
        json["output"] = self.output.clone().into();
        json["usage"] = usage;
        json
    }

    /// An event about the open item.
    fn event(&self, kind: &str, fields: Value) -> Value {
        let mut event = fields;
        event["type"] = kind.into();
        event["response_id"] = self.id.as_str().into();
        event["output_index"] = self.output.len().into();
        if let Some(open) = &self.open {
            event["item_id"] = open.item.id.as_str().into();
            match &open.opening {
                Opening::Spoken | Opening::Written => event["content_index"] = 0.into(),
                Opening::Call { .. } => event["call_id"] = open.item.json["call_id"].clone(),
            }
        }
        event
    }
}
