//! The cascade between an ear and a mouth that do as they are told.

#![expect(clippy::unwrap_used, reason = "tests")]

mod answers;
mod chaos;
mod tools;
mod turns;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::Cascade;
use super::ear::{Ear, EarDeed, Heard};
use super::mouth::{Context, Mouth, MouthDeed, Said};
use crate::chat::{self, Part, ToolCall};
use crate::interpreter::{Deed, Interpreter, Told};
use crate::openai::client::{Event, Manner};
use crate::openai::refusal::Complaint;
use crate::{
    Cause, Config, Detector, Errand, Fault, Leg, Question, Received, Thought, Tool, Transcription, TurnTaking, Wire,
};

/// What an ear and a mouth were asked for, and what they will tell.
#[derive(Debug, Default)]
struct Desk {
    asked: Vec<String>,
    ear: VecDeque<EarDeed>,
    mouth: VecDeque<MouthDeed>,
}

type Shared = Arc<Mutex<Desk>>;

#[derive(Debug)]
struct Actor(Shared);

impl Actor {
    fn note(&self, what: impl Into<String>) {
        self.0.lock().unwrap().asked.push(what.into());
    }
}

impl Ear for Actor {
    fn open(&mut self, _config: &Config, _now: Instant) {
        self.0.lock().unwrap().ear.push_back(EarDeed::Heard(Heard::Ready));
    }
    fn hear(&mut self, pcm: &[i16], _now: Instant) {
        self.note(format!("hear {}", pcm.len()));
    }
    fn end_turn(&mut self, _now: Instant) {
        self.note("end turn");
    }
    fn clear(&mut self, _now: Instant) {
        self.note("clear");
    }
    fn receive(&mut self, _received: Received<'_>, _now: Instant) {}
    fn poll(&mut self) -> Option<EarDeed> {
        self.0.lock().unwrap().ear.pop_front()
    }
}

impl Mouth for Actor {
    fn open(&mut self, _config: &Config, _now: Instant) {
        self.0.lock().unwrap().mouth.push_back(MouthDeed::Said(Said::Ready));
    }
    fn speak(&mut self, _context: Context, text: &str, _now: Instant) {
        self.note(format!("speak '{text}'"));
    }
    fn finish(&mut self, _context: Context, _now: Instant) {
        self.note("finish");
    }
    fn cancel(&mut self, _context: Context, _now: Instant) {
        self.note("cancel");
    }
    fn receive(&mut self, _received: Received<'_>, _now: Instant) {}
    fn poll(&mut self) -> Option<MouthDeed> {
        self.0.lock().unwrap().mouth.pop_front()
    }
}

fn config(turn_taking: TurnTaking) -> Config {
    Config {
        wire: Wire::Realtime,
        voice: String::new(),
        speed: None,
        instructions: "Be kind.".into(),
        transcription: Some(Transcription { model: String::new(), language: Some("en".into()) }),
        noise_reduction: None,
        turn_taking,
        retention_ratio: None,
        reasoning_effort: None,
        tools: vec![Tool {
            name: "light".into(),
            description: "Switches the light.".into(),
            parameters: serde_json::json!({ "type": "object" }),
        }],
    }
}

fn call() -> ToolCall {
    ToolCall { id: "c1".into(), name: "light".into(), arguments: "{}".into(), seal: None }
}

const OPEN: TurnTaking = TurnTaking::Open { detector: Detector::Silence, patience: 0.0 };

struct Rig {
    cascade: Cascade,
    desk: Shared,
    now: Instant,
    told: Vec<Told>,
    questions: Vec<(Errand, Question)>,
    called_off: Vec<Errand>,
    abandoned: Option<&'static str>,
    number: u64,
    /// The newest response.
    response: String,
}

impl Rig {
    fn new(turn_taking: TurnTaking) -> Self {
        let desk = Shared::default();
        let cascade = Cascade::of(Box::new(Actor(Arc::clone(&desk))), Box::new(Actor(Arc::clone(&desk))));
        #[expect(clippy::disallowed_methods, reason = "any origin will do: the clock stands still from here")]
        let now = Instant::now();
        let mut rig = Self {
            cascade,
            desk,
            now,
            told: Vec::new(),
            questions: Vec::new(),
            called_off: Vec::new(),
            abandoned: None,
            number: 0,
            response: String::new(),
        };
        rig.cascade.open(&config(turn_taking), now);
        rig.drain();
        assert!(matches!(rig.told.as_slice(), [Told::Ready { .. }]));
        rig.told.clear();
        rig
    }

    fn drain(&mut self) {
        while let Some(deed) = self.cascade.poll() {
            match deed {
                Deed::Tell(told) => {
                    if let Told::Began { response } = &told {
                        response.clone_into(&mut self.response);
                    }
                    self.told.push(told);
                }
                Deed::Think { errand, question } => self.questions.push((errand, question)),
                Deed::CallOff(errand) => self.called_off.push(errand),
                Deed::Abandon(why) => self.abandoned = Some(why),
                Deed::Transmit { .. } | Deed::Fetch { .. } => panic!("nobody asked for {deed:?}"),
            }
        }
    }

