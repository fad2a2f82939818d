//! The gateway in front of the providers: its token, stored keys, cache, retries, fallback, dynamic routes.

mod error;
mod option;

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::ask::Ask;
use super::list;
use super::provider::{Auth, Provider};
use super::reception::{self, Seen};
use super::record::Passage;
use super::reply::{Reply, Step};
use super::server::Server;

/// One request that the gateway makes, or one of the steps of the universal endpoint.
#[derive(Debug, Clone)]
struct Task {
    provider: &'static Provider,
    slug: String,
    path: String,
    query: String,
    headers: Vec<(String, String)>,
    body: Value,
    is_post: bool,
    /// The unified endpoint wants every provider's key as a bearer.
    is_unified: bool,
}

impl Task {
    fn header(&self, name: &str) -> Option<&str> {
        reception::header(&self.headers, name)
    }
}

/// What comes to the gateway at `path` behind the slug.
pub(super) async fn pass(server: &Server, seen: &Seen, passage: Passage, path: &str) -> Reply {
    server.amend(seen.number, |request| {
        request.is_ask = seen.is_post;
        request.provider = Provider::known(&passage.slug).map(|provider| provider.id.to_owned()).unwrap_or_default();
        request.via = Some(passage.clone());
    });
    for complaint in option::complaints(&seen.headers) {
        server.violation(seen.number, complaint);
    }
    let reply = match refusal(server, seen, &passage) {
        Some(refusal) => refusal,
        None => admitted(server, seen, &passage, path).await,
    };
    let id = format!("01932f00-0000-7000-8000-{:012x}", seen.number);
    let event = seen.header("cf-aig-event-id").unwrap_or(&id).to_owned();
    let reply = reply
        .with("cf-ray", "8f0000000000emul-AMS")
        .with("cf-aig-event-id", event)
        .with("cf-aig-request-id", id.as_str());
    if seen.header("cf-aig-collect-log") == Some("false") { reply } else { reply.with("cf-aig-log-id", id) }
}

/// Why the gateway itself refuses.
pub(super) fn refusal(server: &Server, seen: &Seen, passage: &Passage) -> Option<Reply> {
    let gateway = &server.script.gateway;
    let coded = |status, code, message: &str| Some(error::coded(gateway.shape, status, code, message));
    let place = (passage.account.clone(), passage.gateway.clone());
    if gateway.exists.as_ref().is_some_and(|exists| *exists != place) {
        return coded(400, 2001, "Please configure AI Gateway in the Cloudflare dashboard");
    }
    if let Some(tokens) = &gateway.tokens {
        let token = seen.header("cf-aig-authorization").map(|value| reception::bare(value).0);
        if !token.is_some_and(|token| tokens.iter().any(|known| known == token)) {
            return coded(401, 2009, "Unauthorized");
        }
    }
    let provider = Provider::known(&passage.slug).map_or("", |provider| provider.id);
    let strikes = server.strikes(provider, seen.is_post, true);
    strikes.find(|kind| error::of(kind, gateway.shape, server.script.retry_after))
}

async fn admitted(server: &Server, seen: &Seen, passage: &Passage, path: &str) -> Reply {
    match passage.slug.as_str() {
        "" => universal(server, seen).await,
        "compat" => unified(server, seen, path).await,
        slug => match provider(slug) {
            Some(provider) => {
                let task = Task {
                    provider,
                    slug: slug.to_owned(),
                    path: path.to_owned(),
                    query: seen.query.clone(),
                    headers: seen.headers.clone(),
                    body: seen.body.clone(),
                    is_post: seen.is_post,
                    is_unified: false,
                };
                run(server, seen, &task).await
            }
            None => invalid_provider(server),
        },
    }
}

/// By the slug alone, as the gateway has it: `custom-…` are the user's own.
fn provider(slug: &str) -> Option<&'static Provider> {
    if slug.starts_with("custom-") {
        return Some(Provider::named(slug));
    }
    Provider::known(slug).filter(|provider| provider.slug == slug)
}

fn invalid_provider(server: &Server) -> Reply {
    error::coded(server.script.gateway.shape, 400, 2008, "Invalid provider")
}

