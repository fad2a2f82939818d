//! The ladder, rung by rung.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::time::Duration;

use protocol::Cause;

use super::*;
use crate::net::fake::{Answer, Fake};
use crate::net::{Net, NetOptions};

fn keys() -> Keys {
    Keys { openai: Some("sk-openai".into()), gateway: Some("cf-token".into()), endpoint: Some("own-key".into()) }
}

fn settings(provider: Provider, route: Route) -> Settings {
    let mut settings = Settings::default();
    (settings.call.provider, settings.call.route) = (provider, route);
    settings.gateway.account_id = " 0123456789abcdef0123456789abcdef ".into();
    settings.gateway.gateway_id = "my gate".into();
    settings.endpoint.base_url = "ws://localhost:8765/v1".into();
    settings
}

fn gateway() -> Ladder {
    Ladder::new(&settings(Provider::Openai, Route::Gateway), "", &keys(), None).unwrap()
}

/// Everything secret or not that a dial sends, as text.
fn sent(dial: &Dial) -> String {
    let headers = dial.headers.iter().map(|(name, value)| format!("{name}: {}\n", value.to_str().unwrap()));
    let offered = dial.subprotocols.iter().map(|one| format!("protocol {}\n", one.expose_secret()));
    format!("{}\n{}", dial.url, headers.chain(offered).collect::<String>())
}

fn http(status: u16, code: Option<i64>, detail: &str) -> Refusal {
    Refusal::Http { status, code, detail: detail.into(), ray: None }
}

fn fault(cause: Cause, code: Option<&str>, message: &str) -> Fault {
    Fault::new(cause, code.map(str::to_owned), message)
}

const MISSING: &str = "Missing bearer or basic authentication in header";

#[test]
fn the_practice_partner_gets_no_key() {
    let ladder =
        Ladder::new(&settings(Provider::Practice, Route::Gateway), "http://127.0.0.1:9/v1", &keys(), None).unwrap();
    assert_eq!(sent(&ladder.dial()), "http://127.0.0.1:9/v1/realtime?model=practice\n");
    let early = Ladder::new(&settings(Provider::Practice, Route::Direct), "", &keys(), None).unwrap_err();
    assert_eq!(early.code, Code::Internal);
}

#[test]
fn the_direct_route_sends_key_organization_and_project() {
    let mut settings = settings(Provider::Openai, Route::Direct);
    settings.providers.openai.organization = " org-1 ".into();
    settings.providers.openai.project = "proj-1".into();
    let ladder = Ladder::new(&settings, "", &keys(), Some(Form::Subprotocol)).unwrap();
    assert_eq!(
        sent(&ladder.dial()),
        "https://api.openai.com/v1/realtime?model=gpt-realtime-2.1\nauthorization: Bearer sk-openai\n\
         openai-organization: org-1\nopenai-project: proj-1\n"
    );
    let without = Ladder::new(&settings, "", &Keys { openai: None, ..keys() }, None).unwrap_err();
    assert_eq!(without.code, Code::NoCredential);
}

#[test]
fn the_endpoint_gets_its_own_key_or_none_but_never_that_of_openai() {
    let mut settings = settings(Provider::Openai, Route::Endpoint);
    let with_key = Ladder::new(&settings, "", &keys(), None).unwrap().dial();
    assert_eq!(
        sent(&with_key),
        "ws://localhost:8765/v1/realtime?model=gpt-realtime-2.1\nauthorization: Bearer own-key\n"
    );
    settings.endpoint.model = "local/model one".into();
    settings.endpoint.base_url = "https://box.test:8443/api/v1/?tenant=a".into();
    let without = Ladder::new(&settings, "", &Keys { endpoint: None, ..keys() }, None).unwrap().dial();
    assert_eq!(sent(&without), "https://box.test:8443/api/v1/realtime?tenant=a&model=local%2Fmodel+one\n");
    settings.endpoint.base_url = "ws://box.test/v1/realtime".into();
    let whole = Ladder::new(&settings, "", &Keys::default(), None).unwrap().dial();
    assert_eq!(whole.url.path(), "/v1/realtime");
}

