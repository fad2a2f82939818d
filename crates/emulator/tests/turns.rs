//! The orders of events in whole turns.
#![allow(clippy::unwrap_used, clippy::wildcard_enum_match_arm, reason = "tests")]

mod common;

use std::time::Duration;

use common::{LIMIT, audio, connect, joined, kinds, of, push_to_talk, silence, speech, start};
use emulator::{Answer, Command, Fault, FaultKind, Noise, Pace, Script, Transcription};
use futures_util::StreamExt as _;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

const SPOKEN_ANSWER: [&str; 10] = [
    "response.output_item.added",
    "conversation.item.added",
    "response.content_part.added",
    "response.output_audio.done",
    "response.output_audio_transcript.done",
    "response.content_part.done",
    "conversation.item.done",
    "response.output_item.done",
    "response.done",
    "rate_limits.updated",
];

fn without_deltas(events: &[Value]) -> Vec<String> {
    kinds(events).into_iter().filter(|kind| !kind.ends_with(".delta")).collect()
}

#[tokio::test]
async fn a_session_opens_with_voice_detection_on() {
    let emulator = start(Script::openai()).await;
    let mut client = connect(&emulator).await;
    let created = client.event().await;
    assert_eq!(created["type"], "session.created");
    assert_eq!(created["session"]["model"], "gpt-realtime-2.1");
    assert_eq!(created["session"]["audio"]["input"]["turn_detection"]["type"], "server_vad");
    assert!(created["session"]["expires_at"].as_u64().unwrap() > 1_700_000_000);
}

#[tokio::test]
async fn a_push_to_talk_turn_comes_in_the_documented_order() {
    let emulator = start(Script::default()).await;
    let mut client = push_to_talk(&emulator).await;
    let events = client.spoken_turn().await;
    let user = [
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
        "conversation.item.input_audio_transcription.completed",
        "response.created",
    ];
    assert_eq!(without_deltas(&events), [&user[..], &SPOKEN_ANSWER].concat());
    let item = &events.first().unwrap()["item_id"];
    assert_eq!(events.first().unwrap()["previous_item_id"], Value::Null);
    let assistant = of(&events, "conversation.item.added")[1];
    assert_eq!(&assistant["previous_item_id"], item);
    assert_eq!(assistant["item"]["status"], "in_progress");

    let transcript = joined(&events, "response.output_audio_transcript.delta");
    assert_eq!(of(&events, "response.output_audio_transcript.done")[0]["transcript"], transcript.as_str());
    assert!(transcript.starts_with("I heard 0.8 s at −1"), "{transcript}");
    assert!(transcript.ends_with("ms from your last word to my first sound."), "{transcript}");
    let sound = audio(&events);
    // Chime, pause and the 0.8 s that were spoken.
    assert!((1_050..1_400).contains(&(sound.len() / 48)), "{}", sound.len() / 48);
    assert!(of(&events, "response.output_audio.delta").len() > 3);
    let heard = of(&events, "conversation.item.input_audio_transcription.completed")[0];
    assert_eq!(heard["transcript"], "(0.8 s of speech)");

    let record = emulator.wait_for(|seen| seen.sent_count("rate_limits.updated") == 1, LIMIT).await.unwrap();
    assert!(record.violations.is_empty() && record.refusals.is_empty());
    assert_eq!((record.audio_bytes, record.early_appends), (800 * 48, 0));
}

#[tokio::test]
async fn usage_grows_with_the_conversation_and_old_context_is_cached() {
    let emulator = start(Script::default()).await;
    let mut client = push_to_talk(&emulator).await;
    let mut usages = Vec::new();
    for _ in 0..8 {
        let events = client.spoken_turn().await;
        usages.push(of(&events, "response.done")[0]["response"]["usage"].clone());
    }
    let number = |usage: &Value, pointer: &str| usage.pointer(pointer).unwrap().as_u64().unwrap();
    let (first, last) = (&usages[0], &usages[7]);
    assert_eq!(number(first, "/input_token_details/audio_tokens"), 8);
    assert_eq!(number(first, "/input_token_details/cached_tokens"), 0);
    assert!(number(first, "/output_token_details/audio_tokens") >= 20);
    assert!(number(last, "/input_tokens") > number(first, "/input_tokens"));
    assert!(number(last, "/input_token_details/cached_tokens") >= 64);
}

