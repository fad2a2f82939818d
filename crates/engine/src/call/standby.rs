//! A session that tells the conversation to a connection that is to take over, while another one still serves.

use std::future::pending;
use std::time::Instant;

use protocol::{Event, Input, Output, Received, Session};
use tokio::time::sleep_until;

use super::link::LinkEvent;
use super::wire::Connection;

/// See the module.
pub(super) struct Standby {
    pub(super) session: Session,
    has_failed: bool,
}

impl Standby {
    pub(super) fn begin(session: Session, connection: &Connection) -> Self {
        let mut standby = Self { session, has_failed: false };
        standby.input(Input::Opened, connection);
        standby
    }

    /// It can take over at once.
    pub(super) fn is_ready(&self) -> bool {
        self.session.is_settled()
    }

    /// Waits until it becomes ready (true) or fails (false); safe to drop and call again.
    pub(super) async fn grow(&mut self, connection: &mut Connection) -> bool {
        let was_ready = self.is_ready();
        while !self.has_failed && self.is_ready() == was_ready {
            let deadline = self.session.deadline();
            let time = async {
                match deadline {
                    Some((at, _)) => sleep_until(at.into()).await,
                    None => pending().await,
                }
            };
            tokio::select! {
                event = connection.next() => self.event(&event, connection),
                () = time => self.input(Input::Timeout, connection),
            }
        }
        !self.has_failed
    }

    fn event(&mut self, event: &LinkEvent, connection: &Connection) {
        let (leg, received) = match event {
            LinkEvent::Text(leg, text) => (*leg, Received::Text(text)),
            LinkEvent::Binary(leg, bytes) => (*leg, Received::Binary(bytes)),
            LinkEvent::Opened => return,
            LinkEvent::Closed { .. } | LinkEvent::Refused { .. } => {
                self.has_failed = true;
                return;
            }
        };
        self.input(Input::Received { leg, received }, connection);
    }

    /// What was not asked for is left out here, and seen when the session is to be adopted.
    fn input(&mut self, input: Input<'_>, connection: &Connection) {
        self.session.handle(input, Instant::now());
        while let Some(output) = self.session.poll() {
            match output {
                Output::Transmit { leg, message, is_audio } => {
                    self.has_failed |= !connection.send(leg, message, is_audio);
                }
                Output::Event(Event::Fault(_)) | Output::Reconnect(_) => self.has_failed = true,
                Output::Event(_)
                | Output::Think { .. }
                | Output::Fetch { .. }
                | Output::CallTool { .. }
                | Output::Summarise { .. }
                | Output::CallOff(_)
                | Output::Play { .. }
                | Output::PlayEnd(_)
                | Output::Flush => {}
            }
        }
        self.has_failed |= self.session.is_refused();
    }
}
