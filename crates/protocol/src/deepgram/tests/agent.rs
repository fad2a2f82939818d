mod key;

use proptest::prelude::*;

use super::*;
use crate::deepgram::Setup;
use crate::{Cause, Delivery, Event, Fault, Input, Item, Kind, Leg, Output, Session};

/// A conversation with an agent, and a clock that stands still.
struct Rig {
    session: Session,
    now: Instant,
    outputs: Vec<Output>,
    sent: Vec<Value>,
}

fn setup(listen_model: &str) -> Wire {
    Wire::DeepgramAgent(Setup {
        listen_model: listen_model.into(),
        think_provider: "open_ai".into(),
        think_model: "gpt-4o-mini".into(),
        speak_model: "aura-2-thalia-en".into(),
    })
}

fn flux(config: Config) -> Config {
    Config { wire: setup("flux-general-en"), ..config }
}

impl Rig {
    fn new(config: Config) -> Self {
        Self { session: Session::new(config), now: now(), outputs: Vec::new(), sent: Vec::new() }
    }

    fn ready(config: Config) -> Self {
        let mut rig = Self::new(config);
        rig.connect();
        rig.sent.clear();
        rig.outputs.clear();
        rig
    }

    fn connect(&mut self) {
        self.input(Input::Opened);
        self.serve(json!({ "type": "Welcome", "request_id": "r" }));
        self.serve(json!({ "type": "SettingsApplied" }));
    }

    fn input(&mut self, input: Input<'_>) {
        self.session.handle(input, self.now);
        while let Some(output) = self.session.poll() {
            if let Output::Transmit { message, is_audio, .. } = &output {
                self.sent.push(match message {
                    Message::Text(text) => checked("AgentV1", text),
                    Message::Binary(bytes) if *is_audio => json!({ "type": "microphone", "ms": bytes.len() / 48 }),
                    Message::Binary(bytes) => json!({ "type": "silence", "ms": bytes.len() / 48 }),
                });
            }
            self.outputs.push(output);
        }
    }

    fn serve(&mut self, frame: Value) {
        self.frame(&frame.to_string());
    }

    fn frame(&mut self, text: &str) {
        self.input(Input::Received { leg: Leg::Voice, received: Received::Text(text) });
    }

    fn sound(&mut self, ms: usize) {
        let bytes = [0x10, 0x20].repeat(ms * 24);
        self.input(Input::Received { leg: Leg::Voice, received: Received::Binary(&bytes) });
    }

    fn says(&mut self, role: &str, text: &str) {
        self.serve(json!({ "type": "ConversationText", "role": role, "content": text }));
    }

    fn tell(&mut self, kind: &str) {
        self.serve(json!({ "type": kind }));
    }

    fn answer(&mut self, text: &str) {
        self.serve(json!({ "type": "AgentThinking", "content": "" }));
        self.says("assistant", text);
        self.sound(200);
    }

    fn speak(&mut self, ms: usize) {
        for _ in 0..ms / 20 {
            self.input(Input::Audio(&[1_000; 480]));
        }
    }

    fn wait(&mut self, duration: Duration) {
        let until = self.now + duration;
        let mut turns = 0;
        while let Some((at, _)) = self.session.deadline().filter(|(at, _)| *at <= until) {
            self.now = self.now.max(at);
            self.input(Input::Timeout);
            turns += 1;
            assert!(turns < 1_000, "a deadline that does not pass");
        }
        self.now = until;
    }

    /// Names of what was sent since the last look.
    fn kinds(&mut self) -> Vec<String> {
        let sent = std::mem::take(&mut self.sent);
        let mut kinds: Vec<String> = sent.iter().map(|frame| frame["type"].as_str().unwrap().to_owned()).collect();
        kinds.dedup();
        kinds
    }

    fn played(&mut self) -> usize {
        let outputs = std::mem::take(&mut self.outputs);
        outputs.iter().map(|output| if let Output::Play { pcm, .. } = output { pcm.len() / 24 } else { 0 }).sum()
    }

    fn faults(&self) -> Vec<Fault> {
        let fault =
            |output: &Output| if let Output::Event(Event::Fault(fault)) = output { Some(fault.clone()) } else { None };
        self.outputs.iter().filter_map(fault).collect()
    }

    fn items(&self) -> Vec<Item> {
        self.session.items()
    }

