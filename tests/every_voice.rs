//! One conversation over every voice, in the window: chosen in its middle, spoken to, heard.
#![cfg(target_os = "linux")]

use std::time::Duration;

use emulator::Emulator;
use emulator::chat::{self, Fakes};
use emulator::voices::{Plan, Seen, Voices};
use serde_json::Value;
use tests::{Sound, Stage, Window, rms_dbfs, until};

/// Name on its card, id, and what it says when asked by voice.
const VOICES: [(&str, &str, &str); 7] = [
    ("Practice partner", "practice", "I heard"),
    ("OpenAI", "openai", "I heard"),
    ("Gemini Live", "google", "It is noon."),
    ("GPT-Live", "gpt_live", "It is noon."),
    ("ElevenLabs agent", "elevenlabs", "It is noon."),
    ("Deepgram agent", "deepgram", "It is noon."),
    ("Your own mix", "cascade", "It is noon."),
];

/// Each ear and each mouth of a mix, and where they are asked. Deepgram's mouth is another one with a voice of Flux.
const MIXES: [(&str, &str, [&str; 2]); 8] = [
    ("deepgram_flux", "deepgram_aura", ["/v2/listen", "/v1/speak"]),
    ("deepgram_nova", "deepgram_aura flux-alexis-en", ["/v1/listen", "/v2/speak"]),
    ("workers_flux", "workers_aura", ["/ai/run/@cf/deepgram/flux", "/ai/run/@cf/deepgram/aura-2-en"]),
    ("workers_nova", "workers_aura", ["/ai/run/@cf/deepgram/nova-3", "/ai/run/@cf/deepgram/aura-2-en"]),
    ("elevenlabs", "elevenlabs", ["/v1/speech-to-text/realtime", "/multi-stream-input"]),
    ("cartesia", "cartesia", ["/stt/websocket", "/tts/websocket"]),
    ("openai", "openai", ["/v1/audio/transcriptions", "/v1/audio/speech"]),
    ("local", "local", ["/v1/audio/transcriptions", "/v1/audio/speech"]),
];

const KEYS: [&str; 6] = [
    "GEMINI_API_KEY",
    "OPENAI_API_KEY",
    "DEEPGRAM_API_KEY",
    "ELEVENLABS_API_KEY",
    "CARTESIA_API_KEY",
    "CLOUDFLARE_WORKERS_AI_TOKEN",
];

/// The Realtime voice is at an endpoint; the other voices know none and go directly.
fn settings(base: &str, realtime: &str, brain: &str) -> String {
    format!(
        "[first_run]\nis_done = true\n[call]\nidle_hang_up_s = 0\nroute = \"endpoint\"\n\
         [endpoint]\nbase_url = \"{realtime}\"\n\
         [providers.google]\nbase_url = \"{base}\"\n\
         [providers.openai]\nbase_url = \"{base}/v1\"\n\
         [providers.deepgram]\nbase_url = \"{base}\"\nagent_base_url = \"{base}\"\n\
         [providers.elevenlabs]\nbase_url = \"{base}\"\nagent_id = \"agent_1\"\n\
         [providers.cartesia]\nbase_url = \"{base}\"\n\
         [providers.workers]\nbase_url = \"{base}\"\n[gateway]\naccount_id = \"acc\"\n\
         [custom]\nbase_url = \"{brain}\"\n\
         [cascade]\nbrain = \"custom/small\"\near = \"deepgram_flux\"\nmouth = \"cartesia\"\nlocal_base_url = \"{base}/v1\"\n"
    )
}

async fn choose(window: &Window, name: &str, id: &str, picture: Option<&str>) {
    window.click("button", "Settings").await;
    window.click("radio", name).await;
    let is_chosen = async || (window.snapshot().await["settings"]["call"]["provider"] == id).then_some(());
    until("the voice is chosen", is_chosen).await;
    if let Some(picture) = picture {
        window.screenshot(picture).await;
    }
    window.chord(&['\u{e00c}']).await;
    window.until_status("Ready").await;
}

async fn choose_mix(window: &Window, ear: &str, mouth: &str) {
    let (mouth, voice) = mouth.split_once(' ').unwrap_or((mouth, ""));
    window.click("button", "Settings").await;
    for (label, leg) in [("Ears", ear), ("Voice", mouth)] {
        window.find("combobox", label).await.select_by_value(leg).await.unwrap();
    }
    if !voice.is_empty() {
        window.replace("Deepgram voice", voice).await;
    }
    window.screenshot(&format!("mix-{ear}-chosen")).await;
    window.chord(&['\u{e00c}']).await;
    let is_chosen = async || {
        let now = window.snapshot().await;
        let (own, call) = (&now["settings"]["cascade"], &now["call"]);
        let is_voice = voice.is_empty() || call["voice"] == voice;
        (own["ear"] == ear && own["mouth"] == mouth && is_voice).then_some(())
    };
    until("the mix is chosen", is_chosen).await;
    window.until_status("Ready").await;
}

