//! Words are found in the open conversation, from one place to the next.
#![cfg(target_os = "linux")]

use tests::{Stage, Window};

const ENTER: char = '\u{e007}';
const CONTROL: char = '\u{e009}';
const ESCAPE: char = '\u{e00c}';
const SHIFT: char = '\u{e008}';

async fn until_count(window: &Window, words: &str) {
    let count = format!("return document.querySelector('.find-count').textContent === {words:?}");
    window.until(&format!("the count {words:?}"), &count).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn matches_are_counted_shown_and_walked_through() {
    let stage = Stage::new();
    let window = Window::open(&stage).await;
    window.ask("a note on Hydrangeas").await;
    window.ask("table").await;
    window.ask("code").await;
    window.chord(&[CONTROL, 'f']).await;
    window.fill("Find in conversation", "HYDRANGEAS").await;
    until_count(&window, "2 of 2").await;
    // In the question and in the answer; what is found is brought into sight.
    let in_sight = "const log = document.getElementById('log').getBoundingClientRect();
        const [range] = CSS.highlights.get('found-now'); const place = range.getBoundingClientRect();
        return place.top >= log.top && place.bottom <= log.bottom && range.toString() === 'Hydrangeas'";
    window.until("the match in sight", in_sight).await;
    window.screenshot("find").await;
    window.chord(&[ENTER]).await;
    until_count(&window, "1 of 2").await;
    window.chord(&[SHIFT, ENTER]).await;
    until_count(&window, "2 of 2").await;

    // Across the marks of code, and what comes while it is open.
    window.script("document.querySelector('.find input').select()", &[]).await;
    window.fill("Find in conversation", "runs with cargo run").await;
    until_count(&window, "1 of 1").await;
    window.ask("code").await;
    until_count(&window, "1 of 2").await;

    window.chord(&[ESCAPE]).await;
    window.until("no search", "return document.getElementById('find').hidden && CSS.highlights.get('found').size === 0").await;
    window.close().await;
}
