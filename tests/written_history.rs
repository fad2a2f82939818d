//! What was written stays: drafts and conversations, found and kept in order in the list at the side.
#![cfg(target_os = "linux")]

use serde_json::json;
use tests::{Stage, Window, until};

const ENTER: char = '\u{e007}';
const CONTROL: char = '\u{e009}';
const F2: char = '\u{e032}';
const DELETE: char = '\u{e017}';

/// Titles in the list at the side, as they are shown.
const TITLES: &str =
    "return [...document.querySelectorAll('#history .entry-open b')].map((title) => title.textContent)";

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
    until("the draft in the engine", async || {
        (window.snapshot().await["chat"]["draft"] == "half a thought").then_some(())
    })
    .await;
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
async fn a_conversation_is_exported_and_others_are_imported() {
    let stage = Stage::new();
    let window = Window::open(&stage).await;
    converse(&window, "keep this").await;
    window.script("document.querySelector('[aria-label=\"More for keep this\"]').click()", &[]).await;
    window.click("menuitem", "Export…").await;
    let file = stage.path("kept.md");
    window.fill("File", &format!("{}{ENTER}", file.display())).await;
    window.until_text("Exported to").await;
    let kept = std::fs::read_to_string(&file).unwrap();
    assert!(kept.contains("keep this") && kept.contains("You wrote: “keep this”"), "{kept}");

    let message = |id: &str, role: &str, text: &str, parent: &str, child: &str| {
        json!({ "id": id, "parent": parent, "children": [child], "message": { "id": id, "author": { "role": role },
            "create_time": 1_700_000_000.0, "content": { "content_type": "text", "parts": [text] } } })
    };
    let conversations = json!([{ "title": "From elsewhere", "create_time": 1_700_000_000.0, "update_time": 1_700_000_100.0,
        "current_node": "b", "mapping": {
            "root": { "id": "root", "parent": null, "children": ["a"], "message": null },
            "a": message("a", "user", "Whence?", "root", "b"),
            "b": { "id": "b", "parent": "a", "children": [], "message": { "id": "b", "author": { "role": "assistant" },
                "create_time": 1_700_000_001.0, "content": { "content_type": "text", "parts": ["From elsewhere."] } } } } }]);
    let import = stage.path("conversations.json");
    std::fs::write(&import, conversations.to_string()).unwrap();
    window.click("button", "Import").await;
    window.fill("Where the file is", &format!("{}{ENTER}", import.display())).await;
    window.until_text("1 conversation imported.").await;
    until_titles(&window, &["keep this", "From elsewhere"]).await;
    window.close().await;
}

/// A chat with one message after the other.
fn long_chat(title: &str, length: usize) -> serde_json::Value {
    let message = |at: usize| {
        let role = if at.is_multiple_of(2) { "user" } else { "assistant" };
        json!({ "id": format!("m{at}"), "parent": at.checked_sub(1).map(|parent| format!("m{parent}")), "children": [format!("m{}", at + 1)],
            "message": { "id": format!("m{at}"), "author": { "role": role }, "create_time": 1_700_000_000.0,
                "content": { "content_type": "text", "parts": [format!("message number {at}")] } } })
    };
    let mapping: serde_json::Map<_, _> = (0..length).map(|at| (format!("m{at}"), message(at))).collect();
    json!([{ "title": title, "create_time": 1_700_000_000.0, "update_time": 1_700_000_100.0,
        "current_node": format!("m{}", length - 1), "mapping": mapping }])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_conversation_shows_its_end_and_the_rest_on_demand() {
    const TURNS: &str = "return document.querySelectorAll('#turns > li').length";
    let stage = Stage::new();
    let window = Window::open(&stage).await;
    let import = stage.path("long.json");
    std::fs::write(&import, long_chat("Long", 500).to_string()).unwrap();
    window.click("button", "Import").await;
    window.fill("Where the file is", &format!("{}{ENTER}", import.display())).await;
    until_titles(&window, &["Long"]).await;
    window.script("document.querySelector('.entry-open').click()", &[]).await;
    window.until_said("message number 499").await;
    assert_eq!(window.script(TURNS, &[]).await, 200);

    // The turn that was in sight stays there when earlier ones come.
    let up = "const log = document.getElementById('log'); const mark = document.querySelector('#turns > li');
        log.scrollTop = 0; window.mark = mark; window.top = mark.getBoundingClientRect().top";
    window.script(up, &[]).await;
    window.until("earlier turns", "return document.querySelectorAll('#turns > li').length === 400").await;
    let place = "return Math.abs(window.mark.getBoundingClientRect().top - document.getElementById('log').getBoundingClientRect().top) < 60";
    window.until("the turn where it was", place).await;

    // Words are found in all of it.
    window.chord(&[CONTROL, 'f']).await;
    window.fill("Find in conversation", "message number 12").await;
    window
        .until("12 and 120 to 129", "return document.querySelector('.find-count').textContent.endsWith(' of 11')")
        .await;
    assert_eq!(window.script(TURNS, &[]).await, 500);
    window.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn conversations_are_renamed_pinned_and_deleted() {
    let stage = Stage::new();
    let window = Window::open(&stage).await;
    converse(&window, "one").await;
    converse(&window, "two").await;
    until_titles(&window, &["two", "one"]).await;

    let focus = |title: &str| {
        format!(
            "[...document.querySelectorAll('.entry-open')].find((entry) => entry.textContent.startsWith({title:?})).focus()"
        )
    };
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