    fn told(&self) -> Vec<(String, Delivery)> {
        self.items().into_iter().map(|item| (item.text, item.delivery)).collect()
    }
}

fn told(rows: &[(&str, Delivery)]) -> Vec<(String, Delivery)> {
    rows.iter().map(|(text, delivery)| ((*text).to_owned(), *delivery)).collect()
}

#[test]
fn the_agent_is_introduced_to_itself_and_nothing_goes_before() {
    let mut rig = Rig::new(flux(open(0.5)));
    rig.input(Input::Opened);
    rig.speak(100);
    assert!(rig.kinds().is_empty(), "it has not said Welcome");
    rig.serve(json!({ "type": "Welcome", "request_id": "r" }));
    rig.speak(100);
    assert_eq!(rig.sent.len(), 1);
    let settings = &rig.sent[0];
    assert_eq!(
        settings["audio"],
        json!({
            "input": { "encoding": "linear16", "sample_rate": 24_000 },
            "output": { "encoding": "linear16", "sample_rate": 24_000, "container": "none" },
        })
    );
    assert_eq!(
        settings["agent"],
        json!({
            "listen": { "provider": {
                "type": "deepgram", "version": "v2", "model": "flux-general-en",
                "eot_threshold": 0.75, "eot_timeout_ms": 5_000,
            } },
            "think": { "provider": { "type": "open_ai", "model": "gpt-4o-mini" }, "prompt": "Be brief." },
            "speak": { "provider": { "type": "deepgram", "model": "aura-2-thalia-en" } },
        })
    );
    rig.sent.clear();
    rig.tell("SettingsApplied");
    assert_eq!(rig.kinds(), ["microphone"], "what was said meanwhile");
}

#[test]
fn an_open_microphone_is_answered() {
    let mut rig = Rig::ready(flux(open(0.5)));
    rig.speak(500);
    rig.tell("UserStartedSpeaking");
    rig.speak(500);
    rig.says("user", "What is it?");
    assert_eq!(rig.told(), told(&[("What is it?", Delivery::Sent)]));
    rig.answer("A test.");
    rig.says("assistant", "Of course.");
    rig.sound(100);
    assert_eq!(rig.played(), 300);
    rig.tell("AgentAudioDone");
    assert_eq!(rig.told(), told(&[("What is it?", Delivery::Answered), ("A test. Of course.", Delivery::Complete)]));
    assert_eq!(rig.kinds(), ["microphone"]);
    rig.tell("AgentAudioDone");
    rig.sound(100);
    assert_eq!((rig.played(), rig.items().len()), (0, 2), "sound of nothing");
}

#[test]
fn speaking_over_the_answer_silences_it() {
    let mut rig = Rig::ready(flux(open(0.5)));
    rig.tell("UserStartedSpeaking");
    rig.says("user", "Tell me all.");
    rig.answer("It is a long story.");
    rig.outputs.clear();
    rig.speak(600);
    rig.tell("UserStartedSpeaking");
    assert!(rig.outputs.contains(&Output::Flush));
    let item = rig.items()[1].id;
    rig.input(Input::Interrupted { item, heard: Duration::from_millis(100) });
    rig.sound(100);
    assert_eq!(rig.played(), 0, "late");
    rig.says("user", "Stop.");
    rig.answer("Sorry.");
    rig.tell("AgentAudioDone");
    let items = rig.items();
    assert_eq!((items[1].text.as_str(), items[1].delivery), ("It is a", Delivery::Interrupted));
    assert_eq!(rig.told()[2..], told(&[("Stop.", Delivery::Answered), ("Sorry.", Delivery::Complete)]));
}

#[test]
fn a_stopped_answer_is_dropped_to_its_end() {
    let mut rig = Rig::ready(flux(open(0.5)));
    rig.tell("UserStartedSpeaking");
    rig.says("user", "Tell me all.");
    rig.answer("It is a long story.");
    rig.input(Input::Stop);
    rig.played();
    rig.says("assistant", "And longer still.");
    rig.sound(500);
    assert_eq!((rig.played(), rig.items().len()), (0, 2));
    rig.tell("AgentAudioDone");
    rig.tell("UserStartedSpeaking");
    rig.says("user", "Go on.");
    rig.answer("Well.");
    assert_eq!(rig.played(), 200);
}

