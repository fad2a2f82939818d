//! ElevenLabs' agents over real sockets, from a file to a file.

use emulator::voices::{Message, Plan, Seen, Voices};

use super::*;

fn agent(voices: &Voices, mode: &str) -> Value {
    json!({
        "call": { "provider": "elevenlabs", "route": "direct", "mode": mode },
        "providers": { "elevenlabs": { "base_url": voices.base_url(), "agent_id": "agent_1" } },
        "voice": { "patience": 0.0 },
    })
}

async fn rig(voices: &Voices, settings: Value, speech_ms: u32) -> Rig {
    let partner = practice().await;
    let rig = Rig::new(&partner, json!({}), speech_ms);
    rig.credentials.store(Holder::Elevenlabs, SecretString::from("el-secret")).await.unwrap();
    let mut rig = rig;
    rig.configure(agent(voices, "ptt"));
    rig.configure(settings);
    rig
}

/// Frames of a type that clients sent; sound has none.
fn sent(voices: &Voices, kind: &str) -> Vec<Value> {
    let frame = |seen| match seen {
        Seen::Message { message: Message::Text(text), .. } => serde_json::from_str::<Value>(&text).ok(),
        Seen::Message { .. } | Seen::Opened { .. } | Seen::Violation { .. } | Seen::Closed { .. } => None,
    };
    voices.seen().into_iter().filter_map(frame).filter(|frame| frame["type"] == kind).collect()
}

fn assert_orderly(voices: &Voices) {
    let seen = voices.seen();
    let broken: Vec<_> = seen.iter().filter(|seen| matches!(seen, Seen::Violation { .. })).collect();
    assert!(broken.is_empty(), "{broken:?}");
    let requests =
        seen.iter().filter_map(|seen| if let Seen::Opened { request, .. } = seen { Some(request) } else { None });
    for request in requests {
        assert_eq!(request.headers["xi-api-key"], emulator::fingerprint("el-secret"));
        assert_eq!(request.query["agent_id"], "agent_1");
        assert!(!format!("{request:?}").contains("el-secret"));
    }
}

/// Seconds of the loudspeaker's file in which something sounds.
fn heard_seconds(rig: &Rig) -> f32 {
    let bytes = std::fs::read(rig.folder.path().join("heard.wav")).unwrap();
    let loud = bytes[44..].chunks_exact(480).filter(|piece| {
        piece.chunks_exact(2).any(|pair| i16::from_le_bytes([pair[0], pair[1]]).unsigned_abs() > 1_000)
    });
    loud.count() as f32 * 240.0 / 24_000.0
}

