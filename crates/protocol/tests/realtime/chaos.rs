//! Whatever comes in whatever order: the invariants hold, and with a provider that keeps the rules every question is
//! answered in the end.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Duration;

use proptest::prelude::*;
use protocol::{Config, Delivery, Event, Input, ItemId, Leg, Message, Output, Received, Role, Said};
use serde_json::{Value, json};

use crate::honest::{Provider, noise};
use crate::rig::{self, Rig, config};
use crate::server;

fn open() -> Config {
    crate::tools::with_lights(rig::open())
}

fn push() -> Config {
    crate::tools::with_lights(config())
}

/// What the user and the network do.
#[derive(Debug, Clone)]
enum Deed {
    Press,
    Speak(u16),
    Hush(u16),
    Release,
    Discard,
    Hold(bool),
    Say(bool),
    Stop,
    Resend,
    Restore(bool),
    Forget(usize),
    Played(usize),
    Open,
    Close(Option<u16>),
    Mode(bool),
    Wait(u8),
    /// The oldest tool at work is done.
    Tool,
    /// So many events of the provider arrive.
    Serve(u8),
    /// Frames out of place.
    Frame(String),
}

fn deed(frames: BoxedStrategy<String>) -> impl Strategy<Value = Deed> {
    prop_oneof![
        4 => Just(Deed::Press),
        6 => (1_u16..400).prop_map(Deed::Speak),
        2 => (1_u16..800).prop_map(Deed::Hush),
        4 => Just(Deed::Release),
        1 => Just(Deed::Discard),
        2 => any::<bool>().prop_map(Deed::Hold),
        2 => any::<bool>().prop_map(Deed::Say),
        1 => Just(Deed::Stop),
        1 => Just(Deed::Resend),
        1 => any::<bool>().prop_map(Deed::Restore),
        1 => (0_usize..6).prop_map(Deed::Forget),
        1 => (0_usize..6).prop_map(Deed::Played),
        2 => Just(Deed::Open),
        1 => prop_oneof![Just(None), Just(Some(1001)), Just(Some(1013)), Just(Some(4000))].prop_map(Deed::Close),
        1 => any::<bool>().prop_map(Deed::Mode),
        1 => (0_u8..60).prop_map(Deed::Wait),
        2 => Just(Deed::Tool),
        12 => (1_u8..14).prop_map(Deed::Serve),
        6 => frames.prop_map(Deed::Frame),
    ]
}

/// The caller, with an eye on everything that comes out.
struct Watch {
    rig: Rig,
    is_open: bool,
    /// The talk key holds the floor.
    is_held: bool,
    is_created: bool,
    is_ready: bool,
    /// A `response.create` whose response is not done.
    is_asked: bool,
    /// What was received and could be playing, in samples; and what was silenced.
    playing: HashMap<ItemId, usize>,
    silenced: HashSet<ItemId>,
    ended: HashSet<ItemId>,
    /// Milliseconds of audio by the provider's item id, on this connection.
    received: HashMap<String, u64>,
    calls: HashSet<String>,
    /// Tools at work, each called once.
    tools: VecDeque<ItemId>,
    called: HashSet<ItemId>,
    released: HashSet<ItemId>,
    heard_ms: u64,
    provider: Option<Provider>,
    connections: usize,
    given_up: Option<&'static str>,
}

impl Watch {
    fn new(is_open: bool) -> Self {
        Self {
            rig: Rig::new(if is_open { open() } else { push() }),
            is_open,
            is_held: false,
            is_created: false,
            is_ready: false,
            is_asked: false,
            playing: HashMap::new(),
            silenced: HashSet::new(),
            ended: HashSet::new(),
            received: HashMap::new(),
            calls: HashSet::new(),
            tools: VecDeque::new(),
            called: HashSet::new(),
            released: HashSet::new(),
            heard_ms: 0,
            provider: None,
            connections: 0,
            given_up: None,
        }
    }

    fn input(&mut self, input: Input<'_>) {
        self.rig.input(input);
        self.watch();
        self.check_items();
    }

