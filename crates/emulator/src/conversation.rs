//! One conversation: client events in, server events out. No sockets, no clock.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::buffer::{Buffer, Heard, Utterance};
use crate::fault::FaultKind;
use crate::item::Item;
use crate::practice;
use crate::response::Response;
use crate::schema::{self, Refusal};
use crate::script::Transcription;
use crate::server::Server;
use crate::session::Session;
use crate::sound;
use crate::wire::Frame;

/// User items that keep their audio.
const KEPT_AUDIO: usize = 8;

/// The state behind one socket.
#[derive(Debug)]
pub(crate) struct Conversation {
    pub(crate) server: Arc<Server>,
    pub(crate) random: fastrand::Rng,
    pub(crate) id: String,
    pub(crate) session: Session,
    pub(crate) items: Vec<Item>,
    pub(crate) running: Vec<Response>,
    /// Frames for the wire.
    pub(crate) out: VecDeque<Frame>,
    /// Transcription events that wait for the answer.
    pub(crate) transcripts: Vec<Value>,
    /// Tokens of the context of the last response, which the next one finds cached: text and audio.
    pub(crate) cached: (u64, u64),
    pub(crate) spent: u64,
    /// When the last answer has been played.
    pub(crate) idle_from: Option<Instant>,
    /// Refused events since the last look: type and code.
    pub(crate) refusals: Vec<(String, Option<String>)>,
    /// Whether a `session.update` was answered.
    pub(crate) is_configured: bool,
    buffer: Buffer,
    /// Id that the utterance being spoken will get.
    speaking: Option<String>,
    appends: u32,
}

