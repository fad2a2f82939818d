//! The open sockets of a call.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_util::stream::{AbortHandle, Abortable, SplitStream, abortable};
use futures_util::{Sink, SinkExt, StreamExt};
use protocol::Leg;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};

use crate::net::{Message, Socket};

use super::link::LinkEvent;

/// A close frame without a code (RFC 6455, 7.4.1).
const NO_STATUS: u16 = 1005;
/// Frames that an unused connection may hear: a provider greets, and says no more.
const GREETINGS: usize = 16;
/// Frames that may wait for the network: the longest turn that is sent again as a whole, ten minutes in pieces of 80 ms,
/// and the microphone beside it.
const OUTGOING_FRAMES: usize = 16_384;
/// A socket that has not taken a frame for this long is as good as dead.
const STALLED: Duration = Duration::from_secs(20);
/// How often the other side is asked for a sign of life (RFC 6455, 5.5.2).
const ASKED_EVERY: Duration = Duration::from_secs(5);
/// After so many questions without any word it is gone: a network that was switched off says nothing of it.
const UNANSWERED: u32 = 3;

/// A frame on its way out.
struct Frame {
    message: Message,
    /// It carries sound of the microphone.
    is_audio: bool,
}

/// The open sockets of one conversation, one for each leg.
pub(super) struct Connection {
    wires: Vec<Wire>,
    /// The session on it was ready then.
    pub(super) ready_since: Option<Instant>,
    /// The provider wants to be told that a session ends.
    farewell: Option<&'static str>,
}

/// An open socket.
struct Wire {
    leg: Leg,
    incoming: Abortable<SplitStream<Socket>>,
    outgoing: mpsc::Sender<Frame>,
    /// When sound of the microphone last went out.
    audio_sent: watch::Receiver<Option<Instant>>,
    signs: Arc<Signs>,
    /// Came before anybody asked.
    early: VecDeque<LinkEvent>,
    close: (Option<u16>, String),
}

/// What was heard of the other side.
#[derive(Debug, Default)]
struct Signs {
    /// Anything, since it was last asked.
    is_alive: AtomicBool,
    /// It answers when it is asked. Not every small server does, and those must not be taken for dead.
    answers: AtomicBool,
}

impl Connection {
    pub(super) fn new(sockets: Vec<(Leg, Socket)>, farewell: Option<&'static str>) -> Self {
        let wires = sockets.into_iter().map(|(leg, socket)| Wire::new(leg, socket)).collect();
        Self { wires, ready_since: None, farewell }
    }

    /// Waits until it is gone, while nobody uses it. What comes meanwhile is kept for whoever takes it.
    pub(super) async fn ended_unused(&mut self) {
        poll_fn(|context| self.first(|wire| wire.poll_ended_unused(context))).await;
    }

    /// The next frame of any leg, or the end of the first that is gone. Safe to drop and call again.
    pub(super) async fn next(&mut self) -> LinkEvent {
        poll_fn(|context| self.first(|wire| wire.poll_next(context))).await
    }

    /// Hands a frame to the network. `false`: it does not keep up. A socket that is gone reports so itself.
    pub(super) fn send(&self, leg: Leg, message: protocol::Message, is_audio: bool) -> bool {
        let Some(wire) = self.wires.iter().find(|wire| wire.leg == leg) else { return true };
        let message = match message {
            protocol::Message::Text(text) => Message::text(text),
            protocol::Message::Binary(bytes) => Message::binary(bytes),
        };
        !matches!(wire.outgoing.try_send(Frame { message, is_audio }), Err(TrySendError::Full(_)))
    }

    /// Says goodbye behind what was handed over.
    pub(super) fn close(&self) {
        let farewell = self.farewell.filter(|_| self.ready_since.is_some());
        for wire in &self.wires {
            if let Some(farewell) = farewell {
                let _ = wire.outgoing.try_send(Frame { message: Message::text(farewell), is_audio: false });
            }
            let _ = wire.outgoing.try_send(Frame { message: Message::Close(None), is_audio: false });
        }
    }

    /// When the network last took sound of the microphone.
    pub(super) fn audio_sent(&self) -> Option<std::time::Instant> {
        self.wires.iter().filter_map(|wire| wire.audio_sent.borrow().map(Instant::into_std)).max()
    }

    /// Of the first wire that has something. Where all services are asked over HTTP there is none, and never will be.
    fn first<T>(&mut self, poll: impl FnMut(&mut Wire) -> Poll<T>) -> Poll<T> {
        self.wires.iter_mut().map(poll).find(Poll::is_ready).unwrap_or(Poll::Pending)
    }
}

impl Wire {
    fn new(leg: Leg, socket: Socket) -> Self {
        let (sink, incoming) = socket.split();
        let (incoming, abort) = abortable(incoming);
        let (outgoing, frames) = mpsc::channel(OUTGOING_FRAMES);
        let (pulse, audio_sent) = watch::channel(None);
        let signs = Arc::new(Signs::default());
        tokio::spawn(write(sink, frames, pulse, abort, Arc::clone(&signs)));
        Self { leg, incoming, outgoing, audio_sent, signs, early: VecDeque::new(), close: (None, String::new()) }
    }

