//! Written requests over real sockets, by the transports of the gateway.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::time::Duration;

use emulator::chat::{Answer, Fakes, Fault, FaultKind, Gateway as FakeGateway, Noise, Script};
use gateway::{Piece, Progress};
use protocol::chat::{Delta, Failure, FailureKind};
use serde_json::{Value, json};
use tokio::sync::watch;

use super::{Shelf, Text, start};
use crate::config::{self, Settings};
use crate::credential::Credentials;
use crate::net::{Net, NetOptions};

const LIMIT: Duration = Duration::from_secs(30);
const KEY: &str = "sk-test-of-nobody";
const TOKEN: &str = "cf-test-of-nobody";

struct Rig {
    text: Text,
    fakes: Fakes,
    settings: Settings,
    _practice: watch::Sender<String>,
    _terms: watch::Sender<std::sync::Arc<gateway::Settings>>,
    folder: tempfile::TempDir,
}

impl Rig {
    async fn new(script: Script, patch: &Value) -> Self {
        let tokens = Some(vec![TOKEN.to_owned()]);
        let script = Script { gateway: FakeGateway { tokens, ..script.gateway.clone() }, ..script };
        let fakes = Fakes::start(script).await.unwrap();
        let settings = json!({
            "chat": { "provider": "openai", "model": "gpt-6.1-sol", "way": "gateway",
                "fallback": [{ "provider": "openai", "model": "gpt-6.1-sol" }] },
            "gateway": { "base_url": fakes.gateway_url(), "account_id": "0123456789abcdef0123456789abcdef",
                "gateway_id": "home" },
            "limits": { "attempts": 1 },
        });
        let settings = config::merge(&Settings::default(), &settings).unwrap();
        let settings = config::merge(&settings, patch).unwrap();
        let credentials = Credentials::without_keychain(|name| match name {
            "OPENAI_API_KEY" | "ANTHROPIC_API_KEY" | "GROQ_API_KEY" | "GEMINI_API_KEY" => Some(KEY.to_owned()),
            "CF_AIG_TOKEN" => Some(TOKEN.to_owned()),
            _ => None,
        });
        let folder = tempfile::tempdir().unwrap();
        let (url, practice) = watch::channel(fakes.base_url("practice"));
        let net = Net::new(NetOptions::default()).unwrap();
        let shelf = Shelf::new(folder.path().join("sidetone.db"));
        let (text, _, terms) = start(&net, &credentials, shelf, practice, &settings);
        Self { text, fakes, settings, _practice: url, _terms: terms, folder }
    }

    async fn ask(&self) -> (String, Result<gateway::Receipt, Failure>, Vec<String>) {
        let (mut text, mut fell_back) = (String::new(), Vec::new());
        let mut pieces = self.text.ask(crate::chat::question(&self.settings, "", "Say something."));
        loop {
            match tokio::time::timeout(LIMIT, pieces.recv()).await.unwrap().unwrap() {
                Piece::Delta(Delta::Text(more)) => text.push_str(&more),
                Piece::Progress(Progress::FellBack { to, .. }) => fell_back.push(to.provider.0),
                Piece::Receipt(receipt) => return (text, Ok(receipt), fell_back),
                Piece::Failed(failure, _) => return (text, Err(failure), fell_back),
                Piece::Delta(_) | Piece::Progress(_) => {}
            }
        }
    }

    fn no_violations(&self) {
        let record = self.fakes.record();
        assert!(record.violations.is_empty(), "{:?}", record.violations);
        let shown = format!("{record:?}");
        assert!(!shown.contains(KEY) && !shown.contains(TOKEN), "the record hides secrets");
    }
}

