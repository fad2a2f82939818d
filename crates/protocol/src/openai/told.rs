//! A voice with a protocol of its own, through its interpreter.

use std::time::Instant;

use super::realtime::Realtime;
use super::server::{Form, Frame, WireItem, WireResponse};
use super::timeline::{Side, Stage, duration_of};
use crate::interpreter::{Deed, Interpreter, Told};
use crate::{Delivery, Errand, Event, Leg, Output, Received, Reply, Thought, Usage};

impl Realtime {
    /// Lets the interpreter of this connection take something in, if there is one, and carries out what it wants.
    pub(super) fn interpret(&mut self, now: Instant, take: impl FnOnce(&mut dyn Interpreter)) {
        if let Some(interpreter) = self.interpreter.as_deref_mut() {
            take(interpreter);
        }
        self.carry_out(now);
    }

    /// Until the interpreter wants nothing more: what it tells can make the conversation ask for the next thing.
    pub(super) fn carry_out(&mut self, now: Instant) {
        while let Some(deed) = self.interpreter.as_deref_mut().and_then(Interpreter::poll) {
            match deed {
                Deed::Transmit { leg, message, is_audio } => self.output(Output::Transmit { leg, message, is_audio }),
                Deed::Think { errand, question } => self.output(Output::Think { errand, question }),
                Deed::Fetch { errand, leg, post } => self.output(Output::Fetch { errand, leg, post }),
                Deed::CallOff(errand) => self.output(Output::CallOff(errand)),
                Deed::Abandon(why) => self.give_up(why),
                Deed::Tell(told) => self.told(told, now),
            }
        }
    }

    pub(super) fn received(&mut self, leg: Leg, received: Received<'_>, now: Instant) {
        match (self.interpreter.is_some(), received) {
            (true, received) => self.interpret(now, |interpreter| interpreter.receive(leg, received, now)),
            (false, Received::Text(text)) => self.text(text, now),
            (false, Received::Binary(bytes)) => tracing::debug!(bytes = bytes.len(), "binary frame ignored"),
        }
    }

    pub(super) fn thought(&mut self, errand: Errand, thought: Thought<'_>, now: Instant) {
        self.interpret(now, |interpreter| interpreter.thought(errand, thought, now));
    }

    pub(super) fn reply(&mut self, errand: Errand, reply: Reply<'_>, now: Instant) {
        self.interpret(now, |interpreter| interpreter.reply(errand, reply, now));
    }

    fn told(&mut self, told: Told, now: Instant) {
        if self.state.is_closed() {
            return;
        }
        if matches!(told, Told::SpeechStarted { .. } | Told::Committed { .. } | Told::Began { .. }) {
            // The provider went on: a close after that is news.
            self.link.has_told = false;
        }
        match told {
            Told::Ready { model, expires_at } => self.interpreter_ready(model, expires_at, now),
            Told::Expires { at } => self.emit(Event::Ready { expires_at: Some(at), model: None }),
            Told::Ending { within } => self.emit(Event::Expires { within }),
            Told::Left => {
                self.link.has_told = true;
                self.emit(Event::Left);
            }
            Told::Memory(memory) => self.remember(memory),
            Told::Resumed => self.link.is_resumed = true,
            Told::Spent { response, usage } => self.spent(&response, usage),
            Told::SpeechStarted { item, since } => {
                let at = duration_of(self.link.ring.end()).saturating_sub(since);
                self.speech_started(&item, Some(at.as_millis() as f64), now);
            }
            Told::SpeechStopped { item } => self.speech_stopped(&item, None, now),
            Told::Committed { item } => self.committed(&item, None, now),
            Told::Unheard { item, complaint } => self.unheard(&item, complaint, now),
            Told::Whole { response } => self.is_whole(&response),
            Told::Delayed { by } => self.delayed(by, now),
            Told::UserWords { item, text, is_final: true } => {
                // Without words, what came is all there will be.
                self.user_caption(&item, Some(text.as_str()).filter(|text| !text.is_empty()));
            }
            Told::UserWords { item, text, is_final: false } => self.user_words_so_far(&item, &text),
            Told::Began { response } => self.response_created(Some(&response), now),
            Told::Audio { response, item, pcm } => self.answer_audio(Some(&response), &item, now, |_| Some(pcm)),
            Told::Words { response, item, delta, is_spoken } => {
                let frame = Frame {
                    response_id: Some(response.into()),
                    item_id: Some(item.into()),
                    delta: Some(delta.into()),
                    ..Frame::default()
                };
                self.caption_delta(&frame, is_spoken, now);
            }
            Told::ToolCall { response, call, name, arguments } => {
                let form = Form::ToolCall { name, call_id: call.clone(), arguments };
                let item = WireItem { id: call, form, text: String::new(), is_completed: true, is_commentary: false };
                self.item_done(Some(&response), &item, None, now);
            }
            Told::SideCall { call, name, arguments } => self.side_call(call, name, arguments, now),
            Told::Ended { response, ending, usage, complaint } => {
                let done =
                    WireResponse { id: Some(response), ending, reason: None, complaint, items: Vec::new(), usage };
                self.response_done(done, now);
            }
            Told::Refused { number, complaint } => {
                let purpose = number.and_then(|number| self.link.purpose_of(number));
                self.refused(purpose, complaint, now);
            }
        }
    }

    /// What the provider's memory holds need not be replayed to a connection that has it.
    fn remember(&mut self, memory: Option<String>) {
        let is_kept = memory.is_some();
        for entry in self.timeline.entries_mut() {
            let is_known = entry.wire.is_some() && !entry.is_gone;
            let is_over = match &entry.side {
                Side::User(utterance) => utterance.stage == Stage::Settled,
                Side::Assistant(answer) => entry.item.delivery != Delivery::Arriving && !answer.is_superseded,
            };
            entry.is_remembered = is_kept && is_known && is_over;
        }
        self.memory = memory;
    }

    fn spent(&mut self, response: &str, usage: Usage) {
        let running = self.link.slot.active_mut().filter(|running| running.id.as_deref() == Some(response));
        let running = running.map(|running| (running.items.clone(), running.causes.clone()));
        let id = match running {
            Some((items, causes)) => self.spender(&items, &causes),
            None => self.link.spender.as_ref().filter(|(ended, _)| ended == response).map(|(_, id)| *id),
        };
        self.charge(id, usage);
    }

    /// The new settings, in the interpreter's way.
    pub(super) fn configure_interpreter(&mut self, now: Instant) {
        let (config, answers) = (self.config.clone(), !self.is_floor_held);
        let is_open = config.turn_taking.is_open();
        self.interpret(now, |interpreter| interpreter.configure(&config, answers || !is_open, now));
        self.link.is_floor_settling = false;
    }
}
