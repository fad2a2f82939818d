//! Carrying out what the session wants.

use std::time::Instant;

use protocol::{Cause, Errand, Event, Fault, Input, Item, ItemId, Kind, Leg, Message, Output, Reply, Role, Thought};

use crate::api::Note;
use crate::board::Board;
use crate::recording::is_replay;
use crate::tool::ToolCall;

use super::errand::News;
use super::{Call, view};

impl Call {
    /// Feeds the session and carries out everything that follows.
    pub(super) fn input(&mut self, input: Input<'_>, board: &mut Board) {
        self.session.handle(input, Instant::now());
        self.drain(board);
    }

    /// Carries out everything that the session wants.
    pub(super) fn drain(&mut self, board: &mut Board) {
        while let Some(output) = self.session.poll() {
            self.carry_out(output, board);
        }
    }

    fn carry_out(&mut self, output: Output, board: &mut Board) {
        match output {
            Output::Transmit { leg, message, is_audio } => self.transmit(leg, message, is_audio, board),
            Output::Think { errand, question } => {
                self.errands.think(errand, question, board.settings(), self.link.exchange());
            }
            Output::Fetch { errand, leg, post } => match self.link.service(leg) {
                Some(service) => self.errands.fetch(errand, post, service, self.link.net()),
                None => tracing::error!(?leg, "nobody serves this leg"),
            },
            Output::CallTool { item, name, arguments } => self.tool_calls.push(ToolCall { item, name, arguments }),
            Output::Summarise { until, earlier, talk } => {
                self.summaries.ask(until, earlier.as_deref(), &talk, board.settings(), self.link.exchange());
            }
            Output::CallOff(errand) => self.errands.call_off(errand),
            Output::Play { item, pcm } => {
                self.stopwatch.delta(item, Instant::now());
                if self.sound.is_open() {
                    self.silence_replay();
                    self.queued.insert(item);
                    self.sound.play(item, pcm);
                }
            }
            Output::PlayEnd(item) => self.sound.finish(item),
            Output::Flush => self.flush(board),
            Output::Event(event) => self.event(event, board),
            Output::Reconnect(reason) => {
                tracing::info!(reason, "connection given up");
                self.is_abandoned = true;
            }
        }
    }

    fn transmit(&mut self, leg: Leg, message: Message, is_audio: bool, board: &mut Board) {
        if !self.link.send(leg, message, is_audio) && !std::mem::replace(&mut self.is_abandoned, true) {
            board.note(Note::NetworkTooSlow);
        }
    }

    /// What came of an errand of the session's.
    pub(super) fn errand_news(&mut self, errand: Errand, news: &News, board: &mut Board) {
        let input = match news {
            News::Words(words) => Input::Thought { errand, thought: Thought::Delta(words) },
            // The session waits as long as it waits for words.
            News::Waiting { .. } => return,
            News::Call(call) => Input::Thought { errand, thought: Thought::Call(call) },
            News::ThoughtDone => Input::Thought { errand, thought: Thought::Done },
            News::ThoughtFailed(fault) => Input::Thought { errand, thought: Thought::Failed(fault) },
            News::Body(bytes) => Input::Replied { errand, reply: Reply::Body(bytes) },
            News::ReplyDone => Input::Replied { errand, reply: Reply::Done },
            News::ReplyFailed(fault) => Input::Replied { errand, reply: Reply::Failed(fault) },
        };
        self.input(input, board);
    }

    /// Silences the speaker and tells the session what was heard.
    pub(super) fn flush(&mut self, board: &mut Board) {
        self.close_turn(board);
        self.queued.clear();
        self.is_audible = false;
        self.recordings.end_replay();
        for heard in self.sound.flush().into_iter().filter(|heard| !is_replay(heard.item)) {
            self.recordings.ended(ItemId(heard.item.0));
            self.input(Input::Interrupted { item: ItemId(heard.item.0), heard: heard.duration }, board);
        }
    }

    fn event(&mut self, event: Event, board: &mut Board) {
        match event {
            Event::Ready { expires_at, .. } => self.ready(expires_at, board),
            Event::Expires { within } => self.expires(within, board),
            Event::Item { item, after } => {
                if is_answer(&item) && !item.text.is_empty() {
                    self.stopwatch.delta(item.id, Instant::now());
                }
                self.show(&item, after, board);
            }
            Event::Removed(item) => {
                self.marks.forget(item);
                self.recordings.removed(item);
                self.outbox.forget(item);
                board.removed(item.0);
            }
            Event::SpeechStarted => {
                self.is_speech = true;
                self.silence_replay();
            }
            Event::SpeechStopped => {
                self.is_speech = false;
                self.close_turn(board);
                self.stopwatch.end(Instant::now());
            }
            Event::Requested => self.stopwatch.request(self.marks.newest(), Instant::now()),
            Event::ResponseStarted => {
                self.is_answering = true;
                self.fault = None;
                self.limit.passed();
            }
            Event::ResponseDone => {
                self.is_answering = false;
                self.link.settle();
                if self.stopwatch.answer().is_some_and(|item| !self.queued.contains(&item)) {
                    self.close_turn(board);
                }
            }
            Event::Left => self.left(),
            Event::Fault(fault) => self.fault(fault, board),
        }
    }

    fn fault(&mut self, fault: Fault, board: &mut Board) {
        let fault = Fault { message: self.link.redact(&fault.message), ..fault };
        let is_told_at_once = match fault.cause {
            Cause::Credential
            | Cause::Permission
            | Cause::Quota
            | Cause::RateLimited
            | Cause::Refused
            | Cause::Response => true,
            // The call reconnects by itself; only when that fails is there something to tell.
            Cause::Expired | Cause::Server => false,
        };
        if is_told_at_once && self.link.is_ready() {
            let problem = view::problem(&fault);
            if matches!(fault.cause, Cause::Credential | Cause::Permission | Cause::Quota | Cause::RateLimited) {
                self.unserved = Some(problem.clone());
            }
            board.set_problem(Some(problem));
        }
        self.limit.told(&fault, Instant::now());
        self.fault = Some(fault);
    }

    fn show(&mut self, item: &Item, after: Option<ItemId>, board: &mut Board) {
        self.adopt(item.id);
        self.recordings.item(item);
        self.journal(item, board);
        let is_restored = self.marks.of(item.id).is_restored;
        self.toll.item(item, board.settings());
        let item = self.marks.view(item);
        board.item(item, after.map(|id| id.0), is_restored);
    }

    /// Tells the shells of an item about which the engine learnt something itself.
    pub(super) fn publish_item(&mut self, id: ItemId, board: &mut Board) {
        let items = self.session.items();
        let Some(index) = items.iter().position(|item| item.id == id) else { return };
        let after = index.checked_sub(1).and_then(|before| items.get(before)).map(|item| item.id);
        if let Some(item) = items.get(index) {
            self.show(item, after, board);
        }
    }
}

/// Words or speech of the model, rather than a request for a tool.
fn is_answer(item: &Item) -> bool {
    item.role == Role::Assistant && !matches!(item.kind, Kind::ToolCall { .. })
}