    /// The next frame, or the end.
    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<LinkEvent> {
        if let Some(early) = self.early.pop_front() {
            return Poll::Ready(early);
        }
        let frame = ready!(self.poll_frame(context));
        Poll::Ready(frame.unwrap_or_else(|| {
            let (code, reason) = std::mem::take(&mut self.close);
            LinkEvent::Closed { code, reason }
        }))
    }

    /// Keeps what comes, until the socket is gone or speaks more than a greeting.
    fn poll_ended_unused(&mut self, context: &mut Context<'_>) -> Poll<()> {
        while self.early.len() < GREETINGS
            && let Some(event) = ready!(self.poll_frame(context))
        {
            self.early.push_back(event);
        }
        Poll::Ready(())
    }

    /// The next frame; `None` when the socket is gone.
    fn poll_frame(&mut self, context: &mut Context<'_>) -> Poll<Option<LinkEvent>> {
        loop {
            let frame = ready!(self.incoming.poll_next_unpin(context));
            self.signs.is_alive.store(true, Ordering::Relaxed);
            match frame {
                None => return Poll::Ready(None),
                Some(Ok(Message::Text(text))) => return Poll::Ready(Some(LinkEvent::Text(self.leg, text))),
                Some(Ok(Message::Binary(bytes))) => {
                    return Poll::Ready(Some(LinkEvent::Binary(self.leg, bytes.to_vec())));
                }
                Some(Ok(Message::Close(frame))) => {
                    // Nothing may follow, and not every server hangs up then.
                    self.close = frame.map_or((Some(NO_STATUS), String::new()), |frame| {
                        (Some(frame.code.into()), frame.reason.to_string())
                    });
                    return Poll::Ready(None);
                }
                Some(Ok(Message::Pong(_))) => self.signs.answers.store(true, Ordering::Relaxed),
                Some(Ok(Message::Ping(_) | Message::Frame(_))) => {}
                Some(Err(error)) => {
                    tracing::debug!(%error, "socket failed");
                    return Poll::Ready(None);
                }
            }
        }
    }
}

/// Writes frames in order until the socket fails or its owner is gone. A socket that takes no more, or from which nothing
/// comes although its other side answers questions, is given up in both directions.
async fn write<S: Sink<Message, Error: std::fmt::Display> + Unpin>(
    mut sink: S,
    mut frames: mpsc::Receiver<Frame>,
    pulse: watch::Sender<Option<Instant>>,
    incoming: AbortHandle,
    signs: Arc<Signs>,
) {
    let mut questions = interval_at(Instant::now() + ASKED_EVERY, ASKED_EVERY);
    questions.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut unanswered = 0;
    loop {
        let frame = tokio::select! {
            frame = frames.recv() => match frame {
                Some(frame) => frame,
                None => return,
            },
            _ = questions.tick() => {
                unanswered = if signs.is_alive.swap(false, Ordering::Relaxed) { 0 } else { unanswered + 1 };
                if unanswered >= UNANSWERED && signs.answers.load(Ordering::Relaxed) {
                    tracing::info!("nothing comes from the socket any more");
                    return incoming.abort();
                }
                Frame { message: Message::Ping(Default::default()), is_audio: false }
            }
        };
        match timeout(STALLED, sink.send(frame.message)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return tracing::debug!(%error, "socket refused a frame"),
            Err(_) => {
                tracing::info!("socket takes no more frames");
                return incoming.abort();
            }
        }
        if frame.is_audio {
            pulse.send_replace(Some(Instant::now()));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures_util::{sink, stream};

    use super::*;

    type Heard = Abortable<stream::Pending<Message>>;

    /// Writes one frame of sound to `sink`; what comes back, whether the writer goes on, and when it wrote sound.
    fn writing<S>(sink: S, signs: &Arc<Signs>) -> (Heard, mpsc::Sender<Frame>, watch::Receiver<Option<Instant>>)
    where
        S: Sink<Message, Error = Infallible> + Send + 'static,
    {
        let (incoming, abort) = abortable(stream::pending());
        let (outgoing, frames) = mpsc::channel(1);
        let (pulse, audio_sent) = watch::channel(None);
        tokio::spawn(write(Box::pin(sink), frames, pulse, abort, Arc::clone(signs)));
        assert!(outgoing.try_send(Frame { message: Message::text("Hello"), is_audio: true }).is_ok());
        (incoming, outgoing, audio_sent)
    }

    #[tokio::test(start_paused = true)]
    async fn a_socket_that_takes_no_more_frames_is_given_up_in_both_directions() {
        let stuck = sink::unfold((), |(), _: Message| std::future::pending::<Result<(), Infallible>>());
        let (mut incoming, outgoing, audio_sent) = writing(stuck, &Arc::default());
        assert!(incoming.next().await.is_none());
        outgoing.closed().await;
        assert!(audio_sent.borrow().is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_answered_and_falls_silent_is_gone() {
        let signs = Arc::new(Signs { is_alive: true.into(), answers: true.into() });
        let (mut incoming, outgoing, _) = writing(sink::drain(), &signs);
        assert!(incoming.next().await.is_none());
        outgoing.closed().await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_never_answers_is_not_taken_for_dead() {
        let (mut incoming, outgoing, audio_sent) = writing(sink::drain(), &Arc::default());
        assert!(timeout(Duration::from_secs(600), incoming.next()).await.is_err());
        assert!(!outgoing.is_closed() && audio_sent.borrow().is_some());
    }
}
