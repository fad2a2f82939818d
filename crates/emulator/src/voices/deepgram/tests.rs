use std::collections::BTreeMap;

use super::super::sound::{bytes, tone};
use super::*;

fn request(path: &str, query: &[(&str, &str)], headers: &[(&str, &str)]) -> Request {
    let map = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    };
    Request { path: path.to_owned(), query: map(query), headers: map(headers) }
}

const TOKEN: (&str, &str) = ("authorization", "Token f1ng3r");
const LINEAR: [(&str, &str); 2] = [("encoding", "linear16"), ("sample_rate", "24000")];

/// An actor that let this client in, and what it said first.
fn enter(path: &str, query: &[(&str, &str)], headers: &[(&str, &str)], plan: &Plan) -> (Box<dyn Actor>, Vec<Value>) {
    let query: Vec<(&str, &str)> = LINEAR.iter().chain(query).copied().collect();
    let query = if path.contains("agent") { Vec::new() } else { query };
    let request = request(path, &query, headers);
    let mut actor = cast(&request, plan).unwrap();
    actor.admit(&request).unwrap();
    let first = frames(&actor.open(), path);
    (actor, first)
}

/// What a server said in text, checked against the schema of its service.
fn frames(acts: &[Act], path: &str) -> Vec<Value> {
    let schema: &schema::Schema = match path {
        "/v2/listen" => &schema::LISTEN_V2,
        "/v1/listen" => &schema::LISTEN_V1,
        "/v1/speak" => &schema::SPEAK_V1,
        "/v2/speak" => &schema::SPEAK_V2,
        _ => &schema::AGENT_V1,
    };
    let frame = |act: &Act| match act {
        Act::Send(Message::Text(text)) => {
            let frame: Value = serde_json::from_str(text).unwrap();
            let kind = frame["type"].as_str().unwrap().to_owned();
            assert_eq!(schema.violation(&kind, &frame), None, "{frame}");
            Some(frame)
        }
        Act::Violation(what) => panic!("{what}"),
        Act::Send(Message::Binary(_)) | Act::Close(..) => None,
    };
    acts.iter().filter_map(frame).collect()
}

fn text(frame: &Value) -> Message {
    Message::Text(frame.to_string())
}

fn sound(ms: u32, is_loud: bool) -> Message {
    let pcm = tone(300.0, ms, 24_000);
    Message::Binary(bytes(&if is_loud { pcm } else { vec![0; pcm.len()] }))
}

/// The event (or type) of each frame, without updates.
fn events(frames: &[Value]) -> Vec<&str> {
    let names = frames.iter().map(|frame| frame["event"].as_str().unwrap_or_else(|| frame["type"].as_str().unwrap()));
    names.filter(|name| *name != "Update").collect()
}

#[test]
fn flux_tells_turns_and_takes_the_end_from_the_key() {
    let path = "/v2/listen";
    let query = [("model", "flux-general-en"), ("eot_threshold", "0.7"), ("eager_eot_threshold", "0.5")];
    let (mut flux, first) = enter(path, &query, &[TOKEN], &Plan::default());
    assert_eq!(events(&first), ["Connected"]);
    let said = frames(&flux.receive(&sound(600, true)), path);
    assert_eq!(events(&said), ["StartOfTurn"]);
    assert!(said.iter().any(|frame| frame["transcript"] == "I"), "{said:?}");
    let said = frames(&flux.receive(&sound(900, false)), path);
    assert_eq!(events(&said), ["EagerEndOfTurn", "EndOfTurn"]);
    assert_eq!((&said.last().unwrap()["turn_index"], &said.last().unwrap()["event"]), (&json!(1), &json!("Update")));
    frames(&flux.receive(&sound(200, true)), path);
    let said = frames(&flux.receive(&text(&json!({ "type": "ForceEndTurn" }))), path);
    assert_eq!((events(&said), &said[0]["trigger"]), (vec!["EndOfTurn"], &json!("manual")));
    assert_eq!(flux.receive(&text(&json!({ "type": "ForceEndTurn" }))), [], "no turn is open");
    let thresholds = json!({ "type": "Configure", "thresholds": { "eot_threshold": 1.0, "eot_timeout_ms": 30_000 } });
    assert_eq!(events(&frames(&flux.receive(&text(&thresholds)), path)), ["ConfigureSuccess"]);
    frames(&flux.receive(&sound(200, true)), path);
    let said = frames(&flux.receive(&sound(5_000, false)), path);
    assert_eq!(events(&said), [""; 0], "1.0: never by itself");
}

#[test]
fn a_client_that_cannot_be_understood_is_sent_away() {
    for path in ["/v1/listen", "/v2/listen", "/v1/speak", "/v2/speak"] {
        let (mut actor, _) = enter(path, &[("model", "flux-m")], &[TOKEN], &Plan::default());
        for broken in [json!({ "type": "Nonsense" }), json!([]), json!({})] {
            let acts = actor.receive(&text(&broken));
            assert!(matches!(acts.as_slice(), [Act::Violation(_), _, Act::Close(1008, _)]), "{path} {acts:?}");
        }
    }
    let (mut flux, _) = enter("/v2/listen", &[("model", "m")], &[TOKEN], &Plan::default());
    let empty = flux.receive(&Message::Binary(Vec::new()));
    assert!(matches!(empty.as_slice(), [Act::Violation(_)]));
}

