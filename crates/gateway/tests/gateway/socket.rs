//! Requests over the gateway's WebSocket.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use gateway::{CacheState, CloudGateway, HttpRequest, Piece, Settings, Socket, Sockets, Transport, Way};
use protocol::chat::{Failure, FailureKind};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::rig::{Rig, ask, header};

/// What the gateway does with a request: frames, `$` stands for its id; `close` closes, `silent` says nothing more.
type Script = Vec<&'static str>;

/// A gateway behind sockets: each request takes the next script, the last one is repeated.
#[derive(Default)]
struct Door {
    scripts: Mutex<Vec<Script>>,
    asked: Arc<Mutex<Vec<Value>>>,
    opened: Mutex<Vec<HttpRequest>>,
    refusal: Option<FailureKind>,
    live: Arc<AtomicUsize>,
}

impl Sockets for Door {
    fn open(&self, request: HttpRequest) -> BoxFuture<'static, Result<Socket, Failure>> {
        self.opened.lock().unwrap().push(request);
        if let Some(kind) = self.refusal {
            return std::future::ready(Err(Failure::new(kind, "refused"))).boxed();
        }
        let (outgoing, mut outbox) = mpsc::channel::<String>(4);
        let (inbox, incoming) = mpsc::channel(64);
        let (asked, live) = (Arc::clone(&self.asked), Arc::clone(&self.live));
        let scripts = self.scripts.lock().unwrap().clone();
        live.fetch_add(1, Ordering::SeqCst);
        tokio::spawn(async move {
            'open: while let Some(frame) = outbox.recv().await {
                let frame: Value = serde_json::from_str(&frame).unwrap();
                let id = frame["request"]["eventId"].as_str().unwrap().to_owned();
                let number = asked.lock().unwrap().len();
                asked.lock().unwrap().push(frame);
                for step in scripts.get(number).or_else(|| scripts.last()).into_iter().flatten() {
                    match *step {
                        "close" => break 'open,
                        "silent" => outbox.closed_by_peer().await,
                        text => drop(inbox.send(Ok(text.replace('$', &id))).await),
                    }
                }
            }
            live.fetch_sub(1, Ordering::SeqCst);
        });
        std::future::ready(Ok(Socket { outgoing, incoming })).boxed()
    }
}

trait Ends {
    async fn closed_by_peer(&mut self);
}

impl Ends for mpsc::Receiver<String> {
    async fn closed_by_peer(&mut self) {
        while self.recv().await.is_some() {}
    }
}

const CREATED: &str = r#"{"type":"universal.created","metadata":{"eventId":"$","cacheStatus":"MISS","logId":"log-7","step":0,"contentType":"text/event-stream"}}"#;
const HEL: &str = r#"{"type":"universal.stream","metadata":{"eventId":"$"},"response":{"object":"chat.completion.chunk","model":"m-1","choices":[{"index":0,"delta":{"content":"Hel"},"finish_reason":null}]}}"#;
const LO: &str = r#"{"type":"universal.stream","metadata":{"eventId":"$"},"response":{"object":"chat.completion.chunk","model":"m-1","choices":[{"index":0,"delta":{"content":"lo"},"finish_reason":"stop"}],"usage":{"prompt_tokens":10,"completion_tokens":5}}}"#;
const DONE: &str = r#"{"type":"universal.done","metadata":{"eventId":"$"}}"#;
const WHOLE: &str = r#"{"type":"universal.created","metadata":{"eventId":"$","contentType":"application/json","cacheStatus":"HIT"},"response":{"model":"m-1","choices":[{"index":0,"finish_reason":"stop","message":{"role":"assistant","content":"Hello"}}],"usage":{"prompt_tokens":10,"completion_tokens":5}}}"#;
const ERROR: &str = r#"{"type":"universal.created","metadata":{"contentType":"application/json"},"response":{"result":null,"success":false,"errors":[{"code":10000,"message":"Authentication error"}]}}"#;
const BUSY: &str = r#"{"type":"universal.created","metadata":{"eventId":"$"},"response":{"error":{"message":"slow down","type":"rate_limit_exceeded"}}}"#;
const ANOTHER: &str = r#"{"type":"universal.stream","metadata":{"eventId":"somebody"},"response":{"choices":[{"index":0,"delta":{"content":"No"}}]}}"#;
const NOVEL: &str = r#"{"type":"universal.novel","metadata":{"eventId":"$"}}"#;
const FAULT: &str = r#"{"type":"universal.error","metadata":{"eventId":"$"},"error":{"message":"went wrong"}}"#;

fn settings() -> Settings {
    let gateway = CloudGateway {
        base_url: "https://gateway.ai.cloudflare.com/v1".to_owned(),
        account: "0123456789abcdef0123456789abcdef".to_owned(),
        gateway: "home".to_owned(),
        transport: Transport::WebSocket,
        ..CloudGateway::default()
    };
    let mut settings = Settings { way: Way::Gateway, gateway: Some(gateway), ..Settings::default() };
    settings.patience.attempts = 1;
    settings
}

