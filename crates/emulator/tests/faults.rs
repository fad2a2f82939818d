//! Each fault does what its name says, as often as it should, and the server works afterwards.
#![allow(clippy::unwrap_used, clippy::wildcard_enum_match_arm, reason = "tests")]

mod common;

use std::time::Duration;

use common::{Client, Got, LIMIT, audio, connect, joined, of, open, push_to_talk, silence, speech, start};
use emulator::{Answer, Command, Emulator, End, Fault, FaultKind, Script};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Error;

/// Goes through a whole spoken and a whole typed turn, whatever happens; tells what came until the end, or until both were done.
async fn live(emulator: &Emulator) -> Vec<Got> {
    let mut client = connect(emulator).await;
    let session = json!({"type": "realtime", "audio": {"input": {"turn_detection": null}}});
    client.try_send(json!({"type": "session.update", "session": session})).await;
    client.append(&speech(400)).await;
    client.try_send(json!({"type": "input_audio_buffer.commit"})).await;
    client.try_send(json!({"type": "response.create"})).await;
    let mut all = Vec::new();
    let mut done = 0;
    while done < 2 {
        let got = client.next().await;
        let is_done = matches!(&got, Got::Event(event) if event["type"] == "rate_limits.updated");
        let is_end = matches!(got, Got::Closed(..) | Got::Lost);
        all.push(got);
        if is_end {
            break;
        }
        if is_done {
            done += 1;
            client.say("and in writing").await;
            client.try_send(json!({"type": "response.create", "response": {"output_modalities": ["text"]}})).await;
        }
    }
    all
}

fn last_kind(all: &[Got]) -> String {
    let events = all.iter().filter_map(|got| match got {
        Got::Event(event) => event["type"].as_str(),
        _ => None,
    });
    events.collect::<Vec<_>>().pop().unwrap_or_default().to_owned()
}

fn is_lost(all: &[Got]) -> bool {
    matches!(all.last(), Some(Got::Lost))
}

#[tokio::test]
async fn every_cut_strikes_at_its_step_and_only_once() {
    for (kind, last) in [
        (FaultKind::CutBeforeCreated, ""),
        (FaultKind::CutAfterCreated, "session.created"),
        (FaultKind::CutAfterUpdate, "session.created"),
        (FaultKind::CutAfterUpdated, "session.updated"),
        (FaultKind::CutMidAppend, "session.updated"),
        (FaultKind::CutAfterCommit, "session.updated"),
        (FaultKind::CutAfterCommitted, "input_audio_buffer.committed"),
        (FaultKind::CutAfterCreate, "conversation.item.done"),
        (FaultKind::CutAfterResponseCreated, "response.created"),
        (FaultKind::CutMidAudio, "response.output_audio.delta"),
        (FaultKind::CutBeforeDone, "response.output_item.done"),
        (FaultKind::CutAfterDone, "response.done"),
        (FaultKind::CutAfterItem, "rate_limits.updated"),
    ] {
        let emulator = start(Script::default().fault(kind)).await;
        let all = live(&emulator).await;
        assert!(is_lost(&all), "{kind:?} {:?}", all.last());
        assert_eq!(last_kind(&all), last, "{kind:?}");
        let record = emulator.wait_for(|seen| seen.live() == 0, LIMIT).await.unwrap();
        assert_eq!(record.connections[0].end, Some(End::Cut), "{kind:?}");
        let again = live(&emulator).await;
        assert_eq!(last_kind(&again), "rate_limits.updated", "{kind:?} struck twice");
    }
}

#[tokio::test]
async fn a_fault_strikes_as_often_as_asked() {
    let emulator = start(Script::default().fault(Fault::parse("cut-after-created:2").unwrap())).await;
    assert!(is_lost(&live(&emulator).await));
    assert!(is_lost(&live(&emulator).await));
    assert!(!is_lost(&live(&emulator).await));
}

