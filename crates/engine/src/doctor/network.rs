//! The way to the provider: name, proxy, secure connection, session.

use std::time::Instant;

use url::Url;

use crate::api::{Code, Provider, Route};
use crate::doctor::{Check, LIMIT, Patient, Section, Status};
use crate::net::HeaderMap;
use crate::route::probe::{self, walk};
use crate::route::{self, Ladder};

pub(super) async fn look(patient: &Patient) -> Vec<Check> {
    let mut checks = Vec::new();
    if !patient.practice_url.is_empty() {
        checks.push(session(patient, "Practice partner", Provider::Practice, Route::Direct).await);
    }
    let base = route::base(&patient.settings.providers.openai.base_url, "OpenAI's base URL", Code::Refused);
    match base {
        Ok(base) => checks.extend(way(patient, &base).await),
        Err(problem) => {
            checks.push(Check::new(Section::Network, "Base URL", Status::Failed, &*problem.detail).because(&problem));
        }
    }
    checks.push(session(patient, "Session with OpenAI", Provider::Openai, Route::Direct).await);
    if !patient.settings.endpoint.base_url.trim().is_empty() {
        checks.push(session(patient, "Session with the endpoint", Provider::Openai, Route::Endpoint).await);
    }
    checks
}

async fn way(patient: &Patient, base: &Url) -> Vec<Check> {
    let proxy = patient.net.proxy(base);
    let proxy_words = proxy.as_ref().map_or_else(|| "none in use".to_owned(), |host| format!("through {host}"));
    vec![
        name(base, proxy.is_some()).await,
        Check::new(Section::Network, "Proxy", Status::Ok, proxy_words),
        connection(patient, base).await,
    ]
}

async fn name(base: &Url, has_proxy: bool) -> Check {
    let host = base.host_str().unwrap_or_default().to_owned();
    let check = |status, detail: String| Check::new(Section::Network, "Name", status, detail);
    // Brackets of an IPv6 address belong to the URL only.
    let bare = host.trim_matches(['[', ']']).to_owned();
    let looking = tokio::net::lookup_host((bare, base.port_or_known_default().unwrap_or(443)));
    match tokio::time::timeout(LIMIT, looking).await {
        Ok(Ok(addresses)) => check(Status::Ok, format!("{host} has {} addresses", addresses.count())),
        Ok(Err(_)) | Err(_) if has_proxy => {
            check(Status::Ok, format!("{host} is not known here; the proxy looks it up"))
        }
        Ok(Err(error)) => {
            check(Status::Failed, format!("{host}: {error}")).advise("Check the network connection and DNS.")
        }
        Err(_) => {
            check(Status::Failed, format!("{host}: no answer in time")).advise("Check the network connection and DNS.")
        }
    }
}

/// Any HTTP answer at all proves the connection; no key is sent.
async fn connection(patient: &Patient, base: &Url) -> Check {
    let from = Instant::now();
    let answer = patient.net.get_json(&route::with_path(base.clone(), &["models"]), HeaderMap::new(), LIMIT).await;
    let kind = if matches!(base.scheme(), "https" | "wss") { "secure" } else { "plain" };
    match answer {
        Ok((status, _)) => {
            let detail =
                format!("{kind}, answered HTTP {status} without a key after {} ms", from.elapsed().as_millis());
            Check::new(Section::Network, "Connection", Status::Ok, detail)
        }
        Err(refusal) => {
            let problem = refusal.problem(Route::Direct);
            Check::new(Section::Network, "Connection", Status::Failed, &*problem.detail).because(&problem)
        }
    }
}

async fn session(patient: &Patient, name: &str, provider: Provider, route: Route) -> Check {
    let mut settings = patient.settings.clone();
    (settings.call.provider, settings.call.route) = (provider, route);
    let check = |status, detail: String| Check::new(Section::Network, name, status, detail);
    let mut ladder = match Ladder::new(&settings, &patient.practice_url, &patient.keys().await, None) {
        Ok(ladder) => ladder,
        Err(problem) if problem.code == Code::NoCredential => return check(Status::Skipped, problem.detail),
        Err(problem) => return check(Status::Failed, problem.detail.clone()).because(&problem),
    };
    let walk = walk(&patient.net, &mut ladder, LIMIT).await;
    let opened = walk.opened.map(|opened| format!("connected after {} ms, ", opened.as_millis())).unwrap_or_default();
    match walk.end {
        Ok(created) => check(Status::Ok, format!("{opened}session after {} ms", created.as_millis())),
        Err(stop) => {
            let problem = probe::problem(&stop, route);
            check(Status::Failed, format!("{opened}{}", problem.detail)).because(&problem)
        }
    }
}
