//! In process: what the engine adds to a request, with nothing behind it that takes time.

use std::collections::BTreeMap;
use std::future::ready;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::{FutureExt as _, StreamExt as _, stream};
use gateway::{
    Ask, Gateway, GatewayOptions, Http, HttpRequest, HttpResponse, Keys, Ledger, Limits, Order, Parts, Piece, Policy,
    ProviderId, Purpose, Rate, Row, Settings, Spent, Target,
};
use protocol::chat::{Failure, Message, Part, Request, Speaker};
use secrecy::SecretString;
use tokio::sync::watch;

use crate::{Line, histogram, spread};

/// Answers at once.
struct Constant {
    kind: &'static str,
    body: Bytes,
}

impl Http for Constant {
    fn send(&self, request: HttpRequest) -> BoxFuture<'static, Result<HttpResponse, Failure>> {
        black_box(request);
        let headers = vec![("content-type".to_owned(), self.kind.to_owned())];
        ready(Ok(HttpResponse { status: 200, headers, body: stream::iter([Ok(self.body.clone())]).boxed() })).boxed()
    }
}

struct Key;

impl Keys for Key {
    fn key(&self, _: &ProviderId) -> BoxFuture<'_, Result<Option<SecretString>, Failure>> {
        ready(Ok(Some("sk-of-nobody".into()))).boxed()
    }

    fn gateway_token(&self) -> BoxFuture<'_, Result<Option<SecretString>, Failure>> {
        ready(Ok(None)).boxed()
    }
}

struct Nowhere;

impl Ledger for Nowhere {
    fn write(&self, row: Row) {
        black_box(row);
    }

    fn spent(&self, _: Option<i64>) -> BoxFuture<'_, Result<Spent, Failure>> {
        ready(Ok(Spent::default())).boxed()
    }
}

pub(crate) fn measure(time: Duration) -> Vec<Line> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let whole = r#"{"id":"x","object":"chat.completion","model":"gpt-6-luna","choices":[{"index":0,"finish_reason":"stop","message":{"role":"assistant","content":"Hello there, how are you?"}}],"usage":{"prompt_tokens":10,"completion_tokens":5}}"#;
    let piece = r#"data: {"object":"chat.completion.chunk","model":"gpt-6-luna","choices":[{"index":0,"delta":{"content":"Hello"},"finish_reason":null}]}"#;
    let end = "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":20}}\n\ndata: [DONE]\n\n";
    let streamed = format!("{}{end}", format!("{piece}\n\n").repeat(20));
    let json = || Constant { kind: "application/json", body: Bytes::from_static(whole.as_bytes()) };
    let events = Constant { kind: "text/event-stream", body: streamed.into() };
    let line = |what: &str, figure, goal| Line { what: what.to_owned(), figure, goal };
    runtime.block_on(async {
        vec![
            line("a request in one piece", asked(json(), time, None).await, "goal: p99 100 µs"),
            line("a stream of 20 pieces, to its end", asked(events, time, None).await, "goal: p99 100 µs"),
            line("the same request again, from the cache", asked(json(), time, Some(true)).await, "goal: p99 1000 µs"),
            line("routing and cost of 8 models", routed(json(), time), "goal: p99 10 µs"),
        ]
    })
}

fn gateway(http: Constant) -> (Gateway, watch::Sender<Arc<Settings>>) {
    let endless = Rate { requests: 0, ..Rate::default() };
    let limits = Limits { provider: endless, profile: endless, providers: BTreeMap::new(), ..Limits::default() };
    let (sender, settings) = watch::channel(Arc::new(Settings { limits, ..Settings::default() }));
    let parts = Parts {
        http: Arc::new(http),
        sockets: None,
        keys: Arc::new(Key),
        ledger: Arc::new(Nowhere),
        disk: None,
        settings,
    };
    (Gateway::new(parts), sender)
}

fn ask(order: Order, cache: Option<bool>) -> Ask {
    let message = |role, text: &str| Message { role, parts: vec![Part::Text { text: text.to_owned() }] };
    let story = "It was a dark and stormy night. ".repeat(60);
    Ask {
        request: Request {
            model: String::new(),
            messages: vec![message(Speaker::System, "Be brief."), message(Speaker::User, &story)],
            temperature: None,
            max_output: None,
            effort: None,
            tools: Vec::new(),
            raw: None,
        },
        order,
        spares: Vec::new(),
        purpose: Purpose::Api,
        profile: "bench".to_owned(),
        conversation: None,
        is_stream: true,
        cache,
        route: None,
        options: GatewayOptions::default(),
    }
}

fn target(provider: &str, model: &str) -> Target {
    Target { provider: provider.into(), model: model.to_owned() }
}

async fn asked(http: Constant, time: Duration, cache: Option<bool>) -> String {
    let (gateway, _settings) = gateway(http);
    let asked = ask(Order::Chain(vec![target("openai", "gpt-6-luna")]), cache);
    let mut times = histogram();
    let started = Instant::now();
    while started.elapsed() < time {
        let ask = asked.clone();
        let begun = Instant::now();
        let mut pieces = gateway.ask(ask);
        let end = loop {
            match pieces.recv().await.expect("an end") {
                Piece::Receipt(receipt) => break receipt,
                Piece::Failed(failure, _) => panic!("{failure}"),
                other => drop(black_box(other)),
            }
        };
        times.saturating_record(begun.elapsed().as_nanos() as u64);
        black_box(end);
    }
    spread(&times)
}

fn routed(http: Constant, time: Duration) -> String {
    let (gateway, _settings) = gateway(http);
    let targets = [
        ("openai", "gpt-6.1-terra"),
        ("anthropic", "claude-sonnet-5-5"),
        ("google-ai-studio", "gemini-3.8-flash"),
        ("deepseek", "deepseek-v4-flash"),
        ("groq", "openai/gpt-oss-120b"),
        ("mistral", "mistral-medium-latest"),
        ("xai", "grok-4.3"),
        ("cerebras", "gpt-oss-120b"),
    ];
    let targets = targets.map(|(provider, model)| target(provider, model)).into();
    let asked = ask(Order::Policy(Policy::Cheapest, targets), None);
    let mut times = histogram();
    let started = Instant::now();
    while started.elapsed() < time {
        let begun = Instant::now();
        black_box(gateway.estimate(&asked).expect("a price"));
        times.saturating_record(begun.elapsed().as_nanos() as u64);
    }
    spread(&times)
}
