//! Several targets in one request: the gateway goes on to the next by itself.

use gateway::{Budget, Circuit, CloudGateway, Nanodollars, Settings, Way};
use protocol::chat::{FailureKind, Wire};
use serde_json::Value;

use crate::rig::{Outcome, Reply, Rig, ask, header, hello, openai_hello};

const FIRST: (&str, &str) = ("openai", "gpt-6.1-sol");
const SECOND: (&str, &str) = ("anthropic", "claude-haiku-5-5");
const THIRD: (&str, &str) = ("groq", "openai/gpt-oss-20b");

fn settings() -> Settings {
    let gateway = CloudGateway {
        base_url: "https://gateway.ai.cloudflare.com/v1".to_owned(),
        account: "0123456789abcdef0123456789abcdef".to_owned(),
        gateway: "home".to_owned(),
        falls_back: true,
        ..CloudGateway::default()
    };
    Settings { way: Way::Gateway, gateway: Some(gateway), ..Settings::default() }
}

fn steps(rig: &Rig, request: usize) -> Vec<(String, String)> {
    let seen = rig.server.seen.lock().unwrap();
    let body: Value = serde_json::from_slice(&seen[request].body).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    body.as_array().into_iter().flatten().map(|step| (text(&step["provider"]), text(&step["endpoint"]))).collect()
}

fn answered(outcome: &Outcome) -> &str {
    outcome.receipt.target.provider.as_str()
}

#[tokio::test(start_paused = true)]
async fn the_step_that_answers_is_read_priced_and_written_down() {
    type Case<'a> = (&'a [(&'a str, &'a str)], Wire, &'a str, i64);
    let table: [Case<'_>; 4] = [
        // 6 × $2 + 4 × $0.1 + 5 × $10 per million.
        (&[("cf-aig-step", "0")], Wire::OpenaiChat, "openai", 62_400),
        // 6 × $0.1 + 4 × $0.01 + 5 × $0.5 per million.
        (&[("cf-aig-step", "1")], Wire::AnthropicMessages, "anthropic", 3_140),
        // The number is stuck; the names are not.
        (
            &[("cf-aig-step", "0"), ("cf-aig-provider", "anthropic"), ("cf-aig-model", "claude-haiku-5-5")],
            Wire::AnthropicMessages,
            "anthropic",
            3_140,
        ),
        (&[], Wire::OpenaiChat, "openai", 62_400),
    ];
    for (headers, wire, winner, cost) in table {
        let rig = Rig::new(settings());
        rig.script([headers.iter().fold(hello(wire, true), |reply, (name, value)| reply.with(name, value))]);
        let outcome = rig.ask(ask(&[FIRST, SECOND, THIRD])).await;
        assert_eq!((outcome.text.as_str(), answered(&outcome)), ("Hello", winner), "{headers:?}: {outcome:?}");
        assert_eq!(outcome.receipt.cost, Some(Nanodollars(cost)), "{headers:?}");
        let row = rig.last_row();
        assert_eq!((row.target.provider.as_str(), row.way, row.attempts), (winner, Way::Gateway, 1));
        let fell_back =
            if winner == "openai" { vec![] } else { vec![("anthropic".to_owned(), FailureKind::Unavailable)] };
        assert_eq!(outcome.fell_back(), fell_back, "{headers:?}");

        assert_eq!(rig.sent(), 1);
        let expected = [("openai", "chat/completions"), ("anthropic", "v1/messages"), ("groq", "chat/completions")];
        assert_eq!(steps(&rig, 0), expected.map(|(slug, path)| (slug.to_owned(), path.to_owned())));
        let seen = rig.server.seen.lock().unwrap();
        assert!(seen[0].url.ends_with("/0123456789abcdef0123456789abcdef/home"), "{}", seen[0].url);
        assert_eq!(header(&seen[0], "cf-aig-authorization").as_deref(), Some("Bearer token-of-cloudflare"));
        assert_eq!(header(&seen[0], "authorization"), None, "keys go into the steps");
        let body: Value = serde_json::from_slice(&seen[0].body).unwrap();
        assert_eq!(body[0]["headers"]["authorization"], "Bearer key-of-openai");
        assert_eq!(body[1]["headers"]["x-api-key"], "key-of-anthropic");
        assert_eq!(body[2]["query"]["model"], THIRD.1);
        assert!(!format!("{:?}", seen[0]).contains("key-of"), "no key is shown");
    }
}

#[tokio::test(start_paused = true)]
async fn who_gives_up_before_the_winner_counts_as_a_failure_of_its_own() {
    let rig = Rig::new(settings());
    rig.script([openai_hello().with("cf-aig-step", "1")]);
    let targets = [("xai", "grok-4.3"), THIRD];
    for _ in 0..5 {
        assert_eq!(answered(&rig.ask(ask(&targets)).await), "groq");
    }
    let health = rig.gateway.health();
    let of = |id: &str| health.iter().find(|health| health.provider.as_str() == id).unwrap();
    assert!(matches!(of("xai").circuit, Circuit::Open { .. }));
    assert_eq!((of("groq").circuit, of("groq").tries, of("groq").failures), (Circuit::Closed, 5, 0));
    // While it is left alone, the next is asked without it.
    rig.script([openai_hello()]);
    assert_eq!(answered(&rig.ask(ask(&targets)).await), "groq");
    assert!(steps(&rig, 5).is_empty(), "one target needs no steps");
}

#[tokio::test(start_paused = true)]
async fn only_what_goes_through_the_gateway_is_asked_together() {
    let direct_last = [FIRST, SECOND, ("ollama", "llama3.2:3b")];
    let route_first = [("cloudflare-route", "dynamic/x"), FIRST, SECOND];
    type Case<'a> = (&'a [(&'a str, &'a str)], &'a [usize]);
    let table: [Case<'_>; 3] =
        [(&direct_last, &[2, 0]), (&route_first, &[0, 2]), (&[FIRST, ("custom-mine", "m")], &[2])];
    for (targets, requests) in table {
        let mut terms = settings();
        terms.patience.attempts = 1;
        let rig = Rig::new(terms);
        rig.script([Reply::error(500)]);
        let outcome = rig.ask(ask(targets)).await;
        assert_eq!(outcome.kind(), Some(FailureKind::Unavailable), "{targets:?}");
        assert_eq!(rig.sent(), requests.len(), "{targets:?}");
        let lengths: Vec<_> = (0..rig.sent()).map(|index| steps(&rig, index).len()).collect();
        assert_eq!(lengths, requests, "{targets:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_dearest_of_them_is_set_aside() {
    let mut terms = settings();
    // gpt-6-astra answers 32 768 tokens for $1.6, the others for cents.
    terms.budget = Budget { day: Some(Nanodollars::from_dollars(0.5)), ..Budget::default() };
    let rig = Rig::new(terms);
    rig.script([openai_hello().with("cf-aig-step", "0")]);
    let outcome = rig.ask(ask(&[THIRD, ("openai", "gpt-6-astra")])).await;
    assert_eq!(outcome.text, "Hello");
    assert!(outcome.receipt.is_capped, "the dear one may answer too");
}
