//! What was written stays: drafts and conversations, found and kept in order in the list at the side.
#![cfg(target_os = "linux")]

use serde_json::json;
use tests::{Stage, Window, until};

const ENTER: char = '\u{e007}';
const F2: char = '\u{e032}';
const DELETE: char = '\u{e017}';

/// Titles in the list at the side, as they are shown.
const TITLES: &str = "return [...document.querySelectorAll('#history .entry-open b')].map((title) => title.textContent)";

async fn until_titles(window: &Window, titles: &[&str]) {
    until(&format!("the conversations {titles:?}"), async || {
        (window.script(TITLES, &[]).await == json!(titles)).then_some(())
    })
    .await;
}

/// A conversation with one question.
async fn converse(window: &Window, question: &str) {
    window.click("button", "New conversation").await;
    window.until("an empty conversation", "return document.getElementById('turns').children.length === 0").await;
    window.ask(question).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_and_a_draft_are_there_after_a_restart() {
    let stage = Stage::new();
    let window = Window::open(&stage).await;
    window.ask("table").await;
    window.ask("why so many moons?").await;
    let before = window.conversation().await;
    window.fill("Message", "half a thought").await;
    until("the draft in the engine", async || (window.snapshot().await["chat"]["draft"] == "half a thought").then_some(())).await;
    window.close().await;

    let window = Window::open(&stage).await;
    until_titles(&window, &["table"]).await;
    window.fill("Search conversations", &ENTER.to_string()).await;
    window.until_said("You wrote: “why so many moons?”").await;
    assert_eq!(window.conversation().await, before);
    window.until("the draft", "return document.getElementById('message').value === 'half a thought'").await;
    window.screenshot("written-reopened").await;
    window.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn conversations_are_found_by_their_words() {
    let stage = Stage::new();
    let window = Window::open(&stage).await;
    converse(&window, "a note on hydrangeas").await;
    converse(&window, "something about glaciers").await;
    until_titles(&window, &["something about glaciers", "a note on hydrangeas"]).await;
    window.fill("Search conversations", "hydrang").await;
    until_titles(&window, &["a note on hydrangeas"]).await;
    let hit = window.until("what was found", "return document.querySelector('#history mark')?.textContent").await;
    assert!(hit.as_str().unwrap().starts_with("hydrang"), "{hit}");
    window.screenshot("history-found").await;
    window.fill("Search conversations", &ENTER.to_string()).await;
    window.until_said("You wrote: “a note on hydrangeas”").await;
    window.fill("Search conversations", "zzz").await;
    window.until_text("Nothing found.").await;
    window.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn conversations_are_renamed_pinned_and_deleted() {
    let stage = Stage::new();
    let window = Window::open(&stage).await;
    converse(&window, "one").await;
    converse(&window, "two").await;
    until_titles(&window, &["two", "one"]).await;

    let focus = |title: &str| format!("[...document.querySelectorAll('.entry-open')].find((entry) => entry.textContent.startsWith({title:?})).focus()");
    window.script(&focus("one"), &[]).await;
    window.chord(&[F2]).await;
    window.fill("Name of the conversation", &format!("Erste{ENTER}")).await;
    until_titles(&window, &["two", "Erste"]).await;

    window.script("document.querySelector('[aria-label=\"More for Erste\"]').click()", &[]).await;
    window.screenshot("history-menu").await;
    window.click("menuitem", "Pin").await;
    until_titles(&window, &["Erste", "two"]).await;

    window.script(&focus("two"), &[]).await;
    window.chord(&[DELETE]).await;
    until_titles(&window, &["Erste"]).await;
    window.click("button", "Undo").await;
    until_titles(&window, &["Erste", "two"]).await;
    window.script(&focus("two"), &[]).await;
    window.chord(&[DELETE]).await;
    until_titles(&window, &["Erste"]).await;
    until("the deletion", async || (window.snapshot().await["history"].as_array()?.len() == 1).then_some(())).await;
    window.close().await;
}
