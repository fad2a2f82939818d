//! The token endpoint for service accounts: a signed assertion goes in, a token comes out.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::fault::FaultKind;
use super::reception::Seen;
use super::reply::Reply;
use super::server::Server;

const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// Longest life that an assertion may have, in seconds.
const LONGEST: u64 = 3600;

/// Exchanges an assertion for a token (RFC 7523). The signature is not checked: there is no key to check it with.
pub(super) fn exchange(server: &Server, seen: &Seen) -> Reply {
    server.amend(seen.number, |request| request.provider = "oauth".to_owned());
    let strikes = server.strikes("oauth", false, false);
    let refuse = |status, error: &str, message: &str| {
        Reply::json(status, &json!({"error": error, "error_description": message}))
    };
    if strikes.has(FaultKind::ServerError) {
        return refuse(500, "internal_failure", "Backend Error");
    }
    if strikes.has(FaultKind::InvalidKey) {
        return refuse(400, "invalid_grant", "Invalid JWT Signature.");
    }
    let mistake = if !seen.is_post {
        Some("only POST is taken".to_owned())
    } else if seen.body["grant_type"] != GRANT {
        Some("grant_type is not that of an assertion".to_owned())
    } else {
        complaint(seen.body["assertion"].as_str().unwrap_or_default())
    };
    if let Some(mistake) = mistake {
        server.violation(seen.number, mistake.as_str());
        return refuse(400, "invalid_grant", &mistake);
    }
    let life = server.script.token_life.as_secs();
    Reply::json(200, &json!({"access_token": server.issue(), "expires_in": life, "token_type": "Bearer"}))
}

/// What is wrong with an assertion.
fn complaint(assertion: &str) -> Option<String> {
    let parts: Vec<_> = assertion.split('.').map(|part| URL_SAFE_NO_PAD.decode(part).unwrap_or_default()).collect();
    let [header, claims, signature] = parts.as_slice() else {
        return Some("the assertion has not three parts".into());
    };
    let header: Value = serde_json::from_slice(header).unwrap_or_default();
    let claims: Value = serde_json::from_slice(claims).unwrap_or_default();
    let (Some(issued), Some(expires)) = (claims["iat"].as_u64(), claims["exp"].as_u64()) else {
        return Some("iat and exp must be numbers".into());
    };
    let is_span = expires > issued && expires - issued <= LONGEST;
    let has_scope = claims["scope"].as_str().is_some_and(|scope| scope.contains("auth/cloud-platform"));
    let checks = [
        (header["alg"] == "RS256", "alg must be RS256"),
        (claims["iss"].as_str().is_some_and(|issuer| issuer.contains('@')), "iss must be the account's address"),
        (has_scope, "scope must be cloud-platform"),
        (claims["aud"].as_str().is_some_and(|place| place.ends_with("/token")), "aud must be the token endpoint"),
        (is_span, "exp must be at most an hour after iat"),
        (signature.len() >= 128, "the signature is missing"),
    ];
    checks.into_iter().find(|(is_good, _)| !is_good).map(|(_, message)| message.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assertion(header: &Value, claims: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        format!("{}.{}.{}", part(header), part(claims), URL_SAFE_NO_PAD.encode([7; 256]))
    }

    #[test]
    fn an_assertion_is_checked_claim_by_claim() {
        let header = json!({"alg": "RS256", "typ": "JWT"});
        let claims = json!({"iss": "a@b.iam.gserviceaccount.com", "aud": "http://127.0.0.1:1/token", "iat": 1000,
            "exp": 4600, "scope": "https://www.googleapis.com/auth/cloud-platform"});
        assert_eq!(complaint(&assertion(&header, &claims)), None);
        for (field, value, message) in [
            ("iss", json!("nobody"), "iss"),
            ("aud", json!("http://127.0.0.1:1/"), "aud"),
            ("exp", json!(9000), "exp"),
            ("exp", json!(10), "exp"),
            ("iat", json!("now"), "iat and exp"),
            ("scope", json!("openid"), "scope"),
        ] {
            let mut claims = claims.clone();
            claims[field] = value;
            assert!(complaint(&assertion(&header, &claims)).is_some_and(|said| said.contains(message)), "{field}");
        }
        assert!(complaint(&assertion(&json!({"alg": "none"}), &claims)).is_some());
        assert!(complaint("a.b").is_some());
    }
}
