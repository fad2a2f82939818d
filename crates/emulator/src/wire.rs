//! The way of frames to the socket: latency, noise, garbage and cuts happen here.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::fault::FaultKind;
use crate::server::Server;

/// What a conversation wants done on its socket.
#[derive(Debug, Clone)]
pub(crate) enum Frame {
    Event(Value),
    Raw(String),
    Binary(Vec<u8>),
    Close(u16, String),
    /// Drop TCP.
    Cut,
    /// Send nothing more.
    Stall,
}

/// Frames on their way out.
#[derive(Debug)]
pub(crate) struct Wire {
    server: Arc<Server>,
    random: fastrand::Rng,
    queue: VecDeque<(Instant, Frame)>,
    is_stalled: bool,
    deltas: u32,
    events: u32,
}

impl Wire {
    pub(crate) fn new(server: Arc<Server>, seed: u64) -> Self {
        let random = fastrand::Rng::with_seed(seed ^ 0x5eed);
        Self { server, random, queue: VecDeque::new(), is_stalled: false, deltas: 0, events: 0 }
    }

    /// Whether the conversation should make more.
    pub(crate) fn has_room(&self) -> bool {
        // Delayed frames are many at a time.
        let most = if self.server.faults.has(FaultKind::Delay) { 2048 } else { 8 };
        self.queue.len() < most
    }

    /// Whether so much waits that nothing more should be read.
    pub(crate) fn is_full(&self) -> bool {
        self.queue.len() >= 16_384
    }

    pub(crate) fn stall(&mut self, is_stalled: bool) {
        self.is_stalled = is_stalled;
    }

    pub(crate) fn is_stalled(&self) -> bool {
        self.is_stalled
    }

