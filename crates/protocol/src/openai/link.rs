//! One connection: opening it, configuring it, losing it.

use std::collections::{HashSet, VecDeque};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::client;
use super::config::Config;
use super::microphone::{Resending, Speech};
use super::realtime::Realtime;
use super::refusal::fault_of_close;
use super::response::Slot;
use super::ring::Ring;
use super::settings::Settings;
use super::timeline::Stage;
use super::tool::ToolCall;
use crate::interpreter::Interpreter;
use crate::{Delivery, Event, Fault, ItemId, Output};

const GREETING: Duration = Duration::from_secs(10);
const CONFIRMATION: Duration = Duration::from_secs(5);
pub(super) const ACKNOWLEDGEMENT: Duration = Duration::from_secs(10);
/// How often an utterance goes out by itself before it waits for the user: a bound on what a provider that
/// fails at the same place every time can cost.
pub(super) const ATTEMPTS: u8 = 5;
pub(super) const UNANSWERED: &str = "This was sent five times and not answered.";

/// How far the connection has come.
#[derive(Debug)]
pub(super) enum State {
    /// No socket, or none that is listened to.
    Closed,
    /// `session.created` is awaited.
    Opening { until: Instant },
    /// `session.updated` is awaited.
    Configuring { until: Instant },
    /// Audio and text flow.
    Ready,
    /// The provider refused our settings: nothing may be sent, since its defaults would answer by themselves.
    Refused,
}

impl State {
    pub(super) fn is_ready(&self) -> bool {
        matches!(self, Self::Ready)
    }

    pub(super) fn is_configuring(&self) -> bool {
        matches!(self, Self::Configuring { .. })
    }

    pub(super) fn is_closed(&self) -> bool {
        matches!(self, Self::Closed)
    }
}

/// What an event that we sent was for; an error names the event it refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    FirstUpdate,
    Update,
    Append,
    Clear,
    Commit(ItemId),
    Message(ItemId),
    Respond,
    Cancel,
    /// Truncating, deleting, replaying, tool outputs: the call goes on without them.
    Upkeep,
}

/// A commit that was not acknowledged yet.
#[derive(Debug)]
pub(super) struct Commit {
    pub(super) item: ItemId,
    pub(super) until: Option<Instant>,
}

/// What is known of the present connection; forgotten as a whole when it ends.
#[derive(Debug, Default)]
pub(super) struct Link {
    sent: VecDeque<(u64, Purpose)>,
    /// The newest event.
    newest: String,
    pub(super) slot: Slot,
    /// `response.create` refused in a row because another response was active.
    pub(super) collisions: u8,
    pub(super) commits: VecDeque<Commit>,
    pub(super) ring: Ring,
    /// The push-to-talk turn streams into the provider's buffer while it is spoken.
    pub(super) is_live: bool,
    pub(super) speech: Option<Speech>,
    pub(super) resending: Option<Resending>,
    /// Where the last turn that was committed ended, in samples.
    pub(super) committed_at: u64,
    /// Where the utterance that an earlier connection lost begins, in samples.
    pub(super) resumed_at: Option<u64>,
    /// The provider should have begun to answer an utterance that its detector ended; later we ask for it.
    pub(super) answer_due: Option<Instant>,
    /// The user wants that answer no more.
    pub(super) is_due_stopped: bool,
    /// The floor is free again, and the provider has not confirmed yet that it may answer.
    pub(super) is_floor_settling: bool,
    /// Tool outputs were sent: the model shall go on.
    pub(super) continues: bool,
    pub(super) tool_rounds: u8,
    pub(super) answered_calls: HashSet<String>,
    /// Tools at work.
    pub(super) calls: Vec<ToolCall>,
    /// The provider was offered tools.
    pub(super) has_tools: bool,
    /// The provider takes no requests until then.
    pub(super) limited_until: Option<Instant>,
    /// The newest response that is over, and the item that its cost stands with.
    pub(super) spender: Option<(String, ItemId)>,
    /// Items nobody heard: deleted when their response is over.
    pub(super) deletions: Vec<String>,
    /// Speed of speech that the provider was told.
    speed: Option<f32>,
    expires_at: Option<u64>,
    model: Option<String>,
    /// The provider has its memory of the conversation on this connection.
    pub(super) is_resumed: bool,
    /// The user knows why this connection ends.
    pub(super) has_told: bool,
}

