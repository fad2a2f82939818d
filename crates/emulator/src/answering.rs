//! How a conversation makes responses.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::conversation::{Conversation, make_id};
use crate::fault::FaultKind;
use crate::item::{Item, Usage, text_tokens};
use crate::practice::{self, Ending, Scene};
use crate::response::{Opening, Response, Step};
use crate::schema::Refusal;
use crate::script::{Answer, Pace, Transcription};
use crate::session;
use crate::sound;

/// Tokens a minute, as seen on a large account.
const RATE_LIMIT: u64 = 15_000_000;

impl Conversation {
    pub(crate) fn create_response(&mut self, event: &Value, now: Instant) -> Result<(), Refusal> {
        if self.is_silent() || self.cuts(FaultKind::CutAfterCreate) {
            return Ok(());
        }
        if self.server.faults.strikes(FaultKind::ServerError) {
            let message = "The server had an error while processing your request. Sorry about that!";
            self.fail("server_error", None, message, 1011, "server_error");
            return Ok(());
        }
        let params = event.get("response").unwrap_or(&Value::Null);
        if let Some(running) = self.answering().filter(|_| params["conversation"] != "none") {
            let message = format!(
                "Conversation already has an active response in progress: {}. Wait until the response is finished before creating a new one.",
                running.id
            );
            return Err(Refusal::new(Some("conversation_already_has_active_response"), None, message));
        }
        self.begin(params, None, now);
        Ok(())
    }

    /// Begins a response; `answer` comes from the script when not given.
    pub(crate) fn begin(&mut self, params: &Value, answer: Option<Answer>, now: Instant) {
        let is_in_conversation = params["conversation"] != "none";
        let is_spoken = session::is_spoken(&params["output_modalities"]).unwrap_or_else(|| self.session.is_spoken());
        let id = make_id("resp_", &mut self.random);
        let output = &self.session.json["audio"]["output"];
        let voice = params.pointer("/audio/output/voice").unwrap_or_else(|| &output["voice"]);
        let json = json!({
            "object": "realtime.response", "id": id, "status": "in_progress", "status_details": null, "output": [],
            "conversation_id": is_in_conversation.then_some(&self.id),
            "output_modalities": [if is_spoken { "audio" } else { "text" }],
            "max_output_tokens": params.get("max_output_tokens").unwrap_or_else(|| &self.session.json["max_output_tokens"]),
            "audio": {"output": {"format": output["format"], "voice": voice}},
            "usage": null, "metadata": params["metadata"],
        });
        let mut response = Response {
            id,
            json: json.clone(),
            is_in_conversation,
            steps: [].into(),
            open: None,
            output: Vec::new(),
            given: (0, 0),
            has_sent_audio: false,
        };
        let delays = self.server.faults.has(FaultKind::Delay);
        let delay = if delays { self.server.script.delay } else { Duration::ZERO };
        let answer = answer.unwrap_or_else(|| self.next_answer());
        let scene = Scene { is_spoken, now, delay };
        let input = self.input(params);
        let prompt = practice::prompt(input.as_deref().unwrap_or(&self.items).iter());
        let (parts, ending) = practice::compose(answer, prompt, scene);
        response.plan(parts, ending, self.pace(), &mut self.random, now);
        self.running.push(response);
        self.emit(json!({"type": "response.created", "response": json}));
    }

    /// The items that stand in for the conversation, if the request gives any.
    fn input(&self, params: &Value) -> Option<Vec<Item>> {
        let input = params.get("input")?.as_array()?;
        let item = |json: &Value| match json["type"].as_str() {
            Some("item_reference") => self.items.iter().find(|item| json["id"] == item.id.as_str()).cloned(),
            _ => Item::created("", json.clone()).ok(),
        };
        Some(input.iter().filter_map(item).collect())
    }

    fn pace(&self) -> Pace {
        if self.server.faults.has(FaultKind::Jitter) {
            Pace::RealTime { piece: Duration::from_millis(40), jitter: Duration::from_millis(80) }
        } else {
            self.server.script.pace
        }
    }

