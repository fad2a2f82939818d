//! A voice that makes a picture: the tool call of the model, fal, the conversation, and the answer that goes on.

use emulator::chat::{self, Fakes, Finish};
use emulator::fal::{Fal, Plan, Trouble};
use emulator::voices::{self, Voices};
use emulator::{ClientEvent, Record};

use super::both::Both;
use super::*;
use crate::api::{ChatMessage, MessageState};

const WISH: &str = "a red fox in the snow";

/// With a fal and with keys for everything.
fn with_fal(fal: &Fal, practice: String, settings: Value, speech_ms: u32) -> Both {
    let has_key = |name: &str| name == "FAL_KEY" || name.ends_with("_API_KEY");
    let credentials = Credentials::without_keychain(move |name| has_key(name).then(|| "test-key".to_owned()));
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let mut rig = Rig::at(folder, credentials, practice, settings, speech_ms);
    rig.configure(json!({ "providers": { "fal": { "base_url": fal.base_url() } } }));
    rig.call.set_fal_key(true, &mut rig.board);
    Both::new(rig)
}

fn picture(now: &Snapshot) -> Option<&ChatMessage> {
    now.messages.iter().find(|message| message.picture.is_some())
}

fn has_picture(now: &Snapshot) -> bool {
    picture(now).is_some_and(|picture| picture.state == MessageState::Done && picture.attachments.len() == 1)
}

/// An answer in words that is whole.
fn answered(now: &Snapshot) -> Option<&str> {
    let is_said =
        |item: &&crate::api::Item| item.role == crate::api::Role::Assistant && !matches!(item.kind, Kind::ToolCall(_));
    let last = now.items.iter().rev().find(is_said).filter(|item| item.delivery == Delivery::Complete);
    last.map(|item| item.text.as_str())
}

async fn painter(troubles: Vec<Trouble>) -> Emulator {
    let call = ("make_image".to_owned(), json!({ "prompt": WISH, "shape": "landscape" }).to_string());
    let rest = if troubles.is_empty() { "Here it is." } else { "I am sorry." };
    let script = Script::default().answer(Answer::Call(vec![call])).answer(Answer::Say(rest.into()));
    Emulator::start(script).await.unwrap()
}

