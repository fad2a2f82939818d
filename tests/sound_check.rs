//! The room between speaker and microphone is measured with a chirp, from the command line and from the window.
#![cfg(target_os = "linux")]

use serde_json::Value;
use tests::{Outcome, Sound, Stage, Window, until};

/// The way from the speaker into the microphone that a room would be.
const ROOM: [&str; 4] = ["module-loopback", "source=vspk.monitor", "sink=vmic_sink", "latency_msec=60"];

/// Soft noise: a microphone that is on.
fn hiss(seconds: usize) -> Sound {
    let mut state = 1_u64;
    let samples = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 58) as i16 - 32
    });
    Sound { samples: samples.take(seconds * 48_000).collect(), rate: 48_000 }
}

fn check(outcome: &Outcome, name: &str) -> Value {
    let lines = outcome.json_lines();
    let report = lines.first().unwrap_or_else(|| panic!("no report: {outcome:?}"));
    let found = report["checks"].as_array().and_then(|all| all.iter().find(|check| check["name"] == name));
    found.unwrap_or_else(|| panic!("no {name} in {report}")).clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_echo_is_measured_and_known_the_next_time() {
    let stage = Stage::new().with_sound_card();
    stage.card().load(&ROOM);
    let before = stage.run(&["doctor", "audio", "--json"]).await;
    assert_eq!(check(&before, "Echo")["status"], "skipped", "without being asked nothing is heard");
    let outcome = stage.run(&["doctor", "audio", "--chirp", "--json"]).await;
    let echo = check(&outcome, "Echo");
    assert_eq!(echo["status"], "ok", "{echo}");
    let words = echo["detail"].as_str().unwrap();
    let delay: u32 = words.split(" after ").nth(1).and_then(|rest| rest.split(' ').next()?.parse().ok()).unwrap();
    assert!((50..200).contains(&delay), "{words}");
    assert!(words.contains("as loud as played") || words.contains(", 1 dB "), "{words}");
    let kept = std::fs::read_to_string(stage.path("data/sidetone/calibrations.toml")).unwrap();
    assert!(kept.contains("[\"pulseaudio:vmic -> pulseaudio:vspk\"]") && kept.contains("speakers"), "{kept}");
    let after = check(&stage.run(&["doctor", "audio", "--json"]).await, "Echo");
    assert!(after["detail"].as_str().unwrap().starts_with("when last measured, the microphone hears"), "{after}");
}

#[tokio::test(flavor = "multi_thread")]
async fn headphones_have_no_echo() {
    let stage = Stage::new().with_sound_card();
    let _room = stage.card().start_saying(&hiss(40));
    let outcome = stage.run(&["doctor", "audio", "--chirp"]).await;
    assert!(outcome.output.contains("does not hear the speaker"), "{outcome:?}");
    assert!(outcome.output.contains("noise of -6"), "{outcome:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_muted_microphone_says_nothing_about_the_room() {
    let stage = Stage::new().with_sound_card();
    let outcome = stage.run(&["doctor", "audio", "--chirp", "--json"]).await;
    assert_eq!(check(&outcome, "Echo")["status"], "warning", "{outcome:?}");
    assert!(!stage.path("data/sidetone/calibrations.toml").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_window_measures_the_room_and_draws_it() {
    let stage = Stage::new().with_sound_card();
    stage.card().load(&ROOM);
    let window = Window::open(&stage).await;
    window.click("button", "Settings").await;
    window.click("button", "Audio").await;
    assert_eq!(stage.card().listeners(), 0, "the microphone is not touched before it is asked for");
    window.click("button", "Measure the room (3 s)").await;
    window.until_text("Listening to the room").await;
    window.screenshot("sound-check-room-measuring").await;
    window.until_text("Your microphone hears the speaker").await;
    window.screenshot("sound-check-room").await;
    let drawn =
        window.script("return document.querySelector('.settings-view .room-curve polygon').points.numberOfItems", &[]);
    assert_eq!(drawn.await, 102, "100 steps of 5 ms and two corners");
    until("the devices to be closed", async || (stage.card().listeners() == 0).then_some(())).await;
    window.close().await;
}