    fn watch(&mut self) {
        let mut flushed = false;
        for output in self.rig.take() {
            match output {
                Output::Transmit { message: Message::Text(text), .. } => {
                    self.transmitted(&serde_json::from_str(&text).unwrap())
                }
                Output::Transmit { .. } | Output::Think { .. } | Output::Fetch { .. } | Output::CallOff(_) => {
                    panic!("not of the Realtime protocol: {output:?}")
                }
                Output::Play { item, pcm } => {
                    assert!(!self.silenced.contains(&item), "played after it was silenced");
                    assert!(!self.ended.contains(&item), "played after its end");
                    *self.playing.entry(item).or_default() += pcm.len();
                }
                Output::PlayEnd(item) => {
                    assert!(!self.silenced.contains(&item));
                    assert!(self.ended.insert(item), "one end");
                }
                Output::CallTool { item, name, .. } => {
                    assert_eq!(name, "lights", "only what was offered");
                    assert!(self.called.insert(item), "called once");
                    self.tools.push_back(item);
                }
                Output::Summarise { .. } => panic!("nothing here is long"),
                Output::Flush => flushed = true,
                Output::Event(Event::Ready { .. }) => self.is_ready = true,
                Output::Event(_) => {}
                Output::Reconnect(why) => {
                    self.given_up = Some(why);
                    self.disconnected();
                }
            }
        }
        if flushed {
            for (item, samples) in std::mem::take(&mut self.playing) {
                self.heard_ms = (self.heard_ms + 137) % 900;
                if self.heard_ms < samples as u64 / 24 || !self.ended.contains(&item) {
                    self.silenced.insert(item);
                    self.rig.input(Input::Interrupted { item, heard: Duration::from_millis(self.heard_ms) });
                }
            }
            self.watch();
        }
    }

    fn transmitted(&mut self, event: &Value) {
        assert!(self.is_created, "sent before session.created");
        match event["type"].as_str().unwrap() {
            "session.update" => {}
            "response.create" => {
                assert!(!self.is_held, "asked while the talk key holds the floor");
                assert!(!self.is_asked, "asked twice");
                self.is_asked = true;
            }
            "conversation.item.truncate" => {
                let received = self.received.get(event["item_id"].as_str().unwrap()).copied().unwrap_or(0);
                let ms = event["audio_end_ms"].as_u64().unwrap();
                assert!(ms > 0 && ms <= received, "{ms} of {received}");
            }
            "conversation.item.create" if event["item"]["type"] == "function_call_output" => {
                assert!(self.calls.insert(event["item"]["call_id"].as_str().unwrap().to_owned()));
            }
            _ => assert!(self.is_ready, "sent before session.updated"),
        }
        if let Some(provider) = self.provider.as_mut() {
            provider.hear(event);
        }
    }

    fn disconnected(&mut self) {
        self.is_created = false;
        self.is_ready = false;
        self.is_asked = false;
        self.received.clear();
        self.calls.clear();
        self.provider = None;
    }

    /// Nothing that was said is lost: it is answered, or it is listed.
    fn check_items(&self) {
        let items = self.rig.items();
        let owed = |delivery| matches!(delivery, Delivery::Sent | Delivery::Kept);
        for id in &self.released {
            let item = items.iter().find(|item| item.id == *id).expect("a released utterance");
            assert!(owed(item.delivery) || item.delivery == Delivery::Answered, "{:?}", item.delivery);
        }
        let count = items.iter().filter(|item| item.role == Role::User && owed(item.delivery)).count();
        assert_eq!(count, self.rig.session.unanswered());
    }

    fn frame(&mut self, text: &str) {
        if let Ok(event) = serde_json::from_str::<Value>(text) {
            match event["type"].as_str().unwrap_or_default() {
                "session.created" => self.is_created = true,
                "response.done" | "error" => self.is_asked = false,
                "response.output_audio.delta" => {
                    let ms = event["delta"].as_str().map_or(0, |delta| delta.len() as u64 / 64);
                    *self.received.entry(event["item_id"].as_str().unwrap_or_default().to_owned()).or_default() += ms;
                }
                _ => {}
            }
        }
        self.input(Input::Received { leg: Leg::Voice, received: Received::Text(text) });
    }

