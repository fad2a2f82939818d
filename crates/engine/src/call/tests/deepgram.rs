//! Calls with Deepgram's Voice Agent: WAV to WAV over real sockets.

use emulator::voices::{Message, Plan, Seen, Voices};

use super::*;

const KEY: &str = "dg-secret-key";

async fn call(plan: Plan, more: Value, speech_ms: u32) -> (Voices, Rig) {
    let partner = practice().await;
    let agent = Voices::start(plan).await.unwrap();
    let settings = json!({
        "call": { "provider": "deepgram", "route": "direct" },
        "providers": { "deepgram": { "agent_base_url": agent.base_url() } },
    });
    let mut rig = Rig::new(&partner, settings, speech_ms);
    rig.configure(more);
    rig.credentials.store(Holder::Deepgram, SecretString::from(KEY)).await.unwrap();
    (agent, rig)
}

fn violations(agent: &Voices) -> Vec<Seen> {
    agent.seen().into_iter().filter(|seen| matches!(seen, Seen::Violation { .. })).collect()
}

/// Names of the control frames that the agent got.
fn frames(agent: &Voices) -> Vec<Value> {
    let read = |seen: Seen| match seen {
        Seen::Message { message: Message::Text(text), .. } => Some(serde_json::from_str(&text).unwrap()),
        Seen::Message { .. } | Seen::Opened { .. } | Seen::Violation { .. } | Seen::Closed { .. } => None,
    };
    agent.seen().into_iter().filter_map(read).collect()
}

fn count(agent: &Voices, kind: &str) -> usize {
    frames(agent).iter().filter(|frame| frame["type"] == kind).count()
}

/// ms of sound that left the speaker, above -40 dBFS.
async fn heard_ms(mut rig: Rig) -> usize {
    rig.call.hang_up(&mut rig.board).unwrap().await.unwrap();
    let wav = std::fs::read(rig.folder.path().join("heard.wav")).unwrap();
    let samples: Vec<i16> = wav[44..].chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect();
    // 48 kHz; a millisecond counts when anything in it is loud.
    samples.chunks(48).filter(|ms| ms.iter().any(|sample| sample.unsigned_abs() > 327)).count()
}

/// Speech with pauses: ms of tone and ms of silence, in turn.
fn speech(parts: &[u32]) -> Vec<u8> {
    let mut wav = tone(parts.iter().sum());
    let mut at = 44;
    for (index, ms) in parts.iter().enumerate() {
        let end = at + *ms as usize * 48;
        if index % 2 == 1 {
            wav[at..end].fill(0);
        }
        at = end;
    }
    wav
}

