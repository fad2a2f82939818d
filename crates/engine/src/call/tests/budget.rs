//! Budgets stop calls too: before they begin, and after the turn that spends them.

use store::{Outcome, Row};

use super::both::Both;
use super::*;
use crate::api::Provider;

/// A provider whose answers cost far more than a cent, and the practice partner.
async fn dear(budget: Value, mode: Value) -> (Both, Emulator, Emulator) {
    let provider = Emulator::start(Script { keys: Keys::only("sk-dear"), ..Script::openai() }).await.unwrap();
    let partner = practice().await;
    let settings = config::merge(&Settings::default(), &openai(&provider)).unwrap();
    // A dollar for every answer, about.
    let price = json!([{ "provider": "openai", "model": settings.providers.openai.model,
        "input": 0.0, "cached": 0.0, "output": 1_000_000.0 }]);
    let settings = config::merge(&settings, &mode).unwrap();
    let settings = config::merge(&settings, &json!({ "budget": budget, "chat": { "prices": price } })).unwrap();
    let rig = Rig::new(&partner, serde_json::to_value(settings).unwrap(), 400);
    rig.set_key("sk-dear").await;
    (Both::new(rig), provider, partner)
}

/// Something else has cost so much today.
async fn spend(both: &Both, nano: i64) {
    let exchange = both.rig.call.exchange();
    let store = exchange.text.shelf().store().await.unwrap();
    let row = Row {
        at_ms: crate::call::unix_ms(),
        purpose: "chat".into(),
        profile: "default".into(),
        provider: "groq".into(),
        model: "any".into(),
        route: "direct".into(),
        outcome: Outcome::Done,
        attempts: 1,
        cost_nano: Some(nano),
        ..Row::default()
    };
    store.record(row).unwrap();
}

