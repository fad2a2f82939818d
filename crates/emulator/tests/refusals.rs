//! What the server refuses, with which words, and that nothing of it is applied.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use common::{Got, LIMIT, append, connect, models, open, push_to_talk, silence, speech, start};
use emulator::{Answer, End, Keys, Script, Verdict};
use futures_util::SinkExt as _;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

#[tokio::test]
async fn events_that_break_the_schema_are_refused_by_parameter() {
    let emulator = start(Script::default()).await;
    let mut client = push_to_talk(&emulator).await;
    let update = |session: Value| json!({"type": "session.update", "event_id": "evt_7", "session": session});
    let input = |input: Value| json!({"type": "realtime", "audio": {"input": input}});
    let item = |item: Value| json!({"type": "conversation.item.create", "event_id": "evt_7", "item": item});
    let long = "x".repeat(33);
    let cases = [
        (update(json!({"type": "realtime", "bogus_field": 1})), "unknown_parameter", "session.bogus_field"),
        (update(json!({"type": "realtime", "modalities": ["text"]})), "unknown_parameter", "session.modalities"),
        (update(json!({"type": "realtime", "voice": "alloy"})), "unknown_parameter", "session.voice"),
        (update(json!({"instructions": "x"})), "missing_required_parameter", "session.type"),
        (
            update(input(json!({"format": {"type": "audio/pcm"}}))),
            "missing_required_parameter",
            "session.audio.input.format.rate",
        ),
        (
            update(input(json!({"format": {"type": "audio/pcm", "rate": 16000}}))),
            "integer_below_min_value",
            "session.audio.input.format.rate",
        ),
        (
            update(input(json!({"turn_detection": {"type": "server_vad", "threshold": 7}}))),
            "integer_above_max_value",
            "session.audio.input.turn_detection.threshold",
        ),
        (
            update(input(json!({"turn_detection": {"type": "server_vad", "eagerness": "low"}}))),
            "unknown_parameter",
            "session.audio.input.turn_detection.eagerness",
        ),
        (
            update(json!({"type": "realtime", "output_modalities": ["text", "audio"]})),
            "invalid_value",
            "session.output_modalities",
        ),
        (update(json!({"type": "realtime", "instructions": 5})), "invalid_type", "session.instructions"),
        (
            item(
                json!({"id": long, "type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]}),
            ),
            "string_above_max_length",
            "item.id",
        ),
        (
            item(
                json!({"type": "message", "role": "assistant", "content": [{"type": "output_audio", "audio": "AAAA"}]}),
            ),
            "invalid_value",
            "item.content.0.type",
        ),
        (json!({"type": "conversation.item.delete", "event_id": "evt_7"}), "missing_required_parameter", "item_id"),
        (json!({"type": "input_audio_buffer.append", "event_id": "evt_7"}), "missing_required_parameter", "audio"),
        (json!({"type": "input_audio_buffer.append", "event_id": "evt_7", "audio": "AAA="}), "", "audio"),
        (json!({"type": "input_audio_buffer.append", "event_id": "evt_7", "audio": "A-_A"}), "invalid_value", "audio"),
        (json!({"type": "input_audio_buffer.append", "event_id": "evt_7", "audio": "AAAA"}), "invalid_value", "audio"),
        (
            json!({"type": "input_audio_buffer.append", "event_id": "evt_7", "audio": "AAA=", "rate": 1}),
            "unknown_parameter",
            "rate",
        ),
        (json!({"type": "output_audio_buffer.clear", "event_id": "evt_7"}), "invalid_value", "type"),
        (json!({"type": "session.dance", "event_id": "evt_7"}), "invalid_value", "type"),
        (json!({"event_id": "evt_7"}), "missing_required_parameter", "type"),
    ];
    let bad = cases.iter().filter(|(_, code, _)| !code.is_empty()).count();
    for (event, code, param) in cases {
        if code.is_empty() {
            // Two bytes are a sample: fine.
            client.send(event).await;
            continue;
        }
        let error = client.refused(event.clone()).await;
        assert_eq!((&error["code"], &error["param"]), (&json!(code), &json!(param)), "{event} {error}");
        assert_eq!((&error["event_id"], &error["type"]), (&json!("evt_7"), &json!("invalid_request_error")));
    }
    let record = emulator.record();
    assert_eq!((record.violations.len(), record.refusals.len()), (bad, 0), "{:?}", record.violations);
}

#[tokio::test]
async fn nothing_of_a_refused_update_is_applied() {
    let emulator = start(Script::default()).await;
    let mut client = push_to_talk(&emulator).await;
    client
        .refused(json!({"type": "session.update", "session": {"type": "realtime", "instructions": "new", "bogus": 1}}))
        .await;
    client
        .send(json!({"type": "session.update", "session": {"type": "realtime", "audio": {"output": {"speed": 1.2}}}}))
        .await;
    let updated = client.until("session.updated").await.pop().unwrap();
    let session = &updated["session"];
    assert_ne!(session["instructions"], "new");
    assert_eq!(session["audio"]["output"]["speed"], 1.2);
    assert_eq!(session["audio"]["input"]["turn_detection"], Value::Null, "earlier updates stay");
    assert_eq!(session["audio"]["input"]["transcription"]["model"], "gpt-4o-mini-transcribe");
}

#[tokio::test]
async fn an_update_of_turn_detection_takes_the_rest_from_the_defaults() {
    let emulator = start(Script::default()).await;
    let mut client = connect(&emulator).await;
    client.until("session.created").await;
    client.configure(json!({"type": "server_vad", "silence_duration_ms": 700, "create_response": false})).await;
    let turns = json!({"type": "server_vad", "threshold": 0.8});
    client.send(json!({"type": "session.update", "session": {"type": "realtime", "audio": {"input": {"turn_detection": turns}}}})).await;
    let updated = client.until("session.updated").await.pop().unwrap();
    let turns = &updated["session"]["audio"]["input"]["turn_detection"];
    assert_eq!((&turns["silence_duration_ms"], &turns["create_response"]), (&json!(200), &json!(true)));
    assert_eq!(turns["threshold"], 0.8);
}

#[tokio::test]
async fn the_voice_is_fixed_by_the_first_assistant_audio() {
    let emulator = start(Script::default()).await;
    let mut client = push_to_talk(&emulator).await;
    let voice = |name| json!({"type": "session.update", "session": {"type": "realtime", "tools": [], "audio": {"output": {"voice": name}}}});
    client.send(voice("marin")).await;
    assert_eq!(client.until("session.updated").await[0]["session"]["audio"]["output"]["voice"], "marin");
    client.spoken_turn().await;
    assert_eq!(client.refused(voice("cedar")).await["code"], "cannot_update_voice");
    let transcription = json!({"type": "session.update", "session": {"type": "transcription"}});
    assert_eq!(client.refused(transcription).await["code"], Value::Null);
    let model = json!({"type": "session.update", "session": {"type": "realtime", "model": "gpt-realtime"}});
    assert_eq!(client.refused(model).await["param"], "session.model");
}

#[tokio::test]
async fn commits_below_100_ms_are_refused() {
    let emulator = start(Script::default()).await;
    let mut client = push_to_talk(&emulator).await;
    let commit = json!({"type": "input_audio_buffer.commit", "event_id": "evt_1"});
    let error = client.refused(commit.clone()).await;
    assert_eq!((&error["code"], &error["event_id"]), (&json!("input_audio_buffer_commit_empty"), &json!("evt_1")));
    client.append(&silence(99)).await;
    assert!(client.refused(commit.clone()).await["message"].as_str().unwrap().contains("has 99.00ms"));
    client.append(&silence(1)).await;
    client.send(commit.clone()).await;
    client.until("input_audio_buffer.committed").await;
    client.append(&silence(200)).await;
    client.send(json!({"type": "input_audio_buffer.clear"})).await;
    client.until("input_audio_buffer.cleared").await;
    assert_eq!(client.refused(commit).await["code"], "input_audio_buffer_commit_empty");
    assert_eq!(emulator.record().refusals.len(), 3);
}

#[tokio::test]
async fn one_response_runs_at_a_time() {
    let emulator = start(Script::default().answer(Answer::Hold)).await;
    let mut client = push_to_talk(&emulator).await;
    let cancel = json!({"type": "response.cancel"});
    assert_eq!(client.refused(cancel.clone()).await["code"], "response_cancel_not_active");
    client.send(json!({"type": "response.create"})).await;
    let created = client.until("response.created").await.pop().unwrap();
    let error = client.refused(json!({"type": "response.create"})).await;
    assert_eq!(error["code"], "conversation_already_has_active_response");
    assert!(error["message"].as_str().unwrap().contains(created["response"]["id"].as_str().unwrap()));
    let other = json!({"type": "response.cancel", "response_id": "resp_other"});
    assert_eq!(client.refused(other).await["code"], "response_cancel_not_active");
    client.send(cancel).await;
    assert_eq!(client.until("response.done").await.pop().unwrap()["response"]["status"], "cancelled");
}

#[tokio::test]
async fn items_that_do_not_exist_or_cannot_be_cut_are_refused() {
    let emulator = start(Script::default()).await;
    let mut client = push_to_talk(&emulator).await;
    let truncate = |id: &str, end: u64| json!({"type": "conversation.item.truncate", "item_id": id, "content_index": 0, "audio_end_ms": end});
    assert_eq!(client.refused(truncate("item_none", 5)).await["code"], "item_truncate_invalid_item_id");
    let delete = json!({"type": "conversation.item.delete", "item_id": "item_none"});
    assert_eq!(client.refused(delete).await["code"], "item_delete_invalid_item_id");
    let retrieve = json!({"type": "conversation.item.retrieve", "item_id": "item_none"});
    assert_eq!(client.refused(retrieve).await["code"], "item_retrieve_invalid_item_id");
    let events = client.spoken_turn().await;
    let user = events[0]["item_id"].as_str().unwrap();
    assert_eq!(client.refused(truncate(user, 100)).await["code"], "unsupported_content_type");
    let answer = common::of(&events, "response.output_item.done")[0]["item"]["id"].as_str().unwrap().to_owned();
    assert_eq!(client.refused(truncate(&answer, 0)).await["code"], "unsupported_content_type");
    assert_eq!(client.refused(truncate(&answer, 60_000)).await["code"], "invalid_value");
    let again =
        json!({"id": answer, "type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]});
    assert_eq!(client.refused(json!({"type": "conversation.item.create", "item": again})).await["param"], "item.id");
    let after = json!({"type": "conversation.item.create", "previous_item_id": "item_none",
        "item": {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]}});
    assert_eq!(client.refused(after).await["param"], "previous_item_id");
    assert!(emulator.record().violations.is_empty());
}

#[tokio::test]
async fn frames_that_are_no_events_are_refused_and_recorded() {
    let emulator = start(Script::default()).await;
    let mut client = push_to_talk(&emulator).await;
    client.socket.send(Message::binary(vec![1, 2, 3])).await.unwrap();
    assert_eq!(client.until("error").await.pop().unwrap()["error"]["code"], "invalid_event");
    client.socket.send(Message::text("{not json")).await.unwrap();
    assert_eq!(client.until("error").await.pop().unwrap()["error"]["code"], "invalid_json");
    let record = emulator.record();
    assert_eq!((record.binary_frames, record.violations.len()), (1, 2));
}

#[tokio::test]
async fn audio_before_the_session_is_configured_is_counted() {
    let emulator = start(Script::default()).await;
    let mut client = connect(&emulator).await;
    client.send(append(&speech(20))).await;
    let record = emulator.wait_for(|seen| seen.early_appends == 1, LIMIT).await.unwrap();
    assert_eq!(record.events[0].audio_bytes, 960);
    assert_eq!(record.events[0].json["audio"], "<960 bytes>");
}

#[tokio::test]
async fn keys_are_judged_after_the_upgrade_and_by_the_list_of_models() {
    let known = [
        ("sk-wrong", Verdict::Wrong),
        ("sk-poor", Verdict::NoCredit),
        ("sk-mute", Verdict::NoVoice),
        ("sk-good", Verdict::Good),
    ];
    let known = known.map(|(key, verdict)| (key.to_owned(), verdict)).to_vec();
    let keys = Keys { required: true, known, only_known: true };
    let emulator = start(Script { keys, ..Script::openai() }).await;
    let url = format!("{}/realtime?model=gpt-realtime-2.1", emulator.base_url());
    for (key, code, close, reason) in [
        ("sk-wrong", json!("invalid_api_key"), 3000, "invalid_request_error.invalid_api_key"),
        ("sk-other", json!("invalid_api_key"), 3000, "invalid_request_error.invalid_api_key"),
        ("sk-poor", json!("insufficient_quota"), 1013, "insufficient_quota.insufficient_quota"),
        ("sk-mute", json!("insufficient_permissions"), 3000, "invalid_request_error.insufficient_permissions"),
    ] {
        let mut client = open(&url, &[("authorization", &format!("Bearer {key}"))]).await.unwrap();
        let error = client.event().await;
        assert_eq!(error["error"]["code"], code);
        assert!(!error.to_string().contains(key));
        assert!(matches!(client.next().await, Got::Closed(code, why) if code == close && why == reason), "{key}");
    }
    let mut client = open(&url, &[]).await.unwrap();
    assert!(client.event().await["error"]["message"].as_str().unwrap().starts_with("Missing bearer"));
    assert!(matches!(client.next().await, Got::Closed(3000, why) if why == "invalid_request_error"));
    let record = emulator.wait_for(|seen| seen.connections.iter().all(|one| one.end.is_some()), LIMIT).await.unwrap();
    assert_eq!(record.connections.last().unwrap().end, Some(End::ByServer(3000)));

    for (key, status) in [("sk-good", 200), ("sk-wrong", 401), ("sk-poor", 429), ("sk-mute", 200)] {
        let (got, body) = models(&emulator, "/v1/models", &[("authorization", &format!("Bearer {key}"))]).await;
        assert_eq!(got, status, "{key}");
        let has_voice = body.to_string().contains("gpt-realtime-2.1");
        assert_eq!(has_voice, key == "sk-good");
    }
    assert_eq!(models(&emulator, "/v1/models", &[]).await.0, 401);
}

#[tokio::test]
async fn models_and_old_shapes_are_judged_after_the_upgrade() {
    let emulator = start(Script::openai()).await;
    let key = ("authorization", "Bearer sk-good");
    for (query, headers, code, close) in [
        ("", vec![key], "missing_model", 4000),
        ("?model=made-up", vec![key], "invalid_model", 4000),
        ("?model=gpt-realtime-2.1", vec![key, ("openai-beta", "realtime=v1")], "beta_api_shape_disabled", 4000),
    ] {
        let mut client = open(&format!("{}/realtime{query}", emulator.base_url()), &headers).await.unwrap();
        assert_eq!(client.event().await["error"]["code"], code);
        assert!(matches!(client.next().await, Got::Closed(got, _) if got == close));
    }
    let both = [key, ("sec-websocket-protocol", "realtime, openai-insecure-api-key.sk-good")];
    let mut client = open(&format!("{}/realtime?model=gpt-realtime-2.1", emulator.base_url()), &both).await.unwrap();
    assert!(client.event().await["error"]["message"].as_str().unwrap().contains("only send one"));
}