#[tokio::test(flavor = "multi_thread")]
async fn a_turn_of_the_key_is_answered_by_the_agent() {
    let voices = Voices::start(Plan::default()).await.unwrap();
    let mut rig = rig(&voices, json!({}), 800).await;
    rig.call.press(&mut rig.board);
    rig.until("the answer is heard", |now| now.call.talk == Talk::Speaking).await;
    let now = rig.until_answered(0).await;
    assert!(now.items[0].text.starts_with("I spoke for"), "{:?}", now.items[0].text);
    assert!(now.items[1].text.starts_with("You said: I spoke"), "{:?}", now.items[1].text);
    assert_eq!((delivery(&now, 1), problem(&now)), (Some(Delivery::Complete), None));
    assert_orderly(&voices);
    rig.call.hang_up(&mut rig.board).unwrap().await.unwrap();
    assert!(heard_seconds(&rig) > 0.5, "{} s", heard_seconds(&rig));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_microphone_is_answered_by_the_agent() {
    let voices = Voices::start(Plan::default()).await.unwrap();
    let mut rig = rig(&voices, agent(&voices, "open"), 800).await;
    rig.call.press(&mut rig.board);
    rig.call.release(&mut rig.board);
    rig.until("something was said", |now| !now.items.is_empty()).await;
    let now = rig.until("the answer was heard", |now| {
        delivery(now, 0) == Some(Delivery::Answered) && delivery(now, 1) == Some(Delivery::Complete)
    });
    let now = now.await;
    assert!(now.items[1].text.starts_with("You said:"), "{:?}", now.items[1].text);
    assert_eq!(problem(&now), None);
    assert_orderly(&voices);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_typed_message_is_answered_in_writing_after_the_greeting() {
    let plan = Plan { fault: Some("greets".into()), answer: "Good day.".into(), ..Plan::default() };
    let voices = Voices::start(plan).await.unwrap();
    let mut rig = rig(&voices, json!({}), 400).await;
    rig.call.say("Hello", &mut rig.board);
    let now = rig.until_answered(0).await;
    assert_eq!((now.items.len(), now.items[1].text.as_str()), (2, "Good day."));
    assert_eq!(sent(&voices, "user_message").len(), 1);
    assert_orderly(&voices);
}

#[tokio::test(flavor = "multi_thread")]
async fn pressing_over_the_agent_keeps_what_was_heard() {
    let answer = "one two three four five six seven eight nine ten ".repeat(8);
    let voices = Voices::start(Plan { answer, ..Plan::default() }).await.unwrap();
    let mut rig = rig(&voices, json!({}), 800).await;
    rig.call.press(&mut rig.board);
    rig.until("the answer is heard", |now| now.call.talk == Talk::Speaking).await;
    rig.call.press(&mut rig.board);
    let now = rig.now();
    assert_eq!((now.call.talk, delivery(&now, 1)), (Talk::Listening, Some(Delivery::Interrupted)));
    voices
        .wait_for(|seen| seen.iter().any(|seen| format!("{seen:?}").contains("contextual_update")), LIMIT)
        .await
        .unwrap();
    assert_orderly(&voices);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_telephone_agent_and_its_tools_are_no_obstacle() {
    for fault in ["telephone", "tool"] {
        let voices = Voices::start(Plan { fault: Some(fault.into()), ..Plan::default() }).await.unwrap();
        let mut rig = rig(&voices, json!({}), 800).await;
        rig.call.press(&mut rig.board);
        let now = rig.until_answered(0).await;
        assert_eq!((delivery(&now, 1), problem(&now)), (Some(Delivery::Complete), None), "{fault}");
        assert_orderly(&voices);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_connection_tells_the_agent_what_was_said() {
    let plan = Plan { words: "My name is Ann".into(), answer: "Hello Ann.".into(), ..Plan::default() };
    let voices = Voices::start(Plan { cut_after: Some(8), ..plan }).await.unwrap();
    let mut rig = rig(&voices, json!({}), 800).await;
    rig.call.say("Who are you?", &mut rig.board);
    rig.until_answered(0).await;
    rig.call.say("And who am I?", &mut rig.board);
    let now = rig.until("the connection broke and is there again", |now| {
        now.call.link == Link::Live
            && voices.seen().iter().filter(|seen| matches!(seen, Seen::Opened { .. })).count() == 2
    });
    now.await;
    rig.call.say("Really?", &mut rig.board);
    let is_answered = |item: &crate::api::Item| item.text == "Really?" && item.delivery == Delivery::Answered;
    rig.until("the third question is answered", |now| now.items.iter().any(is_answered)).await;
    let told = sent(&voices, "contextual_update");
    assert!(told.iter().any(|frame| frame["text"].as_str().unwrap().contains("User: Who are you?")), "{told:?}");
    assert_orderly(&voices);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_the_agent_ends_is_over_when_its_last_words_were_heard() {
    let plan = Plan { fault: Some("leaves".into()), answer: "Goodbye, and thank you.".into(), ..Plan::default() };
    let voices = Voices::start(plan).await.unwrap();
    let mut rig = rig(&voices, json!({}), 800).await;
    rig.call.press(&mut rig.board);
    let going_on = async {
        while !rig.call.has_ended() {
            let happening = rig.call.next().await;
            rig.call.happen(happening, &mut rig.board);
        }
    };
    tokio::time::timeout(LIMIT, going_on).await.unwrap();
    let now = rig.now();
    assert_eq!((delivery(&now, 0), delivery(&now, 1)), (Some(Delivery::Answered), Some(Delivery::Complete)));
    assert_eq!((problem(&now), now.call.link), (None, Link::Idle));
    assert!(rig.notes().contains(&Note::AgentLeft));
    assert_eq!(voices.seen().iter().filter(|seen| matches!(seen, Seen::Opened { .. })).count(), 1);
    assert_orderly(&voices);
    rig.call.hang_up(&mut rig.board).unwrap().await.unwrap();
    assert!(heard_seconds(&rig) > 0.5, "{} s", heard_seconds(&rig));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_agent_refuses_is_a_problem() {
    let cases = [("quota", Code::Quota), ("no_agent", Code::Refused)];
    for (fault, code) in cases {
        let voices = Voices::start(Plan { fault: Some(fault.into()), ..Plan::default() }).await.unwrap();
        let mut rig = rig(&voices, json!({}), 400).await;
        rig.call.say("Hello", &mut rig.board);
        rig.until(fault, |now| problem(now) == Some(code)).await;
    }
    let voices = Voices::start(Plan { fault: Some("no_overrides".into()), ..Plan::default() }).await.unwrap();
    let overriding = json!({
        "providers": { "elevenlabs": { "agent_overrides": true } },
        "voice": { "instructions": "Be brief." },
    });
    let mut rig = rig(&voices, overriding, 400).await;
    rig.call.say("Hello", &mut rig.board);
    let now = rig.until("it may not be overridden", |now| problem(now) == Some(Code::Refused)).await;
    assert!(now.problem.unwrap().detail.contains("not allowed"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_agent_or_key_is_told_before_anything_is_dialled() {
    let voices = Voices::start(Plan::default()).await.unwrap();
    let mut rig = rig(&voices, json!({ "providers": { "elevenlabs": { "agent_id": " " } } }), 400).await;
    rig.call.say("Hello", &mut rig.board);
    let now = rig.until("the agent is missing", |now| problem(now) == Some(Code::Refused)).await;
    assert!(now.problem.unwrap().detail.contains("agent"));

    let partner = practice().await;
    let mut rig = Rig::new(&partner, agent(&voices, "ptt"), 400);
    rig.call.say("Hello", &mut rig.board);
    rig.until("the key is missing", |now| problem(now) == Some(Code::NoCredential)).await;
    assert_eq!(voices.seen(), []);
}