/// Waits until there are so many items, the last a whole answer.
async fn answered(window: &Window, count: usize, name: &str) -> Vec<Value> {
    let is_answered = async || {
        let now = window.snapshot().await;
        let items = now["items"].as_array().cloned().unwrap_or_default();
        let is_whole = |item: &Value| item["role"] == "assistant" && item["delivery"] == "complete";
        let is_said = items.len() >= count && items.last().is_some_and(is_whole) && now["call"]["talk"] == "ready";
        is_said.then_some(items)
    };
    let items = until(&format!("{name}: item {count} is a whole answer"), is_answered).await;
    assert_eq!(items.len(), count, "{name}: nothing is lost or doubled: {items:#?}");
    items
}

/// The talk key, and an answer that is heard; a message, and its answer; a picture of them.
async fn converse(window: &Window, stage: &Stage, turn: usize, (name, picture, words): (&str, &str, &str)) {
    let first = 4 * turn;
    window.hold("button", "Hold to talk").await;
    window.until_status("Listening").await;
    stage.card().say(&Sound::fixture("question.wav")).await;
    let recording = stage.card().record().await;
    window.let_go().await;
    window.until_status("Speaking").await;
    let heard = async || (rms_dbfs(&recording.latest(300).samples) > -45.0).then_some(());
    until("the answer is heard", heard).await;
    window.until_status("Ready").await;
    let items = answered(window, first + 2, name).await;
    assert_eq!(items[first]["delivery"], "answered", "{name}");
    assert!(items[first + 1]["text"].as_str().unwrap().contains(words), "{name}: {}", items[first + 1]);
    window.fill("Message", "And tomorrow?\u{e007}").await;
    let items = answered(window, first + 4, name).await;
    assert_eq!(
        (&items[first + 2]["text"], &items[first + 2]["delivery"]),
        (&"And tomorrow?".into(), &"answered".into())
    );
    window.until_status("Ready").await;
    window.screenshot(picture).await;
}

/// Everybody whom a call can be held with, and what holds it.
struct Scene {
    voices: Voices,
    realtime: Emulator,
    brain: Fakes,
    stage: Stage,
    window: Window,
}

impl Scene {
    async fn open(provider: &str) -> Self {
        let plan = Plan { words: "What is the time?".into(), answer: "It is noon.".into(), ..Plan::default() };
        let voices = Voices::start(plan).await.unwrap();
        let realtime = Emulator::start(emulator::Script::default()).await.unwrap();
        let says = |script: chat::Script, _| script.answer(chat::Answer::say("It is noon."));
        let brain = Fakes::start((0..50).fold(chat::Script::default(), says)).await.unwrap();
        let settings = settings(&voices.base_url(), &realtime.base_url(), &brain.base_url("custom"));
        let stage = Stage::new().with_sound_card().with_settings(&settings);
        let stage = stage.with_settings(&format!("[call]\nprovider = \"{provider}\""));
        let stage = KEYS.iter().fold(stage, |stage, name| stage.with_env(name, "key-of-a-test"));
        let window = Window::open(&stage).await;
        Self { voices, realtime, brain, stage, window }
    }

    /// Nobody broke a protocol or saw a key, and every connection ends with the window.
    async fn close(self) {
        let wrong = |seen: &Seen| matches!(seen, Seen::Violation { .. });
        let seen = self.voices.seen();
        assert!(!seen.iter().any(wrong), "{:?}", seen.iter().filter(|seen| wrong(seen)).collect::<Vec<_>>());
        assert!(self.realtime.record().violations.is_empty(), "{:?}", self.realtime.record().violations);
        assert!(self.brain.record().violations.is_empty(), "{:?}", self.brain.record().violations);
        let page = self.window.everything().await;
        assert!(!page.contains("key-of-a-test") && !self.stage.log().contains("key-of-a-test"));
        self.window.close().await;
        let is_over = |seen: &[Seen]| {
            let count = |what: fn(&Seen) -> bool| seen.iter().filter(|seen| what(seen)).count();
            count(|seen| matches!(seen, Seen::Opened { .. })) == count(|seen| matches!(seen, Seen::Closed { .. }))
        };
        self.voices.wait_for(is_over, Duration::from_secs(20)).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_conversation_goes_over_every_voice() {
    let scene = Scene::open("practice").await;
    for (turn, (name, id, words)) in VOICES.into_iter().enumerate() {
        choose(&scene.window, name, id, (turn == 1).then_some("voices")).await;
        converse(&scene.window, &scene.stage, turn, (name, &format!("voice-{id}"), words)).await;
    }
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_conversation_goes_over_every_ear_and_mouth_of_a_mix() {
    let scene = Scene::open("cascade").await;
    for (turn, (ear, mouth, paths)) in MIXES.into_iter().enumerate() {
        let before = scene.voices.seen().len();
        choose_mix(&scene.window, ear, mouth).await;
        converse(&scene.window, &scene.stage, turn, (ear, &format!("mix-{ear}"), "It is noon.")).await;
        let seen = scene.voices.seen().split_off(before);
        let requests = seen.iter().filter_map(|seen| match seen {
            Seen::Opened { request, .. } => Some(request),
            Seen::Message { .. } | Seen::Violation { .. } | Seen::Closed { .. } => None,
        });
        let asked: Vec<_> = requests.collect();
        for path in paths {
            assert!(asked.iter().any(|request| request.path.ends_with(path)), "{ear} {mouth}: {path} in {asked:?}");
        }
        let has_key = asked.iter().any(|request| request.headers.contains_key("authorization"));
        assert!(!has_key || ear != "local", "a server of one's own gets no key");
    }
    scene.close().await;
}
