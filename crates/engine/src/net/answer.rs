//! Reading what a server answers to an upgrade.

use reqwest::Response;
use reqwest::header::{HeaderMap, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_PROTOCOL};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

/// Largest body that is read of a refusal or a list of models, bytes.
const MAX_BODY: usize = 1 << 20;
/// Longest reason that is kept, characters.
const MAX_REASON: usize = 300;

/// Whether an HTTP 101 belongs to the request. Lenient about the subprotocol: gateways echo none, any of the offered
/// ones, or `realtime` though none was offered.
pub(super) fn check(headers: &HeaderMap, key: &str, offered: &[SecretString]) -> Result<(), &'static str> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    if text(SEC_WEBSOCKET_ACCEPT).map(str::trim) != Some(derive_accept_key(key.as_bytes()).as_str()) {
        return Err("the answer is no WebSocket handshake (Sec-WebSocket-Accept does not fit)");
    }
    let echoed = text(SEC_WEBSOCKET_PROTOCOL).map_or("", str::trim);
    let is_known = echoed.is_empty() || echoed == "realtime" || offered.iter().any(|one| one.expose_secret() == echoed);
    if is_known { Ok(()) } else { Err("the server chose a WebSocket subprotocol that was not offered") }
}

/// The body as far as it is of use; a broken one ends early.
pub(super) async fn body(mut response: Response) -> Vec<u8> {
    let mut body = Vec::new();
    while let Ok(Some(piece)) = response.chunk().await {
        body.extend_from_slice(&piece);
        if body.len() > MAX_BODY {
            body.truncate(MAX_BODY);
            break;
        }
    }
    body
}

/// Code and words of a refusal. Cloudflare has several shapes, vendors have others, and it may be a web page
/// (Cloudflare AI Gateway: `internalCode`, then `error[0]`, `errors[0]`, a bare array, an `error` object, text).
pub(super) fn reason(body: &[u8]) -> (Option<i64>, String) {
    let Ok(value) = serde_json::from_slice::<Value>(body) else {
        return (None, words(&String::from_utf8_lossy(body)));
    };
    let places =
        [value.pointer("/error/0"), value.pointer("/errors/0"), value.get(0), value.get("error"), Some(&value)];
    let places = || places.into_iter().flatten().filter(|place| place.is_object());
    let code =
        value.get("internalCode").and_then(number).or_else(|| places().find_map(|place| number(place.get("code")?)));
    let message = places().find_map(|place| place.get("message")?.as_str()).or_else(|| value.get("error")?.as_str());
    // Only vendors have words as codes (`insufficient_quota`); they say more than the message.
    let name = places().find_map(|place| place.get("code")?.as_str().filter(|code| code.parse::<i64>().is_err()));
    let detail = match (name, message) {
        (Some(name), Some(message)) => format!("{name}: {message}"),
        (Some(one), None) | (None, Some(one)) => one.to_owned(),
        (None, None) => value.to_string(),
    };
    (code, words(&detail))
}

fn number(code: &Value) -> Option<i64> {
    code.as_i64().or_else(|| code.as_str()?.parse().ok())
}

/// One short line.
pub(super) fn words(text: &str) -> String {
    let text = text.trim();
    if text.starts_with('<') {
        let title = text.split_once("<title>").and_then(|(_, rest)| rest.split_once("</title>"));
        return title.map_or_else(|| "a web page".into(), |(title, _)| format!("a web page, \"{}\"", line(title)));
    }
    line(text)
}

fn line(text: &str) -> String {
    let spaced = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let printable: String = spaced.chars().filter(|c| !c.is_control()).take(MAX_REASON).collect();
    printable
}

#[cfg(test)]
mod tests {
    use super::reason;

    #[test]
    fn every_known_shape_of_a_refusal_gives_its_code_and_words() {
        let table: [(&str, Option<i64>, &str); 13] = [
            (
                r#"{"success":false,"result":[],"messages":[],"error":[{"code":2009,"message":"Unauthorized"}],
                    "name":"AiGatewayError","httpCode":401,"internalCode":2009}"#,
                Some(2009),
                "Unauthorized",
            ),
            (
                r#"{"success":false,"error":[{"code":2001,"message":"Please configure"}]}"#,
                Some(2001),
                "Please configure",
            ),
            (
                r#"{"result":null,"success":false,"errors":[{"code":10000,"message":"Authentication error"}],"messages":[]}"#,
                Some(10000),
                "Authentication error",
            ),
            (r#"[{"code":2009,"message":"Unauthorized"}]"#, Some(2009), "Unauthorized"),
            (r#"{"success":false,"error":{"message":"Access denied by policy"}}"#, None, "Access denied by policy"),
            (
                r#"{"error":{"message":"No.","type":"invalid_request_error","code":"invalid_api_key"}}"#,
                None,
                "invalid_api_key: No.",
            ),
            (r#"{"error":{"message":"No.","code":"2003"}}"#, Some(2003), "No."),
            (r#"{"error":"not here"}"#, None, "not here"),
            (r#"{"message":"plain"}"#, None, "plain"),
            (r#"{"odd":1}"#, None, r#"{"odd":1}"#),
            ("  upstream\r\n  connect error ", None, "upstream connect error"),
            ("<html><head><title>522: timed\n out</title>", None, "a web page, \"522: timed out\""),
            ("", None, ""),
        ];
        for (body, code, words) in table {
            assert_eq!(reason(body.as_bytes()), (code, words.to_owned()), "{body}");
        }
    }

    #[test]
    fn a_flood_of_words_is_cut_and_odd_bytes_are_survived() {
        assert_eq!(reason("ä".repeat(5000).as_bytes()).1.chars().count(), 300);
        assert_eq!(reason(&[0xff, 0x00, 0x1b]).0, None);
        assert!(!reason(b"a\x1b[31mb").1.contains('\x1b'));
    }
}