fn outputs(record: &Record) -> Vec<String> {
    let output = |event: &ClientEvent| event.json["item"]["output"].as_str().map(str::to_owned);
    record.events.iter().filter_map(output).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_voice_makes_a_picture_and_goes_on() {
    let (partner, fal) = (painter(Vec::new()).await, Fal::start(Plan::default()).await.unwrap());
    let mut both = with_fal(&fal, partner.base_url(), json!({}), 600);
    both.rig.call.press(&mut both.rig.board);
    let now = both.until("the picture and the answer", |now| has_picture(now) && answered(now).is_some()).await;
    assert_eq!(picture(&now).unwrap().text, WISH);
    assert_eq!(answered(&now), Some("Here it is."));
    assert_eq!((fal.seen().len(), fal.seen()[0].size.as_str()), (1, "landscape_4_3"));
    let record = partner.record();
    assert!(outputs(&record)[0].contains("\"ok\":true"), "{:?}", outputs(&record));
    assert!(record.violations.is_empty(), "{:?}", record.violations);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_voice_hears_why_there_is_no_picture() {
    let troubles = vec![Trouble::Status(422)];
    let fal = Fal::start(Plan { troubles: troubles.clone(), ..Plan::default() }).await.unwrap();
    let partner = painter(troubles).await;
    let mut both = with_fal(&fal, partner.base_url(), json!({}), 600);
    both.rig.call.press(&mut both.rig.board);
    let is_failed = |now: &Snapshot| picture(now).is_some_and(|picture| picture.state == MessageState::Failed);
    let now = both.until("the failure and the answer", |now| is_failed(now) && answered(now).is_some()).await;
    assert_eq!(picture(&now).unwrap().failure.as_ref().unwrap().kind, crate::api::FailureKind::Refused);
    assert!(outputs(&partner.record())[0].contains("content policy"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_who_speaks_on_is_answered_while_the_picture_is_made() {
    let fal = Fal::start(Plan { pace: Duration::from_secs(2), ..Plan::default() }).await.unwrap();
    let partner = painter(Vec::new()).await;
    let mut both = with_fal(&fal, partner.base_url(), json!({}), 600);
    both.rig.call.press(&mut both.rig.board);
    both.until("the picture is being made", |now| picture(now).is_some()).await;
    both.rig.call.say("And how are you?", &mut both.rig.board);
    let now = both.until("the answer", |now| answered(now).is_some()).await;
    assert_eq!(picture(&now).unwrap().state, MessageState::Streaming, "nobody waited for it");
    both.until("the picture all the same", has_picture).await;
    let told = |record: &Record| outputs(record).len() == 1;
    both.until("the model was told", |_| told(&partner.record())).await;
    assert!(partner.record().violations.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn other_voices_make_pictures_too() {
    for (provider, fault) in [("google", "tool-call"), ("deepgram", "function"), ("elevenlabs", "picture")] {
        let plan = voices::Plan { words: WISH.into(), fault: Some(fault.into()), ..voices::Plan::default() };
        let (partner, voices) = (practice().await, Voices::start(plan).await.unwrap());
        let fal = Fal::start(Plan::default()).await.unwrap();
        let base = voices.base_url();
        let settings = json!({
            "call": { "provider": provider, "route": "direct" },
            "providers": {
                "google": { "base_url": base },
                "deepgram": { "base_url": base, "agent_base_url": base },
                "elevenlabs": { "base_url": base, "agent_id": "agent_1" },
            },
        });
        let mut both = with_fal(&fal, partner.base_url(), settings, 900);
        both.rig.call.press(&mut both.rig.board);
        both.until("the whole turn was spoken", is_spoken).await;
        both.rig.call.release(&mut both.rig.board);
        let now = both.until("the picture and the answer", |now| has_picture(now) && answered(now).is_some()).await;
        assert_eq!(picture(&now).unwrap().text, WISH, "{provider}");
        let violations = voices.seen().into_iter().filter(|seen| matches!(seen, voices::Seen::Violation { .. }));
        assert_eq!(violations.count(), 0, "{provider}");
    }
}

/// The turn of 900 ms was said, or as much of it as a busy machine heard before the file ended.
fn is_spoken(now: &Snapshot) -> bool {
    now.items.first().is_some_and(|item| item.duration_ms >= 850 || item.delivery != Delivery::Recording)
}

/// A turn of a cascade whose text model is this provider's.
async fn ask_cascade(provider: &str, script: chat::Script) -> (Fakes, Voices, Fal, Both) {
    let partner = practice().await;
    let voices =
        Voices::start(voices::Plan { words: "A fox, please.".into(), ..voices::Plan::default() }).await.unwrap();
    let (brain, fal) = (Fakes::start(script).await.unwrap(), Fal::start(Plan::default()).await.unwrap());
    let settings = json!({
        "call": { "provider": "cascade" },
        "cascade": {
            "ear": "local",
            "mouth": "local",
            "local_base_url": format!("{}/v1", voices.base_url()),
            "brain": format!("{provider}/model-1"),
        },
        "chat": { "addresses": [{ "provider": provider, "url": brain.base_url(provider) }], "stand_in": false },
        "limits": { "attempts": 1 },
    });
    let mut both = with_fal(&fal, partner.base_url(), settings, 900);
    both.rig.call.press(&mut both.rig.board);
    both.until("the whole turn was spoken", is_spoken).await;
    both.rig.call.release(&mut both.rig.board);
    both.until("the answer", |now| answered(now).is_some_and(|answer| answer == "Here it is.")).await;
    (brain, voices, fal, both)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_text_model_of_a_cascade_makes_pictures_on_every_wire() {
    for provider in ["groq", "anthropic", "google-ai-studio", "perplexity"] {
        let tools = vec![("make_image".to_owned(), json!({ "prompt": WISH, "shape": "landscape" }).to_string())];
        let call = chat::Answer { tools, ..chat::Answer::say("One moment.").ending(Finish::Tool) };
        let script = chat::Script::default().answer(call).answer(chat::Answer::say("Here it is."));
        let (brain, voices, _fal, mut both) = ask_cascade(provider, script).await;
        let now = both.until("the picture", has_picture).await;
        assert_eq!(picture(&now).unwrap().text, WISH, "{provider}");
        assert!(now.items.iter().any(|item| item.text == "One moment." && item.delivery == Delivery::Complete));
        let record = brain.record();
        assert!(record.violations.is_empty(), "{provider}: {:?}", record.violations);
        let asked: Vec<String> = record.of(provider).map(|request| request.body.to_string()).collect();
        assert_eq!(asked.len(), 2, "{provider}");
        assert!(asked.iter().all(|body| body.contains("Makes a picture")), "{provider}: both offer the tool");
        assert!(
            asked[1].contains("the picture is made") && asked[1].contains("One moment."),
            "{provider}: {}",
            asked[1]
        );
        assert!(!voices.seen().iter().any(|seen| matches!(seen, voices::Seen::Violation { .. })), "{provider}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_text_model_behind_gpt_live_makes_pictures() {
    let tools = vec![("make_image".to_owned(), json!({ "prompt": WISH, "shape": "portrait" }).to_string())];
    let call = chat::Answer { tools, ..chat::Answer::say("One moment.").ending(Finish::Tool) };
    let script = chat::Script::default().answer(call).answer(chat::Answer::say("Here it is."));
    let plan = voices::Plan { words: "please look up a fox and show it".into(), ..voices::Plan::default() };
    let (partner, voices) = (practice().await, Voices::start(plan).await.unwrap());
    let (brain, fal) = (Fakes::start(script).await.unwrap(), Fal::start(Plan::default()).await.unwrap());
    let settings = json!({
        "call": { "provider": "gpt_live", "route": "direct" },
        "providers": { "openai": { "base_url": format!("{}/v1", voices.base_url()) } },
        "chat": {
            "provider": "groq",
            "model": "model-1",
            "addresses": [{ "provider": "groq", "url": brain.base_url("groq") }],
            "stand_in": false,
        },
        "limits": { "attempts": 1 },
    });
    let mut both = with_fal(&fal, partner.base_url(), settings, 900);
    both.rig.call.press(&mut both.rig.board);
    let says = |now: &Snapshot| now.items.iter().any(|item| item.text.contains("Here it is."));
    let now = both.until("the picture and the result", |now| has_picture(now) && says(now)).await;
    assert_eq!((picture(&now).unwrap().text.as_str(), problem(&now)), (WISH, None));
    let asked: Vec<String> = brain.record().of("groq").map(|request| request.body.to_string()).collect();
    assert!(asked.len() == 2 && asked[1].contains("the picture is made"), "{asked:#?}");
    assert!(!voices.seen().iter().any(|seen| matches!(seen, voices::Seen::Violation { .. })));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_takes_no_tools_answers_without() {
    let fault = chat::Fault::new(chat::FaultKind::NoTools);
    let script = chat::Script::default().fault(fault).answer(chat::Answer::say("Here it is."));
    let (brain, _voices, _fal, mut both) = ask_cascade("groq", script).await;
    let record = brain.record();
    let offers: Vec<bool> = record.of("groq").map(|request| request.body["tools"].is_array()).collect();
    assert_eq!((offers.as_slice(), problem(&both.rig.now())), (&[true, false][..], None));
}