#[test]
fn messages_are_answered_aloud_or_in_writing() {
    let mut rig = Rig::ready(flux(push_to_talk()));
    for (aloud, ms, kind) in [(true, 200, Kind::Spoken), (false, 0, Kind::Typed)] {
        rig.input(Input::Say { text: "Hello", aloud });
        assert_eq!(rig.sent[0], json!({ "type": "InjectUserMessage", "content": "Hello" }));
        assert_eq!(rig.kinds(), ["InjectUserMessage"]);
        rig.says("user", "Hello");
        rig.answer("Hi.");
        rig.tell("AgentAudioDone");
        assert_eq!(rig.played(), ms);
        let items = rig.items();
        let last = items.last().unwrap();
        assert_eq!((last.text.as_str(), &last.kind, last.delivery), ("Hi.", &kind, Delivery::Complete));
    }
    assert_eq!(rig.items().len(), 4, "what the agent repeats is no turn");
}

#[test]
fn a_message_waits_until_the_agent_is_through() {
    let mut rig = Rig::ready(flux(open(0.5)));
    rig.tell("UserStartedSpeaking");
    rig.says("user", "Tell me all.");
    rig.answer("It is a long story.");
    rig.input(Input::Say { text: "Shorter", aloud: true });
    assert!(rig.kinds().is_empty());
    rig.sound(300);
    rig.tell("AgentAudioDone");
    assert_eq!(rig.kinds(), ["InjectUserMessage"]);
    rig.serve(json!({ "type": "InjectionRefused", "message": "not now" }));
    rig.wait(Duration::from_secs(1));
    assert_eq!(rig.kinds(), ["InjectUserMessage"], "again");
    rig.answer("Short.");
    rig.tell("AgentAudioDone");
    assert_eq!(rig.told()[2..], told(&[("Shorter", Delivery::Answered), ("Short.", Delivery::Complete)]));
}

#[test]
fn a_message_that_is_never_taken_is_kept_for_the_user() {
    let mut rig = Rig::ready(flux(push_to_talk()));
    rig.input(Input::Say { text: "Hello", aloud: true });
    for _ in 0..20 {
        rig.serve(json!({ "type": "InjectionRefused", "message": "not now" }));
        rig.wait(Duration::from_secs(1));
    }
    assert_eq!(rig.told(), told(&[("Hello", Delivery::Kept)]));
    assert_eq!(rig.faults()[0].message, "not now");
}

#[test]
fn a_new_connection_learns_of_the_conversation_and_is_asked_what_was_not_answered() {
    let mut rig = Rig::ready(flux(push_to_talk()));
    rig.input(Input::Say { text: "Hello", aloud: true });
    rig.answer("Hi.");
    rig.tell("AgentAudioDone");
    rig.input(Input::Say { text: "And now?", aloud: true });
    rig.input(Input::Closed { code: Some(1011), reason: "NET-0001" });
    rig.sent.clear();
    rig.connect();
    assert_eq!(
        rig.sent[0]["agent"]["context"],
        json!({ "messages": [
            { "type": "History", "role": "user", "content": "Hello" },
            { "type": "History", "role": "assistant", "content": "Hi." },
        ] })
    );
    assert_eq!(rig.sent[1], json!({ "type": "InjectUserMessage", "content": "And now?" }));
    rig.answer("Fine.");
    rig.tell("AgentAudioDone");
    assert_eq!(rig.told()[2..], told(&[("And now?", Delivery::Answered), ("Fine.", Delivery::Complete)]));
}

#[test]
fn holding_the_floor_keeps_the_agent_from_ending_turns() {
    let mut rig = Rig::ready(flux(open(0.5)));
    rig.input(Input::HoldFloor(true));
    assert_eq!(rig.sent[0]["listen"]["provider"]["eot_threshold"], 1.0);
    assert_eq!(rig.kinds(), ["UpdateListen"]);
    rig.tell("UserStartedSpeaking");
    rig.input(Input::HoldFloor(false));
    assert_eq!(rig.sent[0]["listen"]["provider"]["eot_threshold"], 0.75);
    assert_eq!(rig.kinds(), ["UpdateListen", "silence", "ForceEndTurn"]);
    rig.says("user", "Done.");
    rig.answer("Good.");
    assert_eq!(rig.played(), 200);
}