#[test]
fn on_workers_ai_turns_end_by_silence_alone() {
    let bearer = ("authorization", "Bearer f1ng3r");
    let path = "/client/v4/accounts/a/ai/run/@cf/deepgram/flux";
    let plan = Plan::default();
    let query = [LINEAR[0], LINEAR[1], ("eot_threshold", "1.0")];
    let never = request(path, &query, &[bearer]);
    assert_eq!(cast(&never, &plan).unwrap().admit(&never).unwrap_err().0, 400);
    let request = request(path, &[LINEAR[0], LINEAR[1], ("eot_timeout_ms", "500")], &[bearer]);
    let mut flux = cast(&request, &plan).unwrap();
    flux.admit(&request).unwrap();
    frames(&flux.receive(&sound(400, true)), "/v2/listen");
    let said = frames(&flux.receive(&sound(600, false)), "/v2/listen");
    assert_eq!(events(&said), ["EndOfTurn"]);
    let forced = flux.receive(&text(&json!({ "type": "ForceEndTurn" })));
    assert!(matches!(forced.as_slice(), [Act::Violation(_), ..]));
}

#[test]
fn nova_tells_words_and_finishes_when_asked() {
    let path = "/v1/listen";
    let query =
        [("model", "nova-3"), ("interim_results", "true"), ("endpointing", "300"), ("utterance_end_ms", "1000")];
    let (mut nova, _) = enter(path, &query, &[TOKEN], &Plan { words: "one two three".into(), ..Plan::default() });
    let said = frames(&nova.receive(&sound(600, true)), path);
    assert!(said.len() >= 2 && said.iter().all(|frame| frame["is_final"] == false), "{said:?}");
    let said = frames(&nova.receive(&sound(400, false)), path);
    let last = said.last().unwrap();
    assert_eq!((&last["speech_final"], &last["from_finalize"]), (&json!(true), &json!(false)));
    assert_eq!(last["channel"]["alternatives"][0]["transcript"], "one two three");
    let said = frames(&nova.receive(&text(&json!({ "type": "Finalize" }))), path);
    assert_eq!(
        (&said[0]["from_finalize"], &said[0]["channel"]["alternatives"][0]["transcript"]),
        (&json!(true), &json!(""))
    );
    assert_eq!(nova.receive(&text(&json!({ "type": "KeepAlive" }))), []);
    let said = frames(&nova.receive(&text(&json!({ "type": "CloseStream" }))), path);
    assert_eq!(events(&said), ["Results", "Metadata"]);
    assert!(matches!(nova.wake().as_slice(), [Act::Close(1011, reason)] if reason == "NET-0001"));
}

#[test]
fn aura_speaks_what_was_flushed_and_drops_what_was_cleared() {
    let path = "/v1/speak";
    let (mut aura, first) = enter(path, &[("model", "aura-2-thalia-en")], &[TOKEN], &Plan::default());
    assert_eq!(events(&first), ["Metadata"]);
    assert_eq!(aura.receive(&text(&json!({ "type": "Speak", "text": "Hello." }))), []);
    assert_eq!(aura.pause(), None, "not before it is flushed");
    assert_eq!(aura.receive(&text(&json!({ "type": "Flush" }))), []);
    let mut acts = Vec::new();
    while aura.pause().is_some() {
        acts.extend(aura.wake());
    }
    assert!(acts.iter().filter(|act| matches!(act, Act::Send(Message::Binary(_)))).count() >= 2);
    assert_eq!(events(&frames(&acts, path)), ["Flushed"]);
    aura.receive(&text(&json!({ "type": "Speak", "text": "A longer sentence." })));
    aura.receive(&text(&json!({ "type": "Flush" })));
    let acts = aura.receive(&text(&json!({ "type": "Clear" })));
    assert_eq!((acts.len(), events(&frames(&acts, path))), (3, vec!["Cleared"]), "some was on its way");
    assert_eq!(aura.pause(), None);
}

#[test]
fn flux_speaks_in_turns_and_stops_when_interrupted() {
    let path = "/v2/speak";
    let (mut flux, first) = enter(path, &[("model", "flux-alexis-en")], &[TOKEN], &Plan::default());
    assert_eq!(events(&first), ["Connected"]);
    let say = |words: &str| text(&json!({ "type": "Speak", "text": words }));
    let (flush, interrupt) = (text(&json!({ "type": "Flush" })), text(&json!({ "type": "Interrupt" })));
    for act in [say("Hello. "), say("You?"), flush.clone()] {
        assert_eq!(flux.receive(&act), []);
    }
    let mut acts = Vec::new();
    while flux.pause().is_some() {
        acts.extend(flux.wake());
    }
    assert!(acts.iter().filter(|act| matches!(act, Act::Send(Message::Binary(_)))).count() >= 2);
    assert_eq!(events(&frames(&acts, path)), ["SpeechStarted", "Flushed", "SpeechMetadata"]);
    assert_eq!(events(&frames(&flux.receive(&interrupt), path)), ["Warning"], "nothing is being said");
    flux.receive(&say("…"));
    assert_eq!(frames(&flux.receive(&flush), path)[0]["code"], "NO_SYNTHESIZABLE_TEXT");
    flux.receive(&say("A longer sentence."));
    let acts = flux.receive(&interrupt);
    assert_eq!((acts.len(), events(&frames(&acts, path))), (3, vec!["SpeechInterrupted"]), "some was on its way");
    assert_eq!(flux.pause(), None);
}

