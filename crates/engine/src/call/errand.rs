//! Errands of a voice that only listens and speaks: questions to a text model, requests over HTTP. Each is a task; what
//! comes back goes to the session in order.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::StreamExt;
use gateway::{Piece, Progress, Retry};
use protocol::chat::{Delta, Failure, FailureKind, ToolCall};
use protocol::{Cause, Errand, Fault, Post, Question};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio::time::timeout;

use super::link::Exchange;
use crate::chat;
use crate::config::Settings;
use crate::net::{Dial, Net};

/// Words and pieces of sound that may wait for the call.
const WAITING: usize = 256;
/// The text pane says which conversation it is within this time.
const PANE: Duration = Duration::from_secs(1);
/// Between two pieces of an HTTP answer.
const SILENCE: Duration = Duration::from_secs(30);

/// Code of a fault that is no provider's: a budget of the user's own is spent.
pub(super) const OWN_BUDGET: &str = "own_budget";

/// What came of an errand.
#[derive(Debug)]
pub(crate) enum News {
    /// Words of the text model.
    Words(String),
    /// A tool that it calls.
    Call(ToolCall),
    /// A limit makes it wait.
    Waiting {
        /// Until when, unix ms.
        until_ms: u64,
    },
    /// It has said all.
    ThoughtDone,
    /// It failed.
    ThoughtFailed(Fault),
    /// A piece of an HTTP body.
    Body(Vec<u8>),
    /// The body is whole.
    ReplyDone,
    /// The request failed.
    ReplyFailed(Fault),
}

/// All errands of a call.
#[derive(Debug)]
pub(crate) struct Errands {
    sender: mpsc::Sender<(Errand, News)>,
    news: mpsc::Receiver<(Errand, News)>,
    running: BTreeMap<Errand, AbortHandle>,
    /// The one that a limit holds up, and until when, unix ms.
    limited: Option<(Errand, u64)>,
}

impl Default for Errands {
    fn default() -> Self {
        let (sender, news) = mpsc::channel(WAITING);
        Self { sender, news, running: BTreeMap::new(), limited: None }
    }
}

impl Errands {
    /// The next news of an errand that was not called off; safe to drop and call again.
    pub(crate) async fn next(&mut self) -> (Errand, News) {
        loop {
            match self.news.recv().await {
                Some((errand, news)) if self.running.contains_key(&errand) => {
                    match news {
                        News::Waiting { until_ms } => self.limited = Some((errand, until_ms)),
                        News::Words(_) | News::Call(_) | News::Body(_) => self.passed(errand),
                        News::ThoughtDone | News::ThoughtFailed(_) | News::ReplyDone | News::ReplyFailed(_) => {
                            self.call_off(errand);
                        }
                    }
                    return (errand, news);
                }
                Some(_) => {}
                None => std::future::pending().await,
            }
        }
    }

    /// Asks the text model of the settings.
    pub(crate) fn think(&mut self, errand: Errand, question: Question, settings: &Settings, exchange: &Exchange) {
        let mut ask = chat::spoken_ask(settings, question);
        let (sender, text, purse) = (self.sender.clone(), exchange.text.clone(), exchange.purse.clone());
        self.start(errand, async move {
            // The pane knows it a moment later than the turn; a pane that is kept by something holds nobody up.
            ask.conversation = timeout(PANE, purse.conversation()).await.ok().flatten();
            let mut pieces = text.ask(ask);
            while let Some(piece) = pieces.recv().await {
                let news = match piece {
                    Piece::Delta(Delta::Text(text)) => News::Words(text),
                    Piece::Delta(Delta::Call(call)) => News::Call(call),
                    Piece::Receipt(_) => News::ThoughtDone,
                    Piece::Failed(failure, _) => News::ThoughtFailed(fault(&failure)),
                    Piece::Progress(Progress::Waiting { until_ms, retry, .. }) if is_limit(retry) => {
                        News::Waiting { until_ms }
                    }
                    Piece::Delta(_) | Piece::Progress(_) => continue,
                };
                if sender.send((errand, news)).await.is_err() {
                    return;
                }
            }
        });
    }

