//! `sidetone call`

mod plan;
mod report;
#[cfg(test)]
mod tests;

use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::time::Duration;

use engine::api::{Command, Event, Link, Mode, Problem, Talk};
use engine::{Engine, Handle, Options, Paths};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::failure::Failure;
use super::print::note;
use super::turn::Turn;
use crate::practice;
pub(crate) use plan::Arguments;
use plan::Speech;
use report::Report;

/// Time to finish the output file and close the devices.
const FAREWELL: Duration = Duration::from_secs(5);
/// After an answer: time for late captions, or (open microphone) for the next words in the file.
const QUIET: Duration = Duration::from_secs(2);

pub(crate) async fn run(arguments: Arguments, paths: Paths) -> Result<(), Failure> {
    arguments.check()?;
    let unanswered = paths.unanswered();
    let options =
        Options { practice: practice::start(), card: arguments.card(), overrides: Some(arguments.overrides()) };
    let engine = Engine::start(paths, options)?;
    let events = engine.subscribe();
    let turn = Turn::from(engine.snapshot().await?);
    let report = Report::new(arguments.json);
    report.unanswered(unanswered);
    let interrupt = Box::pin(async { drop(tokio::signal::ctrl_c().await) });
    let mut conversation = Conversation { engine: engine.clone(), events, interrupt, turn, report };
    if let Some(file) = &arguments.record {
        engine.record_to(file.clone()).await?;
    }
    let result = conversation.hold(&arguments).await;
    let unkept = engine.stop(FAREWELL).await;
    conversation.finish(unkept)?;
    result.map_err(|failure| conversation.report.once(failure))?;
    arguments.files().try_for_each(|file| conversation.written(file))
}

/// One call from the terminal.
struct Conversation {
    engine: Handle,
    events: Receiver<Event>,
    /// Ctrl+C. One for the whole call: what is pressed while an event is taken would be missed by the next one.
    interrupt: Pin<Box<dyn Future<Output = ()> + Send>>,
    turn: Turn,
    report: Report,
}

impl Conversation {
    async fn hold(&mut self, arguments: &Arguments) -> Result<(), Failure> {
        let patience = arguments.patience();
        match arguments.speech() {
            Speech::Live => self.live(arguments.limit().map(|limit| Instant::now() + limit)).await,
            Speech::File => {
                let is_open = self.turn.call.mode == Mode::Open;
                self.engine.send(if is_open { Command::Call } else { Command::Press }).await?;
                self.turn(patience, Turn::is_spoken, if is_open { QUIET } else { Duration::ZERO }).await
            }
            Speech::Text(text) => {
                if arguments.files().next().is_some() {
                    // With an open speaker the answer comes by voice.
                    self.engine.send(Command::Call).await?;
                    self.wait(patience, at_once, |turn| turn.call.is_armed.then_some(Duration::ZERO)).await?;
                }
                self.engine.send(Command::Say { text: text.to_owned() }).await?;
                self.turn(patience, at_once, Duration::ZERO).await
            }
        }
    }

    /// Waits for the answer to a question, for so long after it `is_asked`.
    async fn turn(
        &mut self,
        patience: Duration,
        is_asked: impl Fn(&Turn) -> bool,
        quiet: Duration,
    ) -> Result<(), Failure> {
        let is_over =
            |turn: &Turn| (is_asked(turn) && turn.is_over()).then(|| if turn.is_settled() { quiet } else { QUIET });
        if !self.wait(patience, &is_asked, is_over).await? {
            return Err(self.turn.delay(patience));
        }
        self.turn.failure().map_or(Ok(()), |problem| Err(self.turn.explain(&problem)))
    }