#[tokio::test]
async fn an_open_microphone_turn_is_found_and_answered() {
    let emulator = start(Script::default()).await;
    let mut client = connect(&emulator).await;
    client.until("session.created").await;
    client.configure(json!({"type": "server_vad", "silence_duration_ms": 500, "prefix_padding_ms": 300})).await;
    client.append(&silence(1000)).await;
    client.append(&speech(900)).await;
    client.append(&silence(700)).await;
    let events = client.until("rate_limits.updated").await;
    let user = [
        "input_audio_buffer.speech_started",
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
        "conversation.item.input_audio_transcription.completed",
        "response.created",
    ];
    assert_eq!(without_deltas(&events), [&user[..], &SPOKEN_ANSWER].concat());
    let (started, stopped) = (&events[0], &events[1]);
    assert!((600..=760).contains(&started["audio_start_ms"].as_u64().unwrap()), "{started}");
    assert!((2390..=2420).contains(&stopped["audio_end_ms"].as_u64().unwrap()), "{stopped}");
    assert_eq!(started["item_id"], events[2]["item_id"]);
}

#[tokio::test]
async fn without_create_response_the_client_asks_for_the_answer() {
    let emulator = start(Script::default()).await;
    let mut client = connect(&emulator).await;
    client.until("session.created").await;
    client.configure(json!({"type": "semantic_vad", "eagerness": "high", "create_response": false})).await;
    client.append(&speech(600)).await;
    client.append(&silence(600)).await;
    client.until("conversation.item.input_audio_transcription.completed").await;
    client.send(json!({"type": "response.create"})).await;
    assert_eq!(client.event().await["type"], "response.created");
}

#[tokio::test]
async fn speaking_over_an_answer_cancels_it() {
    let pace = Pace::RealTime { piece: Duration::from_millis(20), jitter: Duration::ZERO };
    let script = Script { pace, ..Script::default() }.answer(Answer::Say("many ".repeat(20)));
    let emulator = start(script).await;
    let mut client = connect(&emulator).await;
    client.until("session.created").await;
    client.configure(json!({"type": "server_vad", "silence_duration_ms": 300})).await;
    client.append(&speech(500)).await;
    client.append(&silence(400)).await;
    client.until("response.output_audio.delta").await;
    client.append(&speech(300)).await;
    let events = client.until("response.done").await;
    assert!(kinds(&events).contains(&"input_audio_buffer.speech_started".to_owned()));
    let done = &events.last().unwrap()["response"];
    assert_eq!(done["status"], "cancelled");
    assert_eq!(done["status_details"]["reason"], "turn_detected");
    assert_eq!(done["output"][0]["status"], "incomplete");
}

#[tokio::test]
async fn an_interrupted_answer_is_truncated_to_what_was_heard() {
    let emulator = start(Script::default().answer(Answer::Hold)).await;
    let mut client = push_to_talk(&emulator).await;
    client.send(json!({"type": "response.create"})).await;
    client.until("response.created").await;
    emulator.inject(Command::Audio(speech(1000)));
    let events = client.until("response.output_audio.delta").await;
    let item = events.last().unwrap()["item_id"].clone();
    client.send(json!({"type": "response.cancel"})).await;
    let done = client.until("response.done").await;
    assert_eq!(done.last().unwrap()["response"]["status_details"]["reason"], "client_cancelled");
    let too_far =
        json!({"type": "conversation.item.truncate", "item_id": item, "content_index": 0, "audio_end_ms": 1001});
    let error = client.refused(too_far).await;
    assert_eq!(error["message"], "Audio content of 1000ms is already shorter than 1001ms");
    client
        .send(json!({"type": "conversation.item.truncate", "item_id": item, "content_index": 0, "audio_end_ms": 400}))
        .await;
    let truncated = client.until("conversation.item.truncated").await;
    assert_eq!(truncated.last().unwrap()["audio_end_ms"], 400);
    client.send(json!({"type": "conversation.item.delete", "item_id": item})).await;
    client.until("conversation.item.deleted").await;
}