    /// Asks a service over HTTP.
    pub(crate) fn fetch(&mut self, errand: Errand, post: Post, service: &Dial, net: &Net) {
        let (sender, net, service) = (self.sender.clone(), net.clone(), service.clone());
        self.start(errand, async move {
            let last = match fetch(errand, post, &service, &net, &sender).await {
                Ok(()) => News::ReplyDone,
                Err(failure) => {
                    News::ReplyFailed(Fault { message: service.redact(&failure.message), ..fault(&failure) })
                }
            };
            let _ = sender.send((errand, last)).await;
        });
    }

    fn start(&mut self, errand: Errand, task: impl Future<Output = ()> + Send + 'static) {
        if let Some(older) = self.running.insert(errand, tokio::spawn(task).abort_handle()) {
            older.abort();
        }
    }

    /// Whether an answer is still to come.
    pub(crate) fn is_busy(&self) -> bool {
        !self.running.is_empty()
    }

    /// No more of this errand is wanted.
    pub(crate) fn call_off(&mut self, errand: Errand) {
        self.passed(errand);
        if let Some(task) = self.running.remove(&errand) {
            task.abort();
        }
    }

    /// Until when a limit holds one of them up, unix ms.
    pub(crate) fn limited_until(&self) -> Option<u64> {
        self.limited.map(|(_, until_ms)| until_ms)
    }

    fn passed(&mut self, errand: Errand) {
        self.limited.take_if(|(held, _)| *held == errand);
    }

    /// The connection is gone, and with it who sent them.
    pub(crate) fn call_off_all(&mut self) {
        for (_, task) in std::mem::take(&mut self.running) {
            task.abort();
        }
        // What is under way belongs to nobody; errand numbers start anew with the next connection.
        *self = Self::default();
    }
}

impl Drop for Errands {
    fn drop(&mut self) {
        for task in self.running.values() {
            task.abort();
        }
    }
}

async fn fetch(
    errand: Errand,
    post: Post,
    service: &Dial,
    net: &Net,
    sender: &mpsc::Sender<(Errand, News)>,
) -> Result<(), Failure> {
    let broken = |why: &str| Failure::new(FailureKind::Broken, why);
    let mut response = net.post(service, post).await?;
    if !(200..300).contains(&response.status) {
        let mut body = Vec::new();
        while let Some(Ok(piece)) = response.body.next().await {
            body.extend_from_slice(&piece);
            if body.len() > 64 << 10 {
                break;
            }
        }
        return Err(protocol::chat::refusal(response.status, &response.headers, &body));
    }
    loop {
        match timeout(SILENCE, response.body.next()).await {
            Ok(Some(Ok(piece))) => {
                if sender.send((errand, News::Body(piece.to_vec()))).await.is_err() {
                    return Ok(());
                }
            }
            Ok(Some(Err(failure))) => return Err(failure),
            Ok(None) => return Ok(()),
            Err(_) => return Err(broken("the answer stopped half way")),
        }
    }
}

/// Whether a limit holds the request up, and not the failure of its last try.
fn is_limit(retry: Option<Retry>) -> bool {
    retry.is_none_or(|retry| retry.why == FailureKind::RateLimited)
}

/// A failure of text, as a call sees it.
fn fault(failure: &Failure) -> Fault {
    let cause = match failure.kind {
        FailureKind::Credential => Cause::Credential,
        FailureKind::Quota | FailureKind::Budget => Cause::Quota,
        FailureKind::RateLimited => Cause::RateLimited,
        FailureKind::Model | FailureKind::Address | FailureKind::Gateway => Cause::Refused,
        FailureKind::TooLong
        | FailureKind::Invalid
        | FailureKind::Refused
        | FailureKind::Unavailable
        | FailureKind::TimedOut
        | FailureKind::Unreachable
        | FailureKind::Broken
        | FailureKind::Cancelled => Cause::Response,
    };
    let is_budget = failure.kind == FailureKind::Budget;
    let code = if is_budget { Some(OWN_BUDGET.to_owned()) } else { failure.code.clone() };
    let retry_after = failure.retry_after.filter(|_| cause == Cause::RateLimited);
    Fault { retry_after, ..Fault::new(cause, code, failure.message.clone()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_limit_holds_a_call_up_as_a_limit() {
        let retry = |why| Some(Retry { attempt: 2, attempts: 3, why });
        assert!(is_limit(None) && is_limit(retry(FailureKind::RateLimited)));
        assert!(!is_limit(retry(FailureKind::Unavailable)));
    }
}
