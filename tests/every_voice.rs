//! One conversation over every voice, in the window: chosen in its middle, spoken to, heard.
#![cfg(target_os = "linux")]

use std::time::Duration;

use emulator::voices::{Plan, Seen, Voices};
use tests::{Sound, Stage, Window, rms_dbfs, until};

/// Name on its card, id, and what it says when asked by voice (nothing: it makes up its own words).
const VOICES: [(&str, &str, &str); 6] = [
    ("Practice partner", "practice", "I heard"),
    ("Gemini Live", "google", "It is noon."),
    ("GPT-Live", "gpt_live", ""),
    ("ElevenLabs agent", "elevenlabs", ""),
    ("Deepgram agent", "deepgram", ""),
    ("Your own mix", "cascade", ""),
];

fn settings(base: &str) -> String {
    format!(
        "[first_run]\nis_done = true\n[call]\nidle_hang_up_s = 0\n\
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

#[tokio::test(flavor = "multi_thread")]
async fn one_conversation_goes_over_every_voice() {
    let plan = Plan { words: "What is the time?".into(), answer: "It is noon.".into(), ..Plan::default() };
    let voices = Voices::start(plan).await.unwrap();
    let keys = ["GEMINI_API_KEY", "OPENAI_API_KEY", "DEEPGRAM_API_KEY", "ELEVENLABS_API_KEY", "CARTESIA_API_KEY"];
    let stage = Stage::new().with_sound_card().with_settings(&settings(&voices.base_url()));
    let stage = keys.iter().fold(stage, |stage, name| stage.with_env(name, "key-of-a-test"));
    let window = Window::open(&stage).await;
    let question = Sound::fixture("question.wav");
    for (turn, (name, id, words)) in VOICES.into_iter().enumerate() {
        choose(&window, name, id, (turn == 1).then_some("voices")).await;
        window.hold("button", "Hold to talk").await;
        window.until_status("Listening").await;
        stage.card().say(&question).await;
        let recording = stage.card().record().await;
        window.let_go().await;
        window.until_status("Speaking").await;
        let heard = async || (rms_dbfs(&recording.latest(300).samples) > -45.0).then_some(());
        until("the answer is heard", heard).await;
        window.until_status("Ready").await;
        let snapshot = window.snapshot().await;
        let items = snapshot["items"].as_array().unwrap();
        assert_eq!(items.len(), 2 * (turn + 1), "{name}: nothing is lost or doubled: {items:#?}");
        let answer = items.last().unwrap();
        assert_eq!((&answer["role"], &answer["delivery"]), (&"assistant".into(), &"complete".into()), "{name}");
        assert_eq!(items[2 * turn]["delivery"], "answered", "{name}");
        assert!(answer["text"].as_str().unwrap().contains(words), "{name}: {answer}");
        window.screenshot(&format!("voice-{id}")).await;
    }
    let wrong = |seen: &Seen| matches!(seen, Seen::Violation { .. });
    let seen = voices.seen();
    assert!(!seen.iter().any(wrong), "{:?}", seen.iter().filter(|seen| wrong(seen)).collect::<Vec<_>>());
    let page = window.everything().await;
    assert!(!page.contains("key-of-a-test") && !stage.log().contains("key-of-a-test"));
    window.close().await;
    let is_over = |seen: &[Seen]| {
        let count = |what: fn(&Seen) -> bool| seen.iter().filter(|seen| what(seen)).count();
        count(|seen| matches!(seen, Seen::Opened { .. })) == count(|seen| matches!(seen, Seen::Closed { .. }))
    };
    voices.wait_for(is_over, Duration::from_secs(20)).await.unwrap();
}
