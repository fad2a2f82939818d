//! The state machine of one conversation: what it knows, and which chapter takes which input.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::time::Instant;

use super::client;
use super::config::Config;
use super::link::{Link, Purpose, State};
use super::own_ear::OwnEar;
use super::server::{Frame, WireItem, WireResponse};
use super::summary::Summary;
use super::timeline::{Stage, Timeline};
use crate::frame::malformed;
use crate::interpreter::Interpreter;
use crate::{Event, Input, Item, ItemId, Leg, Message, Output};

#[derive(Debug)]
pub(crate) struct Realtime {
    pub(super) config: Config,
    pub(super) state: State,
    /// Who translates on this connection; `None`: the provider speaks the Realtime protocol.
    pub(super) interpreter: Option<Box<dyn Interpreter>>,
    /// What brings the provider's memory of the conversation to its next connection.
    pub(super) memory: Option<String>,
    /// When the present input came.
    pub(super) now: Option<Instant>,
    pub(super) link: Link,
    pub(super) timeline: Timeline,
    pub(super) summary: Summary,
    /// The push-to-talk turn that is being spoken.
    pub(super) recording: Option<ItemId>,
    /// Open microphone: audio that waits for the connection.
    pub(super) backlog: VecDeque<i16>,
    pub(super) own_ear: OwnEar,
    /// Open microphone: the utterance whose connection died in mid-speech; it begins the backlog.
    pub(super) resumed: Option<ItemId>,
    /// Open microphone: the talk key is down, so nothing is answered.
    pub(super) is_floor_held: bool,
    /// Ids of the newest responses that are over: what still comes of them is late.
    pub(super) finished: VecDeque<String>,
    pub(super) last_event: u64,
    pub(super) outputs: VecDeque<Output>,
}

impl Realtime {
    pub(crate) fn new(config: Config) -> Self {
        Self {
            config,
            state: State::Closed,
            interpreter: None,
            memory: None,
            now: None,
            link: Link::default(),
            timeline: Timeline::default(),
            summary: Summary::default(),
            recording: None,
            backlog: VecDeque::new(),
            own_ear: OwnEar::default(),
            resumed: None,
            is_floor_held: false,
            finished: VecDeque::new(),
            last_event: 0,
            outputs: VecDeque::new(),
        }
    }

    pub(crate) fn handle(&mut self, input: Input<'_>, now: Instant) {
        self.now = Some(now);
        match input {
            Input::Opened => self.opened(now),
            Input::Received { leg, received } => self.received(leg, received, now),
            Input::Thought { errand, thought } => self.thought(errand, thought, now),
            Input::Replied { errand, reply } => self.reply(errand, reply, now),
            Input::ToolResult { item, output } => self.tool_result(item, output, now),
            Input::Summary { until, text } => self.summarised(until, text),
            Input::Closed { code, reason } => self.closed(code, reason),
            Input::Press => self.press(now),
            Input::Audio(pcm) => self.audio(pcm),
            Input::Voice(is_voice) => self.own_ear.hears(is_voice),
            Input::Release if self.is_open_microphone() => self.end_speech(),
            Input::Release => self.release(now),
            Input::Discard => self.discard(now),
            Input::BargeIn => self.interrupt(now),
            Input::HoldFloor(is_held) => self.hold_floor(is_held, now),
            Input::Say { text, aloud } => self.say(text, aloud, now),
            Input::Stop => self.stop(now),
            Input::Interrupted { item, heard } => self.interrupted(item, heard),
            Input::Played(item) => self.played(item),
            Input::Configure(config) => self.configure(config, now),
            Input::Resend => self.resend(true, now),
            Input::StandIn => self.resend(false, now),
            Input::Restore(said) => self.restore(said),
            Input::Forget(item) => self.forget(item, now),
            Input::Timeout => self.timeout(now),
        }
        self.carry_out(now);
    }

    pub(crate) fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    pub(crate) fn items(&self) -> Vec<Item> {
        self.timeline.entries().iter().map(|entry| entry.item.clone()).collect()
    }

    pub(crate) fn unanswered(&self) -> usize {
        let owes = |stage| matches!(stage, Stage::Waiting | Stage::OnServer { .. } | Stage::Held);
        self.timeline.entries().iter().filter(|entry| entry.stage().is_some_and(owes)).count()
    }

    pub(crate) fn is_answer_owed(&self) -> bool {
        let owes = |stage| matches!(stage, Stage::Waiting | Stage::OnServer { .. });
        self.timeline.entries().iter().any(|entry| entry.stage().is_some_and(owes))
    }

    pub(crate) fn is_refused(&self) -> bool {
        matches!(self.state, State::Refused)
    }

    pub(crate) fn is_busy(&self) -> bool {
        let entries = self.timeline.entries();
        let is_open = matches!(self.state, State::Ready);
        self.recording.is_some()
            || self.link.speech.is_some()
            || !self.link.slot.is_free()
            || !self.link.calls.is_empty()
            || (is_open
                && entries.iter().any(|entry| matches!(entry.stage(), Some(Stage::Waiting | Stage::OnServer { .. }))))
    }

    pub(super) fn is_open_microphone(&self) -> bool {
        self.config.turn_taking.is_open()
    }

