//! Those who may answer when nobody else was named: the providers that have keys.

use gateway::{Order, Policy, Settings, Target, Way};
use protocol::chat::{FailureKind, Message, Part, Speaker};
use serde_json::json;

use crate::rig::{Reply, Rig, Ring, ask, openai_hello, target};

const FIRST: (&str, &str) = ("groq", "openai/gpt-oss-20b");

fn spares() -> Vec<Target> {
    vec![target("groq", "qwen/qwen3.8-27b"), target("deepseek", "deepseek-v3.2"), target("xai", "grok-4.3")]
}

fn question(order: Order) -> gateway::Ask {
    let mut question = ask(&[]);
    (question.order, question.spares) = (order, spares());
    question
}

fn chain() -> Order {
    Order::Chain(vec![target(FIRST.0, FIRST.1)])
}

fn rig(lacking: &'static [&'static str], replies: impl IntoIterator<Item = Reply>) -> Rig {
    let mut settings = Settings::default();
    settings.patience.attempts = 1;
    let rig = Rig::with(settings, Ring { has_keys: true, has_token: true, vertex: String::new(), lacking }, None);
    rig.script(replies);
    rig
}

#[tokio::test(start_paused = true)]
async fn the_user_s_choice_comes_first_and_then_whoever_has_a_key() {
    let table: [(&[&str], &[u16], Option<&str>); 5] = [
        (&[], &[200], Some("groq")),
        (&[], &[500, 200], Some("deepseek")),
        (&["deepseek"], &[500, 200], Some("xai")),
        (&[], &[429, 503, 200], Some("xai")),
        (&["deepseek", "xai"], &[500, 200], None),
    ];
    for (lacking, statuses, winner) in table {
        let replies = statuses.iter().map(|status| if *status == 200 { openai_hello() } else { Reply::error(*status) });
        let rig = rig(lacking, replies);
        let outcome = rig.ask(question(chain())).await;
        let who = outcome.receipt.target.provider.as_str();
        assert_eq!(outcome.failure.is_none().then_some(who), winner, "{lacking:?} {statuses:?}: {outcome:?}");
        assert_eq!(outcome.waits(), 0, "{lacking:?} {statuses:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_policy_chooses_among_all_of_them() {
    // $0.28 at deepseek, $0.075 at groq, $1.25 at xai.
    let cheapest = || Order::Policy(Policy::Cheapest, vec![target("xai", "grok-4.3")]);
    let all = rig(&[], [openai_hello()]);
    let outcome = all.ask(question(cheapest())).await;
    assert_eq!(outcome.receipt.target.provider.as_str(), "deepseek");
    let without = rig(&["deepseek", "groq"], [openai_hello()]);
    assert_eq!(without.ask(question(cheapest())).await.receipt.target.provider.as_str(), "xai");
}

#[tokio::test(start_paused = true)]
async fn who_has_only_a_key_at_the_gateway_is_not_a_spare() {
    let rig = rig(&[], [Reply::error(500)]);
    let mut question = question(chain());
    question.route = Some(Way::StoredKey);
    assert_eq!(rig.ask(question).await.kind(), Some(FailureKind::Gateway));
    assert_eq!(rig.sent(), 0);
}

#[tokio::test(start_paused = true)]
async fn pictures_and_long_conversations_go_to_models_that_take_them() {
    let picture = Part::Image { mime: "image/png".to_owned(), data: "AAAA".to_owned() };
    let long = Part::Text { text: "word ".repeat(200_000) };
    // gpt-oss-20b: no pictures, 131 072 tokens. deepseek-v3.2: no pictures, 163 840. grok-4.3: pictures, 1 000 000.
    for (part, kind) in [(picture, FailureKind::Invalid), (long, FailureKind::TooLong)] {
        let rig = rig(&[], [openai_hello()]);
        let mut question = question(chain());
        question.request.messages = vec![Message { role: Speaker::User, parts: vec![part.clone()] }];
        let outcome = rig.ask(question.clone()).await;
        assert_eq!(outcome.receipt.target.provider.as_str(), "xai", "{kind:?} {outcome:?}");
        assert_eq!(outcome.fell_back(), [("xai".to_owned(), kind)]);
        question.spares = Vec::new();
        assert_eq!(rig.ask(question).await.kind(), Some(kind), "nobody else can");
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_provider_s_own_list_says_of_a_model_counts() {
    let rig = rig(
        &[],
        [Reply::json(
            200,
            &json!({ "data": [
        { "id": "brand-new", "architecture": { "input_modalities": ["text"] }, "context_length": 1000 }] }),
        )],
    );
    rig.gateway.models(&"openrouter".into()).await.unwrap();
    let mut question = ask(&[("openrouter", "brand-new"), ("openrouter", "another")]);
    let picture = Part::Image { mime: "image/png".to_owned(), data: "AAAA".to_owned() };
    question.request.messages[0].parts.push(picture);
    rig.script([openai_hello()]);
    assert_eq!(rig.ask(question).await.receipt.target.model, "another");
}
