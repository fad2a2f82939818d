//! The network over real sockets, on loopback.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use secrecy::SecretString;
use url::Url;

use super::fake::{Answer, Fake, Root, proxy, socks};
use super::*;
use bytes::Bytes;
use gateway::{Header, Http as _, HttpRequest, Method};
use protocol::chat::FailureKind;

/// Far longer than anything here takes.
const LONG: Duration = Duration::from_secs(20);

fn net() -> Net {
    Net::new(NetOptions::default()).unwrap()
}

fn dial(url: &str) -> Dial {
    Dial { url: Url::parse(url).unwrap(), headers: HeaderMap::new(), subprotocols: Vec::new() }
}

fn with_key(mut dial: Dial) -> Dial {
    dial.headers.insert(AUTHORIZATION, secret_header("Bearer sk-very-secret").unwrap());
    dial
}

async fn is_echoed(mut socket: Socket) -> bool {
    socket.send(Message::Text("hello".into())).await.unwrap();
    socket.next().await.unwrap().unwrap() == Message::Text("hello".into())
}

#[tokio::test]
async fn a_plain_socket_to_this_computer_carries_the_key_and_messages() {
    let server = Fake::start(|_| Answer::echo()).await;
    let socket = net().connect(&with_key(dial(&server.url("ws", "/v1/realtime?model=m"))), LONG).await.unwrap();
    assert!(is_echoed(socket).await);
    let heads = server.heads();
    assert_eq!(heads[0].line(), "GET /v1/realtime?model=m HTTP/1.1");
    assert_eq!(heads[0].header("authorization"), Some("Bearer sk-very-secret"));
    assert_eq!(heads[0].header("sec-websocket-protocol"), None);
}

#[tokio::test]
async fn a_message_of_several_megabytes_passes() {
    let server = Fake::start(|_| Answer::echo()).await;
    let mut socket = net().connect(&dial(&server.url("ws", "/")), LONG).await.unwrap();
    let big = Message::Text("x".repeat(12 << 20).into());
    socket.send(big.clone()).await.unwrap();
    assert_eq!(socket.next().await.unwrap().unwrap().len(), big.len());
}

#[tokio::test]
async fn a_secure_socket_is_trusted_by_a_given_root_or_by_ssl_cert_file() {
    let root = Root::new();
    let server = Fake::secure(&root, |_| Answer::echo()).await;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), &root.pem).unwrap();
    let path = file.path().to_str().unwrap().to_owned();
    let given = NetOptions { roots: vec![root.pem.clone()], proxy: None };
    let from_file = NetOptions::from_environment(|name| (name == "SSL_CERT_FILE").then(|| path.clone()));
    for options in [given, from_file] {
        let net = Net::new(options).unwrap();
        let socket = net.connect(&with_key(dial(&server.url("wss", "/v1"))), LONG).await.unwrap();
        assert!(is_echoed(socket).await);
    }
}

#[tokio::test]
async fn an_unknown_root_is_refused_before_the_key_is_sent() {
    let server = Fake::secure(&Root::new(), |_| Answer::echo()).await;
    let net = Net::new(NetOptions { roots: vec![Root::new().pem], proxy: None }).unwrap();
    let refusal = net.connect(&with_key(dial(&server.url("wss", "/v1"))), LONG).await.unwrap_err();
    assert!(matches!(&refusal, Refusal::Tls(words) if words.contains("invalid peer certificate")), "{refusal:?}");
    assert!(server.heads().is_empty());
}

#[tokio::test]
async fn a_certificate_for_another_name_is_refused() {
    let root = Root::new();
    let server = Fake::secure(&root, |_| Answer::echo()).await;
    let proxy = proxy(server.addr, None).await;
    let net = Net::new(NetOptions { roots: vec![root.pem], proxy: Some(proxy.url("http", "")) }).unwrap();
    let refusal = net.connect(&with_key(dial("wss://other.test/v1")), LONG).await.unwrap_err();
    assert!(matches!(refusal, Refusal::Tls(_)), "{refusal:?}");
}

