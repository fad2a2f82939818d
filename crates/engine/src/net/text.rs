//! HTTP for written requests: what the gateway asks for. Redirects are never followed, and a key never goes over a plain
//! connection to another machine.

use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream;
use gateway::{Header, Http, HttpRequest, HttpResponse, Method};
use protocol::chat::{Failure, FailureKind};
use reqwest::Response;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use secrecy::ExposeSecret;
use url::Url;

use super::{Dial, Net, Refusal, is_private, secret_header};

impl Http for Net {
    fn send(&self, request: HttpRequest) -> BoxFuture<'static, Result<HttpResponse, Failure>> {
        let net = self.clone();
        Box::pin(async move { net.exchange(request).await })
    }
}

impl Net {
    /// A request of a voice's leg to its service.
    pub(crate) async fn post(&self, service: &Dial, post: protocol::Post) -> Result<HttpResponse, Failure> {
        let url = service.below(&post.path);
        if service.has_secret() && !is_private(&url) {
            return Err(insecure());
        }
        let sending = self.client(&url).post(url.clone()).headers(service.headers.clone());
        let sending = sending.header(CONTENT_TYPE, post.content_type).body(post.body);
        Ok(whole(sending.send().await.map_err(|error| self.failure(&url, error))?))
    }

    async fn exchange(&self, request: HttpRequest) -> Result<HttpResponse, Failure> {
        let url = Url::parse(&request.url).map_err(|_| invalid("the address of the server is not a URL"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(invalid("the address of the server must begin with http:// or https://"));
        }
        let is_secret = |(_, value): &(&str, Header)| matches!(value, Header::Secret(_));
        if (request.headers.iter().any(is_secret) || url.password().is_some()) && !is_private(&url) {
            return Err(insecure());
        }
        let headers = headers(&request.headers)?;
        let client = self.client(&url);
        let sending = match request.method {
            Method::Get => client.get(url.clone()),
            Method::Post => client.post(url.clone()).body(request.body),
        };
        Ok(whole(sending.headers(headers).send().await.map_err(|error| self.failure(&url, error))?))
    }

    fn failure(&self, url: &Url, error: reqwest::Error) -> Failure {
        let refusal = self.refusal(url, error);
        let kind = match refusal {
            Refusal::TimedOut => FailureKind::TimedOut,
            Refusal::Http { .. } | Refusal::Unreachable(_) | Refusal::Proxy(_) | Refusal::Tls(_) => {
                FailureKind::Unreachable
            }
            Refusal::Insecure => FailureKind::Invalid,
        };
        Failure::new(kind, refusal.to_string())
    }
}

pub(super) fn headers(pairs: &[(&'static str, Header)]) -> Result<HeaderMap, Failure> {
    let mut headers = HeaderMap::with_capacity(pairs.len());
    for (name, value) in pairs {
        let value = match value {
            Header::Plain(text) => HeaderValue::from_str(text).ok(),
            Header::Secret(secret) => secret_header(secret.expose_secret()),
        };
        let value = value.ok_or_else(|| invalid(&format!("the header {name} cannot be sent")))?;
        headers.append(HeaderName::from_static(name), value);
    }
    Ok(headers)
}

/// Status, headers, and the body as it comes.
fn whole(response: Response) -> HttpResponse {
    let status = response.status().as_u16();
    let text =
        |(name, value): (&HeaderName, &HeaderValue)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()));
    let headers = response.headers().iter().filter_map(text).collect();
    HttpResponse { status, headers, body: body(response).boxed() }
}

/// The body as it comes; dropping it closes the connection.
fn body(response: Response) -> impl futures_util::Stream<Item = Result<bytes::Bytes, Failure>> + Send {
    stream::try_unfold(response, |mut response| async move {
        match response.chunk().await {
            Ok(Some(piece)) => Ok(Some((piece, response))),
            Ok(None) => Ok(None),
            Err(error) => {
                // "Unexpected EOF during chunk size line" helps nobody who reads an answer.
                tracing::debug!(why = super::refusal::words(&error.without_url()), "an answer broke off");
                Err(Failure::broken_off())
            }
        }
    })
}

/// [`Refusal::Insecure`] where there is no WebSocket.
fn insecure() -> Failure {
    invalid("a key goes over a plain connection to this computer only, so nothing was sent; use https")
}

pub(super) fn invalid(why: &str) -> Failure {
    Failure::new(FailureKind::Invalid, why)
}
