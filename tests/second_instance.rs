//! A second start brings the first window to the front and ends.
#![cfg(target_os = "linux")]

use std::process::Command;

use tests::{Stage, Window, program, until};

#[tokio::test(flavor = "multi_thread")]
async fn a_second_start_ends_and_leaves_the_first_window_alone() {
    let stage = Stage::new();
    let window = Window::open(&stage).await;
    let mut command: Command = stage.command(program());
    let mut second = command.env("DISPLAY", window.display()).spawn().unwrap();
    let status = until("the end of the second start", async || second.try_wait().unwrap()).await;
    assert!(status.success(), "{status}");
    window.fill("Message", "still here\u{e007}").await;
    window.until_said("You wrote: “still here”").await;
    window.close().await;
}
