//! An answer on its way: status, headers, and what is sent when.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use futures_util::stream;
use serde_json::Value;

use super::record::End;
use super::server::Server;

/// An HTTP answer.
#[derive(Debug, Clone, Default)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) steps: Vec<Step>,
}

/// What happens while a body is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    Send(Bytes),
    Pause(Duration),
    /// The same again and again.
    Repeat(Bytes, Duration),
    /// Nothing more, and no end.
    Stall,
    /// The connection drops.
    Cut,
}

impl Reply {
    pub(super) fn json(status: u16, body: &Value) -> Self {
        Self::text(status, "application/json", body.to_string())
    }

    pub(super) fn text(status: u16, kind: &str, body: String) -> Self {
        Self { status, ..Self::default() }.with("content-type", kind).sending(vec![Step::Send(body.into())])
    }

    /// 200, of this type.
    pub(super) fn steps(kind: &str, steps: Vec<Step>) -> Self {
        Self { status: 200, ..Self::default() }.with("content-type", kind).sending(steps)
    }

    fn sending(self, steps: Vec<Step>) -> Self {
        Self { steps, ..self }
    }

    /// The same with one more header.
    pub(super) fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// Whether it is an answer in one piece, not a stream.
    pub(super) fn is_whole(&self) -> bool {
        matches!(self.steps.as_slice(), [Step::Send(_)])
    }

    /// Sends it; `watch` sees how that goes.
    pub(super) fn send(self, watch: Watch) -> Response {
        watch.server.amend(watch.number, |request| request.status = self.status);
        let mut steps = self.steps;
        steps.reverse();
        let body = Body::from_stream(stream::unfold((steps, watch), play));
        let mut response = Response::new(body);
        *response.status_mut() = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        for (name, value) in self.headers {
            if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
                response.headers_mut().append(name, value);
            }
        }
        response
    }
}

/// Sees how a request ends.
#[derive(Debug)]
pub(super) struct Watch {
    pub(super) server: Arc<Server>,
    pub(super) number: usize,
}

impl Drop for Watch {
    fn drop(&mut self) {
        // Whatever else happens to a request has set its end before.
        self.server.end(self.number, End::ByClient);
    }
}

type Playing = (Vec<Step>, Watch);
type Piece = Result<Bytes, std::io::Error>;

/// The next piece of a body. `steps` are in reverse.
async fn play((mut steps, watch): Playing) -> Option<(Piece, Playing)> {
    let mut stopped = watch.server.stopped.subscribe();
    let is_stopped = stopped.wait_for(|stopped| *stopped);
    let next = tokio::select! {
        biased;
        _ = is_stopped => Some(Err(std::io::Error::other("stopped"))),
        next = step(&mut steps) => next,
    };
    match next {
        None => {
            watch.server.end(watch.number, End::Complete);
            None
        }
        Some(Ok(bytes)) => {
            watch.server.amend(watch.number, |request| request.sent += bytes.len());
            Some((Ok(bytes), (steps, watch)))
        }
        Some(Err(error)) => {
            watch.server.end(watch.number, End::Cut);
            Some((Err(error), (Vec::new(), watch)))
        }
    }
}

async fn step(steps: &mut Vec<Step>) -> Option<Piece> {
    loop {
        match steps.pop()? {
            Step::Send(bytes) => {
                sleep(Duration::ZERO).await;
                return Some(Ok(bytes));
            }
            Step::Pause(time) => sleep(time).await,
            Step::Repeat(bytes, pause) => {
                sleep(pause).await;
                steps.push(Step::Repeat(bytes.clone(), pause));
                return Some(Ok(bytes));
            }
            Step::Stall => std::future::pending().await,
            // An error before the first break: not even the head is written.
            Step::Cut => return Some(Err(std::io::Error::other("cut"))),
        }
    }
}

/// At least a break, in which what was sent before is written.
async fn sleep(time: Duration) {
    if time.is_zero() {
        tokio::task::yield_now().await;
    } else {
        tokio::time::sleep(time).await;
    }
}
