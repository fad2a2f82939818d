//! Stage 7: sends a request and reads what comes, within bounds of time and size.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::stream::BoxStream;
use futures_util::{Stream, StreamExt, stream};
use protocol::chat::{Failure, FailureKind};
use tokio::time::{Instant, timeout_at};

use crate::{Http, HttpRequest, Patience};

/// The longest line of a stream, bytes.
pub(crate) const LONGEST_LINE: usize = 1 << 20;
/// The largest answer, bytes.
pub(crate) const LARGEST_ANSWER: usize = 20 << 20;
/// As much of a refusal is read, bytes.
const LARGEST_REFUSAL: usize = 64 << 10;
/// No answer takes longer, however steadily it drips.
const WHOLE: Duration = Duration::from_secs(30 * 60);

/// The head of an answer, and its body within bounds.
pub(crate) struct Reply {
    pub(crate) status: u16,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Body,
}

/// A body that keeps its bounds. Its end is told once; after a failure nothing comes.
pub(crate) struct Body {
    chunks: BoxStream<'static, Result<Bytes, Failure>>,
    size: usize,
    /// It may be as large as this, bytes.
    most: usize,
    idle: Duration,
    /// The next chunk must be there by then.
    due: Instant,
    /// And the last one by then.
    end: Instant,
}

/// Sends, and waits for the head. `first_byte` counts until the first byte of the body.
pub(crate) async fn send(
    http: &dyn Http,
    request: HttpRequest,
    first_byte: Duration,
    idle: Duration,
) -> Result<Reply, Failure> {
    let due = Instant::now() + first_byte;
    let response = timeout_at(due, http.send(request)).await.map_err(|_| late(first_byte))??;
    let body = Body::new(response.body, due, idle);
    Ok(Reply { status: response.status, headers: response.headers, body })
}

/// Local servers load models first.
pub(crate) fn first_byte(patience: &Patience, is_local: bool) -> Duration {
    if is_local { patience.first_byte * 5 } else { patience.first_byte }
}

impl Reply {
    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }
}

impl Body {
    /// `due`: the first chunk must be there by then.
    pub(crate) fn new(chunks: BoxStream<'static, Result<Bytes, Failure>>, due: Instant, idle: Duration) -> Self {
        Self { chunks, size: 0, most: LARGEST_ANSWER, idle, due, end: Instant::now() + WHOLE }
    }

    /// The same, which may be as large as this.
    pub(crate) fn up_to(self, most: usize) -> Self {
        Self { most, ..self }
    }

    /// The next chunk. Fails with [`FailureKind::TimedOut`] when nothing comes in time, and with
    /// [`FailureKind::Broken`] when too much comes.
    pub(crate) async fn chunk(&mut self) -> Option<Result<Bytes, Failure>> {
        let due = self.due.min(self.end);
        let chunk = match timeout_at(due, self.chunks.next()).await {
            Ok(chunk) => chunk?,
            Err(_) if due == self.end => Err(late(WHOLE)),
            Err(_) => Err(late(self.idle)),
        };
        self.due = Instant::now() + self.idle;
        self.size += chunk.as_ref().map_or(0, Bytes::len);
        if self.size > self.most {
            let words = format!("The answer is larger than {} MB.", self.most >> 20);
            return Some(Err(Failure::new(FailureKind::Broken, words)));
        }
        Some(chunk)
    }

    /// All of it.
    pub(crate) async fn whole(mut self) -> Result<Bytes, Failure> {
        let mut whole = BytesMut::new();
        while let Some(chunk) = self.chunk().await {
            whole.extend_from_slice(&chunk?);
        }
        Ok(whole.freeze())
    }

    /// The beginning of a refusal; a body that breaks off is what came.
    pub(crate) async fn refusal(mut self) -> Vec<u8> {
        let mut body = Vec::new();
        while let Some(Ok(chunk)) = self.chunk().await {
            let room = LARGEST_REFUSAL - body.len();
            body.extend_from_slice(chunk.get(..room).unwrap_or(&chunk));
            if body.len() == LARGEST_REFUSAL {
                break;
            }
        }
        body
    }

    /// Its lines, each with its end, none longer than [`LONGEST_LINE`]. Every line is a chunk of its own, so that what
    /// is wrong with one takes no other with it.
    pub(crate) fn lines(self) -> impl Stream<Item = Result<Bytes, Failure>> + Send {
        let state = Lines { body: self, rest: Bytes::new(), begun: BytesMut::new(), is_over: false };
        stream::unfold(state, |mut state| async move { state.next().await.map(|line| (line, state)) })
    }
}

struct Lines {
    body: Body,
    /// Of the last chunk.
    rest: Bytes,
    /// A line whose end has not come yet.
    begun: BytesMut,
    is_over: bool,
}

impl Lines {
    async fn next(&mut self) -> Option<Result<Bytes, Failure>> {
        while !self.is_over {
            if let Some(at) = self.rest.iter().position(|byte| *byte == b'\n') {
                let end = self.rest.split_to(at + 1);
                return Some(self.line(end));
            }
            self.begun.extend_from_slice(&self.rest);
            self.rest = Bytes::new();
            if self.begun.len() > LONGEST_LINE {
                self.is_over = true;
                return Some(Err(too_long()));
            }
            match self.body.chunk().await {
                Some(Ok(chunk)) => self.rest = chunk,
                Some(Err(failure)) => {
                    self.is_over = true;
                    return Some(Err(failure));
                }
                None => {
                    self.is_over = true;
                    // A last event that nobody ended still counts.
                    let mut end = std::mem::take(&mut self.begun);
                    end.extend_from_slice(b"\n\n");
                    return Some(Ok(end.freeze()));
                }
            }
        }
        None
    }

    fn line(&mut self, end: Bytes) -> Result<Bytes, Failure> {
        if self.begun.len() + end.len() > LONGEST_LINE {
            self.is_over = true;
            return Err(too_long());
        }
        if self.begun.is_empty() {
            return Ok(end);
        }
        let mut line = std::mem::take(&mut self.begun);
        line.extend_from_slice(&end);
        Ok(line.freeze())
    }
}

fn too_long() -> Failure {
    Failure::new(FailureKind::Broken, "A line of the answer is longer than 1 MB.")
}

pub(crate) fn late(time: Duration) -> Failure {
    Failure::new(FailureKind::TimedOut, format!("Nothing came for {} s.", time.as_secs()))
}