    pub(super) fn emit(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(event));
    }

    pub(super) fn output(&mut self, output: Output) {
        self.outputs.push_back(output);
    }

    /// Tells the caller that an item is new or has changed.
    pub(super) fn tell(&mut self, id: ItemId) {
        let Some(entry) = self.timeline.find(id) else { return };
        let event = Event::Item { item: entry.item.clone(), after: self.timeline.before(id) };
        self.emit(event);
    }

    pub(super) fn remove(&mut self, id: ItemId) {
        self.timeline.remove(id);
        self.emit(Event::Removed(id));
    }

    /// Sends an event, if the connection is at the stage for it; returns its id.
    pub(super) fn transmit(&mut self, event: client::Event<'_>, purpose: Purpose) -> Option<u64> {
        let is_update = matches!(event, client::Event::Update { .. });
        if !(self.state.is_ready() || (is_update && self.state.is_configuring())) {
            tracing::debug!(?purpose, "not sent: the session is not ready");
            return None;
        }
        self.last_event += 1;
        let number = self.last_event;
        let is_audio = purpose == Purpose::Append;
        if let (Some(interpreter), Some(now)) = (self.interpreter.as_deref_mut(), self.now) {
            interpreter.ask(number, &event, now);
            self.link.note(number, purpose);
            return Some(number);
        }
        let frame = client::Frame { event_id: format!("event_{number}"), event };
        let Ok(text) = serde_json::to_string(&frame) else {
            tracing::error!(?purpose, "an event could not be written");
            return None;
        };
        self.link.note(number, purpose);
        self.output(Output::Transmit { leg: Leg::Voice, message: Message::Text(text), is_audio });
        Some(number)
    }

    pub(super) fn text(&mut self, text: &str, now: Instant) {
        if self.state.is_closed() {
            tracing::debug!("frame of an earlier connection ignored");
            return;
        }
        match serde_json::from_str::<Frame<'_>>(text) {
            Ok(frame) if self.link.is_repeated(frame.event_id.as_deref(), text) => {
                tracing::debug!("repeated event ignored");
            }
            Ok(frame) => self.frame(&frame, now),
            Err(error) => malformed(&error),
        }
    }

    /// The server's events by name. The second name of a pair is the Beta one, which other makers' servers still use.
    fn frame(&mut self, frame: &Frame<'_>, now: Instant) {
        let item_id = frame.item_id.as_deref().unwrap_or_default();
        let previous = frame.previous_item_id.as_deref();
        let delta = frame.delta.as_deref().unwrap_or_default();
        let words = |of: &Option<Cow<'_, str>>| of.as_deref().unwrap_or_default().to_owned();
        if frame.kind != "error" {
            self.link.has_told = false;
        }
        match frame.kind.as_ref() {
            "session.created" => self.session_created(frame.session.as_ref(), now),
            "session.updated" => self.session_updated(frame.session.as_ref(), now),
            "error" => self.error(frame.error.as_ref(), now),
            "input_audio_buffer.speech_started" => self.speech_started(item_id, frame.audio_start_ms, now),
            "input_audio_buffer.speech_stopped" => self.speech_stopped(item_id, frame.audio_end_ms, now),
            "input_audio_buffer.committed" => self.committed(item_id, previous, now),
            "conversation.item.added" | "conversation.item.created" => {
                if let Some(item) = frame.item.as_ref().and_then(WireItem::read) {
                    self.item_added(None, &item, previous, now);
                }
            }
            "conversation.item.done" => {
                if let Some(item) = frame.item.as_ref().and_then(WireItem::read) {
                    self.item_done(None, &item, previous, now);
                }
            }
            "conversation.item.input_audio_transcription.delta" => self.user_caption_delta(item_id, delta),
            "conversation.item.input_audio_transcription.completed" => {
                self.user_caption(item_id, frame.transcript.as_deref());
            }
            "conversation.item.input_audio_transcription.failed" => self.user_caption(item_id, None),
            "response.created" => {
                let id = frame.response.as_ref().and_then(|response| response.get("id")?.as_str());
                self.response_created(id, now);
            }
            "response.output_item.added" => {
                if let Some(item) = frame.item.as_ref().and_then(WireItem::read) {
                    self.item_added(frame.response_id.as_deref(), &item, previous, now);
                }
            }
            "response.output_item.done" => {
                if let Some(item) = frame.item.as_ref().and_then(WireItem::read) {
                    self.item_done(frame.response_id.as_deref(), &item, previous, now);
                }
            }
            "response.output_audio.delta" | "response.audio.delta" => self.audio_delta(frame, now),
            "response.output_audio.done" | "response.audio.done" => self.audio_done(item_id, now),
            "response.output_audio_transcript.delta" | "response.audio_transcript.delta" => {
                self.caption_delta(frame, true, now);
            }
            "response.output_audio_transcript.done" | "response.audio_transcript.done" => {
                self.caption_done(frame, &words(&frame.transcript), true, now);
            }
            "response.output_text.delta" | "response.text.delta" => self.caption_delta(frame, false, now),
            "response.output_text.done" | "response.text.done" => {
                self.caption_done(frame, &words(&frame.text), false, now);
            }
            "response.function_call_arguments.delta" => self.arguments_delta(frame, now),
            "response.function_call_arguments.done" => self.arguments_done(frame, &words(&frame.arguments), now),
            "response.done" => {
                if let Some(response) = frame.response.as_ref() {
                    self.response_done(WireResponse::read(response), now);
                }
            }
            _ => tracing::trace!("event of no interest"),
        }
    }
}
