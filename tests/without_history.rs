//! A folder that cannot be used costs the history and nothing else.
#![cfg(target_os = "linux")]

use std::fs;

use tests::{Outcome, Sound, Stage, Window};

const WARNING: &str = "Something is wrong with the history";

/// A file is where the folder of the history should be.
fn stage() -> (Stage, String) {
    let stage = Stage::new();
    let file = stage.path("no-folder");
    fs::write(&file, "").unwrap();
    let file = file.to_string_lossy().into_owned();
    (stage.with_env("XDG_DATA_HOME", &file), format!("{file}/sidetone: Not a directory"))
}

fn warnings(outcome: &Outcome, words: &str) -> usize {
    outcome.errors.matches(words).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_from_the_terminal_goes_on_with_one_warning() {
    let (stage, why) = stage();
    let outcome = stage.run(&["call", "--provider", "practice", "--text", "hello"]).await;
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert!(outcome.output.contains("You wrote: “hello”"), "{outcome:?}");
    assert_eq!((warnings(&outcome, WARNING), warnings(&outcome, &why)), (1, 1), "{outcome:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_written_question_is_answered_with_one_warning() {
    let (stage, why) = stage();
    let outcome = stage.run(&["ask", "--provider", "practice", "hello"]).await;
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert!(outcome.output.contains("You wrote: “hello”"), "{outcome:?}");
    assert_eq!((warnings(&outcome, "goes on without a history"), warnings(&outcome, &why)), (1, 1), "{outcome:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_needs_the_history_says_which_folder_cannot_be_used_and_what_to_do() {
    let (stage, why) = stage();
    let input = stage.settings_file().to_string_lossy().into_owned();
    for arguments in [&["usage"][..], &["export", "--list"], &["import", &input]] {
        let outcome = stage.run(arguments).await;
        assert_eq!(outcome.code, Some(1), "{outcome:?}");
        for words in [why.as_str(), "The history cannot be used.", "you must be allowed to write there"] {
            assert!(outcome.errors.contains(words), "{arguments:?}: {outcome:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_window_opens_and_talks_and_tells_it() {
    let (stage, why) = stage();
    let stage = stage.with_sound_card();
    let window = Window::open(&stage).await;
    window.until_text(WARNING).await;
    window.until_text(&why).await;
    window.screenshot("without-history").await;
    window.click("button", "Dismiss").await;
    window.hold("button", "Hold to talk").await;
    window.until_status("Listening").await;
    stage.card().say(&Sound::fixture("question.wav")).await;
    window.let_go().await;
    window.until_said("I heard").await;
    window.close().await;
}
