//! Nothing before `session.created`, no audio before `session.updated`, settings as the wire wants them.

use std::time::Duration;

use protocol::{Config, Detector, Event, Input, NoiseReduction, Output, Transcription, TurnTaking};
use serde_json::json;

use crate::rig::{Rig, config, events, faults, reconnects};
use crate::server;

#[test]
fn nothing_is_sent_before_the_server_has_spoken() {
    let mut rig = Rig::new(config());
    rig.input(Input::Opened);
    rig.turn(500);
    rig.say("hello");
    assert_eq!(rig.sent(), "");
    rig.serve(server::created());
    assert_eq!(rig.sent(), "session.update");
    rig.speak(100);
    assert_eq!(rig.sent(), "");
    rig.serve(server::updated());
    assert_eq!(rig.sent(), "append 500, commit, response.create");
}

#[test]
fn the_first_update_carries_all_settings() {
    let mut rig = Rig::new(config());
    rig.input(Input::Opened);
    rig.serve(server::created());
    let update = rig.take_sent().remove(0);
    assert_eq!(
        update,
        json!({
          "event_id": "event_1",
          "session": {
            "audio": {
              "input": {
                "format": {
                  "rate": 24000,
                  "type": "audio/pcm"
                },
                "noise_reduction": null,
                "transcription": {
                  "model": "gpt-4o-mini-transcribe"
                },
                "turn_detection": null
              },
              "output": {
                "format": {
                  "rate": 24000,
                  "type": "audio/pcm"
                },
                "voice": "marin"
              }
            },
            "instructions": "Be brief.",
            "output_modalities": [
              "audio"
            ],
            "truncation": {
              "retention_ratio": 0.8,
              "type": "retention_ratio"
            },
            "type": "realtime"
          },
          "type": "session.update"
        })
    );
}

fn update_of(config: Config) -> serde_json::Value {
    let mut rig = Rig::new(config);
    rig.input(Input::Opened);
    rig.serve(server::created());
    rig.take_sent().remove(0)["session"].clone()
}

#[test]
fn every_setting_has_its_place() {
    let session = update_of(Config {
        instructions: String::new(),
        transcription: Some(Transcription { model: "whisper-1".to_owned(), language: Some("de".to_owned()) }),
        noise_reduction: Some(NoiseReduction::FarField),
        retention_ratio: None,
        reasoning_effort: Some("low".to_owned()),
        tools: Vec::new(),
        turn_taking: TurnTaking::Open { detector: Detector::Silence, patience: 0.5 },
        ..config()
    });
    assert!(session.get("instructions").is_none());
    assert_eq!(session["truncation"], "auto");
    assert_eq!(session["reasoning"]["effort"], "low");
    assert_eq!(session["audio"]["input"]["transcription"]["language"], "de");
    assert_eq!(session["audio"]["input"]["noise_reduction"]["type"], "far_field");
    assert_eq!(
        session["audio"]["input"]["turn_detection"],
        json!({
          "create_response": true,
          "interrupt_response": true,
          "prefix_padding_ms": 300,
          "silence_duration_ms": 750,
          "threshold": 0.5,
          "type": "server_vad"
        })
    );
}

#[test]
fn patience_is_silence_or_eagerness() {
    let detection = |detector, patience| {
        let turn_taking = TurnTaking::Open { detector, patience };
        update_of(Config { turn_taking, ..config() })["audio"]["input"]["turn_detection"].clone()
    };
    for (patience, ms) in [(0.0, 300), (1.0, 1200), (-4.0, 300), (9.0, 1200)] {
        assert_eq!(detection(Detector::Silence, patience)["silence_duration_ms"], ms);
    }
    for (patience, eagerness) in [(0.0, "high"), (0.5, "medium"), (1.0, "low")] {
        assert_eq!(detection(Detector::Meaning, patience)["eagerness"], eagerness);
    }
    assert!(detection(Detector::Silence, f32::NAN)["silence_duration_ms"].is_u64());
}

#[test]
fn ready_tells_the_end_of_the_session_and_the_model() {
    let mut rig = Rig::new(config());
    rig.connect();
    let ready = Event::Ready { expires_at: Some(1_789_728_574), model: Some("gpt-realtime-2.1".to_owned()) };
    assert_eq!(events(&rig.take()), [&ready]);
    assert!(rig.session.deadline().is_none());
}