#[test]
fn an_endpoint_that_is_no_url_is_said_to_be_missing() {
    for text in ["", "  ", "localhost:8765/v1", "ftp://a.test", "/v1", "ws://", "http://[::bad"] {
        let mut settings = settings(Provider::Openai, Route::Endpoint);
        settings.endpoint.base_url = text.into();
        let problem = Ladder::new(&settings, "", &keys(), None).unwrap_err();
        assert_eq!(problem.code, Code::EndpointMissing, "{text}");
    }
}

#[test]
fn the_gateway_wants_its_ids() {
    for (account, name) in [("", "gate"), ("abc", "  ")] {
        let mut settings = settings(Provider::Openai, Route::Gateway);
        (settings.gateway.account_id, settings.gateway.gateway_id) = (account.into(), name.into());
        assert_eq!(Ladder::new(&settings, "", &keys(), None).unwrap_err().code, Code::GatewayMissing);
    }
    let url = gateway().dial().url;
    assert_eq!(
        url.as_str(),
        "https://gateway.ai.cloudflare.com/v1/0123456789abcdef0123456789abcdef/my%20gate/openai?model=gpt-realtime-2.1"
    );
}

#[test]
fn each_form_sends_each_key_in_one_place_only() {
    for (form, wanted) in [
        (Form::Header, "authorization: Bearer sk-openai\ncf-aig-authorization: Bearer cf-token\n"),
        (Form::HeaderBare, "authorization: Bearer sk-openai\ncf-aig-authorization: cf-token\n"),
        (
            Form::Subprotocol,
            "protocol realtime\nprotocol openai-insecure-api-key.sk-openai\nprotocol cf-aig-authorization.cf-token\n",
        ),
    ] {
        let ladder = Ladder::new(&settings(Provider::Openai, Route::Gateway), "", &keys(), Some(form)).unwrap();
        let dial = ladder.dial();
        assert_eq!(sent(&dial).split_once('\n').unwrap().1, wanted);
        assert!(dial.headers.values().all(|value| value.is_sensitive()));
        assert_eq!(ladder.note().is_some(), form == Form::Subprotocol);
    }
}

#[test]
fn a_stored_key_means_that_no_key_of_ours_is_sent_and_nothing_else_is_tried() {
    let mut settings = settings(Provider::Openai, Route::Gateway);
    settings.gateway.stored_key = true;
    let mut ladder = Ladder::new(&settings, "", &keys(), Some(Form::Subprotocol)).unwrap();
    assert_eq!(ladder.form(), Form::StoredKey);
    assert_eq!(sent(&ladder.dial()).split_once('\n').unwrap().1, "cf-aig-authorization: Bearer cf-token\n");
    for failure in [http(401, Some(2009), ""), http(401, None, MISSING), http(400, Some(2044), "")] {
        assert!(!ladder.step(&Failure::Refused(&failure)));
    }
    assert!(!ladder.step(&Failure::Closed { code: Some(4001) }));
    assert_eq!(ladder.form(), Form::StoredKey);
    let no_token = Keys { gateway: None, ..keys() };
    assert_eq!(Ladder::new(&settings, "", &no_token, None).unwrap_err().code, Code::NoCredential);
}

