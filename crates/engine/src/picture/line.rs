//! fal's realtime socket: a map of MessagePack a wish, one a picture; control messages are JSON texts.
//!
//! It stays open between pictures and keeps an app warm. The app takes the newest wish and may drop older ones, so each
//! has a `request_id`, and answers to another one are passed over (fal client for JavaScript, read 2026-08).

use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use protocol::chat::{Failure, FailureKind};
use rmpv::Value;

use super::answer::{self, Found};
use super::{Picture, Wish, http, refusal, size};
use crate::net::{Dial, Message, Net, Refusal, Socket, random};

/// To open a socket; an app that nobody used lately answers late, but the socket opens.
const OPENING: Duration = Duration::from_secs(15);

/// An open socket.
#[derive(Debug)]
pub(crate) struct Line {
    socket: Socket,
    dial: Dial,
    /// A wish was given up: its picture may still come.
    has_orphan: bool,
    /// The app says which wish a picture is of.
    is_labelled: bool,
}

/// What came of one try.
enum Outcome {
    Picture(Picture),
    /// The socket was of no use any more.
    Stale(Failure),
}

/// Asks over the line; opens it when there is none, and once more when the one there was had gone to sleep.
pub(super) async fn ask(line: &mut Option<Line>, wish: &Wish, dial: &Dial, net: &Net) -> Result<Picture, Failure> {
    line.take_if(|line| !line.is_like(dial) || (line.has_orphan && !line.is_labelled));
    let is_used = line.is_some();
    let mut stale = None;
    for _ in 0..=usize::from(is_used) {
        let open = match line.as_mut() {
            Some(open) => open,
            None => line.insert(Line::open(dial, net).await?),
        };
        match open.draw(wish, net).await {
            Ok(Outcome::Picture(picture)) => return Ok(picture),
            Ok(Outcome::Stale(failure)) => stale = Some(failure),
            Err(failure) => {
                *line = None;
                return Err(failure);
            }
        }
        *line = None;
    }
    Err(stale.unwrap_or_else(|| answer::broken("with nothing")))
}

impl Line {
    async fn open(dial: &Dial, net: &Net) -> Result<Self, Failure> {
        let socket = net.connect(dial, OPENING).await.map_err(|refused| unopened(&refused))?;
        Ok(Self { socket, dial: dial.clone(), has_orphan: false, is_labelled: false })
    }

    fn is_like(&self, dial: &Dial) -> bool {
        self.dial.url == dial.url && self.dial.headers == dial.headers
    }

    async fn draw(&mut self, wish: &Wish, net: &Net) -> Result<Outcome, Failure> {
        let gone = || Outcome::Stale(Failure::new(FailureKind::Unavailable, "fal closed the connection"));
        let request = random();
        let text = |name: &str, value: &str| (Value::from(name), Value::from(value));
        let map = Value::Map(vec![
            text("prompt", &wish.prompt),
            text("image_size", size(wish.shape)),
            (Value::from("num_images"), Value::from(1)),
            text("request_id", &request),
        ]);
        let mut bytes = Vec::new();
        rmpv::encode::write_value(&mut bytes, &map).map_err(|_| answer::broken("nothing: the wish has no bytes"))?;
        self.has_orphan = true;
        if self.socket.send(Message::binary(bytes)).await.is_err() {
            return Ok(gone());
        }
        loop {
            let told = match self.socket.next().await {
                Some(Ok(Message::Binary(bytes))) => self.picture(&bytes, &request)?,
                Some(Ok(Message::Text(text))) => match control(&text) {
                    Control::Other => continue,
                    Control::Stale(failure) => return Ok(Outcome::Stale(failure)),
                    Control::Failed(failure) => return Err(failure),
                },
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => continue,
                Some(Ok(Message::Close(_)) | Err(_)) | None => return Ok(gone()),
            };
            let picture = match told {
                Some(Found::Here(picture)) => picture,
                Some(Found::At(url)) => http::fetch(&url, &self.dial.url, net).await?,
                None => continue,
            };
            self.has_orphan = false;
            return Ok(Outcome::Picture(picture));
        }
    }

    /// `None`: of a wish that was given up.
    fn picture(&mut self, bytes: &[u8], request: &str) -> Result<Option<Found>, Failure> {
        let odd = |_| answer::broken("with what cannot be read");
        let told = rmpv::decode::read_value_with_max_depth(&mut &*bytes, 32).map_err(odd)?;
        if let Some(id) = entry(&told, "request_id").and_then(Value::as_str) {
            self.is_labelled = true;
            if id != request {
                return Ok(None);
            }
        }
        let marks = entry(&told, "has_nsfw_concepts").and_then(Value::as_array);
        if marks.and_then(|marks| marks.first()?.as_bool()) == Some(true) {
            return Err(answer::blocked());
        }
        let first = entry(&told, "images").and_then(|images| images.as_array()?.first());
        let image = first.or_else(|| entry(&told, "image")).ok_or_else(|| answer::broken("without a picture"))?;
        let content = image.as_slice().filter(|_| image.is_bin()).or_else(|| entry(image, "content")?.as_slice());
        if let Some(bytes) = content {
            return Ok(Some(Found::Here(answer::picture(bytes.to_vec())?)));
        }
        let url = entry(image, "url").and_then(Value::as_str).unwrap_or_default();
        answer::read(&serde_json::json!({ "images": [url] })).map(Some)
    }
}

fn entry<'a>(map: &'a Value, key: &str) -> Option<&'a Value> {
    map.as_map()?.iter().find(|(name, _)| name.as_str() == Some(key)).map(|(_, value)| value)
}

enum Control {
    /// Of no interest.
    Other,
    /// The socket slept too long, or its key grew old.
    Stale(Failure),
    Failed(Failure),
}

fn control(text: &str) -> Control {
    let told: serde_json::Value = serde_json::from_str(text).unwrap_or_default();
    let word = |key: &str| told.get(key).and_then(serde_json::Value::as_str).unwrap_or_default();
    let reason = || if word("reason").is_empty() { word("error") } else { word("reason") }.to_owned();
    match (word("type"), word("status"), word("error")) {
        ("x-fal-error", _, "TIMEOUT") => {
            Control::Stale(Failure::new(FailureKind::TimedOut, "fal heard nothing in time"))
        }
        (_, "error", "Unauthorized") => {
            Control::Stale(Failure { status: Some(401), ..Failure::new(FailureKind::Credential, "Unauthorized") })
        }
        ("x-fal-error", ..) => Control::Failed(Failure::new(FailureKind::Unavailable, reason())),
        (_, "error", _) => Control::Failed(Failure::new(FailureKind::Invalid, reason())),
        _ => Control::Other,
    }
}

/// Why there is no socket.
fn unopened(refused: &Refusal) -> Failure {
    let kind = match refused {
        Refusal::Http { status, detail, .. } => {
            let body = serde_json::json!({ "detail": detail }).to_string();
            return refusal::of(*status, body.as_bytes());
        }
        Refusal::TimedOut => FailureKind::TimedOut,
        Refusal::Insecure => FailureKind::Invalid,
        Refusal::Unreachable(_) | Refusal::Proxy(_) | Refusal::Tls(_) => FailureKind::Unreachable,
    };
    Failure::new(kind, refused.to_string())
}