    fn next_answer(&self) -> Answer {
        let fail = |kind: &str, code: Option<&str>, message: &str| Answer::Fail {
            kind: kind.to_owned(),
            code: code.map(str::to_owned),
            message: message.to_owned(),
        };
        let faults = &self.server.faults;
        if faults.strikes(FaultKind::ResponseRateLimited) {
            let message = "Rate limit reached on tokens per min (TPM): Limit 40000. Please try again in 1.2s.";
            fail("tokens", Some("rate_limit_exceeded"), message)
        } else if faults.strikes(FaultKind::ResponseQuota) {
            let message = "You exceeded your current quota, please check your plan and billing details.";
            fail("insufficient_quota", Some("insufficient_quota"), message)
        } else if faults.strikes(FaultKind::ResponseServerError) {
            fail("server_error", None, "The server had an error while processing your request. Sorry about that!")
        } else if faults.strikes(FaultKind::ContentFilter) {
            Answer::Incomplete("content_filter".to_owned())
        } else if faults.strikes(FaultKind::MaxOutputTokens) {
            Answer::Incomplete("max_output_tokens".to_owned())
        } else {
            self.server.next_answer()
        }
    }

    /// Does the next step that is due; false when there is none.
    pub(crate) fn step(&mut self, now: Instant) -> bool {
        self.time_out(now);
        let is_due = |response: &Response| response.steps.front().is_some_and(|(at, _)| *at <= now);
        let Some(index) = self.running.iter().position(is_due) else { return false };
        let mut response = self.running.swap_remove(index);
        let Some((_, step)) = response.steps.pop_front() else { return false };
        if let Step::Finish(ending) = step {
            self.finish(response, &ending, now);
        } else {
            self.perform(&mut response, step);
            self.running.push(response);
        }
        true
    }