#[test]
fn settings_change_in_mid_call() {
    let mut rig = Rig::ready(flux(open(0.5)));
    let config = Config { instructions: "Be long.".into(), speed: Some(1.2), ..flux(open(1.0)) };
    rig.input(Input::Configure(&config));
    assert_eq!(rig.sent[0]["prompt"], "Be long.");
    assert_eq!(rig.sent[1]["listen"]["provider"]["eot_timeout_ms"], 8_000);
    assert_eq!(rig.sent[2]["speak"]["provider"]["speed"], 1.2);
    assert_eq!(rig.kinds(), ["UpdatePrompt", "UpdateListen", "UpdateSpeak"]);
}

#[test]
fn functions_are_politely_declined() {
    let mut rig = Rig::ready(flux(open(0.5)));
    rig.tell("UserStartedSpeaking");
    rig.says("user", "Book a flight.");
    let call = |id: &str, client_side: bool| json!({ "id": id, "name": "book", "arguments": "{}", "client_side": client_side });
    rig.serve(json!({ "type": "FunctionCallRequest", "functions": [call("a", true), call("b", false)] }));
    assert_eq!(rig.sent.len(), 1);
    assert_eq!((&rig.sent[0]["type"], &rig.sent[0]["id"]), (&json!("FunctionCallResponse"), &json!("a")));
    rig.answer("I cannot.");
    rig.tell("AgentAudioDone");
    assert_eq!(rig.told()[1], ("I cannot.".to_owned(), Delivery::Complete));
}

fn with_flights(config: Config) -> Config {
    let parameters = json!({ "type": "object", "properties": { "to": { "type": "string" } } });
    let tool = crate::Tool { name: "book".into(), description: "Books a flight.".into(), parameters };
    Config { tools: vec![tool], ..config }
}

#[test]
fn the_agent_goes_on_when_its_function_is_done() {
    for turn_taking in [open(0.5), push_to_talk()] {
        let mut rig = Rig::new(with_flights(flux(turn_taking.clone())));
        rig.connect();
        assert_eq!(rig.sent[0]["agent"]["think"]["functions"][0]["name"], "book");
        if turn_taking.turn_taking.is_open() {
            rig.tell("UserStartedSpeaking");
        } else {
            rig.input(Input::Press);
            rig.speak(400);
            rig.input(Input::Release);
        }
        rig.says("user", "Book a flight.");
        rig.sent.clear();
        let call = json!({ "id": "a", "name": "book", "arguments": "{\"to\":\"Oslo\"}", "client_side": true });
        rig.serve(json!({ "type": "FunctionCallRequest", "functions": [call] }));
        let call = rig.outputs.iter().find_map(|output| {
            let Output::CallTool { item, name, arguments } = output else { return None };
            assert_eq!((name.as_str(), arguments.as_str()), ("book", "{\"to\":\"Oslo\"}"));
            Some(*item)
        });
        assert!(rig.sent.is_empty(), "it waits: {:?}", rig.sent);
        rig.input(Input::ToolResult { item: call.unwrap(), output: "booked" });
        assert_eq!((&rig.sent[0]["id"], &rig.sent[0]["content"]), (&json!("a"), &json!("booked")));
        assert_eq!(rig.kinds(), ["FunctionCallResponse"], "the agent goes on by itself");
        rig.answer("It is booked.");
        rig.tell("AgentAudioDone");
        assert_eq!(rig.told().last().unwrap(), &("It is booked.".to_owned(), Delivery::Complete));
        assert!(!rig.session.is_answer_owed() && !rig.session.is_busy());
    }
}

#[test]
fn functions_change_in_mid_call() {
    let mut rig = Rig::ready(flux(open(0.5)));
    rig.input(Input::Configure(&with_flights(flux(open(0.5)))));
    assert_eq!(rig.sent[0]["think"]["functions"][0]["name"], "book");
    assert_eq!(rig.kinds(), ["UpdateThink"]);
}

