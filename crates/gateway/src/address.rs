//! Where a request goes: the provider's address, the user's own, or Cloudflare AI Gateway's in its place.

use std::net::IpAddr;

use protocol::chat::{Failure, FailureKind};
use url::{Host, Url};

use crate::{CloudGateway, Provider, ProviderId, Settings, Target, Vertex, Way};

/// The way to a provider: as asked, or as set. Providers that only exist at the gateway, or not at all there, have one.
pub(crate) fn way(provider: &Provider, asked: Option<Way>, settings: &Settings) -> Way {
    if provider.base_url.is_empty() && !provider.gateway_path.is_empty() {
        return Way::StoredKey;
    }
    let is_direct_only = provider.gateway_path.is_empty();
    let set = || if is_direct_only { None } else { settings.ways.get(&ProviderId::from(provider.id)) };
    asked.or_else(|| set().copied()).unwrap_or(if is_direct_only { Way::Direct } else { settings.way })
}

/// What stands before the path of every request; no slash at its end.
///
/// Fails with [`FailureKind::Gateway`] when the gateway is not set or does not know the provider, and with
/// [`FailureKind::Invalid`] when the address is none that a key may be sent to.
pub(crate) fn base(
    provider: &Provider,
    target: &Target,
    way: Way,
    settings: &Settings,
    place: &Vertex,
) -> Result<String, Failure> {
    let template = match way {
        Way::Direct => own(provider, settings).unwrap_or(provider.base_url).to_owned(),
        Way::Gateway | Way::StoredKey => {
            if provider.gateway_path.is_empty() {
                let message = format!("Cloudflare AI Gateway does not lead to {}.", provider.name);
                return Err(Failure::new(FailureKind::Gateway, message));
            }
            format!("{}/{}", gateway(settings.gateway.as_ref())?, provider.gateway_path)
        }
    };
    let account = settings.gateway.as_ref().map_or("", |gateway| gateway.account.trim());
    let url = fill(&template, &[("account", account), ("project", &place.project)])?;
    let region = if place.region.is_empty() { "global" } else { &place.region };
    let host = match region {
        "global" => "aiplatform.googleapis.com".to_owned(),
        region => format!("{region}-aiplatform.googleapis.com"),
    };
    let url = fill(&url, &[("region", region), ("host", &host), ("provider", target.provider.as_str())])?;
    let url = url.replace("{model}", &target.model);
    check(provider, &url)?;
    Ok(url.trim_end_matches('/').to_owned())
}

/// What the user put in the place of a provider's address.
fn own<'a>(provider: &Provider, settings: &'a Settings) -> Option<&'a str> {
    let url = settings.base_urls.get(&ProviderId::from(provider.id))?.trim();
    (!url.is_empty()).then_some(url)
}

/// What of a provider's own path stands behind its base URL: programs name what they want with the version and whatever
/// else the base URL ends with, or without it.
pub fn behind_base<'a>(provider: &Provider, path: &'a str) -> &'a str {
    let base = provider.base_url;
    let mut ends = path.rmatch_indices('/').map(|(at, _)| at).filter(|at| *at > 0);
    let repeated = ends.find(|end| base.ends_with(&path[..*end]));
    repeated.map_or(path, |end| &path[end..])
}

/// The address of a provider's own path, given the base of this way. A path with a version of its own, such as `/v1beta/…`
/// or Vertex AI's `/v1/projects/…`, stands in place of the base from its version on.
pub(crate) fn join(provider: &Provider, way: Way, settings: &Settings, base: &str, path: &str) -> String {
    let path = behind_base(provider, path);
    let template = match way {
        Way::Direct => own(provider, settings).unwrap_or(provider.base_url),
        Way::Gateway | Way::StoredKey => provider.gateway_path,
    };
    let is_whole = path.trim_start_matches('/').split('/').next().is_some_and(is_version);
    let behind = template.trim_end_matches('/').rsplit('/').position(is_version);
    let kept = behind.filter(|_| is_whole).and_then(|behind| base.rmatch_indices('/').nth(behind));
    format!("{}{path}", kept.map_or(base, |(end, _)| &base[..end]))
}