    /// Waits until `is_over` tells a time and nothing has spoken against it for so long; false: it came too late.
    async fn wait(
        &mut self,
        patience: Duration,
        is_asked: impl Fn(&Turn) -> bool,
        is_over: impl Fn(&Turn) -> Option<Duration>,
    ) -> Result<bool, Failure> {
        let (mut deadline, mut over_since) = (None, None);
        loop {
            if let Some(problem) = self.turn.obstacle() {
                return Err(self.turn.explain(problem));
            }
            // An answer may be as long as it likes; one that stalls is the engine's to give up.
            if self.turn.is_answering() {
                deadline = None;
            } else if deadline.is_none() && is_asked(&self.turn) {
                deadline = Some(Instant::now() + patience);
            }
            let quiet = is_over(&self.turn);
            let since = quiet.map(|_| *over_since.get_or_insert_with(Instant::now));
            over_since = since;
            let over = since.zip(quiet).map(|(since, quiet)| since + quiet);
            tokio::select! {
                biased;
                event = self.events.recv() => self.take(event).await?,
                () = until(over) => return Ok(true),
                () = until(deadline) => return Ok(false),
                () = &mut self.interrupt => return Err(Failure::other("Stopped.")),
            }
        }
    }

    /// Microphone and speaker until Ctrl+C.
    async fn live(&mut self, deadline: Option<Instant>) -> Result<(), Failure> {
        let is_open = self.turn.call.mode == Mode::Open;
        note(if is_open {
            "Just speak. Ctrl+C ends the call."
        } else {
            "Enter: talk, Enter: send. Ctrl+C ends the call."
        });
        self.engine.send(Command::Call).await?;
        let mut enter = keyboard();
        loop {
            if self.turn.has_left {
                return Ok(());
            }
            let is_hopeless = self.turn.call.link == Link::Idle || self.turn.lacks_devices();
            if let Some(problem) = self.turn.obstacle().filter(|_| is_hopeless) {
                return Err(self.turn.explain(problem));
            }
            tokio::select! {
                biased;
                event = self.events.recv() => self.take(event).await?,
                Some(()) = enter.recv(), if !is_open => self.toggle().await?,
                () = until(deadline) => return Ok(()),
                () = &mut self.interrupt => return Ok(()),
            }
        }
    }

    async fn toggle(&self) -> Result<(), Failure> {
        let call = &self.turn.call;
        if call.is_locked {
            self.engine.send(Command::Press).await?;
            self.engine.send(Command::Release).await?;
        } else if matches!(call.talk, Talk::Listening | Talk::Muted) {
            self.engine.send(Command::Release).await?;
        } else {
            self.engine.send(Command::Press).await?;
        }
        Ok(())
    }

    async fn take(&mut self, event: Result<Event, RecvError>) -> Result<(), Failure> {
        match event {
            Ok(event) => self.tell(&event),
            Err(RecvError::Lagged(missed)) => {
                self.turn = Turn::from(self.engine.snapshot().await?);
                self.report.missed(missed)
            }
            Err(RecvError::Closed) => Err(engine::Closed.into()),
        }
    }

    fn tell(&mut self, event: &Event) -> Result<(), Failure> {
        self.turn.apply(&event.change);
        self.report.event(event, &self.turn)
    }

    /// What the engine said while it stopped, and what was not told yet.
    fn finish(&mut self, unkept: Option<Problem>) -> Result<(), Failure> {
        while let Ok(event) = self.events.try_recv() {
            self.tell(&event)?;
        }
        self.report.rest(&self.turn, unkept.as_ref())
    }

    fn written(&self, file: &Path) -> Result<(), Failure> {
        if !file.is_file() {
            return Err(Failure::other(format!("{} could not be written.", file.display())));
        }
        self.report.sound(file)
    }
}

fn at_once(_: &Turn) -> bool {
    true
}

/// Each press of Enter. A thread of its own: reading a terminal cannot be interrupted.
fn keyboard() -> mpsc::Receiver<()> {
    let (sender, receiver) = mpsc::channel(8);
    std::thread::spawn(move || {
        let mut line = String::new();
        while std::io::stdin().read_line(&mut line).is_ok_and(|length| length > 0) {
            if sender.blocking_send(()).is_err() {
                return;
            }
            line.clear();
        }
    });
    receiver
}

async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => std::future::pending().await,
    }
}