#[tokio::test]
async fn a_secure_socket_goes_through_the_proxy_by_connect() {
    let root = Root::new();
    let server = Fake::secure(&root, |_| Answer::echo()).await;
    let proxy = proxy(server.addr, None).await;
    let net = Net::new(NetOptions { roots: vec![root.pem], proxy: Some(proxy.url("http", "")) }).unwrap();
    let socket = net.connect(&with_key(dial("wss://voice.test/v1/realtime?model=m")), LONG).await.unwrap();
    assert!(is_echoed(socket).await);
    let seen = proxy.heads();
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].line(), "CONNECT voice.test:443 HTTP/1.1");
    assert!(!seen[0].0.contains("sk-very-secret"));
    assert_eq!(server.heads()[0].header("authorization"), Some("Bearer sk-very-secret"));
    assert_eq!(net.proxy(&Url::parse("https://voice.test").unwrap()), Some(proxy.addr.to_string()));
}

#[tokio::test]
async fn a_plain_socket_without_a_key_goes_through_the_proxy() {
    let server = Fake::start(|_| Answer::echo()).await;
    let proxy = proxy(server.addr, None).await;
    let net = Net::new(NetOptions { roots: Vec::new(), proxy: Some(proxy.url("http", "")) }).unwrap();
    let socket = net.connect(&dial("ws://voice.test/v1"), LONG).await.unwrap();
    assert!(is_echoed(socket).await);
    assert!(proxy.heads()[0].line().contains("voice.test"));
}

#[tokio::test]
async fn a_socks_proxy_is_used_and_looks_up_the_name_itself() {
    let root = Root::new();
    let server = Fake::secure(&root, |_| Answer::echo()).await;
    let proxy = socks(server.addr).await;
    let net = Net::new(NetOptions { roots: vec![root.pem], proxy: Some(proxy.url("socks5h", "")) }).unwrap();
    let socket = net.connect(&with_key(dial("wss://voice.test/v1")), LONG).await.unwrap();
    assert!(is_echoed(socket).await);
    assert_eq!(proxy.heads()[0].0, "voice.test");
    let gone = Net::new(NetOptions { roots: Vec::new(), proxy: Some("socks5h://127.0.0.1:1".into()) }).unwrap();
    let refusal = gone.connect(&dial("wss://voice.test/v1"), LONG).await.unwrap_err();
    assert!(matches!(refusal, Refusal::Proxy(_)), "{refusal:?}");
}

#[tokio::test]
async fn this_computer_is_never_reached_through_a_proxy() {
    let server = Fake::start(|_| Answer::echo()).await;
    let proxy = proxy(server.addr, Some(502)).await;
    let net = Net::new(NetOptions { roots: Vec::new(), proxy: Some(proxy.url("http", "")) }).unwrap();
    let local = format!("ws://localhost:{}/v1", server.addr.port());
    for url in [server.url("ws", "/v1"), local] {
        assert!(is_echoed(net.connect(&with_key(dial(&url)), LONG).await.unwrap()).await);
        assert_eq!(net.proxy(&Url::parse(&url).unwrap()), None);
    }
    assert!(proxy.heads().is_empty());
}

#[tokio::test]
async fn a_proxy_that_refuses_or_is_gone_is_named() {
    let server = Fake::start(|_| Answer::echo()).await;
    for status in [407, 502] {
        let proxy = proxy(server.addr, Some(status)).await;
        let net = Net::new(NetOptions { roots: Vec::new(), proxy: Some(proxy.url("http", "")) }).unwrap();
        for url in ["wss://voice.test/v1", "ws://voice.test/v1"] {
            let refusal = net.connect(&dial(url), LONG).await.unwrap_err();
            let Refusal::Proxy(words) = &refusal else { unreachable!("{status} {url}: {refusal:?}") };
            assert!(words.contains(&proxy.addr.to_string()), "{words}");
            assert_eq!(refusal.is_transient(), status != 407, "{words}");
        }
    }
    let gone = proxy(server.addr, None).await.addr;
    let net = Net::new(NetOptions { roots: Vec::new(), proxy: Some(format!("http://{gone}")) }).unwrap();
    for url in ["wss://voice.test/v1", "ws://voice.test/v1"] {
        let refusal = net.connect(&dial(url), LONG).await.unwrap_err();
        assert!(matches!(refusal, Refusal::Proxy(_)), "{url}: {refusal:?}");
    }
}