    fn do_deed(&mut self, deed: &Deed) {
        let nth = |rig: &Rig, nth: usize| rig.items().get(nth).map(|item| item.id);
        match deed {
            Deed::Press => self.input(Input::Press),
            Deed::Speak(ms) => {
                // The caller's own detector hears most of it.
                self.input(Input::Voice(!ms.is_multiple_of(5)));
                self.input(Input::Audio(&vec![900; usize::from(*ms) * 24]));
            }
            // In a turn of the key even a pause is a sound, so that a detector can take it for speech later.
            Deed::Hush(ms) => {
                self.input(Input::Voice(false));
                self.input(Input::Audio(&vec![i16::from(!self.is_open); usize::from(*ms) * 24]));
            }
            Deed::Release => {
                let is_long = |item: &protocol::Item| item.duration >= Duration::from_millis(100);
                let recording = self.rig.items().into_iter().find(|item| item.delivery == Delivery::Recording);
                let is_key = self.rig.session.is_busy();
                self.input(Input::Release);
                if let Some(item) = recording.filter(|item| is_key && is_long(item)) {
                    let is_released =
                        self.rig.items().iter().any(|now| now.id == item.id && now.delivery != Delivery::Recording);
                    if is_released {
                        self.released.insert(item.id);
                    }
                }
            }
            Deed::Discard => self.input(Input::Discard),
            Deed::Hold(is_held) => {
                self.is_held = *is_held && self.is_open;
                self.input(Input::HoldFloor(*is_held));
            }
            Deed::Say(aloud) => self.input(Input::Say { text: "hello", aloud: *aloud }),
            Deed::Stop => self.input(Input::Stop),
            Deed::Resend => self.input(Input::Resend),
            Deed::Restore(true) => self.input(Input::Restore(Said::Spoken(&[900; 12_000]))),
            Deed::Restore(false) => self.input(Input::Restore(Said::Typed("earlier"))),
            Deed::Forget(at) => {
                if let Some(id) = nth(&self.rig, *at) {
                    self.released.remove(&id);
                    self.input(Input::Forget(id));
                }
            }
            Deed::Played(at) => {
                if let Some(id) = nth(&self.rig, *at).filter(|id| self.ended.contains(id)) {
                    self.playing.remove(&id);
                    self.input(Input::Played(id));
                }
            }
            Deed::Open => {
                self.disconnected();
                self.input(Input::Opened);
            }
            Deed::Close(code) => {
                self.disconnected();
                self.input(Input::Closed { code: *code, reason: "" });
            }
            Deed::Mode(is_open) => {
                self.is_held &= self.is_open == *is_open;
                self.is_open = *is_open;
                self.input(Input::Configure(&if *is_open { open() } else { push() }));
            }
            Deed::Wait(seconds) => {
                self.rig.now += Duration::from_secs(u64::from(*seconds));
                self.input(Input::Timeout);
                let deadline = self.rig.session.deadline();
                assert!(deadline.is_none_or(|(at, _)| at > self.rig.now), "{deadline:?} passed and stays");
            }
            Deed::Tool => self.end_tool(),
            Deed::Serve(count) => self.serve(*count),
            Deed::Frame(text) => self.frame(text),
        }
    }

    fn end_tool(&mut self) {
        if let Some(item) = self.tools.pop_front() {
            self.input(Input::ToolResult { item, output: "done" });
        }
    }

    fn serve(&mut self, count: u8) {
        for _ in 0..count {
            let Some(event) = self.provider.as_mut().and_then(Provider::next) else { return };
            self.frame(&event.to_string());
        }
    }

    fn connect(&mut self) {
        self.disconnected();
        self.connections += 1;
        self.provider = Some(Provider::greet(self.connections));
        self.input(Input::Opened);
    }
}

const ITEMS: [&str; 5] = ["item_0", "item_1", "item_2", "item_3", "st_1_5"];
const RESPONSES: [&str; 3] = ["resp_0", "resp_1", "resp_2"];
const CODES: [Option<&str>; 8] = [
    None,
    Some("conversation_already_has_active_response"),
    Some("input_audio_buffer_commit_empty"),
    Some("response_cancel_not_active"),
    Some("session_expired"),
    Some("insufficient_quota"),
    Some("invalid_value"),
    Some("item_truncate_invalid_item_id"),
];

