//! Typing works without a voice, and never opens the microphone.
#![cfg(target_os = "linux")]

use tests::{Stage, Window, until};

#[tokio::test(flavor = "multi_thread")]
async fn a_typed_message_is_answered_and_the_microphone_stays_closed() {
    let stage = Stage::new().with_sound_card();
    let window = Window::open(&stage).await;
    window.fill("Message", "good morning").await;
    window.click("button", "Send").await;
    until("the answer", async || {
        assert_eq!(stage.card().listeners(), 0, "the microphone was opened for a typed message");
        window.conversation().await.contains("You wrote: “good morning”").then_some(())
    })
    .await;
    window.fill("Message", "and good night\u{e007}").await;
    window.until_said("You wrote: “and good night”").await;
    assert_eq!(stage.card().listeners(), 0);
    window.screenshot("typed-turn").await;
    window.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn typing_works_without_any_sound_device() {
    let stage = Stage::new();
    let window = Window::open(&stage).await;
    window.fill("Message", "anybody there?\u{e007}").await;
    window.until_said("You wrote: “anybody there?”").await;
    window.close().await;
}