/// `compat`: OpenAI's chat format for every provider, and dynamic routes.
async fn unified(server: &Server, seen: &Seen, path: &str) -> Reply {
    if !seen.is_post && path.ends_with("/models") {
        return Reply::json(200, &list::unified());
    }
    let no_answer = || error::coded(server.script.gateway.shape, 400, 2005, "Failed to get response from provider");
    if path != "/chat/completions" || !seen.is_post {
        server.violation(seen.number, "there is nothing at this address of the unified endpoint");
        return no_answer();
    }
    let model = seen.body["model"].as_str().unwrap_or_default();
    let routes = &server.script.gateway.routes;
    let route = model.strip_prefix("dynamic/");
    let is_auto = model == "cloudflare/auto";
    let (slug, model) = match route {
        None if is_auto => match option::allowed(&server.script.gateway.auto, &seen.headers) {
            Some((slug, model)) => (slug.as_str(), model.as_str()),
            None => return error::coded(server.script.gateway.shape, 400, 2005, "No allowed model is left"),
        },
        None => model.split_once('/').unwrap_or_default(),
        Some(name) => match routes.iter().find(|(known, ..)| known == name) {
            Some((_, slug, model)) => (slug.as_str(), model.as_str()),
            None => return no_answer(),
        },
    };
    let Some(provider) = provider(slug) else { return invalid_provider(server) };
    let mut body = seen.body.clone();
    body["model"] = json!(model);
    let base = match provider.id {
        "google-ai-studio" => "/v1beta/openai",
        "google-vertex" => "/v1/projects/p/locations/global/endpoints/openapi",
        _ => provider.gateway_bases.first().copied().unwrap_or_default(),
    };
    let task = Task {
        provider,
        slug: slug.to_owned(),
        path: format!("{base}/chat/completions"),
        query: String::new(),
        headers: seen.headers.clone(),
        body,
        is_post: true,
        is_unified: true,
    };
    let reply = run(server, seen, &task).await;
    match route {
        None if is_auto => reply
            .with("cf-aig-routed-model", format!("{slug}/{model}"))
            .with("cf-aig-routing-reason", "first that is allowed")
            .with("cf-aig-routing-decision-id", format!("decision-{}", seen.number)),
        None => reply,
        Some(_) => reply.with("cf-aig-provider", slug).with("cf-aig-model", model),
    }
}

/// The universal endpoint: steps in order until one answers.
async fn universal(server: &Server, seen: &Seen) -> Reply {
    let steps = seen.body.as_array().map(Vec::as_slice).unwrap_or_default();
    let mut last = None;
    for (index, step) in steps.iter().enumerate() {
        let slug = step["provider"].as_str().unwrap_or_default();
        let reply = match (provider(slug), step["endpoint"].as_str()) {
            (Some(provider), Some(endpoint)) if step["query"].is_object() => {
                run(server, seen, &task(seen, step, provider, endpoint)).await
            }
            (None, _) => invalid_provider(server),
            (Some(_), _) => {
                server.violation(seen.number, "a step needs provider, endpoint and query");
                error::coded(server.script.gateway.shape, 400, 2005, "Invalid request")
            }
        };
        let told = if server.script.gateway.is_step_stuck { 0 } else { index };
        let model = step["query"]["model"].as_str().unwrap_or_default();
        let reply =
            reply.with("cf-aig-step", told.to_string()).with("cf-aig-provider", slug).with("cf-aig-model", model);
        if reply.status < 400 {
            return reply;
        }
        last = Some(reply);
    }
    last.unwrap_or_else(|| {
        server.violation(seen.number, "the universal endpoint takes a list of steps");
        error::coded(server.script.gateway.shape, 400, 2005, "Invalid request")
    })
}

/// One request that came over a socket: like one step, and nothing after it.
pub(super) async fn single(server: &Server, seen: &Seen, step: &Value) -> Reply {
    let slug = step["provider"].as_str().unwrap_or_default();
    match (provider(slug), step["endpoint"].as_str()) {
        (Some(provider), Some(endpoint)) if step["query"].is_object() => {
            run(server, seen, &task(seen, step, provider, endpoint)).await.with("cf-aig-step", "0")
        }
        (None, _) => invalid_provider(server),
        (Some(_), _) => {
            server.violation(seen.number, "a request needs provider, endpoint and query");
            error::coded(server.script.gateway.shape, 400, 2005, "Invalid request")
        }
    }
}

