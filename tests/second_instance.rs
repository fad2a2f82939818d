//! A second start brings the first window to the front and ends; where there is no session bus, it only ends.
#![cfg(target_os = "linux")]

use std::process::{Command, Stdio};

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

#[tokio::test(flavor = "multi_thread")]
async fn without_a_session_bus_a_second_window_says_why_it_does_not_open() {
    let stage = Stage::new();
    let window = Window::open(&stage).await;
    let mut command: Command = stage.command(program());
    command.env("DISPLAY", window.display()).env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nowhere/at/all");
    command.stderr(Stdio::piped());
    let second = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    let words = String::from_utf8_lossy(&second.stderr);
    assert_eq!(second.status.code(), Some(1), "{words}");
    assert!(words.contains("open already"), "{words}");
    let call = stage.run(&["call", "--provider", "practice", "--text", "beside it"]).await;
    assert_eq!(call.code, Some(0), "{call:?}");
    window.fill("Message", "still here\u{e007}").await;
    window.until_said("You wrote: “still here”").await;
    window.close().await;
}
