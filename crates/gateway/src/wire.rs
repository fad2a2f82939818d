//! Stage 8: from a request to bytes, and from bytes to pieces of an answer.

use std::collections::VecDeque;
use std::pin::Pin;

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use protocol::chat::{self, Decoder, Delta, Failure, FailureKind, Request};
use sse_stream::{Error, Sse, SseStream};

use crate::Provider;
use crate::transport::{Body, Reply};

/// What goes behind the base URL, and the body.
pub(crate) fn write(provider: &Provider, request: &Request, is_stream: bool) -> Result<(String, Bytes), Failure> {
    let call = chat::write(provider.wire, provider.dialect, request, is_stream);
    let body = serde_json::to_vec(&call.body)
        .map_err(|_| Failure::new(FailureKind::Invalid, "The request cannot be written as JSON."))?;
    Ok((call.path, Bytes::from(body)))
}

/// An answer, piece by piece.
pub(crate) struct Reader {
    decoder: Decoder,
    source: Source,
    /// Read, and not yet taken.
    ready: VecDeque<Delta>,
    /// Where the decoder puts them.
    fresh: Vec<Delta>,
}

enum Source {
    Events(Pin<Box<dyn Stream<Item = Result<Sse, Error>> + Send>>),
    Whole(Body),
    Over,
}

impl Reader {
    /// Reads events if that is what comes, whatever was asked for; else one JSON body.
    pub(crate) fn new(decoder: Decoder, reply: Reply) -> Self {
        let is_json =
            reply.header("content-type").is_some_and(|mime| mime.trim_start().starts_with("application/json"));
        let source = if is_json {
            Source::Whole(reply.body)
        } else {
            Source::Events(Box::pin(SseStream::from_bytes_stream(reply.body.lines())))
        };
        Self { decoder, source, ready: VecDeque::new(), fresh: Vec::new() }
    }

    /// The next piece; `None` when the answer is complete.
    pub(crate) async fn next(&mut self) -> Result<Option<Delta>, Failure> {
        loop {
            if let Some(delta) = self.ready.pop_front() {
                return Ok(Some(delta));
            }
            match std::mem::replace(&mut self.source, Source::Over) {
                Source::Over => return Ok(None),
                Source::Whole(body) => {
                    let body = body.whole().await?;
                    let json = serde_json::from_slice(&body)
                        .map_err(|_| Failure::new(FailureKind::Broken, "The answer is not JSON."))?;
                    self.decoder.whole(&json, &mut self.fresh)?;
                }
                Source::Events(mut events) => match events.next().await {
                    Some(event) => {
                        self.source = Source::Events(events);
                        self.event(event)?;
                    }
                    None => self.decoder.end(&mut self.fresh)?,
                },
            }
            self.ready.extend(self.fresh.drain(..));
        }
    }

    fn event(&mut self, event: Result<Sse, Error>) -> Result<(), Failure> {
        match event {
            Ok(event) => {
                let data = event.data.as_deref().unwrap_or_default();
                self.decoder.event(event.event.as_deref().unwrap_or_default(), data, &mut self.fresh)
            }
            Err(Error::Body(cause)) => Err(match cause.downcast::<Failure>() {
                Ok(failure) => *failure,
                Err(_) => Failure::broken_off(),
            }),
            // One bad line is no reason to lose the rest.
            Err(error) => {
                tracing::trace!(%error, "a line of the stream makes no sense");
                Ok(())
            }
        }
    }
}
