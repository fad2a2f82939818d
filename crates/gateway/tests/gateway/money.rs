//! What things cost, and budgets.

use gateway::{Budget, Nanodollars, Override, Price, Settings};
use protocol::chat::FailureKind;

use crate::rig::{Rig, Step, ask, openai_hello, target};

const TARGET: (&str, &str) = ("openai", "gpt-6.1-sol");

#[tokio::test(start_paused = true)]
async fn the_listed_and_the_own_price_are_both_written_down() {
    let rig = Rig::new(Settings::default());
    rig.script([openai_hello()]);
    let listed = rig.ask(ask(&[TARGET])).await.receipt;
    // 6 × $2 + 4 cached × $0.1 + 5 × $10 per million.
    assert_eq!((listed.cost, listed.list_cost), (Some(Nanodollars(62_400)), Some(Nanodollars(62_400))));

    let price = Price::dollars(1.0, None, 1.0);
    let settings =
        Settings { prices: vec![Override { target: target(TARGET.0, TARGET.1), price }], ..Settings::default() };
    rig.settings.send_replace(settings.into());
    let own = rig.ask(ask(&[TARGET])).await.receipt;
    assert_eq!((own.cost, own.list_cost), (Some(Nanodollars(15_000)), Some(Nanodollars(62_400))));
    let row = rig.last_row();
    assert_eq!((row.cost, row.list_cost, row.conversation, row.tokens.cached), (own.cost, own.list_cost, Some(1), 4));
}

#[tokio::test(start_paused = true)]
async fn local_answers_cost_nothing_and_unknown_prices_stay_unknown() {
    let rig = Rig::new(Settings::default());
    rig.script([openai_hello()]);
    assert_eq!(rig.ask(ask(&[("ollama", "llama")])).await.receipt.cost, Some(Nanodollars::ZERO));
    assert_eq!(rig.ask(ask(&[("openai", "brand-new")])).await.receipt.cost, None);
    assert_eq!(rig.gateway.estimate(&ask(&[("openai", "brand-new")])), None);
    let about = rig.gateway.estimate(&ask(&[TARGET])).unwrap();
    assert!((5_000_000..8_000_000).contains(&about.0), "{about}");
}

#[tokio::test(start_paused = true)]
async fn what_the_provider_charges_beats_the_list() {
    let rig = Rig::new(Settings::default());
    let charged = concat!(
        "data: {\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hello\"},\"finish_reason\":\"stop\"}]}\n\n",
        "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":5,\"cost\":0.00125}}\n\n",
        "data: [DONE]\n\n",
    );
    rig.script([crate::rig::Reply::stream(charged)]);
    let receipt = rig.ask(ask(&[("openrouter", "openai/gpt-5")])).await.receipt;
    assert_eq!(receipt.cost, Some(Nanodollars(1_250_000)));
}

#[tokio::test(start_paused = true)]
async fn a_budget_refuses_before_it_is_passed() {
    let budget = Budget { conversation: Some(Nanodollars(1_500_000)), ..Budget::default() };
    let rig = Rig::new(Settings { budget, ..Settings::default() });
    rig.script([openai_hello()]);
    let mut sent = 0;
    let refused = loop {
        let outcome = rig.ask(ask(&[TARGET])).await;
        match outcome.failure {
            Some(failure) => break failure,
            None => sent += 1,
        }
        assert!(sent < 1000);
    };
    assert_eq!(refused.kind, FailureKind::Budget);
    assert!(sent > 3, "{sent}");
    let spent = rig.book.rows.lock().unwrap().iter().fold(Nanodollars::ZERO, |sum, row| sum + row.cost.unwrap());
    assert!(spent.0 <= 1_500_000, "{spent}");
    assert_eq!(rig.sent(), sent, "what is refused is not sent");

    let mut elsewhere = ask(&[TARGET]);
    elsewhere.conversation = Some(2);
    assert_eq!(rig.ask(elsewhere).await.text, "Hello", "another conversation has its own");
    assert_eq!(rig.ask(ask(&[TARGET, ("ollama", "llama")])).await.text, "Hello", "what costs nothing is left");
}

#[tokio::test(start_paused = true)]
async fn the_longest_answer_is_what_the_budget_pays_for() {
    let budget = Budget { day: Some(Nanodollars(5_000_000)), ..Budget::default() };
    let rig = Rig::new(Settings { budget, ..Settings::default() });
    rig.script([openai_hello()]);
    let receipt = rig.ask(ask(&[TARGET])).await.receipt;
    assert!(receipt.is_capped);
    let body: serde_json::Value = serde_json::from_slice(&rig.server.seen.lock().unwrap()[0].body).unwrap();
    let limit = body["max_completion_tokens"].as_u64().unwrap();
    // $0.005 at $10 per million, less the prompt.
    assert!((450..500).contains(&limit), "{limit}");
}

#[tokio::test(start_paused = true)]
async fn requests_at_the_same_time_share_a_budget() {
    let budget = Budget { day: Some(Nanodollars(5_000_000)), ..Budget::default() };
    let rig = Rig::new(Settings { budget, ..Settings::default() });
    let crate::rig::Reply::Body(status, headers, mut steps) = openai_hello() else { panic!() };
    steps.insert(0, Step::Pause(std::time::Duration::from_secs(1)));
    rig.script([crate::rig::Reply::Body(status, headers, steps)]);
    let mut short = ask(&[TARGET]);
    short.request.max_output = Some(200);
    let all = futures_util::future::join_all((0..10).map(|_| rig.ask(short.clone()))).await;
    let done = all.iter().filter(|outcome| outcome.failure.is_none()).count();
    // Each may cost a little over $0.002.
    assert!((2..=3).contains(&done), "{done}");
    assert!(all.iter().all(|outcome| outcome.kind().is_none_or(|kind| kind == FailureKind::Budget)));
    // What was set aside and not needed can be spent.
    assert_eq!(rig.ask(short).await.text, "Hello");
}

#[tokio::test(start_paused = true)]
async fn no_row_holds_what_was_said() {
    let rig = Rig::new(Settings::default());
    rig.script([openai_hello()]);
    rig.ask(ask(&[TARGET])).await;
    let row = serde_json::to_string(&rig.last_row()).unwrap();
    assert!(!row.contains("hello") && !row.contains("Hello"), "{row}");
}

#[tokio::test(start_paused = true)]
async fn a_budget_counts_what_has_no_price_as_the_dearest() {
    let budget = Budget { day: Some(Nanodollars::from_dollars(0.05)), ..Budget::default() };
    let rig = Rig::new(Settings { budget, ..Settings::default() });
    rig.script([openai_hello()]);
    let outcome = rig.ask(ask(&[("openai", "brand-new")])).await;
    let receipt = outcome.receipt;
    assert!(receipt.is_capped, "at $180 per million, $0.05 are not many tokens");
    assert!(
        receipt.is_estimate && receipt.list_cost.is_none() && receipt.cost > Some(Nanodollars(900_000)),
        "{receipt:?}"
    );
    let mut spent = 0;
    while rig.ask(ask(&[("openai", "brand-new")])).await.failure.is_none() {
        spent += 1;
        assert!(spent < 100, "the budget is never spent");
    }
    assert_eq!(rig.ask(ask(&[("openai", "brand-new")])).await.kind(), Some(FailureKind::Budget));
}
