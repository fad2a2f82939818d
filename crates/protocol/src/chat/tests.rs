//! Answers and errors as the providers send them.
#![expect(clippy::unwrap_used, reason = "tests")]

mod anthropic;
mod any;
mod errors;
mod google;
mod limits;
mod openai;
mod raw;
mod responses;
mod tools;
mod writing;

use super::*;

/// Everything that an answer told, put together.
#[derive(Debug, Default, PartialEq)]
struct Told {
    text: String,
    reasoning: String,
    sources: Vec<(String, String)>,
    calls: Vec<ToolCall>,
    models: Vec<String>,
    tokens: Option<Tokens>,
    charged: Option<u64>,
    finish: Option<Finish>,
}

impl Told {
    fn new(deltas: Vec<Delta>) -> Self {
        let mut told = Self::default();
        for delta in deltas {
            assert_eq!(told.finish, None, "something came after the end");
            match delta {
                Delta::Text(text) => told.text += &text,
                Delta::Reasoning(text) => told.reasoning += &text,
                Delta::Citation { url, title } => told.sources.push((url, title)),
                Delta::Call(call) => told.calls.push(call),
                Delta::Raw { data, .. } => panic!("nobody asked for {data}"),
                Delta::Model(model) => told.models.push(model),
                Delta::Usage(tokens) => told.tokens = Some(tokens),
                Delta::Charged(nanodollars) => told.charged = Some(nanodollars),
                Delta::Finished(finish) => told.finish = Some(finish),
            }
        }
        told
    }
}

/// Reads a stream to its end. Each event is its data, or `name|data`.
fn stream(wire: Wire, events: &[&str]) -> (Told, Result<(), Failure>) {
    let mut decoder = Decoder::new(wire);
    let mut out = Vec::new();
    let read = events.iter().try_for_each(|event| {
        let (name, data) = named(event);
        decoder.event(name, data, &mut out)
    });
    let read = read.and_then(|()| decoder.end(&mut out));
    (Told::new(out), read)
}

fn named(event: &str) -> (&str, &str) {
    event
        .split_once('|')
        .filter(|(name, _)| name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'))
        .unwrap_or(("", event))
}

/// A stream that ends well.
fn answer(wire: Wire, events: &[&str]) -> Told {
    let (told, read) = stream(wire, events);
    read.unwrap();
    told
}

fn whole(wire: Wire, body: &str) -> (Told, Result<(), Failure>) {
    let mut out = Vec::new();
    let read = Decoder::new(wire).whole(&serde_json::from_str(body).unwrap(), &mut out);
    (Told::new(out), read)
}