impl Conversation {
    /// Opens a session: `session.created` is the first frame.
    pub(crate) fn open(server: Arc<Server>, model: &str, expires_at: u64, seed: u64) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let session = Session::new(&make_id("sess_", &mut random), model, expires_at);
        let id = make_id("conv_", &mut random);
        let mut this = Self {
            server,
            random,
            id,
            session,
            items: Vec::new(),
            running: Vec::new(),
            out: VecDeque::new(),
            transcripts: Vec::new(),
            cached: (0, 0),
            spent: 0,
            idle_from: None,
            refusals: Vec::new(),
            is_configured: false,
            buffer: Buffer::new(),
            speaking: None,
            appends: 0,
        };
        this.emit(json!({"type": "session.created", "session": this.session.json}));
        this
    }

    /// Takes one client event and what the schema says to it. Whatever is wrong is answered by an `error` event.
    pub(crate) fn handle(&mut self, event: &Value, verdict: Result<(), Refusal>, now: Instant) {
        let kind = event["type"].as_str().unwrap_or_default();
        let result = verdict.and_then(|()| self.obey(kind, event, now));
        if let Err(refusal) = result {
            self.refuse(kind, refusal, &event["event_id"]);
        }
    }

    fn obey(&mut self, kind: &str, event: &Value, now: Instant) -> Result<(), Refusal> {
        match kind {
            "session.update" => self.update(event),
            "input_audio_buffer.append" => self.append(event, now),
            "input_audio_buffer.commit" => self.commit_by_client(),
            "input_audio_buffer.clear" => {
                self.buffer.clear();
                self.speaking = None;
                self.emit(json!({"type": "input_audio_buffer.cleared"}));
                Ok(())
            }
            "conversation.item.create" => self.create_item(event),
            "conversation.item.retrieve" => {
                let index = self.position(&event["item_id"], "item_retrieve_invalid_item_id")?;
                let item = self.items.get(index).map(Item::with_audio);
                self.emit(json!({"type": "conversation.item.retrieved", "item": item}));
                Ok(())
            }
            "conversation.item.delete" => {
                let index = self.position(&event["item_id"], "item_delete_invalid_item_id")?;
                let item = self.items.remove(index);
                self.emit(json!({"type": "conversation.item.deleted", "item_id": item.id}));
                Ok(())
            }
            "conversation.item.truncate" => self.truncate(event),
            "response.create" => self.create_response(event, now),
            "response.cancel" => self.cancel(event, now),
            _ => Ok(()),
        }
    }

    fn update(&mut self, event: &Value) -> Result<(), Refusal> {
        if self.cuts(FaultKind::CutAfterUpdate) {
            return Ok(());
        }
        self.session.update(&event["session"])?;
        self.is_configured = true;
        self.emit(json!({"type": "session.updated", "session": self.session.json}));
        Ok(())
    }

    fn append(&mut self, event: &Value, now: Instant) -> Result<(), Refusal> {
        self.appends += 1;
        if self.appends == 3 && self.cuts(FaultKind::CutMidAppend) {
            return Ok(());
        }
        if !self.buffer.append(&schema::audio(event)?) {
            return Err(Refusal::new(Some("invalid_value"), Some("audio"), "The input audio buffer is full."));
        }
        let turns = self.session.turns();
        while let Some(heard) = self.buffer.scan(turns.as_ref(), now) {
            match heard {
                Heard::Started(at) => self.speech_started(at, now),
                Heard::Stopped(at) => {
                    let utterance = self.buffer.take_scanned();
                    self.speech_stopped(at, utterance, now);
                }
            }
        }
        Ok(())
    }

    fn speech_started(&mut self, at: u64, now: Instant) {
        let id = make_id("item_", &mut self.random);
        self.emit(json!({"type": "input_audio_buffer.speech_started", "audio_start_ms": at, "item_id": id}));
        self.speaking = Some(id);
        self.idle_from = None;
        if self.session.turns().is_none_or(|turns| turns.interrupts_response) {
            self.interrupt("turn_detected", now);
        }
    }

    fn speech_stopped(&mut self, at: u64, utterance: Utterance, now: Instant) {
        let id = self.speaking.take().unwrap_or_else(|| make_id("item_", &mut self.random));
        self.emit(json!({"type": "input_audio_buffer.speech_stopped", "audio_end_ms": at, "item_id": id}));
        if self.is_silent() || self.cuts(FaultKind::CutAfterCommit) {
            return;
        }
        self.commit(&id, utterance);
        if self.session.turns().is_none_or(|turns| turns.creates_response) && !self.is_answering() {
            self.begin(&Value::Null, None, now);
        }
    }

    /// What a test makes the voice detection hear.
    pub(crate) fn pretend_speech(&mut self, begins: bool, now: Instant) {
        let at = self.buffer.position();
        if begins {
            self.speech_started(at, now);
        } else {
            let utterance = self.buffer.take();
            self.speech_stopped(at, utterance, now);
        }
    }

    fn commit_by_client(&mut self) -> Result<(), Refusal> {
        if self.is_silent() {
            self.buffer.clear();
            return Ok(());
        }
        if self.buffer.len() < sound::samples(100) {
            let has = self.buffer.len() as f64 * 1000.0 / sound::RATE as f64;
            let message = format!(
                "Error committing input audio buffer: buffer too small. Expected at least 100ms of audio, but buffer only has {has:.2}ms of audio."
            );
            return Err(Refusal::new(Some("input_audio_buffer_commit_empty"), None, message));
        }
        if self.cuts(FaultKind::CutAfterCommit) {
            return Ok(());
        }
        let id = self.speaking.take().unwrap_or_else(|| make_id("item_", &mut self.random));
        let utterance = self.buffer.take();
        self.commit(&id, utterance);
        Ok(())
    }

    fn commit(&mut self, id: &str, utterance: Utterance) {
        let previous = self.last_id();
        self.emit(json!({"type": "input_audio_buffer.committed", "item_id": id, "previous_item_id": previous}));
        let item = Item::spoken(id, utterance.pcm, utterance.last_loud);
        self.announce(&item.json, previous.as_deref());
        self.transcribe(&item);
        self.items.push(item);
        let spoken = self.items.iter_mut().rev().filter(|item| !item.pcm.is_empty());
        for old in spoken.skip(KEPT_AUDIO) {
            old.pcm = Vec::new();
        }
    }

    /// Transcription of a user item, now or kept for later.
    fn transcribe(&mut self, item: &Item) {
        let Some(model) = self.session.transcription_model() else { return };
        let text = self.server.script.heard.clone().unwrap_or_else(|| practice::transcript(&item.pcm));
        let usage = if model.starts_with("gpt-4o") {
            let (input, output) = (item.audio_ms.div_ceil(100), text.len().div_ceil(4) as u64);
            let details = json!({"text_tokens": 0, "audio_tokens": input});
            json!({"type": "tokens", "total_tokens": input + output, "input_tokens": input, "output_tokens": output, "input_token_details": details})
        } else {
            json!({"type": "duration", "seconds": item.audio_ms as f64 / 1000.0})
        };
        let name = |end: &str| format!("conversation.item.input_audio_transcription.{end}");
        let events = if self.server.faults.strikes(FaultKind::TranscriptionFailed) {
            let error = json!({"type": "transcription_error", "code": "audio_unintelligible", "message": "The audio could not be transcribed.", "param": null});
            vec![json!({"type": name("failed"), "item_id": item.id, "content_index": 0, "error": error})]
        } else {
            let text = if self.server.faults.strikes(FaultKind::EmptyTranscript) { "" } else { &text };
            let delta = json!({"type": name("delta"), "item_id": item.id, "content_index": 0, "delta": text});
            let done = json!({"type": name("completed"), "item_id": item.id, "content_index": 0, "transcript": text, "usage": usage});
            if text.is_empty() { vec![done] } else { vec![delta, done] }
        };
        match self.server.script.transcription {
            Transcription::Before => events.into_iter().for_each(|event| self.emit(event)),
            Transcription::During | Transcription::After => self.transcripts.extend(events),
            Transcription::Never => {}
        }
    }

    fn create_item(&mut self, event: &Value) -> Result<(), Refusal> {
        if self.cuts(FaultKind::CutAfterItem) {
            return Ok(());
        }
        let wrong = |param: &str, message: &str| Refusal::new(Some("invalid_value"), Some(param), message);
        let given = event.pointer("/item/id").and_then(Value::as_str);
        if given.is_some_and(|id| self.find(id).is_some()) {
            return Err(wrong("item.id", "An item with this id exists already."));
        }
        let id = given.map_or_else(|| make_id("item_", &mut self.random), str::to_owned);
        let item =
            Item::created(&id, event["item"].clone()).map_err(|message| wrong("item.content[0].audio", message))?;
        let index = match event.get("previous_item_id").and_then(Value::as_str) {
            None => self.items.len(),
            Some("root") => 0,
            Some(previous) => {
                let found = self.find(previous);
                1 + found.ok_or_else(|| wrong("previous_item_id", "The previous item does not exist."))?
            }
        };
        let previous = index.checked_sub(1).and_then(|index| self.items.get(index)).map(|item| item.id.clone());
        self.announce(&item.json, previous.as_deref());
        self.items.insert(index, item);
        Ok(())
    }

    fn truncate(&mut self, event: &Value) -> Result<(), Refusal> {
        let index = self.position(&event["item_id"], "item_truncate_invalid_item_id")?;
        let end = event["audio_end_ms"].as_u64().unwrap_or_default();
        let Some(item) = self.items.get_mut(index) else { return Ok(()) };
        let open =
            self.running.iter().filter_map(|response| response.open.as_ref()).find(|open| open.item.id == item.id);
        let length = open.map_or(item.audio_ms, |open| sound::millis(open.samples));
        if item.role() != "assistant" || (open.is_none() && !item.has_audio_part()) || end == 0 {
            let message = "Only model output audio messages can be truncated, and not to nothing.";
            return Err(Refusal::new(Some("unsupported_content_type"), None, message));
        }
        if end > length {
            let message = format!("Audio content of {length}ms is already shorter than {end}ms");
            return Err(Refusal::new(Some("invalid_value"), Some("audio_end_ms"), message));
        }
        item.audio_ms = end;
        item.json["content"] = json!([{"type": "output_audio", "transcript": null}]);
        let id = item.id.clone();
        self.emit(json!({"type": "conversation.item.truncated", "item_id": id, "content_index": event["content_index"], "audio_end_ms": end}));
        Ok(())
    }

    /// `added` and `done` of a finished item.
    fn announce(&mut self, item: &Value, previous: Option<&str>) {
        self.emit(json!({"type": "conversation.item.added", "item": item, "previous_item_id": previous}));
        self.emit(json!({"type": "conversation.item.done", "item": item, "previous_item_id": previous}));
    }

    /// Answers the silence that the session's `idle_timeout_ms` waits for.
    pub(crate) fn time_out(&mut self, now: Instant) {
        if self.idle_deadline().is_none_or(|due| due > now) {
            return;
        }
        self.idle_from = None;
        let id = make_id("item_", &mut self.random);
        let end = self.buffer.position();
        let utterance = self.buffer.take();
        let start = end - sound::millis(utterance.pcm.len());
        self.emit(json!({"type": "input_audio_buffer.timeout_triggered", "audio_start_ms": start, "audio_end_ms": end, "item_id": id}));
        self.commit(&id, utterance);
        self.begin(&Value::Null, None, now);
    }

    pub(crate) fn idle_deadline(&self) -> Option<Instant> {
        let idle = Duration::from_millis(self.session.turns()?.idle_ms?);
        let is_quiet = !self.buffer.is_speech() && !self.is_answering();
        self.idle_from.filter(|_| is_quiet).map(|from| from + idle)
    }

    /// Sends an event under a new `event_id`.
    pub(crate) fn emit(&mut self, mut event: Value) {
        event["event_id"] = make_id("event_", &mut self.random).into();
        self.out.push_back(Frame::Event(event));
    }

    /// Refuses the event of this type and id.
    pub(crate) fn refuse(&mut self, kind: &str, refusal: Refusal, event_id: &Value) {
        self.refusals.push((kind.to_owned(), refusal.code.map(str::to_owned)));
        let event_id = event_id.as_str();
        let error = json!({"type": refusal.kind, "code": refusal.code, "message": refusal.message, "param": refusal.param, "event_id": event_id});
        self.emit(json!({"type": "error", "error": error}));
    }

    /// Ends the session with an error and a close.
    pub(crate) fn fail(&mut self, kind: &str, code: Option<&str>, message: &str, close: u16, reason: &str) {
        let error = json!({"type": kind, "code": code, "message": message, "param": null, "event_id": null});
        self.emit(json!({"type": "error", "error": error}));
        self.out.push_back(Frame::Close(close, reason.to_owned()));
    }

    /// The end of a session's time.
    pub(crate) fn expire(&mut self) {
        let minutes = self.server.script.session_seconds.div_ceil(60);
        let message = format!("Your session hit the maximum duration of {minutes} minutes.");
        self.fail("invalid_request_error", Some("session_expired"), &message, 1001, &message);
    }

    /// Whether the connection is to be cut here; if so it is.
    pub(crate) fn cuts(&mut self, fault: FaultKind) -> bool {
        let strikes = self.server.faults.strikes(fault);
        if strikes {
            self.out.push_back(Frame::Cut);
        }
        strikes
    }

    pub(crate) fn is_silent(&self) -> bool {
        self.server.faults.strikes(FaultKind::Silent)
    }

    pub(crate) fn last_id(&self) -> Option<String> {
        self.items.last().map(|item| item.id.clone())
    }

    fn find(&self, id: &str) -> Option<usize> {
        self.items.iter().position(|item| item.id == id)
    }

    fn position(&self, id: &Value, code: &'static str) -> Result<usize, Refusal> {
        let id = id.as_str().unwrap_or_default();
        let message = || format!("Item with item_id '{}' not found.", id.chars().take(64).collect::<String>());
        self.find(id).ok_or_else(|| Refusal::new(Some(code), Some("item_id"), message()))
    }
}

