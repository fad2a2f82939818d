//! What a call had others do for it is in the ledger, with what it belongs to.

use emulator::chat::{self, Fakes};

use super::both::Both;
use super::*;

/// The rows of this purpose, once there is one: conversation, provider, US dollars.
async fn rows(call: &Call, purpose: &str) -> Vec<[String; 3]> {
    rows_of(call, purpose, "").await
}

/// The same of this provider alone, or of anybody (`""`).
pub(super) async fn rows_of(call: &Call, purpose: &str, provider: &str) -> Vec<[String; 3]> {
    let store = call.exchange().text.shelf().store().await.unwrap().clone();
    for _ in 0..1000 {
        let table = String::from_utf8(store.export_usage(0, Vec::new()).await.unwrap()).unwrap();
        let mut lines = table.lines().map(|line| line.split(',').map(str::to_owned).collect::<Vec<_>>());
        let head = lines.next().unwrap();
        let field = |line: &[String], name: &str| line[head.iter().position(|field| field == name).unwrap()].clone();
        let is_theirs = |line: &[String]| provider.is_empty() || field(line, "provider") == provider;
        let wanted = lines.filter(|line| field(line, "purpose") == purpose && is_theirs(line));
        let found: Vec<_> =
            wanted.map(|line| ["conversation", "provider", "cost_usd"].map(|name| field(&line, name))).collect();
        if !found.is_empty() {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("there is no row for {purpose}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_summary_is_paid_by_the_conversation_that_it_sums_up() {
    let partner = practice().await;
    let writer =
        Fakes::start(chat::Script::default().answer(chat::Answer::say("They spoke of apples."))).await.unwrap();
    let settings = json!({
        "chat": { "provider": "custom", "model": "small", "titles": true },
        "custom": { "base_url": writer.base_url("custom") },
    });
    let mut both = Both::new(Rig::new(&partner, settings, 400));
    let long = "An apple is a fruit. ".repeat(300);
    for question in [0, 2] {
        both.rig.call.say(&long, &mut both.rig.board);
        both.until("it is answered", |now| delivery(now, question) == Some(Delivery::Answered)).await;
    }
    let is_made = |now: &Snapshot| writer.record().count("custom") == 1 && now.chat.conversation.is_some();
    let now = both.until("a summary was made", is_made).await;
    let conversation = now.chat.conversation.unwrap().to_string();
    let rows = rows(&both.rig.call, "summary").await;
    assert_eq!(rows.iter().map(|[conversation, ..]| conversation).collect::<Vec<_>>(), [&conversation]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_of_a_voice_is_paid_by_no_conversation() {
    let provider = Emulator::start(Script { keys: Keys::only("sk-preview"), ..Script::openai() }).await.unwrap();
    let rig = Rig::new(&provider, openai(&provider), 400);
    rig.set_key("sk-preview").await;
    let card = Card::Files { input: None, output: Some(rig.folder.path().join("preview.wav")) };
    let sound = Sound::new(Some(card), watch::channel(Default::default()).0);
    let preview = crate::preview::hear(rig.board.settings().clone(), rig.call.exchange(), sound);
    tokio::time::timeout(LIMIT, preview).await.unwrap().unwrap();
    let rows = rows(&rig.call, "preview").await;
    let [conversation, provider, cost] = &rows[0];
    assert_eq!((rows.len(), conversation.as_str(), provider.as_str()), (1, "", "openai"));
    assert!(cost.parse::<f64>().unwrap() > 0.0, "{rows:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_of_a_voice_that_is_paid_by_the_character_is_booked_as_one() {
    const SENTENCE: &str = "Hello, this is me.";
    let voices = emulator::voices::Voices::start(emulator::voices::Plan::default()).await.unwrap();
    let script = (0..3).fold(chat::Script::default(), |script, _| script.answer(chat::Answer::say(SENTENCE)));
    let brain = Fakes::start(script).await.unwrap();
    let url = voices.base_url();
    for (mouth, holder) in
        [("deepgram_aura", Holder::Deepgram), ("elevenlabs", Holder::Elevenlabs), ("cartesia", Holder::Cartesia)]
    {
        let settings = json!({
            "call": { "provider": "cascade" },
            "cascade": { "ear": "local", "mouth": mouth },
            "providers": {
                "deepgram": { "base_url": url }, "elevenlabs": { "base_url": url }, "cartesia": { "base_url": url },
            },
        });
        let settings = config::merge(&Settings::default(), &settings).unwrap();
        let rig = Rig::beside(brain.base_url("practice"), serde_json::to_value(settings).unwrap(), 400);
        rig.credentials.store(holder, SecretString::from("own-secret")).await.unwrap();
        let card = Card::Files { input: None, output: Some(rig.folder.path().join("preview.wav")) };
        let sound = Sound::new(Some(card), watch::channel(Default::default()).0);
        let preview = crate::preview::hear(rig.board.settings().clone(), rig.call.exchange(), sound);
        tokio::time::timeout(LIMIT, preview).await.unwrap().unwrap();
        let rows = rows(&rig.call, "preview").await;
        let spoken: Vec<_> = rows.iter().filter(|[_, provider, _]| mouth.starts_with(provider.as_str())).collect();
        assert_eq!(spoken.len(), 1, "{mouth}: {rows:?}");
        let [conversation, _, cost] = spoken[0];
        assert_eq!(conversation, "", "{mouth}");
        assert!(cost.parse::<f64>().unwrap() > 0.0, "{mouth}: {rows:?}");
    }
}
