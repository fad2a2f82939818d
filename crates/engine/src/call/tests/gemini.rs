//! Calls with Gemini Live over real sockets, from a sound file to a sound file.

use emulator::voices::{Message, Plan, Seen, Voices};

use super::*;

const WORDS: &str = "What is the tallest mountain?";
const ANSWER: &str = "It is Mount Everest in Asia.";

async fn google(plan: Plan) -> Voices {
    Voices::start(Plan { words: WORDS.into(), answer: ANSWER.into(), ..plan }).await.unwrap()
}

fn settings(voices: &Voices) -> Value {
    json!({
        "call": { "provider": "google", "route": "direct" },
        "providers": { "google": { "base_url": voices.base_url() } },
    })
}

async fn rig(partner: &Emulator, settings: Value, speech_ms: u32) -> Rig {
    let rig = Rig::new(partner, settings, speech_ms);
    rig.credentials.store(Holder::Google, SecretString::from("goog-test-key")).await.unwrap();
    rig
}

/// The messages of a connection.
fn messages(seen: &[Seen], of: usize) -> Vec<Value> {
    let message = |seen: &Seen| match seen {
        Seen::Message { connection, message: Message::Text(text) } if *connection == of => {
            Some(serde_json::from_str(text).unwrap())
        }
        Seen::Opened { .. } | Seen::Message { .. } | Seen::Violation { .. } | Seen::Closed { .. } => None,
    };
    seen.iter().filter_map(message).collect()
}

fn opened(seen: &[Seen]) -> Vec<&emulator::voices::Request> {
    seen.iter().filter_map(|seen| if let Seen::Opened { request, .. } = seen { Some(request) } else { None }).collect()
}

fn violations(seen: &[Seen]) -> Vec<&str> {
    seen.iter()
        .filter_map(|seen| if let Seen::Violation { what, .. } = seen { Some(what.as_str()) } else { None })
        .collect()
}

