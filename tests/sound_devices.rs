//! Devices that are missing, unplugged or dead are said so, and talking goes on as soon as it can.
#![cfg(target_os = "linux")]

use tests::{Sound, Stage, Window, until};

async fn speak(stage: &Stage, window: &Window) {
    window.hold("button", "Hold to talk").await;
    window.until_status("Listening").await;
    stage.card().say(&Sound::fixture("question.wav")).await;
    window.let_go().await;
}

/// Turns that the practice partner has heard.
async fn answers(window: &Window) -> usize {
    window.conversation().await.matches("at −").count()
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_microphone_the_button_says_so() {
    let stage = Stage::new();
    let window = Window::open(&stage).await;
    window.hold("button", "Hold to talk").await;
    window.until_text("No microphone found").await;
    window.let_go().await;
    window.screenshot("no-microphone").await;
    window.fill("Message", "typing then\u{e007}").await;
    window.until_said("You wrote: “typing then”").await;
    window.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unplugged_microphone_is_replaced_by_another() {
    let stage = Stage::new().with_sound_card();
    let feed = stage.card().load(&["module-null-sink", "sink_name=usb_feed", "rate=44100", "channels=2"]);
    let plug = stage.card().load(&["module-remap-source", "source_name=usb", "master=usb_feed.monitor"]);
    stage.card().set_default_microphone("usb");
    let window = Window::open(&stage).await;
    window.click("button", "Start call").await;
    until("the microphone to be open", async || (stage.card().listeners() == 1).then_some(())).await;
    stage.card().set_default_microphone("vmic");
    stage.card().unload(&plug);
    stage.card().unload(&feed);
    speak(&stage, &window).await;
    until("an answer to what the other microphone heard", async || (answers(&window).await == 1).then_some(())).await;
    window.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sound_server_that_dies_and_returns_is_taken_up_again() {
    let mut stage = Stage::new().with_sound_card();
    let window = Window::open(&stage).await;
    speak(&stage, &window).await;
    until("the first answer", async || (answers(&window).await == 1).then_some(())).await;
    window.until_status("Ready").await;
    stage.card_mut().kill();
    stage.card_mut().restart();
    until("the microphone to be open again", async || (stage.card().listeners() == 1).then_some(())).await;
    window.until_status("Ready").await;
    speak(&stage, &window).await;
    until("the second answer", async || (answers(&window).await == 2).then_some(())).await;
    window.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_microphone_is_told() {
    let stage = Stage::new().with_sound_card();
    let window = Window::open(&stage).await;
    window.hold("button", "Hold to talk").await;
    window.until_text("The microphone is on but silent").await;
    window.let_go().await;
    window.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn devices_are_listed_by_readable_names() {
    let stage = Stage::new().with_sound_card();
    let listed = stage.run(&["devices", "--json"]).await;
    assert_eq!(listed.code, Some(0), "{listed:?}");
    let devices = &listed.json_lines()[0];
    let names =
        |side: &str| devices[side].as_array().unwrap().iter().map(|one| one["name"].to_string()).collect::<Vec<_>>();
    assert!(names("inputs")[0].contains("TestMicrophone"), "{devices}");
    assert!(names("outputs")[0].contains("TestSpeaker"), "{devices}");
    let doctor = stage.run(&["doctor", "audio"]).await;
    assert_eq!(doctor.code, Some(0), "{doctor:?}");
}