#[tokio::test]
async fn typed_text_is_answered_in_writing_or_aloud() {
    let emulator = start(Script::default()).await;
    let mut client = push_to_talk(&emulator).await;
    client.say("hello there").await;
    client.send(json!({"type": "response.create", "response": {"output_modalities": ["text"]}})).await;
    let events = client.until("rate_limits.updated").await;
    assert_eq!(
        without_deltas(&events),
        [
            "conversation.item.added",
            "conversation.item.done",
            "response.created",
            "response.output_item.added",
            "conversation.item.added",
            "response.content_part.added",
            "response.output_text.done",
            "response.content_part.done",
            "conversation.item.done",
            "response.output_item.done",
            "response.done",
            "rate_limits.updated",
        ]
    );
    assert!(
        joined(&events, "response.output_text.delta")
            .starts_with("You wrote: “hello there”. I am the practice partner")
    );
    client.say("and aloud").await;
    client.send(json!({"type": "response.create"})).await;
    let events = client.until("rate_limits.updated").await;
    assert!(audio(&events).len() > 48 * 1000);
    assert!(joined(&events, "response.output_audio_transcript.delta").starts_with("You wrote: “and aloud”"));
}

#[tokio::test]
async fn history_is_taken_back_and_audio_in_it_answered() {
    let emulator = start(Script::default()).await;
    let mut client = push_to_talk(&emulator).await;
    let items = [
        json!({"id": "old_1", "type": "message", "role": "system", "content": [{"type": "input_text", "text": "be kind"}]}),
        json!({"id": "old_2", "type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]}),
        json!({"id": "old_3", "type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "hello"}]}),
        json!({"id": "old_4", "type": "function_call", "name": "f", "arguments": "{}", "call_id": "call_1"}),
        json!({"id": "old_5", "type": "function_call_output", "call_id": "call_1", "output": "no tools yet"}),
        json!({"id": "new_1", "type": "message", "role": "user", "content": [{"type": "input_audio", "audio": common::base64(&speech(700))}]}),
    ];
    let mut previous = Value::Null;
    for item in items {
        client.send(json!({"type": "conversation.item.create", "item": item})).await;
        let done = client.until("conversation.item.done").await;
        assert_eq!(done.last().unwrap()["previous_item_id"], previous);
        previous = item["id"].clone();
    }
    client.send(json!({"type": "response.create"})).await;
    let events = client.until("response.done").await;
    assert!(joined(&events, "response.output_audio_transcript.delta").starts_with("I heard 0.7 s"));
    client.send(json!({"type": "conversation.item.retrieve", "item_id": "new_1"})).await;
    let retrieved = client.until("conversation.item.retrieved").await;
    assert_eq!(retrieved.last().unwrap()["item"]["content"][0]["audio"], common::base64(&speech(700)));
}

#[tokio::test]
async fn silence_is_answered_kindly() {
    let emulator = start(Script::default()).await;
    let mut client = push_to_talk(&emulator).await;
    client.append(&silence(400)).await;
    client.send(json!({"type": "input_audio_buffer.commit"})).await;
    client.send(json!({"type": "response.create"})).await;
    let events = client.until("response.done").await;
    assert!(joined(&events, "response.output_audio_transcript.delta").starts_with("I heard only silence for 0.4 s"));
}

#[tokio::test]
async fn transcripts_come_when_the_script_says() {
    for (when, before) in [
        (Transcription::Before, "response.created"),
        (Transcription::During, "response.output_audio.done"),
        (Transcription::After, ""),
    ] {
        let script = Script { transcription: when, heard: Some("turn left".to_owned()), ..Script::default() };
        let emulator = start(script).await;
        let mut client = push_to_talk(&emulator).await;
        let mut events = client.spoken_turn().await;
        if when == Transcription::After {
            events.extend(client.until("conversation.item.input_audio_transcription.completed").await);
        }
        let place = |kind: &str| events.iter().position(|event| event["type"] == kind);
        let transcript = place("conversation.item.input_audio_transcription.completed").unwrap();
        assert_eq!(events[transcript]["transcript"], "turn left");
        assert!(place(before).unwrap_or(usize::MAX) > transcript, "{when:?}");
        if when != Transcription::Before {
            assert!(place("response.output_audio.delta").unwrap() < transcript, "{when:?}");
        }
    }
}

#[tokio::test]
async fn scripted_answers_come_in_order() {
    let calls = vec![("weather".to_owned(), r#"{"city":"Oslo"}"#.to_owned()), ("time".to_owned(), "{}".to_owned())];
    let script = Script::default()
        .answer(Answer::Call(calls))
        .answer(Answer::Split("one moment".to_owned(), "it is cold".to_owned()))
        .answer(Answer::Play { pcm: speech(300), transcript: "la".to_owned() });
    let emulator = start(script).await;
    let mut client = push_to_talk(&emulator).await;
    let events = client.spoken_turn().await;
    let calls = of(&events, "response.output_item.done");
    assert_eq!(calls.len(), 2);
    assert_eq!(calls[0]["item"]["arguments"], r#"{"city":"Oslo"}"#);
    assert_ne!(calls[0]["item"]["call_id"], calls[1]["item"]["call_id"]);
    for call in calls {
        let output = json!({"type": "function_call_output", "call_id": call["item"]["call_id"], "output": "fine"});
        client.send(json!({"type": "conversation.item.create", "item": output})).await;
    }
    client.send(json!({"type": "response.create"})).await;
    let events = client.until("rate_limits.updated").await;
    assert_eq!(of(&events, "response.done")[0]["response"]["output"].as_array().unwrap().len(), 2);
    client.send(json!({"type": "response.create"})).await;
    let events = client.until("rate_limits.updated").await;
    assert_eq!(audio(&events).len(), 300 * 48);
}

#[tokio::test]
async fn an_answer_out_of_band_leaves_the_conversation_alone() {
    let emulator = start(Script::default().answer(Answer::Hold)).await;
    let mut client = push_to_talk(&emulator).await;
    client.send(json!({"type": "response.create"})).await;
    client.until("response.created").await;
    let params = json!({"conversation": "none", "output_modalities": ["text"], "metadata": {"for": "title"},
        "input": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "name it"}]}]});
    client.send(json!({"type": "response.create", "response": params})).await;
    let events = client.until("response.done").await;
    assert!(of(&events, "conversation.item.added").is_empty());
    let done = &events.last().unwrap()["response"];
    assert_eq!((&done["conversation_id"], &done["metadata"]["for"]), (&Value::Null, &json!("title")));
    assert!(joined(&events, "response.output_text.delta").contains("name it"));
}

#[tokio::test]
async fn noise_is_harmless_and_beta_names_are_known_ones() {
    let emulator = start(Script { noise: Noise::all(), ..Script::default() }).await;
    let mut client = connect(&emulator).await;
    let created = client.event().await;
    assert!(created["x_future_field"].is_object());
    assert_eq!(client.event().await["type"], "conversation.created");
    client.send(json!({"type": "session.update", "session": {"type": "realtime"}})).await;
    client.until("session.updated").await;
    assert!(matches!(client.next().await, common::Got::Odd(text) if text.contains("session.mood.changed")));

    let emulator = start(Script { beta_names: true, ..Script::default() }).await;
    let mut client = push_to_talk(&emulator).await;
    client.append(&speech(500)).await;
    client.send(json!({"type": "input_audio_buffer.commit"})).await;
    client.send(json!({"type": "response.create"})).await;
    let mut names = Vec::new();
    while names.last().is_none_or(|name| name != "response.done") {
        let text = match client.next().await {
            common::Got::Event(event) => event,
            common::Got::Odd(text) => serde_json::from_str(&text).unwrap(),
            other => panic!("{other:?}"),
        };
        names.push(text["type"].as_str().unwrap().to_owned());
    }
    for name in ["conversation.item.created", "response.audio.delta", "response.audio_transcript.done"] {
        assert!(names.iter().any(|seen| seen == name), "{name} is missing in {names:?}");
    }
    assert!(!names.iter().any(|name| name.contains("output_audio") || name == "conversation.item.done"));
}

#[tokio::test]
async fn real_time_pieces_are_as_long_as_asked() {
    let pace = Pace::RealTime { piece: Duration::from_millis(20), jitter: Duration::from_millis(5) };
    let emulator = start(Script { pace, ..Script::default() }.answer(Answer::Say("short".to_owned()))).await;
    let mut client = push_to_talk(&emulator).await;
    let events = client.spoken_turn().await;
    let deltas = of(&events, "response.output_audio.delta");
    assert!(deltas.len() > 20);
    assert!(
        deltas.iter().rev().skip(1).all(|delta| delta["delta"].as_str().unwrap().len() == 960usize.div_ceil(3) * 4)
    );
}

#[tokio::test]
async fn the_same_seed_gives_the_same_ids() {
    let mut ids = Vec::new();
    for seed in [7, 7, 8] {
        let script = Script { seed, ..Script::default() }.fault(Fault::new(FaultKind::DuplicatedEvents));
        let emulator = start(script).await;
        let mut client = push_to_talk(&emulator).await;
        let events = client.spoken_turn().await;
        ids.push(events[0]["item_id"].clone());
    }
    assert_eq!(ids[0], ids[1]);
    assert_ne!(ids[0], ids[2]);
}

#[tokio::test]
async fn the_server_pings() {
    let emulator = start(Script { ping_every: Duration::from_millis(5), ..Script::default() }).await;
    let mut client = push_to_talk(&emulator).await;
    let ping = loop {
        match tokio::time::timeout(LIMIT, client.socket.next()).await.unwrap().unwrap().unwrap() {
            Message::Ping(payload) => break payload,
            _ => continue,
        }
    };
    assert_eq!(ping.len(), 4);
}

#[tokio::test]
async fn commands_act_on_a_live_connection() {
    let emulator = start(Script::default()).await;
    let mut client = push_to_talk(&emulator).await;
    emulator.inject(Command::Say("good morning".to_owned()));
    let events = client.until("rate_limits.updated").await;
    assert_eq!(joined(&events, "response.output_audio_transcript.delta"), "good morning");
    emulator.inject(Command::Audio(speech(100)));
    emulator.inject(Command::Audio(speech(100)));
    emulator.inject(Command::Finish);
    let events = client.until("rate_limits.updated").await;
    assert_eq!(audio(&events).len(), 200 * 48);
    assert_eq!(of(&events, "response.done")[0]["response"]["status"], "completed");
    emulator.inject(Command::SpeechStarted);
    assert_eq!(client.event().await["type"], "input_audio_buffer.speech_started");
    emulator.inject(Command::Event(json!({"type": "input_audio_buffer.cleared"})));
    assert_eq!(client.event().await["type"], "input_audio_buffer.cleared");
    emulator.inject(Command::Close(1001, "going".to_owned()));
    assert!(matches!(client.next().await, common::Got::Closed(1001, reason) if reason == "going"));
}