#[test]
fn what_comes_before_the_session_decides_the_next_rung() {
    let faults = [
        fault(Cause::Credential, None, MISSING),
        fault(Cause::Refused, None, "You didn't provide an API key."),
        fault(Cause::Credential, Some("invalid_api_key"), "Incorrect API key provided: sk-***ai"),
        fault(Cause::Quota, Some("insufficient_quota"), "authentication is not missing, money is"),
        fault(Cause::Refused, Some("invalid_model"), "no such model"),
        fault(Cause::Server, None, "The server had an error"),
    ];
    let refusals = [
        http(400, Some(2001), "missing authorization"),
        http(401, Some(2009), "Unauthorized"),
        http(400, Some(2044), "provider credentials required"),
        http(400, Some(2040), "no stored key"),
        http(401, None, MISSING),
        http(401, None, "Incorrect API key provided"),
        http(403, None, "unsupported_country_region_territory"),
        http(429, Some(2003), "Rate limited"),
        http(500, None, MISSING),
        Refusal::Unreachable("missing bearer".into()),
        Refusal::TimedOut,
    ];
    let table: [(Failure<'_>, Option<Form>); 22] = [
        (Failure::Fault(&faults[0]), Some(Form::Subprotocol)),
        (Failure::Fault(&faults[1]), Some(Form::Subprotocol)),
        (Failure::Fault(&faults[2]), None),
        (Failure::Fault(&faults[3]), None),
        (Failure::Fault(&faults[4]), None),
        (Failure::Fault(&faults[5]), None),
        (Failure::Refused(&refusals[0]), None),
        (Failure::Refused(&refusals[1]), Some(Form::HeaderBare)),
        (Failure::Refused(&refusals[2]), Some(Form::Subprotocol)),
        (Failure::Refused(&refusals[3]), Some(Form::Subprotocol)),
        (Failure::Refused(&refusals[4]), Some(Form::Subprotocol)),
        (Failure::Refused(&refusals[5]), None),
        (Failure::Refused(&refusals[6]), None),
        (Failure::Refused(&refusals[7]), None),
        (Failure::Refused(&refusals[8]), None),
        (Failure::Refused(&refusals[9]), None),
        (Failure::Refused(&refusals[10]), None),
        (Failure::Closed { code: Some(4001) }, Some(Form::Subprotocol)),
        (Failure::Closed { code: Some(1008) }, Some(Form::Subprotocol)),
        (Failure::Closed { code: Some(3000) }, Some(Form::Subprotocol)),
        (Failure::Closed { code: Some(4000) }, None),
        (Failure::Closed { code: None }, None),
    ];
    for (failure, next) in table {
        let mut ladder = gateway();
        assert_eq!(ladder.step(&failure), next.is_some(), "{failure:?}");
        assert_eq!(ladder.form(), next.unwrap_or(Form::Header), "{failure:?}");
        assert_eq!(ladder.trace().len(), 1);

        let mut direct = Ladder::new(&settings(Provider::Openai, Route::Direct), "", &keys(), None).unwrap();
        assert!(!direct.step(&failure), "only the gateway has more than one rung: {failure:?}");
    }
}

#[test]
fn a_ladder_ends_and_remembers_each_rung() {
    let mut ladder = gateway();
    assert!(ladder.step(&Failure::Refused(&http(401, Some(2009), "Unauthorized"))));
    assert!(ladder.step(&Failure::Refused(&http(401, None, MISSING))));
    assert!(!ladder.step(&Failure::Refused(&http(401, Some(2009), "Unauthorized"))));
    assert!(!ladder.step(&Failure::Closed { code: Some(4001) }));
    let forms: Vec<Form> = ladder.trace().iter().map(|rung| rung.form).collect();
    assert_eq!(forms, [Form::Header, Form::HeaderBare, Form::Subprotocol, Form::Subprotocol]);
    assert_eq!(ladder.trace()[0].outcome, "HTTP 401 (code 2009): Unauthorized");
}

#[test]
fn a_token_refused_in_both_spellings_is_not_made_insecure() {
    let mut ladder = gateway();
    let refused = http(401, Some(2009), "Unauthorized");
    assert!(ladder.step(&Failure::Refused(&refused)));
    assert!(!ladder.step(&Failure::Refused(&refused)));
    assert_eq!(ladder.form(), Form::HeaderBare);
}

#[test]
fn the_close_after_a_refused_key_does_not_bring_the_insecure_form() {
    let mut ladder = gateway();
    assert!(!ladder.step(&Failure::Fault(&fault(Cause::Credential, Some("invalid_api_key"), "no"))));
    assert!(!ladder.step(&Failure::Closed { code: Some(3000) }));
    assert_eq!(ladder.form(), Form::Header);
}

#[test]
fn keys_that_do_not_fit_into_a_subprotocol_stay_in_headers() {
    for (openai, token) in [("sk/with=odd", "cf"), ("sk", "cf:token")] {
        let keys = Keys { openai: Some(openai.into()), gateway: Some(token.into()), endpoint: None };
        let mut ladder =
            Ladder::new(&settings(Provider::Openai, Route::Gateway), "", &keys, Some(Form::Subprotocol)).unwrap();
        assert_eq!(ladder.form(), Form::Header);
        assert!(!ladder.step(&Failure::Closed { code: Some(4001) }));
    }
    let broken = Keys { openai: Some("sk\nbroken".into()), ..keys() };
    let problem = Ladder::new(&settings(Provider::Openai, Route::Direct), "", &broken, None).unwrap_err();
    assert_eq!(problem.code, Code::CredentialRefused);
}

#[test]
fn a_gateway_without_a_token_is_tried_without_one() {
    let keys = Keys { gateway: None, ..keys() };
    let mut ladder =
        Ladder::new(&settings(Provider::Openai, Route::Gateway), "", &keys, Some(Form::HeaderBare)).unwrap();
    assert_eq!(sent(&ladder.dial()).split_once('\n').unwrap().1, "authorization: Bearer sk-openai\n");
    assert!(!ladder.step(&Failure::Refused(&http(401, Some(2009), "Unauthorized"))));
}

#[test]
fn nothing_about_a_ladder_shows_a_key() {
    let ladder = gateway();
    let shown = format!("{ladder:?} {:?} {:?}", keys(), ladder.dial());
    for secret in ["sk-openai", "cf-token", "own-key"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

#[tokio::test]
async fn the_walk_over_a_gateway_that_drops_headers_ends_in_the_subprotocol() {
    let server =
        Fake::start(|head| match (head.header("cf-aig-authorization"), head.header("sec-websocket-protocol")) {
            (Some("Bearer cf-token"), _) => Answer::json(401, r#"[{"code":2009,"message":"Unauthorized"}]"#),
            (Some(_), _) => Answer::error("invalid_request_error", None, MISSING, 4001),
            (None, Some(_)) => Answer::session(),
            (None, None) => Answer::Http(500, "", String::new()),
        })
        .await;
    let mut settings = settings(Provider::Openai, Route::Gateway);
    settings.gateway.base_url = server.url("http", "/v1");
    let mut ladder = Ladder::new(&settings, "", &keys(), None).unwrap();
    let net = Net::new(NetOptions::default()).unwrap();
    let walk = probe::walk(&net, &mut ladder, Duration::from_secs(20)).await;
    assert!(walk.end.is_ok(), "{:?}", walk.end);
    assert_eq!(walk.form, Form::Subprotocol);
    let heads = server.heads();
    assert_eq!(heads.len(), 3);
    for head in heads {
        assert!(head.header("authorization").is_none() || head.header("sec-websocket-protocol").is_none());
    }
}

#[tokio::test]
async fn a_walk_tells_how_it_ended() {
    let answers = [
        (Answer::error("invalid_request_error", Some("invalid_api_key"), "Incorrect", 3000), Code::CredentialRefused),
        (Answer::error("insufficient_quota", Some("insufficient_quota"), "pay", 1013), Code::Quota),
        (
            Answer::Socket { protocol: None, messages: vec!["no json".into()], close: Some((1011, "oops")) },
            Code::ProviderTrouble,
        ),
        (Answer::Http(403, "", "no".into()), Code::NotPermitted),
        (Answer::Cut, Code::Offline),
    ];
    for (answer, code) in answers {
        let server = Fake::start(move |_| answer.clone()).await;
        let mut settings = settings(Provider::Openai, Route::Direct);
        settings.providers.openai.base_url = server.url("http", "/v1");
        let mut ladder = Ladder::new(&settings, "", &keys(), None).unwrap();
        let net = Net::new(NetOptions::default()).unwrap();
        let stop = probe::walk(&net, &mut ladder, Duration::from_secs(20)).await.end.unwrap_err();
        assert_eq!(probe::problem(&stop, Route::Direct).code, code, "{stop:?}");
        assert_eq!(stop.is_out_of_credit(), code == Code::Quota);
    }
}
