//! Voice servers on this computer, found on their usual ports when the user looks for them. Only this computer is asked,
//! and no key is sent.

use std::time::Duration;

use futures_util::future::join_all;
use gateway::{Http as _, HttpRequest, Method};
use tokio::time::timeout;
use url::Url;

use crate::api::VoiceServer;
use crate::net::{Dial, HeaderMap, Net};

/// Ports that servers have unless they are told otherwise, and whose they are (the projects' own pages, read 2026-11).
pub(crate) const USUAL: &[(u16, &str)] =
    &[(8765, "speech-to-speech"), (8080, "LocalAI"), (8000, "Speaches"), (8880, "Kokoro-FastAPI")];
/// A server of this computer answers at once, or it is not one.
const LIMIT: Duration = Duration::from_secs(1);

/// The servers on these ports that speak the Realtime protocol or `OpenAI`'s `/v1/audio`. `model` is what a Realtime server
/// is asked for.
pub(crate) async fn find(net: &Net, ports: &[(u16, &str)], model: &str) -> Vec<VoiceServer> {
    let looks = ports.iter().map(|(port, name)| look(net, *port, name, model));
    join_all(looks).await.into_iter().flatten().collect()
}

async fn look(net: &Net, port: u16, name: &str, model: &str) -> Option<VoiceServer> {
    let address = format!("http://127.0.0.1:{port}/v1");
    let page = |name: &str| read(net, format!("{address}/audio/{name}"));
    let (is_realtime, transcriptions, speech, nothing) =
        tokio::join!(is_realtime(net, &address, model), page("transcriptions"), page("speech"), page("nothing"));
    // A page that only takes what is posted refuses to be read, and says so in another way than one that is not there.
    let is_there = |status: Option<u16>| [400, 405, 415, 422].map(Some).contains(&status) && status != nothing;
    let (listens, speaks) = (is_there(transcriptions), is_there(speech));
    let is_any = is_realtime || listens || speaks;
    is_any.then(|| VoiceServer { name: name.to_owned(), address, is_realtime, listens, speaks })
}

/// Whether a conversation could be opened there. It is closed without a word.
async fn is_realtime(net: &Net, address: &str, model: &str) -> bool {
    let Ok(mut url) = Url::parse(&format!("{address}/realtime")) else { return false };
    url.query_pairs_mut().append_pair("model", model);
    let dial = Dial { url, headers: HeaderMap::new(), subprotocols: Vec::new() };
    net.connect(&dial, LIMIT).await.is_ok()
}

/// How a page answers, if it does.
async fn read(net: &Net, url: String) -> Option<u16> {
    let request = HttpRequest { method: Method::Get, url, headers: Vec::new(), body: Vec::new().into() };
    Some(timeout(LIMIT, net.send(request)).await.ok()?.ok()?.status)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use axum::Router;
    use axum::http::StatusCode;
    use axum::routing::{get, post};
    use emulator::{Emulator, Script};
    use tokio::net::TcpListener;

    use super::*;
    use crate::net::NetOptions;

    async fn serve(router: Router) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move { axum::serve(listener, router).await });
        port
    }

    fn port(url: &str) -> u16 {
        Url::parse(url).unwrap().port().unwrap()
    }

    async fn found(ports: &[(u16, &str)]) -> Vec<(String, [bool; 3])> {
        let net = Net::new(NetOptions::default()).unwrap();
        let found = find(&net, ports, "any").await;
        found.into_iter().map(|one| (one.name, [one.is_realtime, one.listens, one.speaks])).collect()
    }

    #[tokio::test]
    async fn each_server_is_found_for_what_it_can_do() {
        let realtime = Emulator::start(Script::default()).await.unwrap();
        let audio = Router::new()
            .route("/v1/audio/transcriptions", post(|| async { "" }))
            .route("/v1/audio/speech", post(|| async { "" }));
        let speech = Router::new().route("/v1/audio/speech", post(|| async { "" }));
        let ports =
            [(port(&realtime.base_url()), "realtime"), (serve(audio).await, "both"), (serve(speech).await, "mouth")];
        let expected =
            [("realtime", [true, false, false]), ("both", [false, true, true]), ("mouth", [false, false, true])];
        assert_eq!(found(&ports).await, expected.map(|(name, can)| (name.to_owned(), can)));
        let seen = realtime.record();
        assert_eq!((seen.connections.len(), seen.events.len(), seen.audio_bytes), (1, 0, 0), "nothing was said");
    }

    #[tokio::test]
    async fn other_servers_and_empty_ports_are_passed_over() {
        // A page that answers everything, one that redirects, two that refuse everything (as one that wants TLS does), one
        // without such pages, and a port that nobody has.
        let pages = Router::new().fallback(get(|| async { "<html></html>" }));
        let moved = Router::new().fallback(get(|| async { axum::response::Redirect::to("/v1/audio/speech") }));
        let refusing = |status: u16| Router::new().fallback(async move || StatusCode::from_u16(status).unwrap());
        let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
        let ports = [
            (serve(pages).await, "pages"),
            (serve(moved).await, "moved"),
            (serve(refusing(400)).await, "bad"),
            (serve(refusing(405)).await, "not allowed"),
            (serve(Router::new()).await, "none"),
            (closed, "closed"),
        ];
        assert_eq!(found(&ports).await, []);
    }
}