#[tokio::test(flavor = "multi_thread")]
async fn the_agent_answers_a_turn_of_the_key() {
    let (agent, mut rig) = call(Plan::default(), json!({}), 800).await;
    rig.call.press(&mut rig.board);
    rig.until("the answer is heard", |now| now.call.talk == Talk::Speaking).await;
    let now = rig.until_answered(0).await;
    assert_eq!((delivery(&now, 1), problem(&now)), (Some(Delivery::Complete), None));
    let question = now.items[0].text.clone();
    assert!(question.starts_with("I spoke for ") && question.ends_with("seconds."), "{question}");
    assert_eq!(now.items[1].text, format!("You said: {question}"));
    assert_eq!((violations(&agent), count(&agent, "ForceEndTurn")), (vec![], 1));
    let seen = agent.seen();
    let Seen::Opened { request, .. } = &seen[0] else { panic!("{seen:?}") };
    assert_eq!(request.path, "/v1/agent/converse");
    assert!(request.query.is_empty() && request.headers["authorization"].starts_with("Token "), "{request:?}");
    assert!(heard_ms(rig).await > 800, "the answer was played");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_agent_answers_an_open_microphone() {
    let (agent, mut rig) = call(Plan::default(), open(), 900).await;
    rig.call.start(&mut rig.board);
    rig.until("the answer is heard", |now| now.call.talk == Talk::Speaking).await;
    let now = rig.until_answered(0).await;
    assert_eq!((delivery(&now, 1), problem(&now)), (Some(Delivery::Complete), None));
    assert_eq!((violations(&agent), count(&agent, "ForceEndTurn"), now.items.len()), (vec![], 0, 2));
    assert!(heard_ms(rig).await > 800, "the answer was played");
}

#[tokio::test(flavor = "multi_thread")]
async fn speaking_over_the_agent_silences_it() {
    let plan = Plan { answer: "This is a long answer. ".repeat(12), ..Plan::default() };
    let (agent, mut rig) = call(plan, open(), 100).await;
    std::fs::write(rig.folder.path().join("speech.wav"), speech(&[800, 2_500, 1_200])).unwrap();
    rig.call.start(&mut rig.board);
    let now = rig.until("it is silenced", |now| delivery(now, 1) == Some(Delivery::Interrupted)).await;
    let heard = now.items[1].heard_ms.unwrap();
    assert!((200..8_000).contains(&heard), "{heard} ms of some 11 s");
    assert!(!now.items[1].text.is_empty(), "what was heard is kept");
    rig.until("the second turn is answered too", |now| delivery(now, 3) == Some(Delivery::Arriving)).await;
    assert_eq!(violations(&agent), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_answered_and_a_new_connection_knows_of_it() {
    let (agent, mut rig) = call(Plan { cut_after: Some(16), ..Plan::default() }, json!({}), 600).await;
    rig.call.say("Hi", &mut rig.board);
    let now = rig.until_answered(0).await;
    assert_eq!((now.items[1].text.as_str(), now.items[1].kind.clone()), ("You said: Hi", Kind::Typed));
    rig.call.say("And this is so long that the connection breaks in the middle of it.", &mut rig.board);
    let now = rig.until_answered(2).await;
    assert_eq!((violations(&agent), problem(&now)), (vec![], None));
    let frames = frames(&agent);
    let settings: Vec<&Value> = frames.iter().filter(|frame| frame["type"] == "Settings").collect();
    assert_eq!(settings.len(), 2);
    assert_eq!(settings[0]["agent"].get("context"), None);
    let told = settings[1]["agent"]["context"]["messages"].as_array().unwrap();
    let told: Vec<&str> = told.iter().map(|message| message["content"].as_str().unwrap()).collect();
    assert_eq!(told, ["Hi", "You said: Hi"]);
    assert_eq!(count(&agent, "InjectUserMessage"), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_and_errors_are_told_in_the_providers_words() {
    for (fault, code, words) in [
        ("wrong-key", Code::CredentialRefused, "Invalid credentials."),
        ("no-credit", Code::Quota, "enough credits"),
        ("not-allowed", Code::NotPermitted, "access to the requested model"),
        ("bad-settings", Code::Refused, "no such model"),
    ] {
        let plan = Plan { fault: Some(fault.into()), ..Plan::default() };
        let (agent, mut rig) = call(plan, json!({}), 600).await;
        rig.call.say("Hello", &mut rig.board);
        let now = rig.until(fault, |now| now.problem.is_some() && now.call.link == Link::Idle).await;
        assert_eq!((problem(&now), delivery(&now, 0)), (Some(code), Some(Delivery::Kept)), "{fault}");
        let detail = now.problem.unwrap().detail;
        assert!(detail.contains(words) && !detail.contains(KEY), "{fault}: {detail}");
        assert_eq!(violations(&agent), [], "{fault}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn senseless_frames_and_functions_do_not_keep_the_agent_from_answering() {
    let noisy = Plan { is_noisy: true, ..Plan::default() };
    let calling = Plan { fault: Some("function".into()), ..Plan::default() };
    let unforced = Plan { fault: Some("no-force".into()), ..Plan::default() };
    for plan in [noisy, calling, unforced] {
        let name = format!("{plan:?}");
        let (agent, mut rig) = call(plan, json!({}), 800).await;
        rig.call.press(&mut rig.board);
        let now = rig.until(&name, |now| delivery(now, 0) == Some(Delivery::Answered)).await;
        assert_eq!((violations(&agent), problem(&now)), (vec![], None), "{name}");
    }
}
