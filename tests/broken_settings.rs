//! A broken settings file costs only what is broken in it, and is kept.
#![cfg(target_os = "linux")]

use std::fs;

use tests::{Stage, Window};

const BROKEN: &str = "\
[first_run]
is_done = true
[call]
provider = 'practice'
mode = 12
[appearance]
theme = 'dark'
this line is no TOML
";

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_file_is_salvaged_field_by_field_and_kept() {
    let stage = Stage::new();
    fs::write(stage.settings_file(), BROKEN).unwrap();
    let window = Window::open(&stage).await;
    window.until_text("Parts of the settings file could not be read").await;
    let theme = window.script("return document.documentElement.dataset.theme ?? ''", &[]).await;
    assert_eq!(theme, "dark", "what was readable is in force");
    let kept: Vec<_> = stage.files().into_iter().filter(|(_, text)| text == BROKEN).collect();
    assert!(kept.iter().any(|(path, _)| path != &stage.settings_file()), "the old file is kept beside the new one");
    window.fill("Message", "hello\u{e007}").await;
    window.until_said("You wrote: “hello”").await;
    window.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_written_and_read_again() {
    let stage = Stage::new();
    let window = Window::open(&stage).await;
    window.click("button", "Settings").await;
    window
        .script(
            "[...document.querySelectorAll('input[type=radio]')].find((field) => field.value === 'dark').click()",
            &[],
        )
        .await;
    window.until("the dark theme", "return document.documentElement.dataset.theme === 'dark'").await;
    window.close().await;
    assert!(fs::read_to_string(stage.settings_file()).unwrap().contains("dark"));
    let again = Window::open(&stage).await;
    again.until("the dark theme", "return document.documentElement.dataset.theme === 'dark'").await;
    again.close().await;
}