fn rig(scripts: &[&[&'static str]]) -> (Rig, Arc<Door>) {
    let scripts = Mutex::new(scripts.iter().map(|script| script.to_vec()).collect());
    let door = Arc::new(Door { scripts, ..Door::default() });
    (Rig::with_sockets(settings(), Arc::clone(&door) as Arc<dyn Sockets>), door)
}

#[tokio::test(start_paused = true)]
async fn requests_share_a_socket_and_read_like_those_over_http() {
    let (rig, door) = rig(&[&[CREATED, HEL, ANOTHER, NOVEL, "nonsense", LO, DONE], &[WHOLE], &[HEL, LO, DONE]]);
    for (number, is_stream) in [(0, true), (1, false), (2, true)] {
        let mut question = ask(&[("groq", "m")]);
        question.is_stream = is_stream;
        let outcome = rig.ask(question).await;
        assert_eq!((outcome.text.as_str(), outcome.failure.as_ref()), ("Hello", None), "{number}");
        let tokens = outcome.receipt.tokens;
        assert_eq!((tokens.input, tokens.output, outcome.receipt.answered_by.as_deref()), (10, 5, Some("m-1")));
        let echo = outcome.receipt.gateway.unwrap();
        match number {
            0 => assert_eq!((echo.log_id.as_deref(), echo.cache_status.as_deref()), (Some("log-7"), Some("MISS"))),
            1 => assert_eq!(outcome.receipt.cache, CacheState::Remote),
            _ => {}
        }
    }
    let (opened, asked) = (door.opened.lock().unwrap(), door.asked.lock().unwrap());
    assert_eq!((opened.len(), asked.len(), rig.sent()), (1, 3, 0), "one socket, and nothing over HTTP");
    assert_eq!(header(&opened[0], "cf-aig-authorization").as_deref(), Some("Bearer token-of-cloudflare"));
    let request = &asked[0]["request"];
    assert_eq!((&asked[0]["type"], &request["provider"]), (&json!("universal.create"), &json!("groq")));
    assert_eq!((&request["endpoint"], &request["query"]["stream"]), (&json!("chat/completions"), &json!(true)));
    assert_eq!(request["headers"]["authorization"], "Bearer key-of-groq");
    assert_eq!(request["headers"]["cf-aig-authorization"], Value::Null, "the token opened the socket already");
    assert_ne!(asked[0]["request"]["eventId"], asked[1]["request"]["eventId"]);
}

#[tokio::test(start_paused = true)]
async fn failures_have_the_same_kinds_as_over_http() {
    let table: [(Script, FailureKind, &str); 7] = [
        (vec![ERROR], FailureKind::Gateway, ""),
        (vec![BUSY], FailureKind::RateLimited, ""),
        (vec![FAULT], FailureKind::Unavailable, ""),
        (vec![CREATED, HEL, "close"], FailureKind::Broken, "Hel"),
        (vec!["close"], FailureKind::Broken, ""),
        (vec!["silent"], FailureKind::TimedOut, ""),
        (vec![CREATED, HEL, "silent"], FailureKind::TimedOut, "Hel"),
    ];
    for (script, kind, text) in table {
        let (rig, door) = rig(&[&script]);
        let outcome = rig.ask(ask(&[("groq", "m")])).await;
        assert_eq!((outcome.kind(), outcome.text.as_str()), (Some(kind), text), "{script:?}");
        tokio::time::sleep(Duration::from_millis(1)).await;
        let is_open = script == [ERROR] || script == [BUSY] || script == [FAULT];
        assert_eq!(door.live.load(Ordering::SeqCst), usize::from(is_open), "{script:?}");
    }
    for kind in [FailureKind::Gateway, FailureKind::Unreachable] {
        let door = Arc::new(Door { refusal: Some(kind), ..Door::default() });
        let rig = Rig::with_sockets(settings(), Arc::clone(&door) as Arc<dyn Sockets>);
        assert_eq!(rig.ask(ask(&[("groq", "m")])).await.kind(), Some(kind));
    }
}

#[tokio::test(start_paused = true)]
async fn a_stopped_answer_closes_its_socket_and_the_next_one_opens_another() {
    let (rig, door) = rig(&[&[CREATED, HEL, "silent"]]);
    let mut pieces = rig.gateway.ask(ask(&[("groq", "m")]));
    while !matches!(pieces.recv().await, Some(Piece::Delta(_))) {}
    drop(pieces);
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(door.live.load(Ordering::SeqCst), 0);
    *door.scripts.lock().unwrap() = vec![vec![WHOLE]];
    assert_eq!(rig.ask(ask(&[("groq", "m")])).await.text, "Hello");
    assert_eq!(door.opened.lock().unwrap().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn requests_at_the_same_time_have_a_socket_each() {
    let (rig, door) = rig(&[&[CREATED, HEL, LO, DONE]]);
    let outcomes = tokio::join!(rig.ask(ask(&[("groq", "m")])), rig.ask(ask(&[("groq", "m")])));
    assert_eq!((outcomes.0.text.as_str(), outcomes.1.text.as_str()), ("Hello", "Hello"));
    assert_eq!(door.opened.lock().unwrap().len(), 2);
    // Sockets that rested for long are not trusted.
    tokio::time::advance(Duration::from_secs(301)).await;
    assert_eq!(rig.ask(ask(&[("groq", "m")])).await.text, "Hello");
    assert_eq!(door.opened.lock().unwrap().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn what_does_not_go_through_the_gateway_takes_no_socket() {
    let (rig, door) = rig(&[&[WHOLE]]);
    rig.script([crate::rig::openai_hello()]);
    let mut direct = ask(&[("groq", "m")]);
    direct.route = Some(Way::Direct);
    assert_eq!(rig.ask(direct).await.text, "Hello");
    assert_eq!((rig.sent(), door.opened.lock().unwrap().len()), (1, 0));
}
