//! A voice that makes a picture: the tool call of the model, fal, the conversation, and the answer that goes on.

use emulator::fal::{Fal, Plan, Trouble};
use emulator::voices::{self, Voices};
use emulator::{ClientEvent, Record};

use super::both::Both;
use super::*;
use crate::api::{ChatMessage, MessageState};

const WISH: &str = "a red fox in the snow";

/// With a fal and with keys for everything.
fn with_fal(fal: &Fal, practice: String, settings: Value, speech_ms: u32) -> Both {
    let credentials = Credentials::without_keychain(|name| {
        ["FAL_KEY", "OPENAI_API_KEY", "GEMINI_API_KEY", "DEEPGRAM_API_KEY"]
            .contains(&name)
            .then(|| "test-key".to_owned())
    });
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
    for (provider, fault) in [("google", "tool-call"), ("deepgram", "function")] {
        let plan = voices::Plan { words: WISH.into(), fault: Some(fault.into()), ..voices::Plan::default() };
        let (partner, voices) = (practice().await, Voices::start(plan).await.unwrap());
        let fal = Fal::start(Plan::default()).await.unwrap();
        let base = voices.base_url();
        let settings = json!({
            "call": { "provider": provider, "route": "direct" },
            "providers": { "google": { "base_url": base }, "deepgram": { "base_url": base, "agent_base_url": base } },
        });
        let mut both = with_fal(&fal, partner.base_url(), settings, 900);
        both.rig.call.press(&mut both.rig.board);
        both.until("the whole turn was spoken", |now| now.items.first().is_some_and(|item| item.duration_ms >= 850))
            .await;
        both.rig.call.release(&mut both.rig.board);
        let now = both.until("the picture and the answer", |now| has_picture(now) && answered(now).is_some()).await;
        assert_eq!(picture(&now).unwrap().text, WISH, "{provider}");
        let violations = voices.seen().into_iter().filter(|seen| matches!(seen, voices::Seen::Violation { .. }));
        assert_eq!(violations.count(), 0, "{provider}");
    }
}
