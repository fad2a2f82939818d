//! One conversation over every voice, in the window: chosen in its middle, spoken to, heard.
#![cfg(target_os = "linux")]

use std::time::Duration;

use emulator::Emulator;
use emulator::voices::{Plan, Seen, Voices};
use serde_json::Value;
use tests::{Sound, Stage, Window, rms_dbfs, until};

/// Name on its card, id, and what it says when asked by voice. The text model of the mix is the practice partner.
const VOICES: [(&str, &str, &str); 7] = [
    ("Practice partner", "practice", "I heard"),
    ("OpenAI", "openai", "I heard"),
    ("Gemini Live", "google", "It is noon."),
    ("GPT-Live", "gpt_live", "It is noon."),
    ("ElevenLabs agent", "elevenlabs", "It is noon."),
    ("Deepgram agent", "deepgram", "It is noon."),
    ("Your own mix", "cascade", "You wrote: “What is the time?”"),
];

/// The Realtime voice is at an endpoint; the other voices know none and go directly.
fn settings(base: &str, realtime: &str) -> String {
    format!(
        "[first_run]\nis_done = true\n[call]\nidle_hang_up_s = 0\nroute = \"endpoint\"\n\
         [endpoint]\nbase_url = \"{realtime}\"\n\
         [providers.google]\nbase_url = \"{base}\"\n\
         [providers.openai]\nbase_url = \"{base}/v1\"\n\
         [providers.deepgram]\nbase_url = \"{base}\"\nagent_base_url = \"{base}\"\n\
         [providers.elevenlabs]\nbase_url = \"{base}\"\nagent_id = \"agent_1\"\n\
         [providers.cartesia]\nbase_url = \"{base}\"\n\
         [cascade]\near = \"deepgram_flux\"\nmouth = \"cartesia\"\n"
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

/// Waits until there are so many items, the last a whole answer.
async fn answered(window: &Window, count: usize, name: &str) -> Vec<Value> {
    let is_answered = async || {
        let items = window.snapshot().await["items"].as_array().cloned().unwrap_or_default();
        let is_whole = |item: &Value| item["role"] == "assistant" && item["delivery"] == "complete";
        (items.len() >= count && items.last().is_some_and(is_whole)).then_some(items)
    };
    let items = until(&format!("{name}: item {count} is a whole answer"), is_answered).await;
    assert_eq!(items.len(), count, "{name}: nothing is lost or doubled: {items:#?}");
    items
}

/// The talk key, and an answer that is heard; a message, and its answer.
async fn converse(window: &Window, stage: &Stage, turn: usize, (name, id, words): (&str, &str, &str)) {
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
    window.screenshot(&format!("voice-{id}")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_conversation_goes_over_every_voice() {
    let plan = Plan { words: "What is the time?".into(), answer: "It is noon.".into(), ..Plan::default() };
    let voices = Voices::start(plan).await.unwrap();
    let keys = ["GEMINI_API_KEY", "OPENAI_API_KEY", "DEEPGRAM_API_KEY", "ELEVENLABS_API_KEY", "CARTESIA_API_KEY"];
    let realtime = Emulator::start(emulator::Script::default()).await.unwrap();
    let stage = Stage::new().with_sound_card().with_settings(&settings(&voices.base_url(), &realtime.base_url()));
    let stage = keys.iter().fold(stage, |stage, name| stage.with_env(name, "key-of-a-test"));
    let window = Window::open(&stage).await;
    for (turn, voice) in VOICES.into_iter().enumerate() {
        choose(&window, voice.0, voice.1, (turn == 1).then_some("voices")).await;
        converse(&window, &stage, turn, voice).await;
    }
    let wrong = |seen: &Seen| matches!(seen, Seen::Violation { .. });
    let seen = voices.seen();
    assert!(!seen.iter().any(wrong), "{:?}", seen.iter().filter(|seen| wrong(seen)).collect::<Vec<_>>());
    assert!(realtime.record().violations.is_empty(), "{:?}", realtime.record().violations);
    let page = window.everything().await;
    assert!(!page.contains("key-of-a-test") && !stage.log().contains("key-of-a-test"));
    window.close().await;
    let is_over = |seen: &[Seen]| {
        let count = |what: fn(&Seen) -> bool| seen.iter().filter(|seen| what(seen)).count();
        count(|seen| matches!(seen, Seen::Opened { .. })) == count(|seen| matches!(seen, Seen::Closed { .. }))
    };
    voices.wait_for(is_over, Duration::from_secs(20)).await.unwrap();
}