/// `v1`, `v1beta`
fn is_version(segment: &str) -> bool {
    let rest = segment.strip_prefix('v').unwrap_or_default();
    rest.starts_with(|first: char| first.is_ascii_digit()) && rest.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// The project and the region that a whole path of Vertex AI names: `/v1/projects/P/locations/R/…`.
pub(crate) fn place_in(path: &str) -> Option<Vertex> {
    let mut steps = path.trim_start_matches('/').split('/');
    let is_place = steps.next().is_some_and(is_version) && steps.next() == Some("projects");
    let project = steps.next().filter(|_| is_place)?.to_owned();
    let region = steps.next().filter(|step| *step == "locations").and_then(|_| steps.next())?.to_owned();
    Some(Vertex { project, region })
}

/// The gateway's own address.
pub(crate) fn gateway(gateway: Option<&CloudGateway>) -> Result<String, Failure> {
    let unset = || Failure::new(FailureKind::Gateway, "No Cloudflare AI Gateway is set.");
    let gateway = gateway.ok_or_else(unset)?;
    let (base, account, id) = (gateway.base_url.trim(), gateway.account.trim(), gateway.gateway.trim());
    let base = base.trim_end_matches('/');
    match (base.is_empty(), account.is_empty(), id.is_empty()) {
        (true, _, _) | (_, false, true) | (_, true, false) => Err(unset()),
        // A custom domain stands for one gateway.
        (false, true, true) => Ok(base.to_owned()),
        (false, false, false) => {
            let is_plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
            if !is_plain(account) || !is_plain(id) {
                return Err(Failure::new(FailureKind::Gateway, "The account or the id of the gateway is not one."));
            }
            Ok(format!("{base}/{account}/{id}"))
        }
    }
}

/// Puts values into a template. They may not lead anywhere else than the template says.
fn fill(template: &str, values: &[(&str, &str)]) -> Result<String, Failure> {
    let mut filled = template.to_owned();
    for (name, value) in values {
        let hole = format!("{{{name}}}");
        if !filled.contains(&hole) {
            continue;
        }
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte);
        if value.is_empty() || !value.bytes().all(is_plain) {
            return Err(Failure::new(FailureKind::Invalid, format!("The {name} is missing, or is not one.")));
        }
        filled = filled.replace(&hole, value);
    }
    Ok(filled)
}

/// Keys and conversations travel encrypted, or stay in the house.
fn check(provider: &Provider, url: &str) -> Result<(), Failure> {
    let invalid =
        |why: &str| Err(Failure::new(FailureKind::Invalid, format!("The address of {} {why}.", provider.name)));
    if url.is_empty() {
        return invalid("is not set");
    }
    let Ok(parsed) = Url::parse(url) else { return invalid("is not one") };
    if !parsed.username().is_empty() || parsed.password().is_some() {
        return invalid("may not hold a name or password");
    }
    if parsed.query().is_some() || parsed.fragment().is_some() {
        return invalid("may not hold a query");
    }
    match (parsed.scheme(), parsed.host()) {
        ("https", Some(_)) => Ok(()),
        ("http", Some(host)) if is_near(&host) => Ok(()),
        ("http", Some(_)) => invalid("must begin with https://"),
        _ => invalid("must begin with https:// or http://"),
    }
}

