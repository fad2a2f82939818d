//! Tokens for Vertex AI: a service account's key signs a statement, Google gives a token of one hour for it
//! (RFC 7523; Google's "Using OAuth 2.0 for server to server applications").

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use futures_util::TryStreamExt;
use protocol::chat::{Failure, FailureKind, refusal};
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::json;
use tokio::time::{Instant, timeout};
use url::Url;

use crate::address::is_near;
use crate::{Header, Http, HttpRequest, Method, Vertex};

const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";
const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
const GOOGLE: &str = "https://oauth2.googleapis.com/token";
/// The longest life that Google allows.
const LIFE: Duration = Duration::from_secs(3600);
/// A new token is asked for this long before the old one ends.
const MARGIN: Duration = Duration::from_secs(120);
const PATIENCE: Duration = Duration::from_secs(30);
/// No answer of a token server is larger.
const LARGEST: usize = 64 << 10;

/// The tokens at hand, by a hash of the account they are for.
#[derive(Default)]
pub(crate) struct Tokens {
    at_hand: Mutex<HashMap<[u8; 32], Token>>,
}

struct Token {
    secret: SecretString,
    until: Instant,
}

/// The file that Google gives out, as far as it matters.
#[derive(Deserialize)]
struct Account {
    client_email: String,
    private_key: SecretString,
    #[serde(default)]
    private_key_id: String,
    #[serde(default)]
    project_id: String,
    /// Not Google's: where the user wants it.
    #[serde(default)]
    region: String,
    token_uri: Option<String>,
}

#[derive(Deserialize)]
struct Grant {
    access_token: SecretString,
    expires_in: Option<u64>,
}

impl Tokens {
    /// A token for the account in `key`, and the account's project and region where `place` has none.
    pub(crate) async fn token(
        &self,
        http: &dyn Http,
        key: &SecretString,
        place: &mut Vertex,
    ) -> Result<SecretString, Failure> {
        let account: Account = serde_json::from_str(key.expose_secret())
            .map_err(|_| unusable("Vertex AI wants the JSON file of a service account as its key."))?;
        if place.project.is_empty() {
            place.project.clone_from(&account.project_id);
        }
        if place.region.is_empty() {
            place.region.clone_from(&account.region);
        }
        let name = *blake3::hash(key.expose_secret().as_bytes()).as_bytes();
        if let Some(token) = self.find(&name) {
            return Ok(token);
        }
        let grant = ask(http, &account).await?;
        let life = grant.expires_in.map_or(LIFE, Duration::from_secs).min(LIFE);
        let until = Instant::now() + life.saturating_sub(MARGIN);
        let token = Token { secret: grant.access_token.clone(), until };
        self.at_hand.lock().unwrap_or_else(PoisonError::into_inner).insert(name, token);
        Ok(grant.access_token)
    }

    fn find(&self, name: &[u8; 32]) -> Option<SecretString> {
        let mut at_hand = self.at_hand.lock().unwrap_or_else(PoisonError::into_inner);
        at_hand.retain(|_, token| token.until > Instant::now());
        at_hand.get(name).map(|token| token.secret.clone())
    }
}

async fn ask(http: &dyn Http, account: &Account) -> Result<Grant, Failure> {
    let url = account.token_uri.as_deref().unwrap_or(GOOGLE);
    // The statement is worth a token to whoever gets it.
    let is_safe = Url::parse(url).is_ok_and(|parsed| {
        parsed.scheme() == "https" && parsed.host_str().is_some_and(|host| host.ends_with(".googleapis.com"))
            || parsed.scheme() == "http" && parsed.host().is_some_and(|host| is_near(&host))
    });
    if !is_safe {
        return Err(unusable("The service account's token address is not Google's."));
    }
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let statement = statement(account, url, seconds)?;
    // Neither needs escaping but the colons.
    let body = format!("grant_type={}&assertion={statement}", GRANT.replace(':', "%3A"));
    let request = HttpRequest {
        method: Method::Post,
        url: url.to_owned(),
        headers: vec![("content-type", Header::Plain("application/x-www-form-urlencoded".to_owned()))],
        body: Bytes::from(body),
    };
    let late = |_| Failure::new(FailureKind::TimedOut, "Google did not answer the request for a token.");
    let (status, headers, body) = timeout(PATIENCE, async {
        let response = http.send(request).await?;
        let mut body = Vec::new();
        let mut chunks = response.body;
        while let Some(chunk) = chunks.try_next().await? {
            body.extend_from_slice(&chunk);
            if body.len() > LARGEST {
                return Err(Failure::new(FailureKind::Broken, "The answer to the request for a token is too large."));
            }
        }
        Ok((response.status, response.headers, body))
    })
    .await
    .map_err(late)??;
    if !(200..300).contains(&status) {
        let failure = refusal(status, &headers, &body);
        // Whatever is wrong with the statement: it is the account.
        let kind = if (400..429).contains(&status) { FailureKind::Credential } else { failure.kind };
        return Err(Failure { kind, ..failure });
    }
    serde_json::from_slice(&body).map_err(|_| Failure::new(FailureKind::Broken, "Google gave no token."))
}

/// A signed JSON Web Token, RS256.
fn statement(account: &Account, audience: &str, seconds: u64) -> Result<String, Failure> {
    let header = json!({ "alg": "RS256", "typ": "JWT", "kid": account.private_key_id });
    let claims = json!({
        "iss": account.client_email,
        "scope": SCOPE,
        "aud": audience,
        "iat": seconds,
        "exp": seconds + LIFE.as_secs(),
    });
    let encode = |value: &serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let text = format!("{}.{}", encode(&header), encode(&claims));
    let pair = pair(account.private_key.expose_secret())
        .ok_or_else(|| unusable("The service account's private key cannot be read."))?;
    let mut signature = vec![0; pair.public().modulus_len()];
    pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text.as_bytes(), &mut signature)
        .map_err(|_| unusable("The service account's private key does not sign."))?;
    Ok(format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature)))
}

/// The key in a PEM block of PKCS #8.
fn pair(pem: &str) -> Option<RsaKeyPair> {
    let body = pem.split("-----BEGIN PRIVATE KEY-----").nth(1)?.split("-----END PRIVATE KEY-----").next()?;
    let base64: String = body.chars().filter(|char| !char.is_whitespace()).collect();
    RsaKeyPair::from_pkcs8(&STANDARD.decode(base64).ok()?).ok()
}

fn unusable(message: &str) -> Failure {
    Failure::new(FailureKind::Credential, message)
}