impl Link {
    pub(super) fn note(&mut self, number: u64, purpose: Purpose) {
        if purpose != Purpose::Append {
            self.sent.push_back((number, purpose));
            if self.sent.len() > 256 {
                self.sent.pop_front();
            }
        }
    }

    /// Whether this is the very event that came before it, which would sound or read twice.
    pub(super) fn is_repeated(&mut self, event_id: Option<&str>, text: &str) -> bool {
        let is_named = event_id.is_some_and(|id| !id.is_empty());
        if is_named && self.newest == text {
            return true;
        }
        text.clone_into(&mut self.newest);
        false
    }

    /// The provider hears a turn, or is to notice one of before the connection.
    pub(super) fn is_hearing(&self) -> bool {
        self.speech.is_some() || self.resumed_at.is_some()
    }

    /// Where the turn begins that the provider hears and has not heard end, in samples.
    pub(super) fn turn_from(&self) -> Option<u64> {
        let speech = self.speech.as_ref().filter(|speech| speech.is_going_on());
        speech.map(|speech| speech.start).or(self.resumed_at)
    }

    pub(super) fn purpose(&self, event_id: &str) -> Option<Purpose> {
        self.purpose_of(event_id.strip_prefix("event_")?.parse::<u64>().ok()?)
    }

    pub(super) fn purpose_of(&self, number: u64) -> Option<Purpose> {
        self.sent.iter().rev().find(|(sent, _)| *sent == number).map(|(_, purpose)| *purpose)
    }

    fn learn(&mut self, session: Option<&Value>) {
        let Some(session) = session else { return };
        if let Some(expires_at) = session.get("expires_at").and_then(Value::as_u64) {
            self.expires_at = Some(expires_at);
        }
        if let Some(model) = session.get("model").and_then(Value::as_str) {
            self.model = Some(model.to_owned());
        }
    }
}

impl Realtime {
    pub(super) fn opened(&mut self, now: Instant) {
        self.disconnect();
        self.link = Link::default();
        self.state = State::Opening { until: now + GREETING };
        self.interpreter = self.config.wire.interpreter();
        if self.interpreter.is_some() {
            // An interpreter's names are its connection's own.
            self.finished.clear();
        }
        let (config, memory) = (self.config.clone(), self.memory.clone());
        self.interpret(now, |interpreter| {
            if let Some(memory) = &memory {
                interpreter.recall(memory);
            }
            interpreter.open(&config, now);
        });
    }

    /// The voice behind an interpreter is ready.
    pub(super) fn interpreter_ready(&mut self, model: Option<String>, expires_at: Option<u64>, now: Instant) {
        self.link.model = model;
        self.link.expires_at = expires_at;
        if matches!(self.state, State::Opening { .. } | State::Configuring { .. }) {
            self.ready(now);
        }
    }

    pub(super) fn session_created(&mut self, session: Option<&Value>, now: Instant) {
        self.link.learn(session);
        if matches!(self.state, State::Opening { .. }) {
            self.send_first_update(now);
        }
    }

    fn send_first_update(&mut self, now: Instant) {
        self.state = State::Configuring { until: now + CONFIRMATION };
        self.send_update(true);
    }