/// An id as the server makes them: the prefix and 21 letters or digits.
pub(crate) fn make_id(prefix: &str, random: &mut fastrand::Rng) -> String {
    prefix.chars().chain(std::iter::repeat_with(|| random.alphanumeric()).take(21)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::response::Step;
    use crate::script::Script;

    const SECOND: Duration = Duration::from_secs(1);

    fn conversation() -> Conversation {
        Conversation::open(Arc::new(Server::new(Script::default())), "gpt-realtime-2.1", 0, 0)
    }

    fn handle(conversation: &mut Conversation, event: &Value, now: Instant) {
        conversation.handle(event, schema::check(event), now);
    }

    /// Types of the events made since the last look.
    fn made(conversation: &mut Conversation, now: Instant) -> Vec<String> {
        while conversation.step(now) {}
        let frames = std::mem::take(&mut conversation.out);
        let event = |frame| match frame {
            Frame::Event(event) => event["type"].as_str().map(str::to_owned),
            Frame::Raw(_) | Frame::Binary(_) | Frame::Close(..) | Frame::Cut | Frame::Stall => None,
        };
        frames.into_iter().filter_map(event).collect()
    }

    #[test]
    fn a_long_silence_after_an_answer_is_answered_when_the_session_asks() {
        let mut conversation = conversation();
        let start = Instant::now();
        let turns = json!({"type": "server_vad", "idle_timeout_ms": 5000});
        let session =
            json!({"type": "realtime", "output_modalities": ["text"], "audio": {"input": {"turn_detection": turns}}});
        handle(&mut conversation, &json!({"type": "session.update", "session": session}), start);
        assert_eq!(conversation.deadline(), None);
        handle(&mut conversation, &json!({"type": "response.create"}), start);
        assert!(made(&mut conversation, start).contains(&"response.done".to_owned()));
        assert_eq!(conversation.deadline(), Some(start + 5 * SECOND));
        assert_eq!(made(&mut conversation, start + 4 * SECOND), Vec::<String>::new());
        let kinds = made(&mut conversation, start + 5 * SECOND);
        assert_eq!(kinds.first().map(String::as_str), Some("input_audio_buffer.timeout_triggered"));
        assert!(kinds.contains(&"response.done".to_owned()));
    }

    #[test]
    fn an_answer_at_the_pace_of_speech_takes_its_time() {
        let pace = crate::Pace::RealTime { piece: Duration::from_millis(20), jitter: Duration::ZERO };
        let script = Script { pace, ..Script::default() }
            .answer(crate::Answer::Play { pcm: vec![1; sound::RATE], transcript: "la".to_owned() });
        let mut conversation = Conversation::open(Arc::new(Server::new(script)), "m", 0, 0);
        let start = Instant::now();
        handle(&mut conversation, &json!({"type": "response.create"}), start);
        let deltas = |kinds: Vec<String>| kinds.iter().filter(|kind| *kind == "response.output_audio.delta").count();
        assert_eq!(deltas(made(&mut conversation, start)), 1);
        assert_eq!(deltas(made(&mut conversation, start + Duration::from_millis(500))), 25);
        assert_eq!(deltas(made(&mut conversation, start + SECOND)), 24);
    }

    #[test]
    fn jittered_audio_keeps_its_order_and_stays_within_80_ms_of_its_time() {
        let script = Script::default()
            .answer(crate::Answer::Play { pcm: vec![1; sound::RATE], transcript: "la".to_owned() })
            .fault(FaultKind::Jitter);
        let mut conversation = Conversation::open(Arc::new(Server::new(script)), "m", 0, 5);
        let start = Instant::now();
        handle(&mut conversation, &json!({"type": "response.create"}), start);
        let due: Vec<Instant> = conversation.running[0].steps.iter().map(|(at, _)| *at).collect();
        assert!(due.is_sorted());
        let steps = conversation.running[0].steps.iter();
        let audio: Vec<Instant> = steps.filter(|(_, step)| matches!(step, Step::Audio(_))).map(|(at, _)| *at).collect();
        assert_eq!(audio.len(), 25);
        let mut shifts = Vec::new();
        for (index, at) in audio.into_iter().enumerate() {
            let (due, jitter) = (start + Duration::from_millis(40) * index as u32, Duration::from_millis(80));
            assert!(at <= due + jitter && at + jitter >= due, "piece {index}");
            shifts.push(at.saturating_duration_since(due));
        }
        assert!(shifts.iter().max() > Some(&Duration::from_millis(40)), "{shifts:?}");
    }

    #[test]
    fn nothing_that_a_client_sends_makes_it_panic() {
        let mut conversation = conversation();
        let now = Instant::now();
        let values = [json!(null), json!(-1), json!("x"), json!([1]), json!({"type": "message"}), json!(1e300)];
        for kind in schema::CLIENT_EVENTS {
            for key in [
                "session",
                "audio",
                "item",
                "item_id",
                "response",
                "response_id",
                "content_index",
                "audio_end_ms",
                "event_id",
            ] {
                for value in &values {
                    handle(&mut conversation, &json!({"type": kind, key: value}), now);
                    while conversation.step(now) {}
                }
            }
        }
        for value in values {
            handle(&mut conversation, &value, now);
        }
        assert!(conversation.refusals.len() > 300);
    }
}