#[tokio::test]
async fn refusals_are_told_and_closed_with_the_documented_code() {
    for (kind, code, close) in [
        (FaultKind::InvalidApiKey, json!("invalid_api_key"), 3000),
        (FaultKind::MissingBearer, Value::Null, 3000),
        (FaultKind::InsufficientPermissions, json!("insufficient_permissions"), 3000),
        (FaultKind::MissingModel, json!("missing_model"), 4000),
        (FaultKind::InvalidModel, json!("invalid_model"), 4000),
        (FaultKind::ModelNotFound, json!("model_not_found"), 4004),
        (FaultKind::BetaApiShapeDisabled, json!("beta_api_shape_disabled"), 4000),
        (FaultKind::InsufficientQuota, json!("insufficient_quota"), 1013),
    ] {
        let emulator = start(Script::default().fault(kind)).await;
        for _ in 0..2 {
            let mut client = connect(&emulator).await;
            assert_eq!(client.event().await["error"]["code"], code, "{kind:?}");
            assert!(matches!(client.next().await, Got::Closed(got, _) if got == close), "{kind:?}");
        }
    }
    let emulator = start(Script::default().fault(FaultKind::Close1013)).await;
    assert!(matches!(connect(&emulator).await.next().await, Got::Closed(1013, _)));
    assert_eq!(connect(&emulator).await.event().await["type"], "session.created");
}

#[tokio::test]
async fn some_refusals_come_before_the_upgrade() {
    for (kind, status) in [(FaultKind::UnsupportedCountry, 403), (FaultKind::BadGateway, 502)] {
        let emulator = start(Script::default().fault(kind)).await;
        let url = format!("{}/realtime?model=m", emulator.base_url());
        let Err(Error::Http(response)) = open(&url, &[]).await.map(drop) else { panic!("{kind:?} did not refuse") };
        assert_eq!(response.status(), status);
        assert_eq!(emulator.record().connections[0].status, status);
    }
}

#[tokio::test]
async fn responses_fail_and_break_off_as_scripted() {
    for (kind, status, detail, value) in [
        (FaultKind::ResponseRateLimited, "failed", "/error/code", json!("rate_limit_exceeded")),
        (FaultKind::ResponseQuota, "failed", "/error/code", json!("insufficient_quota")),
        (FaultKind::ResponseServerError, "failed", "/error/type", json!("server_error")),
        (FaultKind::ContentFilter, "incomplete", "/reason", json!("content_filter")),
        (FaultKind::MaxOutputTokens, "incomplete", "/reason", json!("max_output_tokens")),
    ] {
        let emulator = start(Script::default().fault(kind)).await;
        let mut client = push_to_talk(&emulator).await;
        let events = client.spoken_turn().await;
        let done = &of(&events, "response.done")[0]["response"];
        assert_eq!(done["status"], status, "{kind:?}");
        assert_eq!(done["status_details"].pointer(detail), Some(&value), "{kind:?}");
        assert_eq!(status == "failed", audio(&events).is_empty(), "{kind:?}");
        let events = client.spoken_turn().await;
        assert_eq!(of(&events, "response.done")[0]["response"]["status"], "completed", "{kind:?}");
    }
}

#[tokio::test]
async fn trouble_of_the_server_ends_the_session() {
    let emulator = start(Script::default().fault(FaultKind::ServerError)).await;
    let all = live(&emulator).await;
    assert_eq!(last_kind(&all), "error");
    assert!(matches!(all.last(), Some(Got::Closed(1011, _))), "{:?}", all.last());

    let emulator = start(Script::default().fault(FaultKind::SessionExpired)).await;
    let all = live(&emulator).await;
    assert!(matches!(all.last(), Some(Got::Closed(1001, why)) if why.contains("60 minutes")), "{:?}", all.last());
    let Some(Got::Event(error)) = all.iter().rev().nth(1) else { panic!("no error") };
    assert_eq!(error["error"]["code"], "session_expired");

    let emulator = start(Script { session_seconds: 1, ..Script::default() }).await;
    let mut client = connect(&emulator).await;
    client.until("error").await;
    assert!(matches!(client.next().await, Got::Closed(1001, _)));
}