    pub(super) fn send_update(&mut self, is_first: bool) {
        if let (true, Some(now)) = (self.interpreter.is_some(), self.now) {
            return self.configure_interpreter(now);
        }
        let config = self.config.clone();
        let speed = self.due_speed();
        if speed.is_some() {
            self.link.speed = speed;
        }
        let had_tools = std::mem::replace(&mut self.link.has_tools, !config.tools.is_empty());
        let offer = (had_tools || self.link.has_tools).then_some(config.tools.as_slice());
        let session = Box::new(Settings::of(&config, is_first, !self.is_floor_held, speed, offer));
        let purpose = if is_first { Purpose::FirstUpdate } else { Purpose::Update };
        self.transmit(client::Event::Update { session }, purpose);
    }

    /// The speed that this connection has to learn. It changes between answers only.
    fn due_speed(&self) -> Option<f32> {
        let wanted = self.config.speed.filter(|speed| speed.is_finite())?.clamp(0.25, 1.5);
        let is_new = wanted != self.link.speed.unwrap_or(1.0);
        (is_new && self.link.slot.is_free()).then_some(wanted)
    }

    /// Between two answers: a speed that was chosen during one takes effect.
    pub(super) fn settle_speed(&mut self) {
        if self.state.is_ready() && self.due_speed().is_some() {
            self.send_update(false);
        }
    }

    pub(super) fn session_updated(&mut self, session: Option<&Value>, now: Instant) {
        self.link.learn(session);
        self.floor_settled(session);
        if self.state.is_configuring() {
            self.ready(now);
        }
    }

    fn ready(&mut self, now: Instant) {
        self.state = State::Ready;
        self.announce();
        self.replay();
        self.go_on(now);
    }

    pub(super) fn announce(&mut self) {
        self.emit(Event::Ready { expires_at: self.link.expires_at, model: self.link.model.clone() });
    }

    /// The provider knows the conversation: what waits goes out.
    pub(super) fn go_on(&mut self, now: Instant) {
        self.expect_answers();
        self.resume_recording();
        self.pump(now);
    }

    /// Everything that waits is on its way now.
    pub(super) fn expect_answers(&mut self) {
        let mut changed = Vec::new();
        for entry in self.timeline.entries_mut() {
            if entry.stage() == Some(Stage::Waiting) && entry.item.delivery != Delivery::Sent {
                entry.item.delivery = Delivery::Sent;
                entry.item.fault = None;
                changed.push(entry.item.id);
            }
        }
        for id in changed {
            self.tell(id);
        }
    }

    /// New settings. A turn that is being spoken when the turn-taking changes is sent as it stands.
    pub(super) fn configure(&mut self, config: &Config, now: Instant) {
        let is_open = |config: &Config| config.turn_taking.is_open();
        let changes_turns = is_open(&self.config) != is_open(config);
        let was_floor_held = changes_turns && std::mem::take(&mut self.is_floor_held);
        if changes_turns {
            self.release(now);
            self.end_speech();
        }
        let is_new = self.config != *config;
        self.config = config.clone();
        match self.state {
            State::Ready | State::Configuring { .. } if is_new => self.send_update(false),
            State::Refused => self.send_first_update(now),
            State::Ready | State::Closed | State::Opening { .. } | State::Configuring { .. } => {}
        }
        if changes_turns && self.state.is_ready() {
            self.transmit(client::Event::Clear, Purpose::Clear);
            self.pump(now);
        }
        if was_floor_held {
            self.answer_now(now);
        }
    }

    pub(super) fn closed(&mut self, code: Option<u16>, reason: &str) {
        let meant = self.interpreter.as_deref_mut().and_then(|interpreter| interpreter.closed(code, reason));
        if let Some(now) = self.now {
            self.carry_out(now);
        }
        if !self.state.is_closed() && !self.link.has_told {
            self.emit(Event::Fault(meant.unwrap_or_else(|| fault_of_close(code, reason))));
        }
        self.disconnect();
    }

    /// Tells the user; the close that may follow needs no further words.
    pub(super) fn tell_fault(&mut self, fault: Fault) {
        self.link.has_told = true;
        self.emit(Event::Fault(fault));
    }