fn others(providers: &[(&str, &str)]) -> Value {
    providers.iter().map(|(provider, model)| json!({ "provider": provider, "model": model })).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_socket_carries_answers_of_every_shape() {
    for (provider, model) in
        [("openai", "gpt-6.1-sol"), ("anthropic", "claude-sonnet-5-5"), ("google-ai-studio", "gemini-3.8-flash")]
    {
        let script = Script { noise: Noise { unknown: true, ..Noise::default() }, ..Script::default() };
        let script = script.answer(Answer::say("One two three four.")).answer(Answer::say("Five six seven."));
        let chat = json!({ "provider": provider, "model": model });
        let patch = json!({ "chat": chat, "gateway": { "requests": { "websocket": true, "cache_ttl_s": 60 } } });
        let rig = Rig::new(script, &patch).await;
        for words in ["One two three four.", "Five six seven."] {
            let (text, receipt, _) = rig.ask().await;
            assert_eq!(text, words, "{provider}: {receipt:?}");
            let receipt = receipt.unwrap();
            assert!(receipt.tokens.output > 0 && !receipt.is_estimate && receipt.cost.is_some(), "{receipt:?}");
        }
        let record = rig.fakes.record();
        let opened = record.requests.iter().filter(|request| request.status == 101).count();
        let carried: Vec<_> = record.requests.iter().filter(|request| request.method == "WS").collect();
        assert_eq!((opened, carried.len(), record.requests.len()), (1, 2, 3), "{provider}");
        assert!(carried.iter().all(|request| request.status == 200), "{carried:?}");
        rig.no_violations();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_wrong_over_a_socket_has_its_own_kind() {
    for (fault, kind, words) in [
        (FaultKind::RateLimited, FailureKind::RateLimited, ""),
        (FaultKind::NoCredit, FailureKind::Quota, ""),
        (FaultKind::Overloaded, FailureKind::Unavailable, ""),
        (FaultKind::GatewayUnauthorized, FailureKind::Gateway, ""),
        (FaultKind::GatewayMissing, FailureKind::Gateway, ""),
        (FaultKind::CutMidStream, FailureKind::Broken, "The first words"),
        (FaultKind::ErrorMidStream, FailureKind::Unavailable, "The first words"),
    ] {
        let script = Script::default().answer(Answer::say("The first words and many more of them.")).fault(fault);
        let rig = Rig::new(script, &json!({ "gateway": { "requests": { "websocket": true } } })).await;
        let (text, outcome, _) = rig.ask().await;
        let failure = outcome.unwrap_err();
        assert_eq!(failure.kind, kind, "{fault:?}: {failure:?}");
        assert_eq!(text.trim().is_empty(), words.is_empty(), "{fault:?}: {text:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_gateway_falls_back_by_itself_and_says_who_answered() {
    for is_step_stuck in [false, true] {
        let script = Script { gateway: FakeGateway { is_step_stuck, ..FakeGateway::default() }, ..Script::default() };
        let script = script
            .fault(Fault::new(FaultKind::Overloaded).at("openai"))
            .fault(Fault::new(FaultKind::ServerError).at("anthropic"))
            .answer(Answer::say("Here I am."));
        let fallback = others(&[("anthropic", "claude-sonnet-5-5"), ("groq", "openai/gpt-oss-120b")]);
        let patch = json!({ "chat": { "fallback": fallback }, "gateway": { "requests": { "fallback": true } } });
        let rig = Rig::new(script, &patch).await;
        let (text, receipt, fell_back) = rig.ask().await;
        let receipt = receipt.unwrap();
        assert_eq!((text.as_str(), receipt.target.provider.as_str()), ("Here I am.", "groq"));
        assert_eq!(fell_back, ["anthropic", "groq"]);
        assert!(receipt.cost.is_some() && receipt.attempts == 1, "{receipt:?}");
        let record = rig.fakes.record();
        assert_eq!((record.requests.len(), record.requests[0].attempts), (1, 3), "one request, three steps");
        rig.no_violations();
        drop(rig.folder);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn routes_and_providers_of_the_gateway_s_own_answer_with_keys_stored_there() {
    let stored = vec![("groq".into(), "default".into(), KEY.into()), ("mine".into(), "default".into(), KEY.into())];
    let routes = vec![("cheap".into(), "groq".into(), "openai/gpt-oss-120b".into())];
    for (provider, model, path) in [
        ("openai", "dynamic/cheap", "/compat/chat/completions"),
        ("cloudflare-route", "custom-mine/some-model", "/compat/chat/completions"),
        ("custom-mine", "some-model", "/custom-mine/v1/chat/completions"),
    ] {
        let gateway = FakeGateway { stored: stored.clone(), routes: routes.clone(), ..FakeGateway::default() };
        let script = Script { gateway, ..Script::default() }.answer(Answer::say("From afar."));
        let rig = Rig::new(script, &json!({ "chat": { "provider": provider, "model": model } })).await;
        let (text, receipt, _) = rig.ask().await;
        assert_eq!(text, "From afar.", "{provider} {model}: {receipt:?}");
        let receipt = receipt.unwrap();
        assert_eq!(receipt.way, gateway::Way::StoredKey, "{model}");
        if model == "dynamic/cheap" {
            let echo = receipt.gateway.clone().unwrap();
            assert_eq!((echo.provider.as_deref(), echo.model.as_deref()), (Some("groq"), Some("openai/gpt-oss-120b")));
            assert!(receipt.cost.is_some(), "priced by who answered");
        }
        let record = rig.fakes.record();
        assert!(record.requests[0].path.ends_with(path), "{}", record.requests[0].path);
        assert_eq!(record.requests[0].credential(emulator::Purpose::Provider), None, "no key goes along");
        rig.no_violations();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_auto_router_chooses_among_those_that_are_allowed_over_no_socket() {
    let auto = [("openai", "gpt-6.1-sol"), ("groq", "openai/gpt-oss-120b")];
    let auto = auto.map(|(slug, model)| (slug.to_owned(), model.to_owned())).into();
    let stored = vec![("groq".into(), "default".into(), KEY.into())];
    let gateway = FakeGateway { auto, stored, ..FakeGateway::default() };
    let script = Script { gateway, ..Script::default() }.answer(Answer::say("From afar."));
    let requests = json!({ "auto_providers": "groq", "websocket": true });
    let patch = json!({ "chat": { "model": "cloudflare/auto" }, "gateway": { "requests": requests } });
    let rig = Rig::new(script, &patch).await;
    let (text, receipt, _) = rig.ask().await;
    let receipt = receipt.unwrap();
    let echo = crate::api::GatewayEcho::from(receipt.gateway.unwrap());
    assert_eq!((text.as_str(), echo.routed.as_str()), ("From afar.", "groq/openai/gpt-oss-120b"));
    assert_eq!((echo.reason.is_empty(), echo.decision_id.is_empty()), (false, false));
    assert!(receipt.cost.is_some(), "priced by whom it chose");
    rig.no_violations();
    let nobody = json!({ "chat": { "model": "cloudflare/auto", "fallback": [] }, "gateway": { "requests": { "auto_models": "x/y" } } });
    let rig = Rig::new(Script::default(), &nobody).await;
    assert!(rig.ask().await.1.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_list_of_others_everybody_with_a_key_may_stand_in() {
    let script = Script::default().fault(Fault::new(FaultKind::Overloaded).at("openai")).answer(Answer::say("Me."));
    let rig = Rig::new(script, &json!({ "chat": { "fallback": [] } })).await;
    let (text, receipt, fell_back) = rig.ask().await;
    assert_eq!((text.as_str(), fell_back), ("Me.", vec!["anthropic".to_owned()]), "{receipt:?}");
    assert_eq!(receipt.unwrap().target.model, "claude-sonnet-5-5", "its usual model");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_faster_or_failed_less_in_earlier_runs_is_asked_first() {
    let done = |provider: &str, first_ms| store::Row {
        at_ms: crate::call::unix_ms(),
        purpose: "chat".into(),
        provider: provider.into(),
        attempts: 1,
        first_ms: Some(first_ms),
        ..store::Row::default()
    };
    let failed = |provider: &str| store::Row {
        outcome: store::Outcome::Failed,
        failure: "unavailable".into(),
        first_ms: None,
        ..done(provider, 0)
    };
    let old = |row: store::Row| store::Row { at_ms: 1000, ..row };
    let cached = |row: store::Row| store::Row { cache: store::Cache::Hit, ..row };
    let fast = [done("openai", 900), done("anthropic", 100), cached(done("openai", 1)), old(done("openai", 1))];
    let reliable = [failed("openai"), done("openai", 100), done("anthropic", 900), old(failed("anthropic"))];
    for (policy, rows) in [("fastest", fast), ("most_reliable", reliable)] {
        let others = others(&[("anthropic", "claude-sonnet-5-5")]);
        let patch = json!({ "chat": { "policy": policy, "fallback": others } });
        let rig = Rig::new(Script::default().answer(Answer::say("Me.")), &patch).await;
        let store = rig.text.shelf().store().await.unwrap();
        rows.into_iter().for_each(|row| store.record(row).unwrap());
        let (_, receipt, _) = rig.ask().await;
        assert_eq!(receipt.unwrap().target.provider.as_str(), "anthropic", "{policy}");
    }
}