#[tokio::test]
async fn a_password_of_the_proxy_does_not_show() {
    let server = Fake::start(|_| Answer::echo()).await;
    let proxy = proxy(server.addr, Some(407)).await;
    let net =
        Net::new(NetOptions { roots: Vec::new(), proxy: Some(format!("http://me:pass-word@{}", proxy.addr)) }).unwrap();
    let refusal = net.connect(&dial("wss://voice.test/v1"), LONG).await.unwrap_err();
    assert!(proxy.heads()[0].header("proxy-authorization").is_some());
    assert!(
        !format!("{refusal:?} {net:?} {:?}", net.proxy(&Url::parse("https://a.test").unwrap())).contains("pass-word")
    );
}

#[tokio::test]
async fn no_key_goes_over_a_plain_connection_to_another_machine() {
    let server = Fake::start(|_| Answer::echo()).await;
    let proxy = proxy(server.addr, None).await;
    let net = Net::new(NetOptions { roots: Vec::new(), proxy: Some(proxy.url("http", "")) }).unwrap();
    let mut gateway = dial("http://voice.test/v1");
    gateway.headers.insert("cf-aig-authorization", HeaderValue::from_static("token"));
    let mut browser = dial("ws://192.0.2.1/v1");
    browser.subprotocols = vec!["realtime".into(), "openai-insecure-api-key.sk-1".into()];
    for dial in [with_key(dial("ws://voice.test/v1")), gateway, browser, dial("ws://user:pass@voice.test/v1")] {
        assert_eq!(net.connect(&dial, LONG).await.unwrap_err(), Refusal::Insecure);
        let got = net.get_json(&dial.url, dial.headers.clone(), LONG).await;
        assert!(got.is_err() || dial.headers.is_empty());
    }
    assert!(server.heads().iter().all(|head| !head.0.contains("sk-") && !head.0.contains("token")));
}

#[tokio::test]
async fn a_written_request_that_would_have_gone_unprotected_is_told_of_https_only() {
    let url = "http://groq.test/v1".to_owned();
    let headers = vec![("authorization", Header::Secret(SecretString::from("Bearer sk-1")))];
    let request = HttpRequest { method: Method::Post, url, headers, body: Bytes::new() };
    let refused = net().send(request).await.map(|_| ()).unwrap_err();
    assert_eq!(refused.kind, FailureKind::Invalid);
    assert!(refused.message.ends_with("use https"), "{}", refused.message);
}

#[tokio::test]
async fn subprotocols_are_offered_in_order_and_any_echo_of_them_will_do() {
    for echo in [None, Some("realtime"), Some("openai-insecure-api-key.sk-1"), Some("cf-aig-authorization.cf")] {
        let protocol = echo.map(str::to_owned);
        let server =
            Fake::start(move |_| Answer::Socket { protocol: protocol.clone(), messages: Vec::new(), close: None })
                .await;
        let mut dial = dial(&server.url("ws", "/"));
        dial.subprotocols =
            ["realtime", "openai-insecure-api-key.sk-1", "cf-aig-authorization.cf"].map(SecretString::from).into();
        let socket = net().connect(&dial, LONG).await;
        assert!(socket.is_ok(), "{echo:?}");
        let offered = server.heads()[0].header("sec-websocket-protocol").map(str::to_owned);
        assert_eq!(offered.as_deref(), Some("realtime, openai-insecure-api-key.sk-1, cf-aig-authorization.cf"));
    }
    let server =
        Fake::start(|_| Answer::Socket { protocol: Some("chat".into()), messages: Vec::new(), close: None }).await;
    let refusal = net().connect(&dial(&server.url("ws", "/")), LONG).await.unwrap_err();
    assert!(matches!(refusal, Refusal::Unreachable(_)), "{refusal:?}");
}