    /// When the next frame is due, if any may go.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.queue.front().filter(|_| !self.is_stalled).map(|(at, _)| *at)
    }

    /// The next frame, if it is due.
    pub(crate) fn pop(&mut self, now: Instant) -> Option<Frame> {
        self.deadline().filter(|at| *at <= now)?;
        self.queue.pop_front().map(|(_, frame)| frame)
    }

    /// Takes a frame, and lets the script's faults happen to it.
    pub(crate) fn push(&mut self, frame: Frame, now: Instant) {
        let delay = if self.server.faults.has(FaultKind::Delay) { self.server.script.delay } else { Duration::ZERO };
        let at = now + delay;
        if let Frame::Event(event) = frame {
            self.push_event(event, at);
        } else {
            self.queue.push_back((at, frame));
        }
    }

    fn push_event(&mut self, mut event: Value, at: Instant) {
        let kind = event["type"].as_str().unwrap_or_default().to_owned();
        self.deltas += u32::from(matches!(&*kind, "response.output_audio.delta" | "response.output_text.delta"));
        let is_delta = kind.ends_with("output_audio.delta") || kind.ends_with("output_text.delta");
        if self.replaces(&kind) {
            return;
        }
        if self.cut_before(&kind) {
            self.queue.push_back((at, Frame::Cut));
            return;
        }
        self.add_noise(&kind, &mut event);
        let is_doubled = kind.starts_with("response.") && self.server.faults.strikes(FaultKind::DuplicatedEvents);
        if is_doubled {
            self.queue.push_back((at, Frame::Event(event.clone())));
        }
        self.queue.push_back((at, Frame::Event(event)));
        if let "session.updated" | "response.output_item.added" | "response.output_audio.done" = &*kind {
            let garbage = self.garbage();
            self.queue.extend(garbage.into_iter().map(|frame| (at, frame)));
        }
        if self.cut_after(&kind) {
            self.queue.push_back((at, Frame::Cut));
        }
        if is_delta && self.deltas == 2 && self.server.faults.strikes(FaultKind::Stall) {
            self.queue.push_back((at, Frame::Stall));
        }
    }

    /// Events that are never sent.
    fn replaces(&self, kind: &str) -> bool {
        match kind {
            "conversation.item.done" => self.server.script.beta_names,
            "session.created" => self.server.faults.strikes(FaultKind::NoSessionCreated),
            "session.updated" => self.server.faults.strikes(FaultKind::NoSessionUpdated),
            _ => false,
        }
    }

    fn cut_before(&self, kind: &str) -> bool {
        match kind {
            "session.created" => self.server.faults.strikes(FaultKind::CutBeforeCreated),
            "response.done" => self.server.faults.strikes(FaultKind::CutBeforeDone),
            _ => false,
        }
    }

    fn cut_after(&self, kind: &str) -> bool {
        let fault = match kind {
            "session.created" => FaultKind::CutAfterCreated,
            "session.updated" => FaultKind::CutAfterUpdated,
            "input_audio_buffer.committed" => FaultKind::CutAfterCommitted,
            "response.created" => FaultKind::CutAfterResponseCreated,
            "response.output_audio.delta" | "response.output_text.delta" if self.deltas == 2 => FaultKind::CutMidAudio,
            "response.done" => FaultKind::CutAfterDone,
            _ => return false,
        };
        self.server.faults.strikes(fault)
    }

    fn add_noise(&mut self, kind: &str, event: &mut Value) {
        let noise = self.server.script.noise;
        self.events += 1;
        if noise.obfuscation && kind.ends_with(".delta") && !kind.contains("audio.delta") {
            let padding: String = std::iter::repeat_with(|| self.random.alphanumeric()).take(8).collect();
            event["obfuscation"] = padding.into();
        }
        if noise.phase && event.pointer("/item/role").is_some_and(|role| role == "assistant") {
            event["item"]["phase"] = "final_answer".into();
        }
        if noise.unknown_keys {
            event["x_future_field"] = json!({"nested": [1, null, "two"]});
        }
        if self.server.script.beta_names {
            rename_to_beta(event);
        }
    }

    /// Frames that follow a good event when the script says so.
    fn garbage(&mut self) -> Vec<Frame> {
        let strikes = |kind| self.server.faults.strikes(kind);
        let all = strikes(FaultKind::Garbage);
        let mut frames = Vec::new();
        if all || strikes(FaultKind::MalformedJson) {
            frames.extend(["{\"type\":\"response.output_audio.del", "not json", ""].map(raw));
        }
        if all || strikes(FaultKind::WrongTypes) {
            frames.extend(WRONG_TYPES.map(raw));
        }
        if all || strikes(FaultKind::UnknownEvents) || self.server.script.noise.unknown_events {
            frames.push(raw(r#"{"type":"session.mood.changed","event_id":"event_mood","mood":{"value":7}}"#));
        }
        if all || strikes(FaultKind::BinaryFrames) {
            let length = self.random.usize(1..64);
            frames.push(Frame::Binary(std::iter::repeat_with(|| self.random.u8(..)).take(length).collect()));
        }
        if strikes(FaultKind::HugeFrame) {
            frames.push(padded(5 << 20));
        }
        if strikes(FaultKind::OversizedFrame) {
            frames.push(padded(17 << 20));
        }
        if all {
            self.random.shuffle(&mut frames);
        }
        frames
    }
}

const WRONG_TYPES: [&str; 9] = [
    "[]",
    "null",
    "\"response.done\"",
    r#"{"type":42}"#,
    r#"{"no":"type"}"#,
    r#"{"type":"response.output_audio.delta","event_id":5,"response_id":[],"item_id":{},"output_index":-1,"content_index":"0","delta":17}"#,
    r#"{"type":"response.output_audio.delta","event_id":"event_x","response_id":"resp_none","item_id":"item_none","output_index":0,"content_index":0,"delta":"***"}"#,
    r#"{"type":"session.updated","event_id":"event_y","session":"no"}"#,
    r#"{"type":"response.done","event_id":"event_z","response":{"id":"resp_none","status":"marvellous","output":{}}}"#,
];

fn raw(text: &str) -> Frame {
    Frame::Raw(text.to_owned())
}

fn padded(length: usize) -> Frame {
    Frame::Raw(format!(r#"{{"type":"session.padding","event_id":"event_pad","padding":"{}"}}"#, "x".repeat(length)))
}

/// Gives an event its Beta name.
fn rename_to_beta(event: &mut Value) {
    let kind = event["type"].as_str().unwrap_or_default();
    let beta = match kind {
        "conversation.item.added" => "conversation.item.created".to_owned(),
        _ => kind.replace("response.output_text.", "response.text.").replace("response.output_audio", "response.audio"),
    };
    event["type"] = beta.into();
    for part in event.pointer_mut("/item/content").and_then(Value::as_array_mut).into_iter().flatten() {
        let kind = part["type"].as_str().unwrap_or_default().replace("output_", "");
        part["type"] = kind.into();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::Script;

    fn wire(script: Script) -> Wire {
        Wire::new(Arc::new(Server::new(script)), 1)
    }

    #[test]
    fn a_delayed_frame_waits_and_the_order_stays() {
        let delay = Duration::from_millis(120);
        let mut wire = wire(Script { delay, ..Script::default() }.fault(FaultKind::Delay));
        let now = Instant::now();
        wire.push(raw("first"), now);
        wire.push(raw("second"), now + Duration::from_millis(1));
        assert_eq!(wire.deadline(), Some(now + delay));
        assert!(wire.pop(now + delay - Duration::from_millis(1)).is_none());
        assert!(matches!(wire.pop(now + delay), Some(Frame::Raw(text)) if text == "first"));
        assert!(wire.pop(now + delay).is_none());
        assert!(wire.pop(now + delay + Duration::from_millis(1)).is_some());
    }

    #[test]
    fn a_stalled_wire_keeps_what_it_has() {
        let mut wire = wire(Script::default());
        let now = Instant::now();
        wire.push(raw("first"), now);
        wire.stall(true);
        assert!(wire.pop(now).is_none() && wire.deadline().is_none());
        wire.stall(false);
        assert!(wire.pop(now).is_some());
    }
}
