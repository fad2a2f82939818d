//! Stage 7 by Cloudflare AI Gateway's universal endpoint: several targets in one request, in the order to ask them. The
//! gateway goes on to the next by itself.

use bytes::Bytes;
use protocol::chat::{Failure, FailureKind};
use secrecy::ExposeSecret;
use serde_json::{Map, Value, json};

use crate::{GatewayEcho, Header, HttpRequest, Method, Provider, Target, Way};

/// More than anybody configures; each one makes the request longer.
pub(crate) const MOST_STEPS: usize = 8;
/// Headers of the whole request, not of a step.
const TOKEN: &str = "cf-aig-authorization";
/// Options of the gateway's that differ from step to step.
const OWN: &str = "cf-aig-custom-cost";

/// One of those who may answer a try.
#[derive(Debug, Clone)]
pub(crate) struct Candidate {
    pub(crate) provider: &'static Provider,
    pub(crate) target: Target,
    pub(crate) way: Way,
}

impl Candidate {
    /// Whether it can be a step: it has an address of its own at the gateway.
    pub(crate) fn can_be_a_step(&self) -> bool {
        self.way != Way::Direct && self.slug() != "compat"
    }

    /// How the gateway calls its provider.
    fn slug(&self) -> &str {
        match self.provider.gateway_path.split('/').next().unwrap_or_default() {
            "{provider}" => self.target.provider.as_str(),
            slug => slug,
        }
    }
}

/// A request as the gateway wants to be told of it: provider, endpoint, headers and body (`query`). The token is not
/// among them. `base`: the gateway's own address.
pub(crate) fn step(base: &str, request: &HttpRequest) -> Option<Value> {
    let (provider, endpoint) = request.url.strip_prefix(base)?.strip_prefix('/')?.split_once('/')?;
    let query: Value = serde_json::from_slice(&request.body).ok()?;
    let own = request.headers.iter().filter(|(name, _)| !name.starts_with("cf-aig-") || *name == OWN);
    let headers: Map<String, Value> = own.map(|(name, value)| ((*name).to_owned(), text(value).into())).collect();
    Some(json!({ "provider": provider, "endpoint": endpoint, "headers": headers, "query": query }))
}

/// The gateway's options among a request's headers, with its token.
pub(crate) fn options(request: &HttpRequest) -> impl Iterator<Item = &(&'static str, Header)> {
    request.headers.iter().filter(|(name, _)| name.starts_with("cf-aig-") && *name != OWN)
}

/// The token alone.
pub(crate) fn token(request: &HttpRequest) -> Option<&(&'static str, Header)> {
    request.headers.iter().find(|(name, _)| *name == TOKEN)
}

/// All steps in one request.
pub(crate) fn join(base: &str, requests: &[HttpRequest]) -> Result<HttpRequest, Failure> {
    let unfit = || Failure::new(FailureKind::Gateway, "These requests do not go through one gateway.");
    let steps: Option<Vec<Value>> = requests.iter().map(|request| step(base, request)).collect();
    let body = serde_json::to_vec(&steps.ok_or_else(unfit)?).map_err(|_| unfit())?;
    let mut headers: Vec<_> = requests.first().into_iter().flat_map(options).cloned().collect();
    headers.push(("content-type", Header::Plain("application/json".to_owned())));
    Ok(HttpRequest { method: Method::Post, url: base.to_owned(), headers, body: Bytes::from(body) })
}

/// Which step answered. The number that the gateway tells was seen stuck at 0, so the names that it tells go before it.
pub(crate) fn winner(echo: &GatewayEcho, steps: &[Candidate]) -> usize {
    let told = echo.step.and_then(|step| usize::try_from(step).ok()).unwrap_or(0).min(steps.len().saturating_sub(1));
    let is_named = |step: &Candidate| {
        echo.provider.as_deref().is_none_or(|provider| provider == step.slug())
            && echo.model.as_deref().is_none_or(|model| model == step.target.model)
    };
    if (echo.provider.is_none() && echo.model.is_none()) || steps.get(told).is_some_and(is_named) {
        return told;
    }
    steps.iter().position(is_named).unwrap_or(told)
}

fn text(header: &Header) -> &str {
    match header {
        Header::Plain(text) => text,
        Header::Secret(secret) => secret.expose_secret(),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::provider;

    fn steps() -> Vec<Candidate> {
        let of = |(id, model): (&str, &str)| Candidate {
            provider: provider(&id.into()).unwrap(),
            target: Target { provider: id.into(), model: model.to_owned() },
            way: Way::Gateway,
        };
        [("openai", "gpt-6-luna"), ("google-vertex", "gemini-3.8-flash"), ("xai", "grok-4.3")].map(of).into()
    }

    #[test]
    fn names_tell_who_answered_where_the_number_is_stuck() {
        let echo = |step, provider: Option<&str>, model: Option<&str>| GatewayEcho {
            step,
            provider: provider.map(str::to_owned),
            model: model.map(str::to_owned),
            ..GatewayEcho::default()
        };
        for (echo, expected) in [
            (echo(None, None, None), 0),
            (echo(Some(2), None, None), 2),
            (echo(Some(9), None, None), 2),
            (echo(Some(0), Some("grok"), Some("grok-4.3")), 2),
            (echo(Some(0), None, Some("gemini-3.8-flash")), 1),
            (echo(None, Some("google-vertex-ai"), None), 1),
            (echo(Some(1), Some("somebody"), Some("else")), 1),
        ] {
            assert_eq!(winner(&echo, &steps()), expected, "{echo:?}");
        }
    }

    #[test]
    fn keys_go_into_the_steps_and_the_token_does_not() {
        let request = |slug: &str| HttpRequest {
            method: Method::Post,
            url: format!("https://gw.test/v1/a/g/{slug}/chat/completions?x=1"),
            headers: vec![
                ("authorization", Header::Secret(format!("Bearer key-of-{slug}").into())),
                ("cf-aig-authorization", Header::Secret("Bearer token".to_owned().into())),
                ("cf-aig-custom-cost", Header::Plain("{}".to_owned())),
                ("cf-aig-cache-ttl", Header::Plain("60".to_owned())),
            ],
            body: Bytes::from_static(b"{\"model\":\"m\"}"),
        };
        let base = "https://gw.test/v1/a/g";
        let joined = join(base, &[request("openai"), request("grok/v1")]).unwrap();
        let names: Vec<_> = joined.headers.iter().map(|(name, _)| *name).collect();
        assert_eq!((joined.url.as_str(), names), (base, vec![TOKEN, "cf-aig-cache-ttl", "content-type"]));
        let body: Value = serde_json::from_slice(&joined.body).unwrap();
        assert_eq!(
            body[1],
            json!({ "provider": "grok", "endpoint": "v1/chat/completions?x=1", "query": { "model": "m" },
                "headers": { "authorization": "Bearer key-of-grok/v1", "cf-aig-custom-cost": "{}" } })
        );
        assert!(!format!("{body}{joined:?}").contains("Bearer token"));
        let elsewhere = HttpRequest { url: "https://api.openai.com/v1/x".to_owned(), ..request("openai") };
        assert_eq!(join(base, &[elsewhere]).unwrap_err().kind, FailureKind::Gateway);
    }
}
