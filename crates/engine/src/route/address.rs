//! URLs from what the user typed.

use url::Url;

use crate::api::{Code, Problem};
use crate::config::{EndpointSettings, GatewaySettings, OpenaiSettings};

/// A base URL as typed: `http`, `https`, `ws` or `wss`, with a host. `setting` names it in the error.
pub(crate) fn base(text: &str, setting: &str, code: Code) -> Result<Url, Problem> {
    let is_usable = |url: &Url| matches!(url.scheme(), "http" | "https" | "ws" | "wss") && url.has_host();
    let problem = |why: &str| Problem { code, detail: format!("{setting} {why}") };
    match Url::parse(text.trim()) {
        Ok(url) if is_usable(&url) => Ok(url),
        _ if text.trim().is_empty() => Err(problem("is not set")),
        _ => Err(problem("is not a URL that starts with https://, http://, wss:// or ws://")),
    }
}

/// `{base}/realtime?model=practice`
pub(super) fn practice(base_url: &str) -> Result<Url, Problem> {
    Ok(realtime(base(base_url, "the practice partner's address", Code::Internal)?, "practice"))
}

/// `{base}/realtime?model=…`
pub(super) fn direct(settings: &OpenaiSettings) -> Result<Url, Problem> {
    Ok(realtime(base(&settings.base_url, "OpenAI's base URL", Code::EndpointMissing)?, &settings.model))
}

/// `{base}/realtime?model=…`
pub(super) fn endpoint(settings: &EndpointSettings, openai_model: &str) -> Result<Url, Problem> {
    let base = base(&settings.base_url, "the endpoint's URL", Code::EndpointMissing)?;
    let own = settings.model.trim();
    Ok(realtime(base, if own.is_empty() { openai_model } else { own }))
}

/// `{base}/{account}/{gateway}/openai?model=…` (Cloudflare AI Gateway, realtime WebSockets)
pub(super) fn gateway(settings: &GatewaySettings, model: &str) -> Result<Url, Problem> {
    Ok(with_model(at_gateway(settings, "openai")?, model))
}

/// `{base}/{account}/{gateway}/{provider}` (Cloudflare AI Gateway, provider endpoints)
pub(crate) fn at_gateway(settings: &GatewaySettings, provider: &str) -> Result<Url, Problem> {
    let missing = |what: &str| Problem { code: Code::GatewayMissing, detail: format!("{what} is not set") };
    let (account, gateway) = (settings.account_id.trim(), settings.gateway_id.trim());
    if account.is_empty() {
        return Err(missing("the Cloudflare account id"));
    }
    if gateway.is_empty() {
        return Err(missing("the gateway's name"));
    }
    let url = base(&settings.base_url, "the gateway's base URL", Code::GatewayMissing)?;
    Ok(with_path(url, &[account, gateway, provider]))
}

/// `{base}/accounts/{account}/ai/run` (Workers AI; the model follows)
pub(super) fn workers(base_url: &str, account_id: &str) -> Result<Url, Problem> {
    let url = base(base_url, "the base URL of Workers AI", Code::EndpointMissing)?;
    match account_id.trim() {
        "" => Err(Problem { code: Code::GatewayMissing, detail: "the Cloudflare account id is not set".into() }),
        account => Ok(with_path(url, &["accounts", account, "ai", "run"])),
    }
}

fn realtime(base: Url, model: &str) -> Url {
    // Some paste the whole address.
    let is_whole = base.path().trim_end_matches('/').ends_with("/realtime");
    with_model(if is_whole { base } else { with_path(base, &["realtime"]) }, model)
}

/// The URL with more path segments, each encoded.
pub(crate) fn with_path(mut url: Url, segments: &[&str]) -> Url {
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().extend(segments);
    }
    url.set_fragment(None);
    url
}

fn with_model(mut url: Url, model: &str) -> Url {
    url.query_pairs_mut().append_pair("model", model.trim());
    url
}