fn any_event() -> impl Strategy<Value = Value> {
    let item = || prop::sample::select(ITEMS.as_slice());
    let response = || prop::sample::select(RESPONSES.as_slice());
    let previous = || prop::option::of(item());
    prop_oneof![
        3 => Just(server::created()),
        3 => Just(server::updated()),
        2 => (0_usize..CODES.len(), prop::option::of(1_u64..40)).prop_map(|(code, event)| {
            server::error(CODES[code], event.map(|event| format!("event_{event}")).as_deref())
        }),
        2 => (item(), previous()).prop_map(|(item, previous)| server::committed(item, previous)),
        2 => (item(), 0_u64..5_000).prop_map(|(item, ms)| server::speech_started(item, ms)),
        2 => (item(), 0_u64..5_000).prop_map(|(item, ms)| server::speech_stopped(item, ms)),
        4 => response().prop_map(server::response_created),
        3 => response().prop_map(server::response_done),
        1 => response().prop_map(|response| server::response_cancelled(response, "turn_detected")),
        1 => response().prop_map(|response| server::response_failed(response, "server_error", None)),
        1 => response().prop_map(|response| server::response_incomplete(response, "content_filter")),
        2 => (item(), previous()).prop_map(|(item, previous)| {
            server::item_added(server::assistant_item(item, "in_progress"), previous)
        }),
        1 => (item(), previous()).prop_map(|(item, previous)| server::item_added(server::user_item(item), previous)),
        2 => (item(), previous()).prop_map(|(item, previous)| {
            server::item_done(server::assistant_item(item, "completed"), previous)
        }),
        2 => (response(), item()).prop_map(|(response, item)| {
            server::output_item_done(response, server::call_item(item, "call_1", "completed"))
        }),
        5 => (response(), item(), 1_usize..900).prop_map(|(response, item, ms)| server::audio(response, item, ms)),
        1 => (response(), item()).prop_map(|(response, item)| server::audio_done(response, item)),
        2 => (response(), item()).prop_map(|(response, item)| server::caption(response, item, "two words ")),
        1 => (response(), item()).prop_map(|(response, item)| server::caption_done(response, item, "three words here")),
        1 => (response(), item()).prop_map(|(response, item)| server::text(response, item, "written")),
        1 => item().prop_map(|item| server::user_caption_delta(item, "said ")),
        1 => item().prop_map(|item| server::user_caption(item, "said")),
    ]
}

/// Any frame, sometimes broken off.
fn any_frame() -> BoxedStrategy<String> {
    let broken = (any_event(), 0.0..1.0_f64).prop_map(|(event, at)| {
        let text = event.to_string();
        let at = (text.len() as f64 * at) as usize;
        text.get(..at).unwrap_or_default().to_owned()
    });
    let odd = prop::sample::select(vec![
        json!({"type": "response.done"}),
        json!({"type": "response.done", "response": {"status": "completed", "output": [{}, 3, null]}}),
        json!({"type": "response.created", "response": {}}),
        json!({"type": "conversation.item.added", "item": {"id": "", "type": "message", "role": "assistant"}}),
        json!({"type": "input_audio_buffer.committed"}),
        json!({"type": "input_audio_buffer.speech_started"}),
        json!({"type": "error", "error": []}),
        json!({"type": "response.output_audio.delta", "item_id": "item_1", "delta": "A"}),
        json!({"type": "response.output_text.delta", "item_id": "item_1", "content_index": 1e300, "delta": "x"}),
    ]);
    prop_oneof![
        12 => any_event().prop_map(|event| event.to_string()),
        1 => broken,
        1 => odd.prop_map(|event| event.to_string()),
    ]
    .boxed()
}

/// Few, for the daily run; `PROPTEST_CASES` asks for more.
pub(crate) fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(40)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_order_of_events_breaks_the_rules(
        is_open: bool,
        is_connected: bool,
        deeds in prop::collection::vec(deed(any_frame()), 1..120),
    ) {
        let mut watch = Watch::new(is_open);
        if is_connected {
            watch.do_deed(&Deed::Open);
            watch.frame(&server::created().to_string());
            watch.frame(&server::updated().to_string());
            prop_assert!(watch.is_ready);
        }
        for deed in &deeds {
            watch.do_deed(deed);
        }
    }

    #[test]
    fn an_honest_provider_answers_everything_in_the_end(
        is_open: bool,
        deeds in prop::collection::vec(deed(prop::sample::select(noise()).boxed()), 1..80),
    ) {
        let mut watch = Watch::new(is_open);
        watch.connect();
        for deed in &deeds {
            if matches!(deed, Deed::Open) {
                watch.connect();
            } else {
                watch.do_deed(deed);
            }
        }
        // Quiet at last: the key is released, the connection holds.
        watch.given_up = None;
        watch.input(Input::Release);
        watch.do_deed(&Deed::Hold(false));
        watch.connect();
        for round in 0..40 {
            watch.serve(200);
            watch.end_tool();
            watch.input(Input::Resend);
            watch.input(Input::Audio(&[0; 9_600]));
            if round % 4 == 3 {
                watch.rig.now += Duration::from_secs(5);
                watch.input(Input::Timeout);
                prop_assert_eq!(watch.given_up, None, "an honest provider is never given up");
            }
        }
        prop_assert_eq!(watch.rig.session.unanswered(), 0, "{}", watch.rig.lines());
        prop_assert!(!watch.rig.session.is_busy());
        prop_assert!(watch.rig.session.deadline().is_none());
    }
}
