//! The gateway's handshake: which form of which credential opens what.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use common::{Client, Got, models, open, start};
use emulator::{Echo, Emulator, Form, Gateway, GatewayCredentials, Keys, Purpose, Script, TokenForms, fingerprint};
use serde_json::Value;
use tokio_tungstenite::tungstenite::Error;

const KEY: (&str, &str) = ("authorization", "Bearer sk-good");
const TOKEN: (&str, &str) = ("cf-aig-authorization", "Bearer cf-token");
const BARE: (&str, &str) = ("cf-aig-authorization", "cf-token");
const SUBPROTOCOLS: (&str, &str) =
    ("sec-websocket-protocol", "realtime, openai-insecure-api-key.sk-good, cf-aig-authorization.cf-token");

async fn gateway(profile: Gateway) -> Emulator {
    let tokens = Some(vec!["cf-token".to_owned()]);
    start(Script {
        gateway: Gateway { tokens, ..profile },
        keys: Keys { required: true, ..Keys::default() },
        ..Script::default()
    })
    .await
}

async fn dial(emulator: &Emulator, headers: &[(&str, &str)]) -> Result<Client, Error> {
    open(&format!("{}/acct/gate/openai?model=gpt-realtime-2.1", emulator.gateway_url()), headers).await
}

/// Status and code of a refused upgrade.
async fn refusal(emulator: &Emulator, headers: &[(&str, &str)]) -> (u16, Value) {
    match dial(emulator, headers).await.map(drop) {
        Err(Error::Http(response)) => {
            let body: Value = serde_json::from_slice(response.body().as_deref().unwrap_or_default()).unwrap();
            assert!(response.headers().contains_key("cf-ray"));
            assert_eq!(body["error"][0]["code"], body["internalCode"]);
            (response.status().as_u16(), body["internalCode"].clone())
        }
        other => panic!("not refused: {other:?}"),
    }
}

async fn opens(emulator: &Emulator, headers: &[(&str, &str)]) -> bool {
    let mut client = dial(emulator, headers).await.unwrap();
    client.event().await["type"] == "session.created"
}

#[tokio::test]
async fn tokens_are_taken_in_their_forms() {
    for (forms, bearer, bare) in
        [(TokenForms::Both, true, true), (TokenForms::Bearer, true, false), (TokenForms::Bare, false, true)]
    {
        let emulator = gateway(Gateway { forms, ..Gateway::default() }).await;
        for (token, is_taken) in [(TOKEN, bearer), (BARE, bare)] {
            if is_taken {
                assert!(opens(&emulator, &[KEY, token]).await, "{forms:?} {token:?}");
            } else {
                assert_eq!(refusal(&emulator, &[KEY, token]).await, (401, 2009.into()), "{forms:?} {token:?}");
            }
        }
        assert!(opens(&emulator, &[SUBPROTOCOLS]).await, "{forms:?}");
        assert_eq!(refusal(&emulator, &[KEY]).await, (401, 2009.into()));
        assert_eq!(refusal(&emulator, &[KEY, ("cf-aig-authorization", "Bearer other")]).await, (401, 2009.into()));
    }
}

#[tokio::test]
async fn a_gateway_without_authentication_needs_no_token() {
    let keys = Keys { required: true, ..Keys::default() };
    let emulator = start(Script { keys, ..Script::default() }).await;
    assert!(opens(&emulator, &[KEY]).await);
}

#[tokio::test]
async fn a_missing_gateway_is_told_before_the_upgrade() {
    let exists = Some(("acct".to_owned(), "other".to_owned()));
    let emulator = gateway(Gateway { exists, ..Gateway::default() }).await;
    assert_eq!(refusal(&emulator, &[KEY, TOKEN]).await, (400, 2001.into()));
}

