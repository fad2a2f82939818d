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
    let own =
        settings.base_urls.get(&ProviderId::from(provider.id)).map(|url| url.trim()).filter(|url| !url.is_empty());
    let template = match way {
        Way::Direct => own.unwrap_or(provider.base_url).to_owned(),
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
