//! Hold the button, speak, hear an answer.
#![cfg(target_os = "linux")]

use tests::{Sound, Stage, Window, rms_dbfs};

/// The practice partner plays a chime of 250 ms and a pause of 120 ms before the user's own words; a busy machine
/// stretches them.
const CHIME: (f64, f64) = (0.6, 0.13);

async fn hear_the_answer(stage: &Stage, window: &Window, hold: impl AsyncFn(bool), picture: &str) {
    let words = Sound::fixture("question.wav");
    let recording = stage.card().record().await;
    hold(true).await;
    window.until_status("Listening").await;
    stage.card().say(&words).await;
    hold(false).await;
    window.until_status("Speaking").await;
    window.until_said("I heard").await;
    window.screenshot(picture).await;
    let at = recording.until_heard(&words).await;
    let heard = recording.so_far();
    let chime = heard.part(at - CHIME.0, at - CHIME.1);
    assert!(rms_dbfs(&chime.samples) > -40.0, "no chime before the words at {at:.2} s");
    window.until_status("Ready").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn holding_the_button_holds_a_spoken_turn() {
    let stage = Stage::new().with_sound_card();
    let window = Window::open(&stage).await;
    window.until_status("Ready").await;
    let hold = async |is_down| match is_down {
        true => window.hold("button", "Hold to talk").await,
        false => window.let_go().await,
    };
    hear_the_answer(&stage, &window, hold, "spoken-turn").await;
    let said = window.conversation().await;
    let seconds: f64 = said.split("I heard ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
    assert!((1.4..2.4).contains(&seconds), "2 s were spoken: {said}");
    assert!(said.contains("to first sound"), "the latency is shown: {said}");
    window.until("the figure opens", "const figure = document.querySelector('.figure'); if (figure?.getAttribute('aria-expanded') === 'false') figure.click(); return figure?.getAttribute('aria-expanded') === 'true'").await;
    let said = window.conversation().await;
    for step in ["Your turn ended", "The answer was asked for", "Its first piece came", "You heard it"] {
        assert!(said.contains(step), "where the time went: {said}");
    }
    window.screenshot("waterfall").await;
    window.close().await;
}

/// Values of style that change with each level made the engine of the page keep megabytes a turn.
#[tokio::test(flavor = "multi_thread")]
async fn levels_touch_no_style_while_it_listens() {
    let stage = Stage::new().with_sound_card();
    let window = Window::open(&stage).await;
    window.hold("button", "Hold to talk").await;
    window.until_status("Listening").await;
    let watch = "window.styled = []; window.drawn = 0;
        const seen = (changes) => { for (const { target } of changes) window.styled.push(target.id || target.className); };
        new MutationObserver(seen).observe(document.body, { subtree: true, attributes: true, attributeFilter: ['style'] });
        const clear = CanvasRenderingContext2D.prototype.clearRect;
        CanvasRenderingContext2D.prototype.clearRect = function (...box) { window.drawn += 1; return clear.apply(this, box); };";
    window.script(watch, &[]).await;
    stage.card().say(&Sound::fixture("question.wav")).await;
    window.until("levels to be drawn", "return window.drawn > 5").await;
    assert_eq!(window.script("return window.styled", &[]).await, serde_json::json!([]));
    window.let_go().await;
    window.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn holding_space_holds_a_spoken_turn() {
    let stage = Stage::new().with_sound_card();
    let window = Window::open(&stage).await;
    window.until_status("Ready").await;
    let hold = async |is_down| match is_down {
        true => window.key_down(' ').await,
        false => window.key_up(' ').await,
    };
    hear_the_answer(&stage, &window, hold, "spoken-turn-by-key").await;
    window.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_microphone_takes_turns_by_itself() {
    let stage = Stage::new().with_sound_card().with_settings("[call]\nmode = 'open'");
    let window = Window::open(&stage).await;
    window.click("button", "Start call").await;
    window.until_connected().await;
    let words = Sound::fixture("question.wav");
    let recording = stage.card().record().await;
    let speech = stage.card().start_saying(&words);
    window.until_status("Listening").await;
    speech.finish().await;
    window.until_said("I heard").await;
    recording.until_heard(&words).await;
    window.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn escape_discards_what_is_being_said() {
    let stage = Stage::new().with_sound_card();
    let window = Window::open(&stage).await;
    window.until_status("Ready").await;
    window.hold("button", "Hold to talk").await;
    window.until_status("Listening").await;
    stage.card().say(&Sound::fixture("question.wav").part(0.0, 0.7)).await;
    window.chord(&['\u{e00c}']).await;
    window.until_status("Ready").await;
    window.let_go().await;
    assert!(!window.conversation().await.contains("You"), "{}", window.conversation().await);
    window.close().await;
}
