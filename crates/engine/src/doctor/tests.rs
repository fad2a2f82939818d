//! The doctor's words over a server on loopback. Its ears and the keychain are tried on real systems.

#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::net::fake::{Answer, Fake, Head};

const MISSING: &str = "Missing bearer or basic authentication in header";

/// A patient whose keys come from the environment, since there is no keychain.
fn patient(server: &Fake, keys: bool) -> Patient {
    let mut settings = Settings::default();
    settings.providers.openai.base_url = server.url("http", "/v1");
    settings.gateway.base_url = server.url("http", "/gateway/v1");
    settings.gateway.account_id = "0123456789abcdef0123456789abcdef".into();
    settings.gateway.gateway_id = "gate".into();
    settings.endpoint.base_url = server.url("ws", "/own/v1");
    let variable = move |name: &str| match name {
        "OPENAI_API_KEY" | "CLOUDFLARE_API_TOKEN" if keys => Some("secret-key".to_owned()),
        _ => None,
    };
    let credentials = Credentials::without_keychain(variable);
    Patient {
        settings,
        credentials,
        net: Net::new(NetOptions::default()).unwrap(),
        practice_url: server.url("http", "/practice/v1"),
        calibrations: Calibrations::load(std::path::Path::new("/nowhere")),
        outbox: "/nowhere".into(),
        is_audible: false,
    }
}

fn find<'a>(checks: &'a [Check], name: &str) -> &'a Check {
    checks.iter().find(|check| check.name == name).unwrap_or_else(|| unreachable!("{name} in {checks:#?}"))
}

fn is_for(head: &Head, path: &str) -> bool {
    head.line().starts_with(&format!("GET {path}"))
}

#[tokio::test]
async fn a_good_network_is_told_step_by_step() {
    let server = Fake::start(|head| match is_for(head, "/v1/models") {
        true => Answer::json(401, "{}"),
        false => Answer::session(),
    })
    .await;
    let checks = look(Section::Network, &patient(&server, true)).await;
    for name in ["Practice partner", "Name", "Proxy", "Connection", "Session with OpenAI", "Session with the endpoint"]
    {
        assert_eq!(find(&checks, name).status, Status::Ok, "{name}: {checks:#?}");
    }
    assert!(checks.iter().all(|check| check.section == Section::Network));
    let without_key = server.heads().into_iter().filter(|head| head.header("authorization").is_none()).count();
    assert_eq!(without_key, 3, "practice, connection and endpoint need no key");
}

#[tokio::test]
async fn a_session_without_a_key_is_skipped_and_a_refusal_has_advice() {
    let server = Fake::start(|_| Answer::Http(503, "", "down".into())).await;
    let checks = look(Section::Network, &patient(&server, false)).await;
    assert_eq!(find(&checks, "Session with OpenAI").status, Status::Skipped);
    let endpoint = find(&checks, "Session with the endpoint");
    assert_eq!(endpoint.status, Status::Failed);
    assert!(endpoint.detail.contains("HTTP 503: down") && !endpoint.advice.is_empty(), "{endpoint:?}");
}

#[tokio::test]
async fn every_rung_of_the_gateway_is_told_and_the_insecure_form_is_a_warning() {
    let server =
        Fake::start(|head| match (head.header("cf-aig-authorization"), head.header("sec-websocket-protocol")) {
            (Some(token), _) if token.starts_with("Bearer ") => {
                Answer::json(401, r#"[{"code":2009,"message":"Unauthorized"}]"#)
            }
            (Some(_), _) => Answer::error("invalid_request_error", None, MISSING, 4001),
            _ => Answer::session(),
        })
        .await;
    let checks = look(Section::Gateway, &patient(&server, true)).await;
    let names: Vec<&str> = checks.iter().map(|check| &*check.name).collect();
    assert_eq!(
        names,
        [
            "Account id",
            "Gateway name",
            "Gateway token",
            "Session, keys in headers",
            "Session, keys in headers, token without \"Bearer\"",
            "Session, keys in the WebSocket subprotocol",
        ]
    );
    let statuses: Vec<Status> = checks.iter().map(|check| check.status).collect();
    use Status::{Ok, Warning};
    assert_eq!(statuses, [Ok, Ok, Ok, Warning, Warning, Warning]);
    assert!(checks[3].detail.contains("2009") && checks[4].detail.contains("Missing bearer"), "{checks:#?}");
    assert!(checks[5].advice.contains("log the key"));
    assert!(!format!("{checks:?}").contains("secret-key"));
}

#[tokio::test]
async fn a_refused_token_is_told_with_the_permission_that_it_needs() {
    let server =
        Fake::start(|_| Answer::json(401, r#"{"internalCode":2009,"error":[{"code":2009,"message":"Unauthorized"}]}"#))
            .await;
    let checks = look(Section::Gateway, &patient(&server, true)).await;
    let last = checks.last().unwrap();
    assert_eq!(last.status, Status::Failed);
    assert!(last.advice.contains("AI Gateway Run"), "{last:?}");
}

#[tokio::test]
async fn a_gateway_that_nobody_set_is_skipped() {
    let server = Fake::start(|_| Answer::Cut).await;
    let mut patient = patient(&server, true);
    patient.settings.gateway = Default::default();
    let checks = look(Section::Gateway, &patient).await;
    assert_eq!((checks.len(), checks[0].status), (1, Status::Skipped));
    assert!(server.heads().is_empty());
}

#[tokio::test]
async fn keys_are_told_by_place_and_never_shown() {
    let server = Fake::start(|_| Answer::Cut).await;
    let mut patient = patient(&server, true);
    patient.settings.call.provider = crate::api::Provider::Openai;
    let checks = look(Section::Keys, &patient).await;
    let openai = find(&checks, "OpenAI key");
    assert_eq!((openai.status, &*openai.detail), (Status::Ok, "from the environment variable OPENAI_API_KEY"));
    let endpoint = find(&checks, "Endpoint key");
    assert_eq!(endpoint.status, Status::Warning);
    assert!(endpoint.detail.contains("no keychain") && !endpoint.advice.is_empty(), "{endpoint:?}");
    assert!(!format!("{checks:?}").contains("secret-key"));
}

#[tokio::test]
async fn the_outbox_is_told_with_and_without_a_keychain() {
    let server = Fake::start(|_| Answer::Cut).await;
    let mut patient = patient(&server, true);
    let outbox = |checks: Vec<Check>| find(&checks, "Outbox").clone();
    let without = outbox(look(Section::Keys, &patient).await);
    assert_eq!(without.status, Status::Warning);
    assert!(without.detail.contains("in memory only") && !without.advice.is_empty(), "{without:?}");
    patient.credentials = Credentials::with_keychain();
    assert_eq!(outbox(look(Section::Keys, &patient).await).status, Status::Ok);
    assert!(patient.credentials.known_seal().await.unwrap().is_none(), "looking makes no key");
    patient.credentials.seal().await.unwrap();
    let with = outbox(look(Section::Keys, &patient).await);
    assert!(with.status == Status::Ok && with.detail.contains("0 waiting"), "{with:?}");
}
