//! What each answer took, told with it.

use super::*;

/// A dollar for each token: each one shows.
fn prices() -> Value {
    json!([{ "provider": "groq", "model": "fake-model", "input": 1_000_000.0, "cached": -1.0, "output": 1_000_000.0 }])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_answer_says_what_it_took_and_with_its_rest_what_both_took() {
    let script = Script { pace: slow(), ..Script::default() };
    let script = script.answer(Answer::say("word ".repeat(400))).answer(Answer::say("the rest"));
    let fakes = fakes(script).await;
    let mut rig = Rig::new(&fakes, &json!({ "chat": { "prices": prices() } }));
    rig.ask("Say a lot.").await;
    rig.until("some words", |now| now.messages.get(1).is_some_and(|answer| answer.text.contains("word"))).await;
    rig.send(Command::StopAnswer).await;
    let stopped = rig.until_quiet(2).await[1].clone();
    let first = stopped.receipt.unwrap();
    assert_eq!((stopped.state, stopped.failure), (MessageState::Stopped, None));
    assert!(first.output_tokens > 0 && first.cost_nano > Some(0), "{first:?}");

    rig.send(Command::Continue { message: stopped.id }).await;
    rig.until("it goes on", |now| now.chat.is_answering).await;
    let whole = rig.until_quiet(2).await[1].receipt.clone().unwrap();
    let tokens = |receipt: &crate::api::Receipt| i64::try_from(receipt.input_tokens + receipt.output_tokens).unwrap();
    assert!(tokens(&whole) > tokens(&first) && whole.attempts == 2, "{whole:?}");
    assert_eq!(whole.cost_nano, Some(tokens(&whole) * 1_000_000_000), "all of it");
    let spent = rig.text.shelf().store().await.unwrap().spent(None, crate::call::unix_ms()).await.unwrap();
    assert_eq!(whole.cost_nano, Some(spent.day_nano), "as in the ledger");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_answer_of_the_practice_partner_has_a_receipt_too() {
    let script = Script { pace: slow(), ..Script::default() }.answer(Answer::say("word ".repeat(400)));
    let fakes = fakes(script).await;
    let mut rig = Rig::new(&fakes, &json!({ "chat": { "provider": "practice", "model": "practice" } }));
    rig.ask("hello").await;
    rig.until("some words", |now| now.messages.get(1).is_some_and(|answer| answer.text.contains("word"))).await;
    rig.send(Command::StopAnswer).await;
    let stopped = rig.until_quiet(2).await[1].clone();
    assert_eq!((stopped.state, stopped.receipt.unwrap().cost_nano), (MessageState::Stopped, Some(0)));
}

#[tokio::test(flavor = "multi_thread")]
async fn another_answer_is_no_old_one_out_of_the_cache() {
    let script = Script::default().answer(Answer::say("One.")).answer(Answer::say("Two."));
    let fakes = fakes(script).await;
    let mut rig = Rig::new(&fakes, &json!({ "chat": { "temperature": 0.0 } }));
    rig.ask("A number?").await;
    let first = rig.until_quiet(2).await[1].clone();
    rig.send(Command::Regenerate { message: first.id }).await;
    rig.until("another answer", |now| now.messages.get(1).is_some_and(|answer| answer.id != first.id)).await;
    let second = rig.until_quiet(2).await[1].clone();
    assert_eq!((first.text.as_str(), second.text.as_str()), ("One.", "Two."));
    assert_eq!(second.receipt.unwrap().cache, crate::api::CacheMark::Miss);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_attached_counts_in_the_estimate_with_words_or_without() {
    let fakes = fakes(Script::default()).await;
    let mut rig = Rig::new(&fakes, &json!({ "chat": { "prices": prices(), "max_output": 1 } }));
    let mut estimate = async |text: &str, pictures, text_bytes| {
        let files = Enclosed { pictures, text_bytes };
        rig.send(Command::SaveDraft { text: text.into(), files }).await;
        loop {
            if let Change::Chat(chat) = rig.changes.recv().await.unwrap()
                && chat.draft == text
            {
                return chat.estimate_nano;
            }
        }
    };
    let words = estimate("What is this?", 0, 0).await.unwrap();
    let text = estimate("What is this? ", 0, 3000).await.unwrap();
    assert_eq!(text - words, 1_000 * 1_000_000_000, "a token for three bytes");
    assert!(estimate("What is this?  ", 1, 0).await.unwrap() > words);
    assert!(estimate("", 1, 0).await > Some(0), "a picture alone");
    assert_eq!(estimate(" ", 0, 0).await, None);
}
