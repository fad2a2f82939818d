//! Pictures: a wish in words goes to fal, a picture comes back. Over HTTP, or over fal's realtime socket for apps whose id
//! ends in `/realtime`. Every request has a row in the ledger; budgets are asked before anything is sent.

mod answer;
mod bill;
mod http;
mod line;
mod refusal;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use protocol::chat::{Failure, FailureKind};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Mutex;
use url::Url;

use crate::api::{Code, Holder, Problem, Receipt, Shape, Way};
use crate::config::Settings;
use crate::net::{Dial, HeaderMap, Net, secret_header};
use crate::route::{at_gateway, base, with_path};
use crate::text::{Keyring, Text};

use bill::Bill;
use line::Line;

/// Whole time for one picture: an app that nobody used lately takes up to 90 s to begin.
const LIMIT: Duration = Duration::from_secs(100);
/// Most bytes of a picture.
pub(crate) const LARGEST: usize = 20 << 20;
/// Longest wish, characters.
const LONGEST_WISH: usize = 4_000;
/// fal's name among the providers.
pub(crate) const FAL: &str = "fal";

/// What is to be seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wish {
    pub(crate) prompt: String,
    pub(crate) shape: Shape,
}

/// A picture file.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Picture {
    pub(crate) bytes: Vec<u8>,
    /// `image/png`, `image/jpeg` or `image/webp`, by what the bytes are.
    pub(crate) mime: &'static str,
}

impl std::fmt::Debug for Picture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Picture({}, {} bytes)", self.mime, self.bytes.len())
    }
}

/// Makes pictures. Cloning is cheap; all clones share the socket that stays open.
#[derive(Debug, Clone)]
pub(crate) struct Studio {
    net: Net,
    keyring: Keyring,
    line: Arc<Mutex<Option<Line>>>,
}

/// Where a wish goes, and with which keys.
struct Place {
    url: Url,
    way: Way,
    /// fal's.
    key: Option<SecretString>,
    /// The gateway's.
    token: Option<SecretString>,
}

impl Studio {
    pub(crate) fn new(net: Net, keyring: Keyring) -> Self {
        Self { net, keyring, line: Arc::default() }
    }

    /// Makes one picture. Dropping the future gives it up; the ledger has its row all the same.
    pub(crate) async fn make(
        &self,
        wish: &Wish,
        settings: &Settings,
        text: &Text,
        conversation: Option<i64>,
    ) -> Result<(Picture, Receipt), Failure> {
        let is_empty = wish.prompt.trim().is_empty();
        if is_empty || wish.prompt.chars().count() > LONGEST_WISH {
            let why = if is_empty { "there is nothing to draw" } else { "the description is too long" };
            return Err(Failure::new(FailureKind::Invalid, why));
        }
        let place = self.place(settings).await?;
        let bill = Bill::open(settings, place.way, text, conversation).await?;
        let outcome = match tokio::time::timeout(LIMIT, self.ask(wish, &place)).await {
            Ok(outcome) => outcome.map_err(|failure| place.redact(failure)),
            Err(_) => Err(Failure::new(FailureKind::TimedOut, "no picture came in time")),
        };
        let receipt = bill.close(outcome.as_ref().err());
        outcome.map(|picture| (picture, receipt))
    }

    async fn ask(&self, wish: &Wish, place: &Place) -> Result<Picture, Failure> {
        if place.url.path().ends_with("/realtime") {
            let mut line = self.line.lock().await;
            line::ask(&mut line, wish, &place.dial()?, &self.net).await
        } else {
            http::ask(wish, place, &self.net).await
        }
    }

    async fn place(&self, settings: &Settings) -> Result<Place, Failure> {
        let fal = &settings.providers.fal;
        let app: Vec<&str> = fal.app.trim().split('/').filter(|part| !part.is_empty()).collect();
        if app.len() < 2 || app.contains(&"..") {
            return Err(Failure::new(FailureKind::Model, "the app's id must look like fal-ai/flux/schnell"));
        }
        let missing = || Failure::new(FailureKind::Credential, "there is no fal key");
        let key = match fal.way {
            Way::StoredKey => None,
            Way::Direct | Way::Gateway => Some(self.keyring.find(Holder::Fal).await?.ok_or_else(missing)?),
        };
        if fal.way == Way::Direct {
            let url = base(&fal.base_url, "fal's base URL", Code::EndpointMissing).map_err(misplaced)?;
            return Ok(Place { url: with_path(url, &app), way: fal.way, key, token: None });
        }
        let app = app.strip_suffix(&["realtime"]).unwrap_or(&app);
        let url = at_gateway(&settings.gateway, FAL).map_err(misplaced)?;
        let token = self.keyring.find(Holder::Gateway).await?;
        Ok(Place { url: with_path(url, app), way: fal.way, key, token })
    }
}

impl Place {
    /// `Authorization: Key …`, and the gateway's token.
    fn secrets(&self) -> impl Iterator<Item = (&'static str, String)> {
        let key = self.key.as_ref().map(|key| ("authorization", format!("Key {}", key.expose_secret().trim())));
        let token = self.token.as_ref();
        let token = token.map(|token| ("cf-aig-authorization", format!("Bearer {}", token.expose_secret().trim())));
        key.into_iter().chain(token)
    }

    fn dial(&self) -> Result<Dial, Failure> {
        let mut headers = HeaderMap::new();
        for (name, value) in self.secrets() {
            headers.insert(name, secret_header(&value).ok_or_else(unsendable)?);
        }
        Ok(Dial { url: self.url.clone(), headers, subprotocols: Vec::new() })
    }

    /// A server may repeat what it was sent.
    fn redact(&self, failure: Failure) -> Failure {
        let secrets = [&self.key, &self.token].into_iter().flatten().map(|secret| secret.expose_secret().trim());
        let secrets = secrets.filter(|secret| !secret.is_empty());
        let message = secrets.fold(failure.message.clone(), |text, secret| text.replace(secret, "[key]"));
        Failure { message, ..failure }
    }
}

fn unsendable() -> Failure {
    Failure::new(FailureKind::Credential, "the key holds characters that cannot be sent")
}

fn misplaced(problem: Problem) -> Failure {
    let kind = if problem.code == Code::GatewayMissing { FailureKind::Gateway } else { FailureKind::Invalid };
    Failure::new(kind, problem.detail)
}

/// fal's name of a shape (`image_size` of its apps).
fn size(shape: Shape) -> &'static str {
    match shape {
        Shape::Square => "square_hd",
        Shape::Landscape => "landscape_4_3",
        Shape::Portrait => "portrait_4_3",
    }
}
