//! A written question and its answer, as the window shows them.
#![cfg(target_os = "linux")]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value;
use tests::{Stage, Window, until};

const ENTER: char = '\u{e007}';
const CONTROL: char = '\u{e009}';

/// A browser that only notes which addresses it was to open.
fn with_browser(stage: Stage) -> Stage {
    let folder = stage.path("bin");
    fs::create_dir(&folder).unwrap();
    let noted = stage.path("opened");
    for name in ["xdg-open", "gio"] {
        let program = folder.join(name);
        fs::write(&program, format!("#!/bin/sh\necho \"$@\" >> {}\n", noted.display())).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap_or_default());
    stage.with_env("PATH", &path)
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_and_code_are_more_than_their_marks() {
    let stage = Stage::new();
    let window = Window::open(&stage).await;
    window.ask("table").await;
    let cells = "return [...document.querySelectorAll('#turns table tbody tr')].map((row) => row.cells[0].textContent)";
    assert_eq!(window.script(cells, &[]).await, serde_json::json!(["Earth", "Mars", "Jupiter"]));
    window.ask("list").await;
    let lists = "return [document.querySelectorAll('#turns .markdown ol > li').length,
        document.querySelectorAll('#turns .markdown ol ul > li').length, !!document.querySelector('#turns blockquote')]";
    assert_eq!(window.script(lists, &[]).await, serde_json::json!([3, 2, true]));
    window.ask("code").await;
    let label = "return document.querySelector('.code-block figcaption span').textContent";
    assert_eq!(window.script(label, &[]).await, "rust");
    window.screenshot("written-code").await;

    window.click("button", "Copy code, rust").await;
    window.until_text("The code is copied.").await;
    window.find("textbox", "Message").await.click().await.unwrap();
    window.chord(&[CONTROL, 'v']).await;
    let pasted = window.until("the pasted code", "return document.getElementById('message').value").await;
    assert_eq!(pasted, "fn main() {\n    println!(\"Hello, world!\");\n}");
    window.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sources_open_outside_and_reasoning_is_folded() {
    let stage = with_browser(Stage::new());
    let window = Window::open(&stage).await;
    window.ask("sources").await;
    let before = window.script("return location.href", &[]).await;
    window.click("link", "Source 2: A page").await;
    window.click("link", "1A book").await;
    let opened = until("both addresses to be opened", async || {
        let opened = fs::read_to_string(stage.path("opened")).ok()?;
        (opened.lines().count() == 2).then_some(opened)
    })
    .await;
    assert!(opened.contains("https://example.org/book") && opened.contains("https://example.org/page"), "{opened}");
    assert_eq!(window.script("return location.href", &[]).await, before, "the page itself went away");

    window.ask("think").await;
    let folded = "const reasoning = [...document.querySelectorAll('.reasoning')].at(-1); return [reasoning.open, reasoning.hidden]";
    assert_eq!(window.script(folded, &[]).await, serde_json::json!([false, false]));
    window.click("button", "Reasoning").await;
    window.until_said("I think aloud for a while").await;
    window.screenshot("written-sources").await;
    window.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn markup_of_the_web_stays_text() {
    let stage = Stage::new();
    let window = Window::open(&stage).await;
    let text = "<img src=x onerror=\"document.title='taken'\"><b>bold</b><script>document.title='taken'</script>";
    window.ask(text).await;
    let said = window.conversation().await;
    assert_eq!(said.matches("<b>bold</b>").count(), 2, "{said}");
    let elements = "return document.querySelectorAll('#turns :is(img, b:not(.who b), script)').length";
    assert_eq!(window.script(elements, &[]).await, 0);
    assert_ne!(window.script("return document.title", &[]).await, "taken");
    window.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_answer_keeps_what_came() {
    let stage = Stage::new();
    let window = Window::open(&stage).await;
    window.fill("Message", &format!("long{ENTER}")).await;
    // It grows while it comes.
    let length = "return document.querySelector('.turn.assistant.written[data-delivery=arriving] .markdown')?.textContent.length || null";
    let first = window.until("the first words", length).await.as_u64().unwrap();
    let grown = format!("const now = (() => {{ {length} }})(); return now > {first}");
    window.until("more words", &grown).await;
    window.click("button", "Stop answer").await;
    window.until_said("You stopped this answer.").await;
    let whole = window.answer().await["text"].as_str().unwrap().to_owned();
    assert!(whole.starts_with("Here is one"), "{whole}");
    let shown = window.conversation().await;
    assert!(shown.contains("What came is kept."), "{shown}");
    window.screenshot("written-stopped").await;
    window.click("button", "Continue").await;
    until("more of it", async || {
        let text = window.answer().await["text"].as_str()?.len();
        (text > whole.len()).then_some(())
    })
    .await;
    window.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_and_questions_have_versions() {
    let stage = Stage::new();
    let window = Window::open(&stage).await;
    window.ask("first").await;
    window.click("button", "Ask again").await;
    window.until_said("2/2").await;
    window.click("button", "Earlier version").await;
    window.until_said("1/2").await;

    window.ask("second").await;
    let edits = "const all = [...document.querySelectorAll('.edit')]; all.at(-1).click();
        const area = document.querySelector('.editor textarea'); area.select(); return document.activeElement === area";
    assert_eq!(window.script(edits, &[]).await, true, "the editor has the keyboard");
    window.screenshot("written-editor").await;
    window.fill("Edit message", &format!("another{ENTER}")).await;
    window.until_said("You wrote: “another”").await;
    let said = window.conversation().await;
    assert!(!said.contains("You wrote: “second”"), "{said}");
    let earlier = "[...document.querySelectorAll('.turn.user [aria-label=\"Earlier version\"]')].at(-1).click()";
    window.script(earlier, &[]).await;
    let said = window.until_said("You wrote: “second”").await;
    assert!(!said.contains("another"), "{said}");
    window.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_tells_tokens_and_cost() {
    let stage = Stage::new();
    let window = Window::open(&stage).await;
    window.ask("good morning").await;
    let receipt = window.answer().await["receipt"].clone();
    assert!(receipt["output_tokens"].as_u64() > Some(0), "{receipt}");
    let facts = "return [...document.querySelectorAll('.turn.assistant .meta')].at(-1).textContent";
    let Value::String(facts) = window.script(facts, &[]).await else { panic!("no facts") };
    assert!(facts.contains("tokens") && facts.contains("$0"), "{facts}");
    window.close().await;
}