    /// The connection does not answer: another one is needed.
    pub(super) fn give_up(&mut self, why: &'static str) {
        tracing::debug!(why, "reconnecting");
        self.disconnect();
        self.output(Output::Reconnect(why));
    }

    /// Keeps everything that had no answer; safe to call twice.
    pub(super) fn disconnect(&mut self) {
        if self.state.is_closed() {
            return;
        }
        self.state = State::Closed;
        self.interpreter = None;
        self.abandon_response();
        self.suspend_speech();
        self.timeline.unbind_all();
        let mut changed = Vec::new();
        for id in self.timeline.entries().iter().map(|entry| entry.item.id).collect::<Vec<_>>() {
            let Some((item, utterance)) = self.timeline.utterance_mut(id) else { continue };
            if !matches!(utterance.stage, Stage::Waiting | Stage::OnServer { .. } | Stage::Held) {
                continue;
            }
            if utterance.stage == Stage::Held && utterance.is_restored {
                continue;
            }
            if utterance.attempts >= ATTEMPTS {
                self.keep_for_user(id, UNANSWERED);
                continue;
            }
            utterance.stage = Stage::Waiting;
            if item.delivery != Delivery::Kept {
                item.delivery = Delivery::Kept;
                changed.push(id);
            }
        }
        for id in changed {
            self.tell(id);
        }
        self.link = Link::default();
    }

    /// What is waited for, and until when.
    pub(crate) fn deadline(&self) -> Option<(Instant, &'static str)> {
        let interpreter = self.interpreter.as_deref().and_then(Interpreter::deadline);
        [self.own_deadline(), interpreter].into_iter().flatten().min()
    }

    fn own_deadline(&self) -> Option<(Instant, &'static str)> {
        match self.state {
            State::Closed | State::Refused => return None,
            State::Opening { until } => return Some((until, "session.created")),
            State::Configuring { until } => return Some((until, "session.updated")),
            State::Ready => {}
        }
        let commit = self.commit_deadline();
        let resending = self.link.resending.as_ref().map(|resending| resending.until);
        [
            commit.map(|at| (at, "the utterance to be taken")),
            self.link.slot.deadline(),
            resending.map(|at| (at, "the utterance to be noticed")),
            self.link.answer_due.map(|at| (at, "the answer to begin")),
            self.link.limited_until.map(|at| (at, "the provider's limit to pass")),
            self.tool_deadline().map(|at| (at, "the tool to be done")),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// Until when a turn that has ended must have become an item, by our commit or by the provider's own.
    fn commit_deadline(&self) -> Option<Instant> {
        let ours = self.link.commits.iter().filter_map(|commit| commit.until).min();
        let theirs = self.link.speech.as_ref().and_then(|speech| speech.until);
        [ours, theirs].into_iter().flatten().min()
    }

    pub(super) fn timeout(&mut self, now: Instant) {
        if self.interpreter.as_deref().and_then(Interpreter::deadline).is_some_and(|(until, _)| until <= now) {
            self.interpret(now, |interpreter| interpreter.timeout(now));
        }
        match self.state {
            State::Opening { until } if until <= now => return self.give_up("no session.created"),
            // Some local servers never confirm an update.
            State::Configuring { until } if until <= now => return self.ready(now),
            State::Closed | State::Refused | State::Opening { .. } | State::Configuring { .. } | State::Ready => {}
        }
        if self.commit_deadline().is_some_and(|until| until <= now) {
            return self.give_up("the utterance was not taken");
        }
        if self.link.slot.deadline().is_some_and(|(until, _)| until <= now) {
            return self.give_up("the response does not come");
        }
        if self.link.resending.as_ref().is_some_and(|resending| resending.until <= now) {
            self.resending_unnoticed(now);
        }
        if self.link.answer_due.is_some_and(|until| until <= now) {
            self.ask_for_due_answers(now);
        }
        if self.link.limited_until.is_some_and(|until| until <= now) {
            self.limit_passed(now);
        }
        self.end_late_calls(now);
    }
}