#[tokio::test]
async fn a_server_that_answers_anything_else_is_refused_with_its_words() {
    let table = [
        (
            Answer::json(400, r#"{"success":false,"error":[{"code":2001,"message":"no gateway"}]}"#),
            400,
            Some(2001),
            "no gateway",
        ),
        (
            Answer::json(401, r#"{"internalCode":2009,"error":[{"code":2009,"message":"Unauthorized"}]}"#),
            401,
            Some(2009),
            "Unauthorized",
        ),
        (Answer::json(401, r#"[{"code":2009,"message":"Unauthorized"}]"#), 401, Some(2009), "Unauthorized"),
        (Answer::Http(403, "", "unsupported country".into()), 403, None, "unsupported country"),
        (Answer::Http(302, "location: http://elsewhere.test/\r\n", String::new()), 302, None, ""),
        (Answer::Http(200, "", "<html><title>Welcome</title></html>".into()), 200, None, "a web page, \"Welcome\""),
        (Answer::Http(500, "", "x".repeat(3 << 20)), 500, None, &"x".repeat(300)),
    ];
    for (answer, status, code, words) in table {
        let ray =
            matches!(&answer, Answer::Http(_, fields, _) if fields.contains("cf-ray")).then(|| "8f00-FRA".to_owned());
        let server = Fake::start(move |_| answer.clone()).await;
        let refusal = net().connect(&with_key(dial(&server.url("ws", "/"))), LONG).await.unwrap_err();
        assert_eq!(refusal, Refusal::Http { status, code, detail: words.into(), ray });
    }
}

#[tokio::test]
async fn a_server_that_repeats_the_key_cannot_bring_it_into_the_words() {
    let server = Fake::start(|head| Answer::Http(401, "", format!("you sent {}", head.0))).await;
    let mut dial = with_key(dial(&server.url("ws", "/")));
    dial.subprotocols = vec!["openai-insecure-api-key.sk-in-protocol".into()];
    let refusal = net().connect(&dial, LONG).await.unwrap_err();
    let shown = format!("{refusal:?} {refusal} {:?} {dial:?}", refusal.problem(crate::api::Route::Direct));
    assert!(shown.contains("you sent"));
    assert!(!shown.contains("sk-"), "{shown}");
}

#[tokio::test]
async fn what_is_no_websocket_handshake_is_not_taken_for_one() {
    let server = Fake::start(|_| Answer::BadAccept).await;
    let refusal = net().connect(&dial(&server.url("ws", "/")), LONG).await.unwrap_err();
    assert!(matches!(&refusal, Refusal::Unreachable(words) if words.contains("Sec-WebSocket-Accept")), "{refusal:?}");
}

#[tokio::test]
async fn silence_a_cut_and_a_closed_port_are_told_apart() {
    let silent = Fake::start(|_| Answer::Silence).await;
    let refusal = net().connect(&dial(&silent.url("ws", "/")), Duration::from_millis(50)).await.unwrap_err();
    assert_eq!(refusal, Refusal::TimedOut);
    let cutting = Fake::start(|_| Answer::Cut).await;
    let refusal = net().connect(&dial(&cutting.url("ws", "/")), LONG).await.unwrap_err();
    assert!(matches!(refusal, Refusal::Unreachable(_)), "{refusal:?}");
    let gone = Fake::start(|_| Answer::Cut).await.addr;
    let refusal = net().connect(&dial(&format!("ws://{gone}/")), LONG).await.unwrap_err();
    assert!(matches!(&refusal, Refusal::Unreachable(words) if words.contains("127.0.0.1")), "{refusal:?}");
    assert!(refusal.is_transient());
}

#[tokio::test]
async fn json_comes_with_its_status_and_other_bodies_as_null() {
    let server = Fake::start(|head| match head.line() {
        "GET /v1/models HTTP/1.1" => Answer::json(200, r#"{"data":[{"id":"m"}]}"#),
        _ => Answer::Http(404, "", "nothing".into()),
    })
    .await;
    let url = |path| Url::parse(&server.url("http", path)).unwrap();
    let (status, body) = net().get_json(&url("/v1/models"), HeaderMap::new(), LONG).await.unwrap();
    assert_eq!((status, body.pointer("/data/0/id").unwrap().as_str()), (200, Some("m")));
    let (status, body) = net().get_json(&url("/else"), HeaderMap::new(), LONG).await.unwrap();
    assert_eq!((status, body), (404, serde_json::Value::Null));
}

#[test]
fn a_bad_proxy_or_root_is_an_error_and_not_a_panic() {
    assert!(Net::new(NetOptions { roots: Vec::new(), proxy: Some("http://[".into()) }).is_err());
    assert!(
        Net::new(NetOptions { roots: vec![b"-----BEGIN CERTIFICATE-----\n!!\n-----END".to_vec()], proxy: None })
            .is_err()
    );
    assert!(Net::new(NetOptions { roots: vec![b"no certificate in here".to_vec()], proxy: None }).is_ok());
}
