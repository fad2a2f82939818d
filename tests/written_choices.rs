//! What goes with a written question: the model, the instructions, files; all of it by keyboard too.
#![cfg(target_os = "linux")]

use tests::{Stage, Window, until};

const ENTER: char = '\u{e007}';
const CONTROL: char = '\u{e009}';
const ESCAPE: char = '\u{e00c}';
const DOWN: char = '\u{e015}';
const UP: char = '\u{e013}';

#[tokio::test(flavor = "multi_thread")]
async fn a_model_is_chosen_by_keyboard() {
    let stage = Stage::new().with_env("OPENAI_API_KEY", "test-key-of-nobody");
    let window = Window::open(&stage).await;
    window.chord(&[CONTROL, 'k']).await;
    window.find("combobox", "Search models").await;
    window.until("models", "return document.querySelectorAll('#picker-list [role=option]').length > 3").await;
    window.screenshot("picker").await;
    window.chord(&['m']).await;
    window.chord(&['i']).await;
    window.chord(&['n']).await;
    window.chord(&['i']).await;
    let all = "return [...document.querySelectorAll('#picker-list [role=option]')].length > 1
        && [...document.querySelectorAll('#picker-list b')].every((name) => name.textContent.includes('mini'))";
    window.until("only the small ones", all).await;
    window.chord(&[DOWN]).await;
    let chosen = window.script("return document.querySelector('#picker-list [aria-selected=true] b').textContent", &[]).await;
    window.chord(&[ENTER]).await;
    until("the model to be chosen", async || (window.snapshot().await["chat"]["target"]["model"] == chosen).then_some(())).await;
    window.until("the picker to be closed", "return !document.getElementById('picker').open").await;
    window.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn instructions_are_kept_as_presets() {
    let stage = Stage::new();
    let window = Window::open(&stage).await;
    window.click("button", "Instructions").await;
    window.fill("What the model is told about itself and about you, in this conversation.", "Be brief.").await;
    window.fill("Name of the preset", "Short").await;
    window.click("button", "Keep as preset").await;
    window.until_text("Short").await;
    window.screenshot("instructions").await;
    window.chord(&[ESCAPE]).await;
    until("the instructions in the engine", async || {
        let chat = window.snapshot().await["chat"].take();
        (chat["system"] == "Be brief." && chat["presets"][0]["name"] == "Short").then_some(())
    })
    .await;
    window.ask("hello").await;
    window.click("button", "New conversation").await;
    until("new instructions", async || (window.snapshot().await["chat"]["system"] == "").then_some(())).await;
    window.click("button", "Instructions").await;
    window.click("button", "Use Short").await;
    until("the preset's instructions", async || (window.snapshot().await["chat"]["system"] == "Be brief.").then_some(())).await;
    window.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn texts_and_pictures_go_with_a_message() {
    let stage = Stage::new().with_env("OPENAI_API_KEY", "test-key-of-nobody");
    let window = Window::open(&stage).await;
    // One red point.
    let give = "const point = Uint8Array.from(atob('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg=='), (c) => c.charCodeAt(0));
        const files = new DataTransfer();
        files.items.add(new File(['eggs\\nflour'], 'list.txt', { type: 'text/plain' }));
        files.items.add(new File([point], 'point.png', { type: 'image/png' }));
        files.items.add(new File(['x'], 'program.exe', { type: 'application/x-msdownload' }));
        document.getElementById('log').dispatchEvent(new DragEvent('drop', { dataTransfer: files, bubbles: true, cancelable: true }))";
    window.script(give, &[]).await;
    window.until_text("program.exe is neither a text nor a picture").await;
    window.until("two files", "return document.querySelectorAll('#attached li').length === 2").await;
    window.screenshot("attached").await;
    window.click("button", "Remove list.txt").await;
    window.until("one file", "return document.querySelectorAll('#attached li').length === 1").await;
    window.ask("what is this?").await;
    let shown = "const picture = document.querySelector('.turn.user .files img'); return picture?.complete && picture.naturalWidth === 1";
    window.until("the picture in the conversation", shown).await;
    window.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_is_reached_by_keyboard() {
    let stage = Stage::new();
    let window = Window::open(&stage).await;
    let type_in = async |text: &str| {
        for key in text.chars() {
            window.chord(&[key]).await;
        }
    };
    window.chord(&[CONTROL, 'n']).await;
    window.until("the keyboard in the message", "return document.activeElement.id === 'message'").await;
    type_in("first").await;
    window.chord(&[ENTER]).await;
    window.until_answered().await;
    // The last message is edited from an empty field.
    window.chord(&[UP]).await;
    window.until("the editor", "return document.activeElement.closest('.editor') !== null").await;
    type_in("!").await;
    window.chord(&[ENTER]).await;
    window.until_said("You wrote: “first!”").await;
    window.chord(&[CONTROL, 'n']).await;
    window.until("another conversation", "return document.getElementById('turns').children.length === 0").await;
    // Back to it through the list.
    window.chord(&[ESCAPE]).await;
    window.chord(&['/']).await;
    window.until("the search", "return document.activeElement.id === 'history-search'").await;
    window.chord(&[DOWN]).await;
    window.chord(&[ENTER]).await;
    window.until_said("You wrote: “first!”").await;
    window.chord(&[CONTROL, 'k']).await;
    window.until("the picker", "return document.getElementById('picker').open").await;
    window.chord(&[ESCAPE]).await;
    window.until("no picker", "return !document.getElementById('picker').open").await;
    window.close().await;
}