#[tokio::test]
async fn transcription_can_fail_or_be_empty() {
    let emulator = start(Script::default().fault(FaultKind::TranscriptionFailed)).await;
    let events = push_to_talk(&emulator).await.spoken_turn().await;
    let failed = of(&events, "conversation.item.input_audio_transcription.failed")[0];
    assert_eq!(failed["error"]["code"], "audio_unintelligible");
    assert!(!audio(&events).is_empty());
    let emulator = start(Script::default().fault(FaultKind::EmptyTranscript)).await;
    let events = push_to_talk(&emulator).await.spoken_turn().await;
    assert_eq!(of(&events, "conversation.item.input_audio_transcription.completed")[0]["transcript"], "");
}

#[tokio::test]
async fn garbage_comes_between_good_events() {
    for (kind, is_there) in [
        (FaultKind::MalformedJson, (|got| matches!(got, Got::Odd(text) if text == "not json")) as fn(&Got) -> bool),
        (FaultKind::WrongTypes, |got| matches!(got, Got::Odd(text) if text == "null")),
        (FaultKind::UnknownEvents, |got| matches!(got, Got::Odd(text) if text.contains("session.mood.changed"))),
        (FaultKind::BinaryFrames, |got| matches!(got, Got::Binary(_))),
        (FaultKind::HugeFrame, |got| matches!(got, Got::Odd(text) if text.len() > 5 << 20)),
        (FaultKind::Garbage, |got| matches!(got, Got::Binary(_))),
    ] {
        let emulator = start(Script::default().fault(kind)).await;
        let all = live(&emulator).await;
        assert!(all.iter().any(is_there), "{kind:?}");
        assert_eq!(last_kind(&all), "rate_limits.updated", "{kind:?}");
    }
    let emulator = start(Script::default().fault(FaultKind::OversizedFrame)).await;
    assert!(is_lost(&live(&emulator).await), "the client's own limit should strike");
}

#[tokio::test]
async fn events_of_a_response_come_twice() {
    let emulator = start(Script::default().fault(FaultKind::DuplicatedEvents)).await;
    let mut client = push_to_talk(&emulator).await;
    let events = client.spoken_turn().await;
    let done = of(&events, "response.done");
    assert_eq!(done.len(), 2);
    assert_eq!(done[0]["event_id"], done[1]["event_id"]);
}

#[tokio::test]
async fn audio_of_a_cancelled_response_comes_late() {
    let emulator = start(Script::default().answer(Answer::Hold).fault(FaultKind::LateDeltas)).await;
    let mut client = push_to_talk(&emulator).await;
    client.send(json!({"type": "response.create"})).await;
    client.until("response.created").await;
    emulator.inject(Command::Audio(speech(100)));
    let first = client.until("response.output_audio.delta").await.pop().unwrap();
    client.send(json!({"type": "response.cancel"})).await;
    client.until("response.done").await;
    let late = client.until("response.output_audio.delta").await.pop().unwrap();
    assert_eq!((&late["item_id"], &late["response_id"]), (&first["item_id"], &first["response_id"]));
}

#[tokio::test]
async fn a_stall_holds_everything_back_until_resumed() {
    let emulator = start(Script::default().fault(FaultKind::Stall)).await;
    let mut client = push_to_talk(&emulator).await;
    client.append(&speech(3000)).await;
    client.send(json!({"type": "input_audio_buffer.commit"})).await;
    client.send(json!({"type": "response.create"})).await;
    let mut events = client.until("response.output_audio.delta").await;
    events.extend(client.until("response.output_audio.delta").await);
    // The server still reads: this is taken and recorded, and answered after the stall.
    client.send(json!({"type": "input_audio_buffer.clear"})).await;
    let record = emulator.wait_for(|seen| seen.count("input_audio_buffer.clear") == 1, LIMIT).await.unwrap();
    assert_eq!(record.sent_count("response.output_audio.delta"), 2);
    emulator.inject(Command::Resume);
    events.extend(client.until("response.done").await);
    assert!(audio(&events).len() > 3000 * 48);
}