/// Loudness of what the speaker played, in the quiet and loud halves of it together: 0 if it is silent.
fn peak_of(path: &std::path::Path) -> i16 {
    let bytes = std::fs::read(path).unwrap();
    let samples = bytes[44..].chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]]).saturating_abs());
    samples.max().unwrap_or(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_turn_by_the_key_goes_from_file_to_file() {
    let (partner, voices) = (practice().await, google(Plan::default()).await);
    let mut rig = rig(&partner, settings(&voices), 900).await;
    rig.call.press(&mut rig.board);
    rig.until("the answer is heard", |now| now.call.talk == Talk::Speaking).await;
    let now = rig.until_answered(0).await;
    assert_eq!((now.items[0].text.as_str(), now.items[1].text.as_str()), (WORDS, ANSWER));
    assert_eq!((delivery(&now, 1), problem(&now)), (Some(Delivery::Complete), None));
    assert!(now.items[1].duration_ms >= 1_000);
    rig.until("tokens are counted", |now| now.items[1].usage.is_some()).await;
    let seen = voices.seen();
    assert!(violations(&seen).is_empty(), "{:?}", violations(&seen));
    let request = opened(&seen)[0];
    assert!(request.path.contains("google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"));
    assert!(request.query.is_empty() && !format!("{request:?}").contains("goog-test-key"), "the key is in a header");
    assert!(request.headers.contains_key("x-goog-api-key"));
    let setup = &messages(&seen, 0)[0]["setup"];
    assert_eq!(setup["model"], "models/gemini-3.8-live");
    assert_eq!(setup["realtimeInputConfig"]["automaticActivityDetection"], json!({ "disabled": true }));
    if let Some(closed) = rig.call.hang_up(&mut rig.board) {
        closed.await.unwrap();
    }
    assert!(peak_of(&rig.folder.path().join("heard.wav")) > 2_000, "the answer was played");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_microphone_is_answered_and_the_conversation_goes_on_in_writing() {
    let (partner, voices) = (practice().await, google(Plan::default()).await);
    let settings = config_of(settings(&voices), open());
    let mut rig = rig(&partner, settings, 800).await;
    rig.call.start(&mut rig.board);
    rig.until("the answer is heard", |now| now.call.talk == Talk::Speaking).await;
    let now = rig.until_answered(0).await;
    assert_eq!((now.items.len(), now.items[0].text.as_str(), now.items[1].text.as_str()), (2, WORDS, ANSWER));
    rig.call.say("And the deepest lake?", &mut rig.board);
    let now = rig.until_answered(2).await;
    assert_eq!((now.items.len(), now.items[3].text.as_str()), (4, ANSWER));
    let seen = voices.seen();
    assert!(violations(&seen).is_empty(), "{:?}", violations(&seen));
    assert_eq!(opened(&seen).len(), 1);
}

fn config_of(mut one: Value, other: Value) -> Value {
    for (name, section) in other.as_object().unwrap() {
        for (key, value) in section.as_object().unwrap() {
            one[name][key] = value.clone();
        }
    }
    one
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_google_will_end_is_replaced_by_one_with_its_memory() {
    let plan = Plan { fault: Some("go-away".into()), ..Plan::default() };
    let (partner, voices) = (practice().await, google(plan).await);
    let mut rig = rig(&partner, settings(&voices), 400).await;
    rig.call.say("Hello", &mut rig.board);
    rig.until_answered(0).await;
    // The second socket is open before it takes over; it is spoken to when it does.
    let is_renewed = |now: &Snapshot| now.call.link == Link::Live && !messages(&voices.seen(), 1).is_empty();
    rig.until("it is renewed", is_renewed).await;
    assert!(rig.notes().contains(&Note::Renewed));
    rig.call.say("Again", &mut rig.board);
    let now = rig.until_answered(2).await;
    assert_eq!(now.items.len(), 4);
    let seen = voices.seen();
    let second = messages(&seen, 1);
    assert!(second[0]["setup"]["sessionResumption"]["handle"].is_string(), "{second:?}");
    assert_eq!(second[1]["clientContent"]["turns"].as_array().unwrap().len(), 1, "nothing is told twice");
    assert!(violations(&seen).is_empty(), "{:?}", violations(&seen));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_google_does_not_allow_is_told_in_its_words() {
    for (fault, code) in [
        ("invalid-api-key", Code::CredentialRefused),
        ("insufficient-quota", Code::Quota),
        ("model-not-found", Code::Refused),
        ("unsupported-location", Code::NotPermitted),
    ] {
        let plan = Plan { fault: Some(fault.into()), ..Plan::default() };
        let (partner, voices) = (practice().await, google(plan).await);
        let mut rig = rig(&partner, settings(&voices), 400).await;
        rig.call.say("Hello", &mut rig.board);
        let now = rig.until("the user is told", |now| now.problem.is_some()).await;
        assert_eq!(problem(&now), Some(code), "{fault}");
        assert_eq!((now.call.waiting, opened(&voices.seen()).len()), (1, 1), "{fault}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn trouble_under_way_costs_no_turn() {
    for plan in [
        Plan { cut_after: Some(6), ..Plan::default() },
        Plan { fault: Some("internal".into()), ..Plan::default() },
        Plan { is_noisy: true, is_stuttering: true, ..Plan::default() },
        Plan { fault: Some("tool-call".into()), ..Plan::default() },
        Plan { fault: Some("bundled".into()), ..Plan::default() },
        Plan { fault: Some("snake-case".into()), ..Plan::default() },
    ] {
        let what = format!("{plan:?}");
        // A failure of the first session is over with the second.
        let (partner, voices) = (practice().await, google(plan).await);
        let mut rig = rig(&partner, settings(&voices), 400).await;
        rig.call.say("First", &mut rig.board);
        if what.contains("internal") {
            rig.until("it is tried again", |_| opened(&voices.seen()).len() >= 2).await;
            continue;
        }
        let now = rig.until_answered(0).await;
        let answer = now.items.iter().rfind(|item| item.kind != Kind::ToolCall("look_up".into())).unwrap();
        assert_eq!((answer.text.as_str(), answer.delivery), (ANSWER, Delivery::Complete), "{what}");
        assert!(violations(&voices.seen()).is_empty(), "{what}: {:?}", violations(&voices.seen()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn minutes_that_were_kept_are_sent_whole_over_one_connection() {
    let (partner, voices) = (practice().await, google(Plan::default()).await);
    let mut rig = rig(&partner, settings(&voices), 400).await;
    let wav = tone(210_000);
    let kept: Vec<i16> = wav[44..].chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect();
    rig.call.input(protocol::Input::Restore(protocol::Said::Spoken(&kept)), &mut rig.board);
    rig.call.resend(&mut rig.board);
    rig.until_answered(0).await;
    assert_eq!(opened(&voices.seen()).len(), 1);
    assert!(violations(&voices.seen()).is_empty());
    let is_sound = |message: &&Value| message["realtimeInput"]["audio"].is_object();
    assert!(messages(&voices.seen(), 0).iter().filter(is_sound).count() >= 2_100);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_gateway_does_not_carry_google_the_call_goes_directly_and_says_so() {
    let (partner, voices) = (practice().await, google(Plan::default()).await);
    let nobody = google(Plan { refusal: Some((400, "no such provider".into())), ..Plan::default() }).await;
    let gateway = |base: String| json!({ "call": { "route": "gateway" }, "gateway": { "base_url": base, "account_id": "acc", "gateway_id": "gw" } });
    let mut direct = rig(&partner, config_of(settings(&voices), gateway(nobody.base_url())), 400).await;
    direct.call.say("Hello", &mut direct.board);
    direct.until_answered(0).await;
    assert!(direct.notes().contains(&Note::PastGateway));
    assert_eq!((opened(&nobody.seen()).len(), opened(&voices.seen()).len()), (1, 1));

    let through = config_of(settings(&nobody), gateway(format!("{}/gateway/v1", voices.base_url())));
    let mut through = rig(&partner, through, 400).await;
    through.call.say("Hello", &mut through.board);
    through.until_answered(0).await;
    assert!(!through.notes().contains(&Note::PastGateway));
    assert_eq!(opened(&voices.seen())[1].path, "/gateway/v1/acc/gw/google");
}
