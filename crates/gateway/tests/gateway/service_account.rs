//! Vertex AI: a service account's key becomes a token.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gateway::{CloudGateway, Settings, Vertex, Way};
use protocol::chat::{FailureKind, Wire};
use ring::signature::{KeyPair, RSA_PKCS1_2048_8192_SHA256, RsaKeyPair, UnparsedPublicKey};
use serde_json::{Value, json};
use std::time::Duration;

use crate::rig::{Reply, Rig, Ring, ask, header, hello};

/// Made for this test; opens nothing.
const KEY: &str = include_str!("service_account.pem");
const TARGET: (&str, &str) = ("google-vertex", "gemini-3.8-flash");

fn account(token_uri: &str) -> String {
    let account = json!({
        "type": "service_account", "project_id": "p-1", "private_key_id": "kid-1", "private_key": KEY,
        "client_email": "me@p-1.iam.gserviceaccount.com", "token_uri": token_uri, "region": "europe-west4",
    });
    account.to_string()
}

fn rig(vertex: String, settings: Settings) -> Rig {
    Rig::with(settings, Ring { has_keys: true, has_token: true, vertex, lacking: &[] }, None)
}

fn grant(token: &str) -> Reply {
    Reply::json(200, &json!({ "access_token": token, "expires_in": 3599, "token_type": "Bearer" }))
}

#[tokio::test(start_paused = true)]
async fn the_account_signs_a_statement_and_its_token_is_used_until_it_ends() {
    let rig = rig(account("https://oauth2.googleapis.com/token"), Settings::default());
    rig.script([grant("token-1"), hello(Wire::GoogleGenerate, true)]);
    assert_eq!(rig.ask(ask(&[TARGET])).await.text, "Hello");
    assert_eq!(rig.ask(ask(&[TARGET])).await.text, "Hello");
    assert_eq!(rig.sent(), 3, "one token for both");
    tokio::time::advance(Duration::from_secs(3500)).await;
    rig.script([grant("token-2"), hello(Wire::GoogleGenerate, true)]);
    assert_eq!(rig.ask(ask(&[TARGET])).await.text, "Hello");

    let seen = rig.server.seen.lock().unwrap();
    assert_eq!(seen[0].url, "https://oauth2.googleapis.com/token");
    let body = String::from_utf8(seen[0].body.to_vec()).unwrap();
    let statement =
        body.strip_prefix("grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=").unwrap();
    let parts: Vec<_> = statement.split('.').collect();
    let read = |part: &str| -> Value { serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap() };
    assert_eq!(read(parts[0]), json!({ "alg": "RS256", "typ": "JWT", "kid": "kid-1" }));
    let claims = read(parts[1]);
    assert_eq!(claims["iss"], "me@p-1.iam.gserviceaccount.com");
    assert_eq!(claims["aud"], "https://oauth2.googleapis.com/token");
    assert_eq!(claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap(), 3600);
    let text = format!("{}.{}", parts[0], parts[1]);
    public_key().verify(text.as_bytes(), &URL_SAFE_NO_PAD.decode(parts[2]).unwrap()).unwrap();

    let place =
        "https://europe-west4-aiplatform.googleapis.com/v1/projects/p-1/locations/europe-west4/publishers/google";
    assert!(
        seen[1].url.starts_with(&format!("{place}/models/gemini-3.8-flash:streamGenerateContent")),
        "{}",
        seen[1].url
    );
    assert_eq!(header(&seen[1], "authorization").as_deref(), Some("Bearer token-1"));
    assert_eq!(header(&seen[4], "authorization").as_deref(), Some("Bearer token-2"));
}

fn public_key() -> UnparsedPublicKey<Vec<u8>> {
    let base64: String = KEY.lines().filter(|line| !line.starts_with("-----")).collect();
    let der = base64::engine::general_purpose::STANDARD.decode(base64).unwrap();
    let pair = RsaKeyPair::from_pkcs8(&der).unwrap();
    UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, pair.public_key().as_ref().to_vec())
}

#[tokio::test(start_paused = true)]
async fn through_the_gateway_the_place_is_in_the_path_and_with_a_stored_key_nothing_is_signed() {
    let gateway = CloudGateway {
        base_url: "https://gateway.ai.cloudflare.com/v1".to_owned(),
        account: "a".to_owned(),
        gateway: "g".to_owned(),
        ..CloudGateway::default()
    };
    let vertex = Vertex { project: "own-project".to_owned(), region: String::new() };
    let rig = rig(
        account("https://oauth2.googleapis.com/token"),
        Settings { gateway: Some(gateway), vertex, ..Settings::default() },
    );
    rig.script([hello(Wire::GoogleGenerate, true)]);
    let mut ask = ask(&[TARGET]);
    ask.route = Some(Way::StoredKey);
    assert_eq!(rig.ask(ask).await.text, "Hello");
    let seen = rig.server.seen.lock().unwrap();
    let place = "https://gateway.ai.cloudflare.com/v1/a/g/google-vertex-ai/v1/projects/own-project/locations/global/";
    assert!(seen.len() == 1 && seen[0].url.starts_with(place), "{}", seen[0].url);
    assert_eq!(header(&seen[0], "authorization"), None);
}

#[tokio::test(start_paused = true)]
async fn a_statement_goes_to_nobody_but_google() {
    for uri in ["https://evil.example/token", "https://googleapis.com.evil.example/", "http://8.8.8.8/"] {
        let rig = rig(account(uri), Settings::default());
        assert_eq!(rig.ask(ask(&[TARGET])).await.kind(), Some(FailureKind::Credential), "{uri}");
        assert_eq!(rig.sent(), 0, "{uri}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_wrong_with_an_account_is_told_as_such() {
    for key in
        ["AIza-no-account", "{}", &account("https://oauth2.googleapis.com/token").replace("BEGIN PRIVATE", "BEGIN X")]
    {
        let rig = rig(key.to_owned(), Settings::default());
        let failure = rig.ask(ask(&[TARGET])).await.failure.unwrap();
        assert_eq!(failure.kind, FailureKind::Credential);
        assert!(!failure.message.contains("AIza"));
    }
    let rig = rig(account("https://oauth2.googleapis.com/token"), Settings::default());
    rig.script([Reply::json(400, &json!({ "error": "invalid_grant", "error_description": "Invalid JWT Signature." }))]);
    assert_eq!(rig.ask(ask(&[TARGET])).await.kind(), Some(FailureKind::Credential));
}