#[tokio::test]
async fn silence_of_the_server_leaves_the_socket_open() {
    let emulator = start(Script::default().fault(FaultKind::Silent)).await;
    let mut client = push_to_talk(&emulator).await;
    client.append(&speech(300)).await;
    client.send(json!({"type": "input_audio_buffer.commit"})).await;
    client.send(json!({"type": "response.create"})).await;
    client.send(json!({"type": "input_audio_buffer.clear"})).await;
    assert_eq!(client.event().await["type"], "input_audio_buffer.cleared");

    let emulator = start(Script::default().fault(FaultKind::NoSessionUpdated)).await;
    let mut client = connect(&emulator).await;
    client.until("session.created").await;
    client.send(json!({"type": "session.update", "session": {"type": "realtime"}})).await;
    client.send(json!({"type": "input_audio_buffer.clear"})).await;
    assert_eq!(client.event().await["type"], "input_audio_buffer.cleared");

    let emulator = start(Script::default().fault(FaultKind::NoSessionCreated)).await;
    let mut client = connect(&emulator).await;
    client.send(json!({"type": "input_audio_buffer.clear"})).await;
    assert_eq!(client.event().await["type"], "input_audio_buffer.cleared");
}

#[tokio::test]
async fn a_slow_and_uneven_link_still_carries_everything() {
    let script = Script { delay: Duration::from_millis(120), seed: 3, ..Script::default() };
    let emulator = start(script.fault(FaultKind::Delay).fault(FaultKind::Jitter)).await;
    let mut client = push_to_talk(&emulator).await;
    let events = client.spoken_turn().await;
    assert!(joined(&events, "response.output_audio_transcript.delta").ends_with("to my first sound."));
    assert!(
        of(&events, "response.output_audio.delta").iter().all(|delta| delta["delta"].as_str().unwrap().len() <= 2560)
    );
    assert!(audio(&events).len() > 1_100 * 48);
}

#[tokio::test]
async fn a_dropped_emulator_takes_its_connections_along() {
    let emulator = start(Script::default()).await;
    let addr = emulator.addr();
    let mut client: Client = push_to_talk(&emulator).await;
    drop(emulator);
    assert!(matches!(client.next().await, Got::Lost));
    tokio::time::timeout(LIMIT, async { while tokio::net::TcpStream::connect(addr).await.is_ok() {} }).await.unwrap();
}

#[tokio::test]
async fn the_record_of_the_practice_partner_stays_small() {
    let emulator = start(Script::practice()).await;
    let mut client = push_to_talk(&emulator).await;
    client.append(&silence(10_000)).await;
    let record = emulator.wait_for(|seen| seen.audio_bytes == 10_000 * 48, LIMIT).await.unwrap();
    assert!(record.events.len() <= 200 && record.dropped >= 51, "{}", record.dropped);
}

#[tokio::test]
async fn a_client_that_closes_is_answered() {
    let emulator = start(Script::default()).await;
    let mut client = push_to_talk(&emulator).await;
    client.socket.close(None).await.unwrap();
    assert!(client.rest().await.len() <= 2);
    let record = emulator.wait_for(|seen| seen.live() == 0, LIMIT).await.unwrap();
    assert_eq!(record.connections[0].end, Some(End::ByClient(None)));
    let client = push_to_talk(&emulator).await;
    drop(client);
    let record = emulator.wait_for(|seen| seen.live() == 0 && seen.connections.len() == 2, LIMIT).await.unwrap();
    assert_eq!(record.connections[1].end, Some(End::Lost));
}
