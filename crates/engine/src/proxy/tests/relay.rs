//! Sessions of voice for other programs: what they cost, and when they end.

use emulator::{Answer as Said, Script as Voice};
use futures_util::SinkExt as _;

use super::*;
use crate::net::{Refusal, Socket};

/// Settings with a voice that is charged for.
fn charged(budget: f64) -> Value {
    json!({ "call": { "route": "gateway" }, "budget": { "day": budget } })
}

async fn dial(rig: &Rig) -> Result<Socket, Refusal> {
    let url: url::Url = format!("{}/v1/realtime?model=gpt-realtime-2.1", rig.url).parse().unwrap();
    let token = secret_header(&format!("Bearer {}", rig.token)).unwrap();
    let headers = HeaderMap::from_iter([(AUTHORIZATION, token)]);
    rig.net.connect(&Dial { url, headers, subprotocols: Vec::new() }, LIMIT).await
}

async fn next(socket: &mut Socket) -> Message {
    tokio::time::timeout(LIMIT, socket.next()).await.unwrap().unwrap().unwrap()
}

/// Reads on until an event of this type; gives it.
async fn until(socket: &mut Socket, kind: &str) -> Value {
    loop {
        let Message::Text(text) = next(socket).await else { continue };
        let event: Value = serde_json::from_str(&text).unwrap();
        if event["type"] == kind {
            return event;
        }
    }
}

async fn ask(socket: &mut Socket) {
    let content = json!([{ "type": "input_text", "text": "Good morning." }]);
    let item = json!({ "type": "message", "role": "user", "content": content });
    let create = json!({ "type": "response.create", "response": { "output_modalities": ["text"] } });
    for event in [json!({ "type": "conversation.item.create", "item": item }), create] {
        socket.send(Message::text(event.to_string())).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_dialled_on_a_spent_budget() {
    let rig = Rig::with(Script::default(), &charged(0.0001)).await;
    let row = store::Row { at_ms: crate::call::unix_ms(), cost_nano: Some(100_000), ..store::Row::default() };
    rig.shelf.store().await.unwrap().record(row).unwrap();
    let refused = dial(&rig).await.unwrap_err();
    let Refusal::Http { status, detail, .. } = refused else { panic!("{refused}") };
    assert_eq!((status, detail.contains("budget")), (402, true), "{detail}");
    assert!(rig.voice.record().connections.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn each_response_has_a_row_and_the_one_that_spends_the_budget_is_the_last() {
    let voice = Voice::default().answer(Said::Say("Good morning to you.".into()));
    let rig = Rig::speaking(Script::default(), voice, &charged(0.000_001)).await;
    let mut socket = dial(&rig).await.unwrap();
    ask(&mut socket).await;
    let done = until(&mut socket, "response.done").await;
    let usage = rows(&rig, 1).await;
    let told = &done["response"]["usage"];
    assert_eq!(Some(usage.tokens.input), told["input_tokens"].as_u64(), "{done}");
    assert_eq!(Some(usage.tokens.output), told["output_tokens"].as_u64(), "{done}");
    assert_eq!((usage.requests, usage.unpriced), (1, 0));
    let error = until(&mut socket, "error").await;
    assert_eq!(error["error"]["type"], "budget_exceeded", "{error}");
    let Message::Close(Some(end)) = next(&mut socket).await else { panic!("no reason") };
    assert_eq!((u16::from(end.code), end.reason.contains("budget")), (1008, true), "{end}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_the_client_leaves_is_stopped_and_paid_for() {
    let voice = Voice::default().answer(Said::Hold);
    let rig = Rig::speaking(Script::default(), voice, &charged(0.0)).await;
    let mut socket = dial(&rig).await.unwrap();
    ask(&mut socket).await;
    until(&mut socket, "response.created").await;
    drop(socket);
    let usage = rows(&rig, 1).await;
    assert!(usage.tokens.input > 0, "{usage:?}");
    assert_eq!(rig.voice.record().count("response.cancel"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_of_one_s_own_costs_nothing_and_no_budget_stops_it() {
    let rig = Rig::with(Script::default(), &json!({ "budget": { "day": 0.000_001 } })).await;
    let row = store::Row { at_ms: crate::call::unix_ms(), cost_nano: Some(100_000), ..store::Row::default() };
    rig.shelf.store().await.unwrap().record(row).unwrap();
    let mut socket = dial(&rig).await.unwrap();
    for _ in 0..2 {
        ask(&mut socket).await;
        until(&mut socket, "response.done").await;
    }
    assert_eq!(rows(&rig, 3).await.cost_nano, 100_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_taken_down_is_paid_for_without_any_response() {
    let rig = Rig::with(Script::default(), &charged(0.000_001)).await;
    let mut socket = dial(&rig).await.unwrap();
    let input = json!({ "transcription": { "model": "whisper-1" }, "turn_detection": null });
    let update = json!({ "type": "session.update", "session": { "type": "realtime", "audio": { "input": input } } });
    let sound = json!({ "type": "input_audio_buffer.append", "audio": "A".repeat(128_000) });
    for event in [update, sound, json!({ "type": "input_audio_buffer.commit" })] {
        socket.send(Message::text(event.to_string())).await.unwrap();
    }
    let error = until(&mut socket, "error").await;
    assert_eq!(error["error"]["type"], "budget_exceeded", "{error}");
    let usage = rows(&rig, 1).await;
    // 2 s at $0.006 a minute.
    assert_eq!((usage.requests, usage.cost_nano, usage.estimated), (1, 200_000, 1));
}
