//! A session over a cascade of OpenAI's speech services, with a stopped clock.

use std::time::{Duration, Instant};

use protocol::cascade::{Ear, Mouth, Setup};
use protocol::chat::Message;
use protocol::{
    Cause, Config, Detector, Errand, Event, Fault, Input, ItemId, Leg, Output, Post, Question, Reply, Session, Thought,
    Tool, Transcription, TurnTaking, Wire,
};
use serde_json::Value;

pub(crate) const OPEN: TurnTaking = TurnTaking::Open { detector: Detector::Silence, patience: 0.0 };

pub(crate) fn config(turn_taking: TurnTaking) -> Config {
    let setup = Setup {
        ear: Ear::OpenaiSpeech { model: "whisper-1".into() },
        mouth: Mouth::OpenaiSpeech { model: "tts-1".into(), voice: "marin".into() },
    };
    Config {
        wire: Wire::Cascade(setup),
        voice: String::new(),
        speed: Some(1.0),
        instructions: "Be brief.".into(),
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

pub(crate) struct Rig {
    pub(crate) session: Session,
    pub(crate) now: Instant,
    pub(crate) outputs: Vec<Output>,
    pub(crate) fetched: Vec<(Errand, Leg, Post)>,
    pub(crate) questions: Vec<(Errand, Question)>,
    pub(crate) called_off: Vec<Errand>,
    pub(crate) called: Vec<(ItemId, String)>,
    pub(crate) is_open: bool,
}

impl Rig {
    pub(crate) fn new(turn_taking: TurnTaking) -> Self {
        #[expect(clippy::disallowed_methods, reason = "any origin will do: the clock stands still from here")]
        let now = Instant::now();
        let mut rig = Self {
            session: Session::new(config(turn_taking)),
            now,
            outputs: Vec::new(),
            fetched: Vec::new(),
            questions: Vec::new(),
            called_off: Vec::new(),
            called: Vec::new(),
            is_open: turn_taking == OPEN,
        };
        rig.input(Input::Opened);
        let is_ready = |output: &Output| matches!(output, Output::Event(Event::Ready { .. }));
        assert!(rig.outputs.iter().any(is_ready));
        rig.outputs.clear();
        rig
    }

    pub(crate) fn input(&mut self, input: Input<'_>) {
        self.session.handle(input, self.now);
        while let Some(output) = self.session.poll() {
            match output {
                Output::Fetch { errand, leg, post } => self.fetched.push((errand, leg, post)),
                Output::Think { errand, question } => self.questions.push((errand, question)),
                Output::CallOff(errand) => self.called_off.push(errand),
                Output::Transmit { .. } => panic!("there is no socket"),
                Output::CallTool { item, name, .. } => self.called.push((item, name)),
                Output::Summarise { .. } => panic!("nothing here is long"),
                output @ (Output::Play { .. }
                | Output::PlayEnd(_)
                | Output::Flush
                | Output::Event(_)
                | Output::Reconnect(_)) => self.outputs.push(output),
            }
        }
    }

    /// A push-to-talk turn of half a second.
    pub(crate) fn turn(&mut self) {
        self.input(Input::Press);
        self.hum(500);
        self.input(Input::Release);
    }

    pub(crate) fn hum(&mut self, ms: usize) {
        for _ in 0..ms / 20 {
            self.input(Input::Audio(&[3_000; 480]));
        }
    }

    pub(crate) fn hush(&mut self, ms: usize) {
        for _ in 0..ms / 20 {
            self.input(Input::Audio(&[0; 480]));
        }
    }

    /// The newest request of a leg that was not called off.
    pub(crate) fn newest(&self, wanted: Leg) -> (Errand, &Post) {
        let found =
            self.fetched.iter().rev().find(|(errand, leg, _)| *leg == wanted && !self.called_off.contains(errand));
        found.map(|(errand, _, post)| (*errand, post)).unwrap()
    }

    /// The ear understands the newest turn.
    pub(crate) fn understand(&mut self, words: &str) {
        let (errand, _) = self.newest(Leg::Ears);
        let body = serde_json::json!({ "text": words }).to_string();
        self.input(Input::Replied { errand, reply: Reply::Body(body.as_bytes()) });
        self.input(Input::Replied { errand, reply: Reply::Done });
    }

    pub(crate) fn fail(&mut self, leg: Leg, cause: Cause) {
        let (errand, _) = self.newest(leg);
        let fault = Fault::new(cause, None, "This is refused.");
        self.input(Input::Replied { errand, reply: Reply::Failed(&fault) });
    }

    pub(crate) fn think(&mut self, thought: Thought<'_>) {
        let errand = self.questions.last().unwrap().0;
        self.input(Input::Thought { errand, thought });
    }

    /// Requests to the mouth, by what they shall say.
    pub(crate) fn spoken(&self) -> Vec<String> {
        let mouths = self.fetched.iter().filter(|(_, leg, _)| *leg == Leg::Mouth);
        let text = |(_, _, post): &(Errand, Leg, Post)| {
            assert_eq!((post.path.as_str(), post.content_type.as_str()), ("audio/speech", "application/json"));
            let body: Value = serde_json::from_slice(&post.body).unwrap();
            assert_eq!(
                (&body["model"], &body["voice"], &body["response_format"]),
                (&"tts-1".into(), &"marin".into(), &"pcm".into())
            );
            body["input"].as_str().unwrap().to_owned()
        };
        mouths.map(text).collect()
    }

    /// The request of this number, in the order they were made, gets so many ms of sound.
    pub(crate) fn sound(&mut self, number: usize, ms: usize) {
        let errand = self.mouth_errand(number);
        self.input(Input::Replied { errand, reply: Reply::Body(&vec![1; ms * 48]) });
    }

    pub(crate) fn sound_ends(&mut self, number: usize) {
        let errand = self.mouth_errand(number);
        self.input(Input::Replied { errand, reply: Reply::Done });
    }

    fn mouth_errand(&self, number: usize) -> Errand {
        self.fetched.iter().filter(|(_, leg, _)| *leg == Leg::Mouth).nth(number).unwrap().0
    }

    /// How much is to be played, in ms.
    pub(crate) fn played(&self) -> usize {
        let play = |output: &Output| if let Output::Play { pcm, .. } = output { pcm.len() / 24 } else { 0 };
        self.outputs.iter().map(play).sum()
    }

    pub(crate) fn messages(&self) -> Vec<String> {
        self.questions.last().unwrap().1.messages.iter().map(Message::text).collect()
    }

    /// The conversation, an item a line.
    pub(crate) fn lines(&self) -> Vec<String> {
        let line = |item: protocol::Item| {
            let unheard = if item.unheard.is_empty() { String::new() } else { format!(" [{}]", item.unheard) };
            format!("{:?} {:?}: {}{unheard}", item.role, item.delivery, item.text)
        };
        self.session.items().into_iter().map(line).collect()
    }

    pub(crate) fn faults(&self) -> Vec<Cause> {
        let fault =
            |output: &Output| if let Output::Event(Event::Fault(fault)) = output { Some(fault.cause) } else { None };
        self.outputs.iter().filter_map(fault).collect()
    }

    pub(crate) fn reconnects(&self) -> bool {
        self.outputs.iter().any(|output| matches!(output, Output::Reconnect(_)))
    }

    /// The caller opens another connection.
    pub(crate) fn reconnect(&mut self) {
        self.input(Input::Closed { code: None, reason: "" });
        self.fetched.clear();
        self.questions.clear();
        self.called_off.clear();
        self.outputs.clear();
        self.input(Input::Opened);
    }

    pub(crate) fn wait(&mut self, duration: Duration) {
        self.now += duration;
        self.input(Input::Timeout);
    }
}