    fn ask(&mut self, event: &Event<'_>) {
        self.number += 1;
        self.cascade.ask(self.number, event, self.now);
        self.drain();
    }

    fn respond(&mut self) {
        self.ask(&Event::Respond { response: None });
    }

    fn respond_in_writing(&mut self) {
        self.ask(&Event::Respond { response: Some(Manner { output_modalities: ["text"] }) });
    }

    fn cancel(&mut self) {
        self.ask(&Event::Cancel { response_id: None });
    }

    fn write(&mut self, id: &str, text: &str) {
        self.ask(&Event::user_text(id, text));
    }

    fn hear(&mut self, heard: Heard) {
        self.desk.lock().unwrap().ear.push_back(EarDeed::Heard(heard));
        self.cascade.receive(Leg::Ears, Received::Text(""), self.now);
        self.drain();
    }

    fn hear_ended(&mut self, words: &str) {
        self.hear(Heard::Ended(words.into()));
    }

    fn say(&mut self, said: Said) {
        self.desk.lock().unwrap().mouth.push_back(MouthDeed::Said(said));
        self.cascade.receive(Leg::Mouth, Received::Text(""), self.now);
        self.drain();
    }

    /// The mouth makes so many ms of sound for the newest answer.
    fn sound(&mut self, ms: usize) {
        let context = self.context();
        self.say(Said::Audio { context, pcm: vec![1; ms * 24] });
    }

    fn done(&mut self) {
        let context = self.context();
        self.say(Said::Done(context));
    }

    /// That of the newest response.
    fn context(&self) -> Context {
        let number = self.response.strip_prefix("response_").and_then(|number| number.parse().ok());
        Context(number.unwrap_or_default())
    }

    fn think(&mut self, thought: Thought<'_>) {
        let errand = self.questions.last().unwrap().0;
        self.cascade.thought(errand, thought, self.now);
        self.drain();
    }

    /// The model says all of an answer.
    fn answer(&mut self, words: &str) {
        self.think(Thought::Delta(words));
        self.think(Thought::Done);
    }

    fn wait(&mut self, duration: Duration) {
        self.now += duration;
        self.cascade.timeout(self.now);
        self.drain();
    }

    /// What ear and mouth were asked for since the last time.
    fn asked(&self) -> String {
        std::mem::take(&mut self.desk.lock().unwrap().asked).join(", ")
    }

    /// What the conversation was told since the last time, in short.
    fn told(&mut self) -> String {
        let told = std::mem::take(&mut self.told);
        let is_of_note = |told: &&Told| !matches!(told, Told::Delayed { .. });
        let words: Vec<String> = told.iter().filter(is_of_note).map(in_short).collect();
        words.join(", ")
    }

    /// The messages of the newest question.
    fn messages(&self) -> Vec<String> {
        self.questions.last().unwrap().1.messages.iter().map(in_words).collect()
    }
}

/// Words as they are, calls as `light(…)`, what came of them behind an arrow.
fn in_words(message: &chat::Message) -> String {
    let part = |part: &Part| match part {
        Part::Text { text } => text.clone(),
        Part::Call(call) => format!("{}({})", call.name, call.arguments),
        Part::Output { output, .. } => format!("-> {output}"),
        Part::Image { .. } => panic!("nobody shows a picture"),
    };
    message.parts.iter().map(part).collect::<Vec<_>>().join(" ")
}

fn in_short(told: &Told) -> String {
    match told {
        Told::Ready { .. } => "ready".into(),
        Told::SpeechStarted { .. } => "started".into(),
        Told::SpeechStopped { .. } => "stopped".into(),
        Told::Committed { .. } => "committed".into(),
        Told::Unheard { .. } => "unheard".into(),
        Told::Delayed { .. } => "delayed".into(),
        Told::UserWords { text, is_final, .. } => format!("{} '{text}'", if *is_final { "heard" } else { "hears" }),
        Told::Began { .. } => "began".into(),
        Told::Audio { pcm, .. } => format!("sound {}", pcm.len() / 24),
        Told::Words { delta, is_spoken, .. } => format!("{} '{delta}'", if *is_spoken { "says" } else { "writes" }),
        Told::Ended { ending, complaint, .. } => {
            let complaint = complaint.as_ref().map(|complaint| format!(" ({})", complaint.message));
            format!("{ending:?}{}", complaint.unwrap_or_default())
        }
        Told::Refused { complaint, .. } => format!("refused ({})", complaint.message),
        Told::ToolCall { name, .. } => format!("calls {name}"),
        Told::Expires { .. } | Told::Ending { .. } | Told::Left | Told::SideCall { .. } => "not a cascade's".into(),
        Told::Whole { .. } => "whole".into(),
        Told::Memory(_) | Told::Resumed | Told::Spent { .. } => "not a cascade's".into(),
    }
}

fn fault(cause: Cause) -> Fault {
    Fault::new(cause, None, "no")
}

fn complaint(message: &str) -> Complaint {
    Complaint { message: message.into(), ..Complaint::default() }
}