/// A step's own headers count before those of the request.
fn task(seen: &Seen, step: &Value, provider: &'static Provider, endpoint: &str) -> Task {
    let own = step["headers"].as_object().into_iter().flatten();
    let mut headers: Vec<(String, String)> =
        own.filter_map(|(name, value)| Some((name.to_ascii_lowercase(), value.as_str()?.to_owned()))).collect();
    for (field, header) in [
        ("requestTimeout", "cf-aig-request-timeout"),
        ("maxAttempts", "cf-aig-max-attempts"),
        ("retryDelay", "cf-aig-retry-delay"),
        ("backoff", "cf-aig-backoff"),
    ] {
        let value = &step["config"][field];
        if !value.is_null() {
            headers.push((header.to_owned(), value.as_str().map_or_else(|| value.to_string(), str::to_owned)));
        }
    }
    headers.extend(seen.headers.iter().filter(|(name, _)| name.starts_with("cf-")).cloned());
    let (path, query) = endpoint.split_once('?').unwrap_or((endpoint, ""));
    Task {
        provider,
        slug: step["provider"].as_str().unwrap_or_default().to_owned(),
        path: format!("/{}", path.trim_start_matches('/')),
        query: query.to_owned(),
        headers,
        body: step["query"].clone(),
        is_post: true,
        is_unified: false,
    }
}

/// One request with its key, from the cache or from the provider.
async fn run(server: &Server, seen: &Seen, task: &Task) -> Reply {
    let key = match credential(server, task) {
        Ok(key) => key,
        Err(refusal) => return refusal,
    };
    let ask = Ask {
        provider: task.provider,
        path: task.path.clone(),
        is_post: task.is_post,
        is_gateway: true,
        query: task.query.clone(),
        headers: task.headers.clone(),
        body: task.body.clone(),
        key,
        number: seen.number,
    };
    let Some((name, ttl)) = option::cache(task.header("cf-aig-skip-cache"), &server.script, &task.headers, &ask) else {
        return attempts(server, task, &ask).await;
    };
    if let Some(reply) = server.cached(&name) {
        return reply.with("cf-aig-cache-status", "HIT");
    }
    let reply = attempts(server, task, &ask).await;
    if reply.status == 200 && reply.is_whole() && task.body["stream"] != true {
        server.cache(name, Instant::now() + ttl, reply.clone());
    }
    reply.with("cf-aig-cache-status", "MISS")
}

/// The key on the request, else the stored one.
fn credential(server: &Server, task: &Task) -> Result<Option<String>, Reply> {
    let gateway = &server.script.gateway;
    let bearer = || task.header("authorization").map(|value| reception::bare(value).0.to_owned());
    let sent = if task.is_unified {
        bearer()
    } else {
        reception::key(task.provider, &task.path, &task.headers, &task.query, true)
    };
    if sent.is_some() {
        return Ok(sent);
    }
    let alias = task.header("cf-aig-byok-alias").filter(|_| !task.is_unified);
    let slug = task.slug.strip_prefix("custom-").unwrap_or(&task.slug);
    let wanted = alias.unwrap_or("default");
    let stored = gateway.stored.iter().find(|(known, name, _)| known == slug && name == wanted);
    if let Some((.., key)) = stored {
        return Ok(Some(key.clone()));
    }
    if alias.is_some() {
        return Err(error::coded(gateway.shape, 400, 2040, "No stored key found under this alias"));
    }
    if task.slug == "workers-ai" {
        return Ok(task.header("cf-aig-authorization").map(|value| reception::bare(value).0.to_owned()));
    }
    let is_strict = gateway.wants_credentials || task.header("cf-aig-no-wholesale") == Some("true");
    if is_strict && task.provider.auth != Auth::Nothing {
        return Err(error::coded(gateway.shape, 400, 2044, "Provider credentials are required"));
    }
    Ok(None)
}

/// Asks as often as it may.
async fn attempts(server: &Server, task: &Task, ask: &Ask) -> Reply {
    let number = |name: &str| task.header(name).and_then(|value| value.parse::<u64>().ok());
    let attempts = number("cf-aig-max-attempts").unwrap_or(1).clamp(1, 5);
    let delay = Duration::from_millis(number("cf-aig-retry-delay").unwrap_or(0));
    let timeout = number("cf-aig-request-timeout").map(Duration::from_millis);
    for attempt in 1.. {
        let answering = ask.answer(server);
        let reply = match timeout {
            None => Some(answering.await),
            Some(limit) => tokio::time::timeout(limit, answering).await.ok(),
        };
        // A provider that hangs up, or says nothing in time, gave no usable answer.
        let reply = reply.filter(|reply| reply.steps != [Step::Cut]).unwrap_or_else(|| {
            error::coded(server.script.gateway.shape, 400, 2005, "Failed to get response from provider")
        });
        if reply.status < 400 || attempt >= attempts {
            return reply;
        }
        tokio::time::sleep(delay.saturating_mul(option::factor(task.header("cf-aig-backoff"), attempt))).await;
    }
    Reply::default()
}