fn is_over(now: &Snapshot) -> bool {
    problem(now) == Some(Code::Budget) && now.call.link == Link::Idle
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_does_not_begin_on_a_spent_budget_and_what_is_said_waits_for_another() {
    for limit in ["day", "month"] {
        let (mut both, provider, _partner) = dear(json!({ limit: 0.5 }), json!({})).await;
        spend(&both, 500_000_000).await;
        both.rig.call.press(&mut both.rig.board);
        let now = both.until("it is refused", |now| is_over(now) && delivery(now, 0) == Some(Delivery::Kept)).await;
        assert!(now.problem.unwrap().detail.contains(limit));
        assert_eq!((now.call.talk, now.call.waiting), (Talk::Blocked, 1));
        assert!(provider.record().connections.is_empty(), "nobody was called");
        both.rig.configure(json!({ "budget": { limit: 5.0 } }));
        assert_eq!(problem(&both.rig.now()), None, "there is nothing in the way any more");
        both.rig.call.resend(&mut both.rig.board);
        let now = both.until("it is answered", |now| delivery(now, 0) == Some(Delivery::Answered)).await;
        assert_eq!((problem(&now), now.call.waiting), (None, 0));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_turn_that_spends_a_budget_is_heard_to_its_end_and_then_the_call_ends() {
    for (limit, mode) in [("conversation", json!({})), ("day", open())] {
        let is_open = mode == open();
        let (mut both, provider, _partner) = dear(json!({ limit: 0.001 }), mode).await;
        if is_open {
            both.rig.call.start(&mut both.rig.board);
        } else {
            both.rig.call.press(&mut both.rig.board);
        }
        let now = both.until("the call is over", is_over).await;
        assert_eq!(delivery(&now, 0), Some(Delivery::Answered), "{limit}");
        assert_eq!(delivery(&now, 1), Some(Delivery::Complete), "{limit}: nobody cut it short");
        assert!(now.problem.unwrap().detail.contains(limit));
        let ended = both.until("it is hung up", |now| !now.call.is_armed && now.call.started_at.is_none()).await;
        assert_eq!(problem(&ended), Some(Code::Budget), "the reason stays on the screen");
        // The next question waits until there is money again.
        both.rig.call.say("And now?", &mut both.rig.board);
        let is_kept = |now: &Snapshot| is_over(now) && delivery(now, 2) == Some(Delivery::Kept);
        both.until("it is kept", is_kept).await;
        assert_eq!(provider.record().connections.len(), 1, "nobody was called again");
        both.rig.configure(json!({ "budget": { limit: 1_000_000.0 } }));
        both.rig.call.resend(&mut both.rig.board);
        both.until("it is answered", |now| delivery(now, 2) == Some(Delivery::Answered)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_opened_ahead_is_not_used_when_the_budget_was_spent_meanwhile() {
    let (mut both, provider, _partner) = dear(json!({ "day": 0.5 }), json!({})).await;
    both.rig.call.warm(&both.rig.board);
    let open = both.rig.call.next().await;
    both.rig.call.happen(open, &mut both.rig.board);
    spend(&both, 500_000_000).await;
    both.rig.call.say("Hello", &mut both.rig.board);
    both.until("it is refused", |now| is_over(now) && delivery(now, 0) == Some(Delivery::Kept)).await;
    assert_eq!(provider.record().count("response.create"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_voice_that_costs_nothing_stands_in_when_a_budget_is_spent() {
    let (mut both, provider, partner) = dear(json!({ "day": 0.001 }), json!({})).await;
    // Google would cost too: nobody tries it.
    both.rig.configure(json!({ "call": { "stand_ins": ["google", "practice"] } }));
    both.rig.call.say("Hello", &mut both.rig.board);
    let stands_in = |now: &Snapshot| now.call.provider == Provider::Practice && now.call.link == Link::Live;
    let now = both.until("another voice stands in", stands_in).await;
    assert_eq!((problem(&now), delivery(&now, 0)), (None, Some(Delivery::Answered)));
    let told = both.rig.notes();
    let stood_in = told.iter().filter(|note| matches!(note, Note::StoodIn { .. })).collect::<Vec<_>>();
    assert!(matches!(&*stood_in, [Note::StoodIn { provider: Provider::Practice, code: Code::Budget, .. }]), "{told:?}");
    both.rig.call.say("And now?", &mut both.rig.board);
    both.until("it answers", |now| delivery(now, 2) == Some(Delivery::Answered)).await;
    assert_eq!(provider.record().count("response.create"), 1);
    assert_eq!(partner.record().count("response.create"), 1);
    // From the first word on, too.
    both.rig.call.hang_up(&mut both.rig.board);
    assert_eq!(both.rig.now().call.provider, Provider::Openai);
    both.rig.call.say("Once more?", &mut both.rig.board);
    both.until("it answers again", |now| delivery(now, 4) == Some(Delivery::Answered)).await;
    assert_eq!(provider.record().count("response.create"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_user_is_warned_once_when_four_fifths_are_spent() {
    let (mut both, _provider, _partner) = dear(json!({ "day": 1_000_000.0 }), json!({})).await;
    spend(&both, 850_000_000_000_000).await;
    for question in 0..2 {
        both.rig.call.say("Hello", &mut both.rig.board);
        let is_quiet = |now: &Snapshot| {
            delivery(now, 2 * question + 1) == Some(Delivery::Complete) && now.call.talk == Talk::Ready
        };
        both.until("it is answered", is_quiet).await;
        // The row of this turn was written, and the look after it is over.
        both.until("it is counted", |now| now.chat.budget.day_nano > 850_000_000_000_000).await;
    }
    let left = both.rig.notes().into_iter().filter(|note| matches!(note, Note::BudgetNear { .. })).collect::<Vec<_>>();
    assert!(matches!(&*left, [Note::BudgetNear { limit_nano: 1_000_000_000_000_000, .. }]), "{left:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_practice_partner_and_ones_own_server_never_stop() {
    let server = practice().await;
    let endpoint =
        json!({ "call": { "provider": "openai", "route": "endpoint" }, "endpoint": { "base_url": server.base_url() } });
    for settings in [json!({}), endpoint] {
        let partner = practice().await;
        let mut both = Both::new(Rig::new(&partner, settings, 400));
        both.rig.configure(json!({ "budget": { "day": 0.5, "month": 0.5, "conversation": 0.5 } }));
        spend(&both, 900_000_000).await;
        for question in 0..2 {
            both.rig.call.say("Hello", &mut both.rig.board);
            both.until("it is answered", |now| delivery(now, 2 * question) == Some(Delivery::Answered)).await;
        }
        assert_eq!(problem(&both.rig.now()), None);
    }
}
