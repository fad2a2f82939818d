//! A provider that fails: what is told of it, what is kept, and what one can do next.
#![cfg(target_os = "linux")]

use emulator::chat::{Answer, Fakes, Fault, FaultKind, Script};
use tests::{Stage, Window, until};

const ENTER: char = '\u{e007}';
const KEY: &str = "key-of-a-test";

/// Groq is asked first, Mistral stands in.
fn stage(fakes: &Fakes, fallback: &str) -> Stage {
    let settings = format!(
        "[chat]\nprovider = 'groq'\nmodel = 'fake-model'\nfallback = [{fallback}]\nstand_in = false\n\
         addresses = [{{ provider = 'groq', url = '{}' }}, {{ provider = 'mistral', url = '{}' }}]\n[limits]\nattempts = 1",
        fakes.base_url("groq"),
        fakes.base_url("mistral"),
    );
    Stage::new().with_settings(&settings).with_env("GROQ_API_KEY", KEY).with_env("MISTRAL_API_KEY", KEY)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_key_leads_to_the_keys() {
    let fakes = Fakes::start(Script::default().fault(Fault::new(FaultKind::InvalidKey).at("groq"))).await.unwrap();
    let stage = stage(&fakes, "");
    let window = Window::open(&stage).await;
    window.fill("Message", &format!("is anybody there?{ENTER}")).await;
    let said = window.until_said("did not accept the key").await;
    assert!(said.contains("Groq did not accept the key") && said.contains("is anybody there?"), "{said}");
    assert!(!window.everything().await.contains(KEY), "the key is on the page");
    window.screenshot("written-refused").await;
    window.click("button", "Open keys").await;
    window.find("textbox", "Groq key").await;
    window.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_breaks_is_kept_and_continued() {
    let script = Script::default()
        .fault(Fault::new(FaultKind::CutMidStream).at("groq").on(1))
        .answer(Answer::say("It was the best of times, it was the worst of times, it was the age of wisdom."));
    let fakes = Fakes::start(script).await.unwrap();
    let stage = stage(&fakes, "");
    let window = Window::open(&stage).await;
    window.fill("Message", &format!("how does it begin?{ENTER}")).await;
    let said = window.until_said("The connection broke off in mid-answer.").await;
    assert!(said.contains("It was the"), "{said}");
    window.screenshot("written-broken").await;
    window.click("button", "Continue").await;
    window.until("no complaint", "return !document.querySelector('.written .kept')").await;
    window.until_answered().await;
    assert_eq!(window.answer().await["state"], "done");
    window.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_stands_in_is_told() {
    let script =
        Script::default().fault(Fault::new(FaultKind::Overloaded).at("groq")).answer(Answer::say("Here I am."));
    let fakes = Fakes::start(script).await.unwrap();
    let stage = stage(&fakes, "{ provider = 'mistral', model = 'other-model' }");
    let window = Window::open(&stage).await;
    window.ask("who answers?").await;
    let said = window.until_said("instead of").await;
    assert!(said.contains("Here I am.") && said.contains("instead of fake-model, Groq"), "{said}");
    window.screenshot("written-fallback").await;
    window.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spent_budget_says_so_before_anything_is_sent() {
    let fakes = Fakes::start(Script::default()).await.unwrap();
    let stage = stage(&fakes, "").with_settings(
        "[budget]\nconversation = 0.000001\n[[chat.prices]]\nprovider = 'groq'\nmodel = 'fake-model'\ninput = 1000.0\noutput = 1000.0\ncached = -1.0",
    );
    let window = Window::open(&stage).await;
    window.fill("Message", &format!("what may it cost?{ENTER}")).await;
    window.until_said("A budget of yours is spent.").await;
    until("no request", async || fakes.record().requests.iter().all(|request| request.body.is_null()).then_some(()))
        .await;
    window.screenshot("written-budget").await;
    window.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_is_waited_for_in_sight_and_the_wait_can_be_ended() {
    let fakes = Fakes::start(Script::default().answer(Answer::say("One."))).await.unwrap();
    let stage = stage(&fakes, "").with_settings("[limits]\nrequests_per_minute = 1\nburst = 1");
    let window = Window::open(&stage).await;
    window.ask("one").await;
    window.fill("Message", &format!("two{ENTER}")).await;
    window.until_text("Groq limits requests. Asking in ").await;
    window.screenshot("written-waiting").await;
    window.click("button", "Stop answer").await;
    let said = window.until_said("You stopped this answer.").await;
    assert!(said.contains("Nothing came yet."), "{said}");
    window.until("the end of the wait", "return document.getElementById('limit-wait').hidden").await;
    window.close().await;
}