#[test]
fn the_agent_wants_settings_before_sound() {
    let path = "/v1/agent/converse";
    let (mut agent, first) = enter(path, &[], &[TOKEN], &Plan::default());
    assert_eq!(events(&first), ["Welcome"]);
    assert!(matches!(agent.receive(&sound(20, true)).as_slice(), [Act::Violation(_)]));
    let settings = json!({
        "type": "Settings",
        "audio": { "input": { "encoding": "linear16", "sample_rate": 24_000 } },
        "agent": { "listen": { "provider": { "type": "deepgram", "version": "v2", "model": "flux-general-en" } } },
    });
    assert_eq!(events(&frames(&agent.receive(&text(&settings)), path)), ["SettingsApplied"]);
    let said = frames(&agent.receive(&sound(400, true)), path);
    assert_eq!(events(&said), ["UserStartedSpeaking"]);
    agent.receive(&text(&json!({ "type": "ForceEndTurn" })));
    let mut acts = Vec::new();
    for _ in 0..1_000 {
        acts.extend(agent.wake());
        if matches!(acts.last(), Some(Act::Close(..))) {
            break;
        }
    }
    let said = frames(&acts, path);
    let first = ["ConversationText", "AgentThinking", "ConversationText", "AgentStartedSpeaking"];
    assert_eq!(events(&said)[..4], first);
    assert_eq!(said.last().unwrap()["type"], "AgentAudioDone");
    assert!(matches!(acts.last(), Some(Act::Close(1011, _))), "nothing was sent for 10 s");
}

#[test]
fn keys_and_parameters_are_looked_at() {
    let plan = Plan::default();
    let refused = |path: &str, query: &[(&str, &str)], headers: &[(&str, &str)]| {
        let request = request(path, query, headers);
        cast(&request, &plan).unwrap().admit(&request).map_err(|(status, _)| status)
    };
    let flux = [LINEAR[0], LINEAR[1], ("model", "flux-general-en")];
    assert_eq!(refused("/v2/listen", &flux, &[TOKEN]), Ok(()));
    assert_eq!(refused("/a/g/deepgram/v2/listen", &flux, &[TOKEN]), Ok(()));
    assert_eq!(refused("/v2/listen", &flux, &[]), Err(401));
    assert_eq!(refused("/v2/listen", &flux[..2], &[TOKEN]), Err(400));
    assert_eq!(refused("/v2/listen", &[flux[0], flux[1], flux[2], ("endpointing", "10")], &[TOKEN]), Err(400));
    assert_eq!(refused("/v2/listen", &[flux[0], flux[1], flux[2], ("eot_threshold", "0.2")], &[TOKEN]), Err(400));
    for (model, speed, expected) in [
        ("flux-alexis-en", "0.85", Ok(())),
        ("aura-2-thalia-en", "1", Err(400)),
        ("flux-alexis-en", "2", Err(400)),
        ("flux-alexis-en", "1.01", Err(400)),
    ] {
        let query = [LINEAR[0], LINEAR[1], ("model", model), ("speed", speed)];
        assert_eq!(refused("/v2/speak", &query, &[TOKEN]), expected, "{model} {speed}");
    }
    let workers = [LINEAR[0], LINEAR[1], ("model", "@cf/deepgram/nova-3")];
    assert_eq!(refused("/a/g/workers-ai", &workers, &[("cf-aig-authorization", "Bearer f")]), Ok(()));
    assert_eq!(refused("/a/g/workers-ai", &workers, &[TOKEN]), Err(401));
    let aura = "/accounts/a/ai/run/@cf/deepgram/aura-2-en";
    assert_eq!(refused(aura, &LINEAR, &[("authorization", "Bearer f")]), Err(400), "no speaker");
    for (path, query) in [("/v3/listen", &flux[..]), ("/a/g/workers-ai", &[("model", "@cf/other")][..])] {
        assert!(cast(&request(path, query, &[TOKEN]), &plan).is_none());
    }
    for (fault, status) in [("wrong-key", 401), ("no-credit", 402), ("not-allowed", 403), ("too-many", 429)] {
        let plan = Plan { fault: Some(fault.into()), ..Plan::default() };
        let request = request("/v2/listen", &flux, &[TOKEN]);
        assert_eq!(cast(&request, &plan).unwrap().admit(&request).unwrap_err().0, status);
    }
}
