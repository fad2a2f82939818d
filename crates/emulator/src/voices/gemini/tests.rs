//! The fake by itself, without sockets.

#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;

fn told(acts: &[Act]) -> Vec<Value> {
    let value = |act: &Act| match act {
        Act::Send(Message::Binary(bytes)) => serde_json::from_slice(bytes).ok(),
        Act::Send(Message::Text(text)) => serde_json::from_str(text).ok(),
        Act::Close(..) | Act::Violation(_) => None,
    };
    acts.iter().filter_map(value).collect()
}

fn close_of(acts: &[Act]) -> Option<(u16, &str)> {
    acts.iter().find_map(|act| if let Act::Close(code, reason) = act { Some((*code, reason.as_str())) } else { None })
}

fn say(fake: &mut Gemini, message: &Value) -> Vec<Act> {
    fake.receive(&Message::Text(message.to_string()))
}

fn setup(detection: Value) -> Value {
    json!({ "setup": {
        "model": "models/gemini-3.8-live", "generation_config": { "responseModalities": ["AUDIO"] },
        "realtimeInputConfig": { "automatic_activity_detection": detection }, "inputAudioTranscription": {},
    } })
}

fn ready(plan: &Plan, detection: Value) -> Gemini {
    let mut fake = Gemini::new(plan);
    assert_eq!(told(&say(&mut fake, &setup(detection))), [json!({ "setupComplete": {} })]);
    fake
}

fn sound(level: i16, ms: usize) -> Value {
    let data = BASE64_STANDARD.encode(bytes(&vec![level; ms * 16]));
    json!({ "realtimeInput": { "audio": { "data": data, "mimeType": "audio/pcm;rate=16000" } } })
}

/// Everything that the script still holds, whenever it is due.
fn rest(fake: &mut Gemini) -> Vec<Value> {
    fake.session.as_mut().unwrap().script.drain(..).map(|(_, message)| message).collect()
}

#[test]
fn what_the_service_would_close_for_is_closed_for() {
    let wrong = [
        (json!({ "disabled": false }), json!({ "realtimeInput": { "activityStart": {} } })),
        (json!({ "disabled": true }), json!({ "realtimeInput": { "audioStreamEnd": true } })),
        (json!({}), json!({ "clientContent": { "turns": [{ "parts": [{ "text": "x" }] }], "turnComplete": true } })),
        (json!({}), json!({ "realtimeInput": { "audio": { "data": "AAA=", "mimeType": "audio/pcm;rate=24000" } } })),
        (json!({}), setup(json!({}))),
        (json!({}), json!({ "input_audio_buffer": {} })),
    ];
    for (detection, message) in wrong {
        let mut fake = ready(&Plan::default(), detection);
        let acts = say(&mut fake, &message);
        assert_eq!(close_of(&acts).map(|(code, _)| code), Some(1007), "{message}");
        assert!(matches!(acts.first(), Some(Act::Violation(_))), "{message}");
    }
    let mut fake = Gemini::new(&Plan::default());
    assert_eq!(close_of(&say(&mut fake, &sound(0, 20))).map(|(code, _)| code), Some(1007), "the setup comes first");
}

#[test]
fn a_manual_turn_is_answered_when_it_ends() {
    let mut fake = ready(&Plan::default(), json!({ "disabled": true }));
    for message in [json!({ "realtimeInput": { "activityStart": {} } }), sound(3_000, 500)] {
        assert!(say(&mut fake, &message).is_empty());
    }
    let acts = told(&say(&mut fake, &json!({ "realtimeInput": { "activityEnd": {} } })));
    let words: String =
        acts.iter().filter_map(|act| act["serverContent"]["inputTranscription"]["text"].as_str()).collect();
    assert_eq!(words, "I spoke for 0.5 seconds.");
    let script = rest(&mut fake);
    let at = |name: &str| script.iter().position(|message| !message["serverContent"][name].is_null()).unwrap();
    assert!(at("modelTurn") < at("generationComplete") && at("generationComplete") < at("turnComplete"));
    assert!(script[at("turnComplete")]["usageMetadata"]["promptTokenCount"].is_u64());
    assert_eq!(script.last().unwrap()["sessionResumptionUpdate"]["newHandle"], "handle-1");
}

#[test]
fn speech_over_an_answer_interrupts_it() {
    let mut fake = ready(&Plan::default(), json!({ "silenceDurationMs": 300 }));
    say(&mut fake, &sound(3_000, 500));
    assert!(!told(&say(&mut fake, &sound(0, 400))).is_empty(), "silence ends the turn");
    let acts = told(&say(&mut fake, &sound(3_000, 100)));
    let at = |name: &str| acts.iter().position(|message| message["serverContent"][name] == true).unwrap();
    assert!(at("interrupted") < at("turnComplete"), "{acts:?}");
    assert!(fake.session.unwrap().script.is_empty());
}

#[test]
fn a_key_is_needed_and_only_some_paths_lead_here() {
    let request = |path: &str| Request { path: path.into(), query: [].into(), headers: [].into() };
    let path = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent";
    let mut fake = Gemini::new(&Plan::default());
    assert_eq!(fake.admit(&request(path)).unwrap_err().0, 403);
    let mut known = request(path);
    known.headers.insert("x-goog-api-key".into(), "k".into());
    assert!(fake.admit(&known).is_ok());
    assert!(is_place(path) && is_place("/gateway/v1/account/name/google"));
    assert!(!is_place("/ws/google.ai.generativelanguage.v9.GenerativeService.BidiGenerateContent"));
}