#[test]
fn a_server_without_greeting_is_given_up() {
    let mut rig = Rig::new(config());
    rig.input(Input::Opened);
    assert_eq!(rig.session.deadline(), Some((rig.now + Duration::from_secs(10), "session.created")));
    rig.wait(Duration::from_secs(9));
    assert!(rig.take().is_empty());
    rig.wait(Duration::from_secs(1));
    assert_eq!(rig.take(), [Output::Reconnect("no session.created")]);
    rig.drop_connection();
    assert!(rig.take().is_empty(), "the caller knows already");
}

#[test]
fn a_server_that_confirms_no_update_is_ready_after_five_seconds() {
    let mut rig = Rig::new(config());
    rig.input(Input::Opened);
    rig.serve(server::created());
    assert_eq!(rig.session.deadline(), Some((rig.now + Duration::from_secs(5), "session.updated")));
    rig.turn(200);
    rig.wait(Duration::from_secs(5));
    assert!(!reconnects(&rig.take()));
    assert_eq!(rig.sent(), "session.update, append 200, commit, response.create");
}

#[test]
fn refused_settings_are_told_and_nothing_is_sent_until_there_are_others() {
    let mut rig = Rig::new(config());
    rig.input(Input::Opened);
    rig.serve(server::created());
    let id = rig.take_sent().remove(0)["event_id"].as_str().unwrap().to_owned();
    rig.serve(server::error(Some("unknown_parameter"), Some(&id)));
    let told = faults(&rig.take());
    assert_eq!(told.len(), 1);
    assert!(!told[0].is_transient());
    rig.turn(200);
    rig.wait(Duration::from_secs(60));
    assert_eq!(rig.sent(), "");
    rig.input(Input::Configure(&Config { reasoning_effort: None, voice: "cedar".to_owned(), ..config() }));
    rig.serve(server::updated());
    assert_eq!(rig.sent(), "session.update, append 200, commit, response.create");
}

#[test]
fn later_settings_leave_the_voice_alone() {
    let mut rig = Rig::ready(config());
    rig.input(Input::Configure(&config()));
    assert_eq!(rig.sent(), "", "nothing changed");
    rig.input(Input::Configure(&Config { voice: "cedar".to_owned(), instructions: "Sing.".to_owned(), ..config() }));
    let update = rig.take_sent().remove(0);
    assert_eq!(update["session"]["instructions"], "Sing.");
    assert!(update["session"]["audio"]["output"].get("voice").is_none());
    rig.drop_connection();
    rig.input(Input::Opened);
    rig.serve(server::created());
    assert_eq!(rig.take_sent().remove(0)["session"]["audio"]["output"]["voice"], "cedar");
}

#[test]
fn speed_is_sent_when_it_is_not_the_providers_own() {
    let fast = |speed| Config { speed, ..config() };
    assert!(update_of(fast(None))["audio"]["output"].get("speed").is_none());
    assert!(update_of(fast(Some(1.0)))["audio"]["output"].get("speed").is_none());
    assert_eq!(update_of(fast(Some(1.25)))["audio"]["output"]["speed"], 1.25);
    assert_eq!(update_of(fast(Some(9.0)))["audio"]["output"]["speed"], 1.5);
}

#[test]
fn a_speed_that_is_chosen_during_an_answer_waits_for_its_end() {
    let speeds = |rig: &mut Rig| -> Vec<serde_json::Value> {
        rig.take_sent().iter().map(|event| event["session"]["audio"]["output"]["speed"].clone()).collect()
    };
    let mut rig = Rig::ready(config());
    rig.turn(400);
    rig.serve(server::committed("item_u", None));
    let mut answer = server::answer("resp_1", "item_a", Some("item_u"), 500, "Yes.");
    let end = answer.split_off(answer.len() - 1);
    rig.serve_all(answer);
    rig.take_sent();
    rig.input(Input::Configure(&Config { speed: Some(1.5), ..config() }));
    assert_eq!(speeds(&mut rig), [json!(null)], "the rest is told at once");
    rig.serve_all(end);
    assert_eq!(speeds(&mut rig), [json!(1.5)]);
    rig.input(Input::Configure(&Config { speed: Some(1.0), ..config() }));
    assert_eq!(speeds(&mut rig), [json!(1.0)], "between answers at once");
    rig.input(Input::Configure(&Config { speed: Some(1.5), ..config() }));
    rig.take_sent();
    rig.input(Input::Closed { code: None, reason: "" });
    rig.input(Input::Opened);
    rig.serve(server::created());
    assert_eq!(speeds(&mut rig), [json!(1.5)], "each connection learns it");
}
