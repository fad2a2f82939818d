#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::collections::BTreeMap;

use super::*;
use crate::voices::Message;
use crate::voices::definitions::Definitions;
use crate::voices::sound::{bytes, tone};

fn request(path: &str, query: &[(&str, &str)]) -> Request {
    let pair = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let headers = BTreeMap::from([("x-api-key".to_owned(), "fingerprint".to_owned())]);
    let query = query.iter().map(pair).chain([("cartesia_version".to_owned(), "2026-08-14".to_owned())]).collect();
    Request { path: path.to_owned(), query, headers }
}

fn play(path: &str, query: &[(&str, &str)], fault: &str) -> (Box<dyn Actor>, Vec<Act>) {
    let plan = Plan { fault: Some(fault.to_owned()), ..Plan::default() };
    let request = request(path, query);
    let mut actor = cast(&request, &plan).unwrap();
    actor.admit(&request).unwrap();
    let acts = actor.open();
    (actor, acts)
}

fn tell(actor: &mut dyn Actor, text: &str) -> Vec<Act> {
    actor.receive(&Message::Text(text.to_owned()))
}

fn hear(actor: &mut dyn Actor, ms: u32, is_loud: bool) -> Vec<Act> {
    let pcm = if is_loud { tone(300.0, ms, 24_000) } else { vec![0; 24 * ms as usize] };
    actor.receive(&Message::Binary(bytes(&pcm)))
}

fn sent(acts: &[Act]) -> Vec<Value> {
    let value = |act: &Act| match act {
        Act::Send(Message::Text(text)) => Some(serde_json::from_str(text).unwrap()),
        Act::Send(Message::Binary(_)) => panic!("a binary frame"),
        Act::Violation(what) => panic!("{what}"),
        Act::Close(..) => None,
    };
    acts.iter().filter_map(value).collect()
}

fn is_violation(acts: &[Act]) -> bool {
    acts.iter().any(|act| matches!(act, Act::Violation(_)))
}

const INK: [(&str, &str); 3] = [("model", "ink-2"), ("encoding", "pcm_s16le"), ("sample_rate", "24000")];

#[test]
fn keys_and_the_version_are_wanted() {
    let mut request = request("/tts/websocket", &[]);
    let admit =
        |request: &Request| cast(request, &Plan::default()).unwrap().admit(request).map_err(|(status, _)| status);
    assert_eq!(admit(&request), Ok(()));
    request.query.clear();
    assert_eq!(admit(&request), Err(400));
    request.headers.clear();
    assert_eq!(admit(&request), Err(401));
}

#[test]
fn ink_tells_what_its_schema_says() {
    let kinds = [
        ("connected", "STTAutoFinalizeConnected"),
        ("turn.start", "STTAutoFinalizeTurnStart"),
        ("turn.update", "STTAutoFinalizeTurnUpdate"),
        ("turn.eager_end", "STTAutoFinalizeTurnEagerEnd"),
        ("turn.resume", "STTAutoFinalizeTurnResume"),
        ("turn.end", "STTAutoFinalizeTurnEnd"),
        ("transcript", "STTManualFinalizeTranscriptResponse"),
        ("flush_done", "STTManualFinalizeFlushDoneResponse"),
        ("done", "STTManualFinalizeDoneResponse"),
    ];
    let names = kinds.map(|(_, name)| name);
    let schema = Definitions::new(include_str!("../../../schemas/cartesia-stt-ws.schema.json"), &names);
    let (mut turns, mut acts) = play("/stt/turns/websocket", &INK, "resumes");
    acts.extend(hear(&mut *turns, 500, true));
    acts.extend(hear(&mut *turns, 700, false));
    let (mut key, _) = play("/stt/websocket", &INK, "");
    acts.extend(hear(&mut *key, 500, true));
    acts.extend(tell(&mut *key, "finalize"));
    acts.extend(tell(&mut *key, "close"));
    let frames = sent(&acts);
    for (kind, name) in kinds {
        let frame = frames.iter().find(|frame| frame["type"] == kind).unwrap_or_else(|| panic!("no {kind}"));
        assert_eq!(schema.breach(name, frame), None);
    }
    assert!(is_violation(&tell(&mut *key, "{\"type\":\"finalize\"}")));
    assert!(is_violation(&tell(&mut *turns, "finalize")));
    assert!(is_violation(&tell(&mut *turns, "{\"type\":\"config\",\"turn\":{\"end_threshold\":0.45}}")));
}

#[test]
fn sonic_tells_what_its_schema_says() {
    let names = ["Chunk", "Done", "Error"];
    let schema = Definitions::new(include_str!("../../../schemas/cartesia-tts-ws.schema.json"), &names);
    let (mut actor, _) = play("/tts/websocket", &[], "");
    let mut ask = |model: &str, text: &str, goes_on: bool, speed: f64| {
        let format = json!({ "container": "raw", "encoding": "pcm_s16le", "sample_rate": 24_000 });
        tell(
            &mut *actor,
            &json!({
                "model_id": model, "transcript": text, "voice": { "mode": "id", "id": "v" }, "context_id": "c",
                "output_format": format, "continue": goes_on, "generation_config": { "speed": speed },
            })
            .to_string(),
        )
    };
    let error = sent(&ask("other", "Hi. ", true, 1.0));
    assert_eq!(schema.breach("Error", &error[0]), None);
    let chunks = sent(&ask("sonic-3.5", "Hello. ", true, 1.0));
    assert_eq!(schema.breach("Chunk", &chunks[0]), None);
    assert!(is_violation(&ask("sonic-3.5", "Hello. ", true, 2.0)));
    let done = ask("sonic-3.5", "", false, 2.0);
    assert_eq!(schema.breach("Done", sent(&done).last().unwrap()), None);
    assert!(is_violation(&ask("sonic-3.5", "Again. ", true, 2.0)));
    let late = tell(&mut *actor, "{\"context_id\":\"c\",\"cancel\":true}");
    assert_eq!(sent(&late).len(), 2);
    assert!(is_violation(&tell(&mut *actor, "{\"context_id\":\"c\"}")));
}
