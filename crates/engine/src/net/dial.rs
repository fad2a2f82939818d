//! What to connect to.

use std::fmt;
use std::net::IpAddr;

use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use url::{Host, Url};

/// One WebSocket to open (or one page to get). Its `Debug` shows no secret.
#[derive(Clone)]
pub(crate) struct Dial {
    /// `http(s)` or `ws(s)`.
    pub(crate) url: Url,
    /// Values that hold secrets are marked sensitive.
    pub(crate) headers: HeaderMap,
    /// Offered in this order; all but `realtime` are taken for secrets.
    pub(crate) subprotocols: Vec<SecretString>,
}

impl Dial {
    /// The URL with `http` in the place of `ws`.
    pub(super) fn http_url(&self) -> Url {
        // `Url::set_scheme` refuses some changes of scheme, never these; parsing anew has no such rules at all.
        let text = self.url.as_str();
        let http = text.strip_prefix("ws").and_then(|rest| Url::parse(&format!("http{rest}")).ok());
        http.unwrap_or_else(|| self.url.clone())
    }

    /// An HTTP address below this one; `path` may have a query.
    pub(super) fn below(&self, path: &str) -> Url {
        let mut url = self.http_url();
        let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path.split('/').filter(|segment| !segment.is_empty()));
        }
        if query.is_some() {
            url.set_query(query);
        }
        url
    }

    /// Whether anything in it must not be read by others.
    pub(super) fn has_secret(&self) -> bool {
        self.secrets().next().is_some() || !self.url.username().is_empty()
    }

    /// `text` without any secret of this dial.
    pub(crate) fn redact(&self, text: &str) -> String {
        self.secrets().fold(text.to_owned(), |text, secret| without(&text, &secret))
    }

    fn secrets(&self) -> impl Iterator<Item = String> {
        let is_secret = |(name, value): &(&HeaderName, &HeaderValue)| {
            value.is_sensitive() || **name == AUTHORIZATION || *name == "cf-aig-authorization"
        };
        let headers = self.headers.iter().filter(is_secret).filter_map(|(_, value)| value.to_str().ok());
        let headers = headers.map(|value| {
            let schemes = ["Bearer ", "Token ", "Key "];
            schemes.iter().find_map(|scheme| value.strip_prefix(scheme)).unwrap_or(value)
        });
        let offered = self.subprotocols.iter().map(ExposeSecret::expose_secret).filter(|one| *one != "realtime");
        let offered = offered.map(|one| one.split_once('.').map_or(one, |(_, secret)| secret));
        let secrets = headers.chain(offered).chain(self.url.password()).filter(|secret| !secret.is_empty());
        secrets.map(str::to_owned).collect::<Vec<_>>().into_iter()
    }
}

/// Any text has the letters of a short secret: of such a one only what stands alone is taken out.
fn without(text: &str, secret: &str) -> String {
    const SHORTEST: usize = 8;
    if secret.len() >= SHORTEST {
        return text.replace(secret, "[key]");
    }
    let is_outside = |letter: Option<char>| !letter.is_some_and(char::is_alphanumeric);
    let (mut out, mut rest) = (String::new(), text);
    while let Some((before, behind)) = rest.split_once(secret) {
        let is_alone = is_outside(before.chars().next_back().or_else(|| out.chars().next_back()))
            && is_outside(behind.chars().next());
        out.push_str(before);
        out.push_str(if is_alone { "[key]" } else { secret });
        rest = behind;
    }
    out + rest
}

impl fmt::Debug for Dial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = self.url.host_str().unwrap_or_default();
        let port = self.url.port().map(|port| format!(":{port}")).unwrap_or_default();
        let headers: Vec<&str> = self.headers.keys().map(HeaderName::as_str).collect();
        f.debug_struct("Dial")
            .field("url", &self.redact(&format!("{}://{host}{port}{}", self.url.scheme(), self.url.path())))
            .field("headers", &headers)
            .field("subprotocols", &self.subprotocols.len())
            .finish()
    }
}

/// A header value that is never shown; nothing when the text cannot be one.
pub(crate) fn secret_header(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// Whether the URL's host is this computer itself.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::V6(address).to_canonical().is_loopback(),
        None => false,
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn dial(url: &str) -> Dial {
        Dial { url: Url::parse(url).unwrap(), headers: HeaderMap::new(), subprotocols: Vec::new() }
    }

    #[test]
    fn only_this_computer_is_loopback() {
        for url in [
            "ws://localhost:1/x",
            "http://127.0.0.1",
            "http://127.9.8.7",
            "http://[::1]:80",
            "ws://[::1]",
            "http://[::ffff:127.0.0.1]",
        ] {
            assert!(is_loopback(&dial(url).http_url()), "{url}");
        }
        for url in [
            "http://localhost.example.com",
            "http://128.0.0.1",
            "http://0.0.0.0",
            "ws://mylocalhost",
            "http://[::2]",
            "https://example.com",
        ] {
            assert!(!is_loopback(&dial(url).http_url()), "{url}");
        }
    }

    #[test]
    fn websocket_schemes_become_http_ones() {
        for (given, wanted) in [
            ("ws://a.test/v1?x=1", "http://a.test/v1?x=1"),
            ("wss://a.test/v1", "https://a.test/v1"),
            ("https://ws.test/ws", "https://ws.test/ws"),
            ("wss://a.test:8443/", "https://a.test:8443/"),
        ] {
            assert_eq!(dial(given).http_url().as_str(), wanted);
        }
    }

    #[test]
    fn no_form_of_a_key_shows() {
        let mut dial = dial("wss://user:sk-in-url@a.test/v1?api_key=sk-in-query");
        dial.headers.insert(AUTHORIZATION, secret_header("Bearer sk-in-header").unwrap());
        dial.headers.insert("cf-aig-authorization", HeaderValue::from_static("cf-bare"));
        dial.subprotocols = vec!["realtime".into(), "openai-insecure-api-key.sk-in-protocol".into()];
        let shown = format!("{dial:?}");
        for secret in ["sk-in", "cf-bare"] {
            assert!(!shown.contains(secret), "{shown}");
        }
        let redacted = dial.redact("got sk-in-header and cf-bare and sk-in-protocol and sk-in-url");
        assert_eq!(redacted, "got [key] and [key] and [key] and [key]");
        assert!(dial.has_secret());
    }

    #[test]
    fn a_key_of_one_letter_is_not_taken_out_of_words() {
        let mut dial = dial("wss://a.test/v1");
        dial.headers.insert(AUTHORIZATION, secret_header("Bearer k").unwrap());
        assert_eq!(dial.redact("bad key k, kk: \"k\""), "bad key [key], kk: \"[key]\"");
    }
}
