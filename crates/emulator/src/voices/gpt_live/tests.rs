use jsonschema::ValidatorMap;

use super::super::sound::tone;
use super::*;
use crate::schema::encode;

static SERVER: LazyLock<Option<ValidatorMap>> =
    LazyLock::new(|| compile(include_str!("../../../schemas/gpt-live-server-events.schema.json")));

/// What came, with what it was called; everything is valid by schema.
fn told(acts: &[Act]) -> Vec<(String, Value)> {
    let event = |act: &Act| match act {
        Act::Send(Message::Text(text)) => {
            let event: Value = serde_json::from_str(text).unwrap();
            assert!(violation(SERVER.as_ref(), &event).is_none(), "{event}");
            Some((event["type"].as_str().unwrap().to_owned(), event))
        }
        Act::Violation(what) => Some(("violation".to_owned(), json!(what))),
        Act::Send(Message::Binary(_)) | Act::Close(..) => None,
    };
    acts.iter().filter_map(event).collect()
}

fn say(actor: &mut GptLive, command: &Value) -> Vec<(String, Value)> {
    told(&actor.receive(&Message::Text(command.to_string())))
}

fn start() -> Value {
    json!({ "type": "session.start", "event_id": "event_1", "session": { "model": "gpt-live-1",
        "audio": { "format": { "type": "audio/pcm", "rate": 24000 } }, "delegation": { "type": "client" } } })
}

fn sound(actor: &mut GptLive, pcm: &[i16]) -> Vec<(String, Value)> {
    let mut all = Vec::new();
    for piece in pcm.chunks(480) {
        all.extend(say(actor, &json!({ "type": "session.input_audio.append", "audio": encode(piece) })));
    }
    all.retain(|(kind, what)| kind != "violation" || !what.to_string().contains("faster"));
    all
}

fn count(events: &[(String, Value)], kind: &str) -> usize {
    events.iter().filter(|(name, _)| name == kind).count()
}

fn started(plan: Plan) -> GptLive {
    let mut actor = GptLive::new(&plan);
    let events = say(&mut actor, &start());
    assert_eq!(count(&events, "session.started"), 1, "{events:?}");
    actor
}

#[test]
fn sound_moves_the_clock_and_brings_the_answer() {
    let mut actor = started(Plan { words: "hello you".into(), ..Plan::default() });
    assert!(count(&sound(&mut actor, &vec![0; 24_000]), "session.output_audio.delta") == 10);
    let mut events = sound(&mut actor, &tone(300.0, 600, RATE));
    events.extend(sound(&mut actor, &vec![0; 24 * 4_000]));
    assert_eq!(count(&events, "session.input_transcript.delta"), 2);
    assert_eq!(count(&events, "session.output_transcript.delta"), 4, "You said: hello you");
    assert_eq!(count(&events, "violation"), 0);
}

#[test]
fn work_is_delegated_and_what_comes_of_it_is_said() {
    let mut actor = started(Plan { words: "look up the time".into(), ..Plan::default() });
    let mut events = sound(&mut actor, &tone(300.0, 600, RATE));
    events.extend(sound(&mut actor, &vec![0; 24 * 3_000]));
    assert_eq!(count(&events, "session.delegation.created"), 2, "once, and once more by mistake");
    let comment = |id: &str| json!({ "type": "session.commentary.append", "event_id": "e", "content": "It is noon.", "delegation_id": id });
    assert!(say(&mut actor, &comment("dlg_1")).is_empty());
    let events = sound(&mut actor, &vec![0; 24 * 3_000]);
    assert_eq!(count(&events, "session.commentary.appended"), 1);
    assert!(events.iter().any(|(_, event)| event["delta"] == " noon."));
    let refused = say(&mut actor, &comment("dlg_9"));
    assert_eq!((count(&refused, "violation"), count(&refused, "error")), (1, 1));
}

#[test]
fn what_is_out_of_place_is_refused() {
    let mut actor = GptLive::new(&Plan::default());
    let append = json!({ "type": "session.input_audio.append", "audio": encode(&[0; 480]) });
    assert_eq!(count(&say(&mut actor, &append), "violation"), 1, "nothing goes before the start");
    let mut unknown = start();
    unknown["session"]["tools"] = json!([]);
    let events = say(&mut actor, &unknown);
    assert!(events.iter().any(|(_, event)| event["error"]["code"] == "unknown_parameter"), "{events:?}");
    assert_eq!(count(&say(&mut actor, &start()), "session.started"), 1);
    assert_eq!(count(&say(&mut actor, &start()), "violation"), 1, "it starts once");
    let end = told(&actor.wake());
    assert!(end.iter().any(|(_, event)| event["reason"] == "expired"), "without sound it ends");
}
