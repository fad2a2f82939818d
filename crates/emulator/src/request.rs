//! A request: its credentials in all their forms, and how it is recorded without them.

use axum::http::{HeaderMap, HeaderValue, Uri, header};

use crate::record::{Connection, Credential, Form, Purpose, fingerprint};
use crate::server::Server;

/// A request as far as the handshake cares.
pub(crate) struct Request {
    pub(crate) index: usize,
    pub(crate) model: Option<String>,
    /// Provider key in the `Authorization` header.
    pub(crate) header_key: Option<String>,
    pub(crate) subprotocol_key: Option<String>,
    /// Gateway token and its form.
    pub(crate) token: Option<(String, Form)>,
    pub(crate) is_beta: bool,
    pub(crate) subprotocols: Vec<String>,
}

impl Request {
    /// Reads a request and records it.
    pub(crate) fn read(server: &Server, uri: &Uri, headers: &HeaderMap) -> Self {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let offered = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter().filter_map(|value| value.to_str().ok());
        let offered = offered.flat_map(|value| value.split(',')).map(|value| value.trim().to_owned());
        let mut request = Self {
            index: 0,
            model: query(uri, "model"),
            header_key: text("authorization").map(|value| bare(value).0.to_owned()),
            subprotocol_key: None,
            token: text("cf-aig-authorization").map(bare).map(|(token, form)| (token.to_owned(), form)),
            is_beta: headers.contains_key("openai-beta"),
            subprotocols: offered.collect(),
        };
        for offered in &request.subprotocols {
            if let Some(key) = offered.strip_prefix("openai-insecure-api-key.") {
                request.subprotocol_key = Some(key.to_owned());
            } else if let Some(token) = offered.strip_prefix("cf-aig-authorization.") {
                request.token.get_or_insert_with(|| (token.to_owned(), Form::Subprotocol));
            }
            request.is_beta |= offered.starts_with("openai-beta.");
        }
        request.index = request.record(server, uri, headers);
        request
    }

    fn record(&self, server: &Server, uri: &Uri, headers: &HeaderMap) -> usize {
        let credential = |purpose, form, secret: &str| Credential { purpose, form, fingerprint: fingerprint(secret) };
        let authorization = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).map(bare);
        let header_key = authorization.map(|(key, form)| credential(Purpose::Provider, form, key));
        let subprotocol_key =
            self.subprotocol_key.as_deref().map(|key| credential(Purpose::Provider, Form::Subprotocol, key));
        let token = self.token.as_ref().map(|(token, form)| credential(Purpose::Gateway, *form, token));
        let connection = Connection {
            path: uri.path().to_owned(),
            query: uri.query().unwrap_or_default().to_owned(),
            headers: headers.iter().map(|(name, value)| (name.to_string(), redacted(name.as_str(), value))).collect(),
            subprotocols: self.subprotocols.iter().map(|offered| redacted_subprotocol(offered)).collect(),
            credentials: header_key.into_iter().chain(subprotocol_key).chain(token).collect(),
            ..Connection::default()
        };
        server.recorder.write(|record| {
            record.connections.push(connection);
            record.connections.len() - 1
        })
    }
}

/// A header's credential without `Bearer `, and its form.
fn bare(value: &str) -> (&str, Form) {
    match value.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => (token.trim(), Form::Bearer),
        _ => (value, Form::Bare),
    }
}

fn redacted(name: &str, value: &HeaderValue) -> String {
    let value = String::from_utf8_lossy(value.as_bytes());
    match name {
        "sec-websocket-protocol" => {
            value.split(',').map(|offered| redacted_subprotocol(offered.trim())).collect::<Vec<_>>().join(", ")
        }
        "authorization" | "cf-aig-authorization" | "cookie" | "proxy-authorization" => match bare(&value) {
            (secret, Form::Bearer) => format!("Bearer {}", fingerprint(secret)),
            (secret, Form::Bare | Form::Subprotocol) => fingerprint(secret),
        },
        _ => value.into_owned(),
    }
}

fn redacted_subprotocol(offered: &str) -> String {
    let prefixes = ["openai-insecure-api-key.", "cf-aig-authorization."];
    let secret = prefixes.iter().find_map(|prefix| Some((prefix, offered.strip_prefix(prefix)?)));
    secret.map_or_else(|| offered.to_owned(), |(prefix, secret)| format!("{prefix}{}", fingerprint(secret)))
}

/// A query parameter, with `%` escapes undone.
fn query(uri: &Uri, name: &str) -> Option<String> {
    let pairs = uri.query()?.split('&').filter_map(|pair| pair.split_once('='));
    let value = pairs.into_iter().find_map(|(key, value)| (key == name).then_some(value))?;
    let mut pieces = value.split('%');
    let mut bytes = pieces.next()?.as_bytes().to_vec();
    for piece in pieces {
        bytes.push(u8::from_str_radix(piece.get(..2)?, 16).ok()?);
        bytes.extend_from_slice(piece.get(2..)?.as_bytes());
    }
    String::from_utf8(bytes).ok()
}