#[tokio::test]
async fn the_key_gets_through_as_the_profile_says() {
    for (credentials, header, subprotocol, none) in [
        (GatewayCredentials::Modern, true, true, false),
        (GatewayCredentials::Stored, true, true, true),
        (GatewayCredentials::Seed003, false, true, false),
    ] {
        let emulator = gateway(Gateway { credentials, ..Gateway::default() }).await;
        for (headers, is_through) in
            [(vec![KEY, TOKEN], header), (vec![SUBPROTOCOLS], subprotocol), (vec![TOKEN], none)]
        {
            let mut client = dial(&emulator, &headers).await.unwrap();
            let first = client.event().await;
            if is_through {
                assert_eq!(first["type"], "session.created", "{credentials:?} {headers:?}");
            } else {
                assert_eq!(first["error"]["message"], "Missing bearer or basic authentication in header");
                assert!(matches!(client.next().await, Got::Closed(4001, _)));
            }
        }
    }
}

#[tokio::test]
async fn models_are_listed_through_the_gateway() {
    let path = "/gateway/v1/acct/gate/openai/models";
    let emulator = gateway(Gateway::default()).await;
    assert_eq!(models(&emulator, path, &[KEY, TOKEN]).await.0, 200);
    assert_eq!(models(&emulator, path, &[TOKEN]).await.0, 401);
    assert_eq!(models(&emulator, path, &[KEY]).await.1["internalCode"], 2009);
    let emulator = gateway(Gateway { credentials: GatewayCredentials::Stored, ..Gateway::default() }).await;
    assert_eq!(models(&emulator, path, &[TOKEN]).await.0, 200);
}

#[tokio::test]
async fn a_key_sent_both_ways_is_refused() {
    let emulator = gateway(Gateway::default()).await;
    let mut client = dial(&emulator, &[KEY, SUBPROTOCOLS]).await.unwrap();
    assert!(client.event().await["error"]["message"].as_str().unwrap().contains("only send one"));
    assert!(matches!(client.next().await, Got::Closed(3000, _)));
}

#[tokio::test]
async fn the_subprotocol_is_echoed_as_the_profile_says() {
    let echoed = |client: &Client| {
        client.answer.headers().get("sec-websocket-protocol").map(|value| value.to_str().unwrap().to_owned())
    };
    let emulator = gateway(Gateway::default()).await;
    assert_eq!(echoed(&dial(&emulator, &[SUBPROTOCOLS]).await.unwrap()), Some("realtime".to_owned()));
    assert_eq!(echoed(&dial(&emulator, &[KEY, TOKEN]).await.unwrap()), None);
    let swapped =
        ("sec-websocket-protocol", "cf-aig-authorization.cf-token, realtime, openai-insecure-api-key.sk-good");
    let emulator = gateway(Gateway { echo: Echo::First, ..Gateway::default() }).await;
    assert_eq!(echoed(&dial(&emulator, &[swapped]).await.unwrap()), Some("cf-aig-authorization.cf-token".to_owned()));
    let emulator = gateway(Gateway { echo: Echo::Nothing, ..Gateway::default() }).await;
    // tungstenite gives up when what it offered is not taken.
    assert!(matches!(dial(&emulator, &[SUBPROTOCOLS]).await, Err(Error::Protocol(_))));
}

#[tokio::test]
async fn the_record_tells_credentials_and_forms_but_no_secrets() {
    let emulator = gateway(Gateway::default()).await;
    drop(dial(&emulator, &[KEY, TOKEN]).await.unwrap());
    drop(dial(&emulator, &[SUBPROTOCOLS]).await.unwrap());
    let record = emulator.record();
    let forms = |index: usize| {
        let connection = &record.connections[index];
        [Purpose::Provider, Purpose::Gateway].map(|purpose| connection.credential(purpose).unwrap().form)
    };
    assert_eq!(forms(0), [Form::Bearer, Form::Bearer]);
    assert_eq!(forms(1), [Form::Subprotocol, Form::Subprotocol]);
    let key = record.connections[0].credential(Purpose::Provider).unwrap();
    assert_eq!(key.fingerprint, fingerprint("sk-good"));
    assert_eq!(
        record.connections[0].header("authorization"),
        Some(format!("Bearer {}", fingerprint("sk-good")).as_str())
    );
    let text = format!("{record:?}");
    assert!(!text.contains("sk-good") && !text.contains("cf-token"), "{text}");
    assert_eq!(record.connections[0].path, "/gateway/v1/acct/gate/openai");
}
