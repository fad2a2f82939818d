//! The plain way: one request, one answer (`POST https://fal.run/{app}`).

use bytes::Bytes;
use futures_util::StreamExt as _;
use gateway::{Header, Http as _, HttpRequest, HttpResponse, Method};
use protocol::chat::{Failure, FailureKind};
use serde_json::json;
use url::Url;

use super::answer::{self, Found};
use super::{LARGEST, Picture, Place, Wish, refusal, size};
use crate::net::{Net, is_loopback};

/// Most bytes of an answer: a picture in base64, and what is said about it.
const LARGEST_ANSWER: usize = LARGEST / 3 * 4 + (1 << 20);

pub(super) async fn ask(wish: &Wish, place: &Place, net: &Net) -> Result<Picture, Failure> {
    // `sync_mode`: the picture comes in the answer itself.
    let body = json!({ "prompt": wish.prompt, "image_size": size(wish.shape), "num_images": 1, "sync_mode": true });
    let mut headers = vec![("content-type", Header::Plain("application/json".into()))];
    headers.extend(place.secrets().map(|(name, value)| (name, Header::Secret(value.into()))));
    let body = Bytes::from(body.to_string());
    let request = HttpRequest { method: Method::Post, url: place.url.to_string(), headers, body };
    let body = good(net.send(request).await?, LARGEST_ANSWER).await?;
    let answer = serde_json::from_slice(&body).map_err(|_| answer::broken("with what cannot be read"))?;
    match answer::read(&answer)? {
        Found::Here(picture) => Ok(picture),
        Found::At(url) => fetch(&url, &place.url, net).await,
    }
}

/// A picture by its address: over https (from a server on this computer also from this computer), and without a key.
pub(super) async fn fetch(url: &str, from: &Url, net: &Net) -> Result<Picture, Failure> {
    let url = Url::parse(url).map_err(|_| answer::broken("with an odd address"))?;
    if url.scheme() != "https" && !(is_loopback(&url) && is_loopback(from)) {
        return Err(answer::broken("with an address that is not https"));
    }
    if is_loopback(&url) && !is_loopback(from) {
        return Err(answer::broken("with an address of this computer"));
    }
    let request = HttpRequest { method: Method::Get, url: url.into(), headers: Vec::new(), body: Bytes::new() };
    answer::picture(good(net.send(request).await?, LARGEST).await?)
}

/// The body of a good answer.
async fn good(mut response: HttpResponse, most: usize) -> Result<Vec<u8>, Failure> {
    let is_good = response.status == 200;
    let most = if is_good { most } else { 64 << 10 };
    let mut body = Vec::new();
    while let Some(piece) = response.body.next().await {
        body.extend_from_slice(&piece.map_err(|failure| Failure::new(FailureKind::Unreachable, failure.message))?);
        if body.len() > most {
            if is_good {
                return Err(answer::too_large());
            }
            break;
        }
    }
    if is_good { Ok(body) } else { Err(refusal::of(response.status, &body)) }
}