    /// When the next step is due.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let steps = self.running.iter().filter_map(|response| response.steps.front()).map(|(at, _)| *at);
        steps.chain(self.idle_deadline()).min()
    }

    fn perform(&mut self, response: &mut Response, step: Step) {
        match step {
            Step::Begin(opening) => {
                let (id, call) = (make_id("item_", &mut self.random), make_id("call_", &mut self.random));
                let previous = self.last_id();
                let events = response.begin(opening, &id, &call, previous.as_deref());
                if response.is_in_conversation {
                    self.items.extend(response.open.as_ref().map(|open| open.item.clone()));
                }
                self.emit_all(events);
            }
            Step::Audio(pcm) => {
                self.session.is_voice_locked = true;
                self.emit_all(response.audio(&pcm));
            }
            Step::Words(words) => {
                self.emit_all(response.words(&words));
                if self.server.script.transcription == Transcription::During {
                    self.flush_transcripts();
                }
            }
            Step::End => self.end_item(response, "completed"),
            Step::Finish(_) => {}
        }
    }

    fn end_item(&mut self, response: &mut Response, status: &str) {
        let id = response.open.as_ref().map(|open| open.item.id.clone());
        let index = self.items.iter().position(|item| Some(&item.id) == id.as_ref());
        let previous = index.and_then(|index| index.checked_sub(1)).and_then(|index| self.items.get(index));
        let Some((events, item)) = response.end(status, previous.map(|item| item.id.as_str())) else { return };
        if let Some(place) = index.and_then(|index| self.items.get_mut(index)) {
            *place = item;
        }
        self.emit_all(events);
    }

    fn finish(&mut self, mut response: Response, ending: &Ending, now: Instant) {
        let late = response.open.is_some() && matches!(ending, Ending::Cancelled(_)) && response.has_sent_audio;
        let late = if late && self.server.faults.strikes(FaultKind::LateDeltas) {
            [response.audio(&sound::chime()), response.audio(&sound::chime())].into_iter().flatten().collect()
        } else {
            Vec::new()
        };
        self.end_item(&mut response, "incomplete");
        let usage = self.usage(&response);
        let is_billed = !matches!(ending, Ending::Failed { .. });
        let done = response.done(ending, if is_billed { usage.json() } else { Value::Null });
        self.emit(json!({"type": "response.done", "response": done}));
        self.spent += usage.total();
        let tokens = json!({"name": "tokens", "limit": RATE_LIMIT, "remaining": RATE_LIMIT.saturating_sub(self.spent), "reset_seconds": 0.001});
        self.emit(json!({"type": "rate_limits.updated", "rate_limits": [tokens]}));
        self.emit_all(late);
        self.flush_transcripts();
        self.idle_from = Some(now + Duration::from_millis(response.given.1 * 50));
        if self.server.faults.strikes(FaultKind::SessionExpired) {
            self.expire();
        }
    }

    /// Tokens of a response whose items are all done.
    fn usage(&mut self, response: &Response) -> Usage {
        let own: Vec<&str> = response.output.iter().filter_map(|item| item["id"].as_str()).collect();
        let before = self.items.iter().filter(|item| !own.contains(&item.id.as_str())).map(Item::tokens);
        let (text, audio) =
            before.fold((text_tokens(self.session.preamble()), 0), |sum, item| (sum.0 + item.0, sum.1 + item.1));
        // The server caches whole blocks of 64 tokens.
        let cached = (self.cached.0.min(text) / 64 * 64, self.cached.1.min(audio) / 64 * 64);
        self.cached = (text, audio);
        Usage {
            text_in: text,
            audio_in: audio,
            cached_text: cached.0,
            cached_audio: cached.1,
            text_out: response.given.0,
            audio_out: response.given.1,
        }
    }

    pub(crate) fn cancel(&mut self, event: &Value, now: Instant) -> Result<(), Refusal> {
        let id = event.get("response_id").and_then(Value::as_str);
        let is_meant = |response: &Response| id.map_or(response.is_in_conversation, |id| response.id == id);
        let Some(index) = self.running.iter().position(is_meant) else {
            let message = "Cancellation failed: no active response found";
            return Err(Refusal::new(Some("response_cancel_not_active"), None, message));
        };
        let response = self.running.swap_remove(index);
        self.finish(response, &Ending::Cancelled("client_cancelled"), now);
        Ok(())
    }

    /// Stops the running response of the conversation, if there is one.
    pub(crate) fn interrupt(&mut self, reason: &'static str, now: Instant) {
        if let Some(index) = self.running.iter().position(|response| response.is_in_conversation) {
            let response = self.running.swap_remove(index);
            self.finish(response, &Ending::Cancelled(reason), now);
        }
    }

    /// Sends this audio as one delta of the running response, or of a new one that stays open.
    pub(crate) fn send_audio(&mut self, pcm: Vec<i16>, now: Instant) {
        if !self.is_answering() {
            self.begin(&Value::Null, Some(Answer::Hold), now);
        }
        let Some(index) = self.running.iter().position(|response| response.is_in_conversation) else { return };
        let mut response = self.running.swap_remove(index);
        if response.open.is_none() {
            self.perform(&mut response, Step::Begin(Opening::Spoken));
        }
        self.perform(&mut response, Step::Audio(pcm));
        self.running.push(response);
    }

    /// Ends the running response as completed.
    pub(crate) fn finish_running(&mut self, now: Instant) {
        if let Some(index) = self.running.iter().position(|response| response.is_in_conversation) {
            let mut response = self.running.swap_remove(index);
            self.end_item(&mut response, "completed");
            self.finish(response, &Ending::Completed, now);
        }
    }

    pub(crate) fn is_answering(&self) -> bool {
        self.answering().is_some()
    }

    fn answering(&self) -> Option<&Response> {
        self.running.iter().find(|response| response.is_in_conversation)
    }

    fn flush_transcripts(&mut self) {
        let transcripts = std::mem::take(&mut self.transcripts);
        self.emit_all(transcripts);
    }

    fn emit_all(&mut self, events: impl IntoIterator<Item = Value>) {
        events.into_iter().for_each(|event| self.emit(event));
    }
}