/// Whether a host is this machine or in the same network.
pub(crate) fn is_near(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => {
            let name = name.trim_end_matches('.').to_ascii_lowercase();
            name == "localhost" || name.ends_with(".localhost") || name.ends_with(".local") || !name.contains('.')
        }
        Host::Ipv4(ip) => ip.is_loopback() || ip.is_private() || ip.is_link_local(),
        Host::Ipv6(ip) => {
            ip.is_loopback()
                || ip.is_unique_local()
                || ip.is_unicast_link_local()
                || matches!(IpAddr::V6(*ip).to_canonical(), IpAddr::V4(ip) if ip.is_loopback() || ip.is_private())
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::{provider, providers};

    fn cloud() -> Settings {
        let gateway = CloudGateway {
            base_url: "https://gateway.ai.cloudflare.com/v1/".to_owned(),
            account: "0123456789abcdef0123456789abcdef".to_owned(),
            gateway: "default".to_owned(),
            ..CloudGateway::default()
        };
        Settings { gateway: Some(gateway), ..Settings::default() }
    }

    fn place() -> Vertex {
        Vertex { project: "p-1".to_owned(), region: "europe-west4".to_owned() }
    }

    fn at(id: &str, way: Way, settings: &Settings) -> Result<String, Failure> {
        let target = Target { provider: id.into(), model: "org/m".to_owned() };
        base(provider(&target.provider).unwrap(), &target, way, settings, &place())
    }

    #[test]
    fn every_provider_has_an_address_on_each_way_that_it_has() {
        let settings = cloud();
        for provider in providers() {
            let direct = at(provider.id, Way::Direct, &settings);
            assert_eq!(direct.is_ok(), !provider.base_url.is_empty(), "{}: {direct:?}", provider.id);
            let gateway = at(provider.id, Way::Gateway, &settings);
            assert_eq!(gateway.is_ok(), !provider.gateway_path.is_empty(), "{}: {gateway:?}", provider.id);
            for url in direct.iter().chain(&gateway) {
                assert!(!url.contains(['{', '}']) && !url.ends_with('/'), "{url}");
            }
        }
        let base = "https://gateway.ai.cloudflare.com/v1/0123456789abcdef0123456789abcdef/default";
        assert_eq!(at("anthropic", Way::Gateway, &settings).unwrap(), format!("{base}/anthropic/v1"));
        assert_eq!(at("huggingface", Way::StoredKey, &settings).unwrap(), format!("{base}/huggingface/org/m/v1"));
        assert_eq!(at("custom-my-own", Way::StoredKey, &settings).unwrap(), format!("{base}/custom-my-own/v1"));
        let vertex =
            "https://europe-west4-aiplatform.googleapis.com/v1/projects/p-1/locations/europe-west4/publishers/google";
        assert_eq!(at("google-vertex", Way::Direct, &settings).unwrap(), vertex);
    }

    #[test]
    fn a_path_of_the_provider_s_own_is_understood_with_and_without_what_the_base_ends_with() {
        let settings = cloud();
        let vertex = "https://europe-west4-aiplatform.googleapis.com/v1/projects/p-1/locations/europe-west4";
        let cloud_vertex = "google-vertex-ai/v1/projects/p-1/locations/europe-west4";
        let google = "https://generativelanguage.googleapis.com";
        // Provider, path, where it is, and where it is behind the gateway's address.
        let table = [
            ("openai", "/embeddings", "https://api.openai.com/v1/embeddings", "openai/embeddings"),
            ("openai", "/v1/embeddings", "https://api.openai.com/v1/embeddings", "openai/embeddings"),
            ("anthropic", "/v1/messages", "https://api.anthropic.com/v1/messages", "anthropic/v1/messages"),
            ("anthropic", "/messages", "https://api.anthropic.com/v1/messages", "anthropic/v1/messages"),
            ("groq", "/openai/v1/models", "https://api.groq.com/openai/v1/models", "groq/models"),
            ("deepseek", "/v1/models", "https://api.deepseek.com/v1/models", "deepseek/v1/models"),
            (
                "google-ai-studio",
                "/v1beta/models",
                &format!("{google}/v1beta/models"),
                "google-ai-studio/v1beta/models",
            ),
            ("google-ai-studio", "/v1/models", &format!("{google}/v1/models"), "google-ai-studio/v1/models"),
            (
                "google-vertex",
                "/models/m:generateContent",
                &format!("{vertex}/publishers/google/models/m:generateContent"),
                &format!("{cloud_vertex}/publishers/google/models/m:generateContent"),
            ),
            (
                "google-vertex",
                "/v1/projects/p-1/locations/europe-west4/endpoints/openapi/chat/completions",
                &format!("{vertex}/endpoints/openapi/chat/completions"),
                &format!("{cloud_vertex}/endpoints/openapi/chat/completions"),
            ),
            (
                "google-vertex",
                "/v1beta1/publishers/google/models",
                "https://europe-west4-aiplatform.googleapis.com/v1beta1/publishers/google/models",
                "google-vertex-ai/v1beta1/publishers/google/models",
            ),
        ];
        for (id, path, direct, cloud) in table {
            let joined =
                |way| join(provider(&id.into()).unwrap(), way, &settings, &at(id, way, &settings).unwrap(), path);
            assert_eq!(joined(Way::Direct), direct, "{id} {path}");
            let gateway = gateway(settings.gateway.as_ref()).unwrap();
            assert_eq!(joined(Way::Gateway), format!("{gateway}/{cloud}"), "{id} {path}");
        }
        let own = Settings {
            base_urls: [("custom".into(), "http://127.0.0.1:1/v1".to_owned())].into(),
            ..Settings::default()
        };
        let base = at("custom", Way::Direct, &own).unwrap();
        let custom = provider(&"custom".into()).unwrap();
        assert_eq!(join(custom, Way::Direct, &own, &base, "/v1/models"), "http://127.0.0.1:1/v1/models");
        assert_eq!(join(custom, Way::Direct, &own, &base, "/models"), "http://127.0.0.1:1/v1/models");
    }

    #[test]
    fn the_place_stands_in_a_whole_path_only() {
        let place = |project: &str, region: &str| Some(Vertex { project: project.into(), region: region.into() });
        assert_eq!(place_in("/v1/projects/p/locations/r/publishers/google"), place("p", "r"));
        assert_eq!(place_in("/v1beta1/projects/p/locations/r"), place("p", "r"));
        for path in ["/models/m:generateContent", "/v1/projects/p", "/projects/p/locations/r", "/v1/models/projects/p"]
        {
            assert_eq!(place_in(path), None, "{path}");
        }
    }

    #[test]
    fn a_custom_domain_stands_for_the_gateway() {
        let gateway = CloudGateway { base_url: "https://ai.example.com".to_owned(), ..CloudGateway::default() };
        let settings = Settings { gateway: Some(gateway), ..Settings::default() };
        assert_eq!(at("openai", Way::Gateway, &settings).unwrap(), "https://ai.example.com/openai");
    }

    #[test]
    fn a_region_cannot_lead_to_another_host() {
        for region in ["evil.com/", "x@evil.com#", "a b", "evil.com?"] {
            let place = Vertex { project: "p".to_owned(), region: region.to_owned() };
            let vertex = provider(&"google-vertex".into()).unwrap();
            let target = Target { provider: "google-vertex".into(), model: "m".to_owned() };
            assert!(base(vertex, &target, Way::Direct, &Settings::default(), &place).is_err(), "{region}");
        }
        let mut settings = cloud();
        settings.gateway.as_mut().unwrap().account = "../..".to_owned();
        assert_eq!(at("openai", Way::Gateway, &settings).unwrap_err().kind, FailureKind::Gateway);
    }

    #[test]
    fn an_open_connection_is_only_for_the_own_network() {
        let own = |url: &str| {
            let base_urls = [("custom".into(), url.to_owned())].into();
            at("custom", Way::Direct, &Settings { base_urls, ..Settings::default() }).is_ok()
        };
        let good = [
            "https://x.example/v1",
            "http://127.0.0.1:8080/v1",
            "http://192.168.1.9:1234",
            "http://nas.local/v1",
            "http://[::1]:1/",
        ];
        let bad = [
            "http://x.example/v1",
            "http://8.8.8.8",
            "ftp://x",
            "https://name:pw@x.example",
            "nonsense",
            "",
            "https://x/?a=1",
        ];
        assert!(good.into_iter().all(own));
        assert!(!bad.into_iter().any(own));
    }

    #[test]
    fn the_way_is_the_asked_one_then_the_provider_s_then_the_general_one() {
        let mut settings = Settings { way: Way::Gateway, ..Settings::default() };
        let of = |id: &str, asked, settings: &Settings| way(provider(&id.into()).unwrap(), asked, settings);
        assert_eq!(of("openai", None, &settings), Way::Gateway);
        settings.ways.insert("openai".into(), Way::StoredKey);
        assert_eq!(of("openai", None, &settings), Way::StoredKey);
        assert_eq!(of("openai", Some(Way::Direct), &settings), Way::Direct);
        assert_eq!(of("ollama", None, &settings), Way::Direct, "the gateway does not lead to it");
        assert_eq!(of("cloudflare-route", None, &Settings::default()), Way::StoredKey);
    }
}