#[test]
fn a_function_that_was_cancelled_is_not_answered() {
    let mut rig = Rig::ready(with_flights(flux(open(0.5))));
    rig.tell("UserStartedSpeaking");
    rig.says("user", "Book a flight.");
    let call = json!({ "id": "a", "name": "book", "arguments": "{}", "client_side": true });
    rig.serve(json!({ "type": "FunctionCallRequest", "functions": [call] }));
    rig.tell("UserStartedSpeaking");
    rig.serve(json!({ "type": "FunctionCallCancelled", "functions": [{ "id": "a", "name": "book" }] }));
    let call = rig.items()[1].id;
    rig.input(Input::ToolResult { item: call, output: "booked" });
    assert!(!rig.kinds().iter().any(|kind| kind == "FunctionCallResponse"));
}

#[test]
fn errors_ask_for_the_right_decision() {
    for (code, cause) in [
        ("INVALID_AUTH", Cause::Credential),
        ("INSUFFICIENT_CREDITS", Cause::Quota),
        ("INVALID_SETTINGS", Cause::Refused),
        ("FAILED_TO_THINK", Cause::Server),
        ("", Cause::Server),
    ] {
        let mut rig = Rig::ready(flux(open(0.5)));
        rig.serve(json!({ "type": "Error", "code": code, "description": "it broke" }));
        let faults = rig.faults();
        assert_eq!((faults.len(), faults[0].cause, faults[0].message.as_str()), (1, cause, "it broke"), "{code}");
    }
}

#[test]
fn an_agent_that_is_never_ready_is_given_up() {
    for has_welcome in [false, true] {
        let mut rig = Rig::new(flux(open(0.5)));
        rig.input(Input::Opened);
        if has_welcome {
            rig.serve(json!({ "type": "Welcome", "request_id": "r" }));
        }
        rig.wait(Duration::from_secs(11));
        assert!(rig.outputs.iter().any(|output| matches!(output, Output::Reconnect(_))), "{has_welcome}");
    }
}

#[test]
fn silence_stands_in_for_a_microphone_that_stopped() {
    let mut rig = Rig::ready(flux(open(0.5)));
    rig.speak(200);
    rig.tell("UserStartedSpeaking");
    rig.kinds();
    rig.wait(Duration::from_secs(2));
    assert_eq!(rig.kinds(), ["silence"]);
}

#[test]
fn garbage_and_repetition_do_no_harm() {
    let mut rig = Rig::ready(flux(open(0.5)));
    for text in garbage() {
        rig.frame(&text);
    }
    rig.frame(r#"{"type":"ConversationText","role":7,"content":[]}"#);
    rig.frame(r#"{"type":"FunctionCallRequest","functions":{"a":1}}"#);
    assert!(rig.items().is_empty());
    for _ in 0..2 {
        rig.tell("UserStartedSpeaking");
    }
    for _ in 0..2 {
        rig.says("user", "What is it?");
    }
    for _ in 0..2 {
        rig.says("assistant", "A test.");
    }
    rig.sound(100);
    for _ in 0..2 {
        rig.tell("AgentAudioDone");
    }
    assert_eq!(rig.told(), told(&[("What is it?", Delivery::Answered), ("A test.", Delivery::Complete)]));
}

proptest! {
    #[test]
    fn any_order_of_events_is_survived(steps in prop::collection::vec((0..18_usize, "[a-c]{0,3}"), 0..80), is_open in any::<bool>()) {
        let mut rig = Rig::ready(flux(if is_open { open(0.5) } else { push_to_talk() }));
        for (what, text) in steps {
            match what {
                0 => rig.input(Input::Press),
                1 => rig.input(Input::Release),
                2 => rig.speak(300),
                3 => rig.input(Input::Say { text: "x", aloud: true }),
                4 => rig.input(Input::Stop),
                5 => rig.input(Input::BargeIn),
                6 => rig.input(Input::HoldFloor(true)),
                7 => rig.input(Input::HoldFloor(false)),
                8 => rig.wait(Duration::from_secs(3)),
                9 => rig.input(Input::Discard),
                10 => rig.sound(100),
                11 => rig.says("user", &text),
                12 => rig.says("assistant", &text),
                13 => rig.serve(json!({ "type": "InjectionRefused", "message": text })),
                14 => rig.tell("AgentAudioDone"),
                15 => rig.tell("UserStartedSpeaking"),
                16 => rig.tell("AgentThinking"),
                _ => rig.connect(),
            }
        }
        let is_reply = |output: &Output| matches!(output, Output::Think { .. } | Output::Fetch { .. });
        prop_assert!(!rig.outputs.iter().any(is_reply));
    }
}
