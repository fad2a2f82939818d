//! Recordings of a conversation: which files there are, where its turns are in them, what is heard again.
//!
//! Files are made, written, read and deleted on other threads; what comes of it arrives as a [`Word`].

mod replay;
mod take;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use audio::recording::{Inlet, News, Recorder, Tags};
use audio::{ItemKey, Notice, Tap};
use protocol::{Item, ItemId};
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, spawn_blocking};

use crate::api::{self, Code, Problem};
use crate::call::{millis, unix_ms};
use replay::{Loaded, Replay};
use take::Take;

pub(crate) use replay::{Part, is_replay};

const WORDS: usize = 64;
/// A turn is noticed when its first words are there already: the pre-roll, or the server's detector.
const LEAD: Duration = Duration::from_millis(500);

/// What happened to recordings.
#[derive(Debug)]
pub(crate) enum Word {
    /// The file is there and waits for sound.
    Ready(Box<Ready>),
    /// From the recorder of this number.
    News(u64, News),
    /// The file could not be made.
    NotReady(Problem),
    /// A file could not be written, read or deleted, or no speaker be opened.
    Failed(Problem),
    /// What is to be heard again was fetched.
    Loaded(ItemKey, Result<Box<Loaded>, Problem>),
    /// From the speaker that was opened for this.
    Player(ItemKey, Notice),
}

/// A recording that can begin.
#[derive(Debug)]
pub(crate) struct Ready {
    number: u64,
    file: PathBuf,
    recorder: Recorder,
    inlet: Inlet,
}

/// What has to be told after some news.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Nothing,
    /// The file is ready for sound.
    Ready,
    /// This much is missing in the recording, ms.
    Gap(u32),
    /// The recording is over, and why.
    Broken(Problem),
    /// Something else did not work.
    Failed(Problem),
    /// To be played through the call's speaker under this name.
    Play(ItemKey, Vec<i16>),
}

/// A recording under way; its file is the last of the takes.
struct Session {
    number: u64,
    recorder: Arc<Recorder>,
    /// Until the microphone runs.
    inlet: Option<Inlet>,
    /// When sound began to flow, unix ms.
    since: Option<i64>,
}

/// All recordings of the conversation.
pub(crate) struct Recordings {
    folder: PathBuf,
    /// The next recording goes here instead.
    target: Option<PathBuf>,
    is_on: bool,
    is_starting: bool,
    session: Option<Session>,
    takes: Vec<Take>,
    replay: Option<Replay>,
    /// Recordings and replays so far.
    count: u64,
    has_changed: bool,
    tell: mpsc::Sender<Word>,
    inbox: mpsc::Receiver<Word>,
}

impl Recordings {
    pub(crate) fn new(folder: PathBuf) -> Self {
        let (tell, inbox) = mpsc::channel(WORDS);
        Self {
            folder,
            target: None,
            is_on: false,
            is_starting: false,
            session: None,
            takes: Vec::new(),
            replay: None,
            count: 0,
            has_changed: false,
            tell,
            inbox,
        }
    }

    /// The next thing that happens; safe to drop and call again.
    pub(crate) async fn next(&mut self) -> Word {
        match self.inbox.recv().await {
            Some(word) => word,
            // Never: one sender is our own.
            None => std::future::pending().await,
        }
    }

    /// What shells see, if it changed since the last question.
    pub(crate) fn change(&mut self) -> Option<api::Recording> {
        std::mem::take(&mut self.has_changed).then(|| self.view())
    }

    pub(crate) fn view(&self) -> api::Recording {
        api::Recording {
            is_on: self.is_on,
            since: self.session.as_ref().and_then(|session| session.since),
            takes: self.takes.iter().map(Take::view).collect(),
            turns: self.takes.iter().flat_map(Take::turns_view).collect(),
            replay: self.replay.as_ref().map(Replay::view),
            folder: self.folder.display().to_string(),
        }
    }

    /// The next recording goes to this file.
    pub(crate) fn aim(&mut self, file: PathBuf) {
        self.target = Some(file);
    }

    pub(crate) fn want(&mut self, is_on: bool) {
        self.has_changed |= self.is_on != is_on;
        self.is_on = is_on;
    }

    /// Makes the file if a recording is wanted; [`Outcome::Ready`] follows.
    pub(crate) fn prepare(&mut self) {
        if !self.is_on || self.is_starting || self.session.is_some() {
            return;
        }
        self.is_starting = true;
        self.count += 1;
        let (number, tell, folder, target) = (self.count, self.tell.clone(), self.folder.clone(), self.target.take());
        spawn_blocking(move || {
            let word = match start(number, &folder, target, tell.clone()) {
                Ok(ready) => Word::Ready(Box::new(ready)),
                Err(problem) => Word::NotReady(problem),
            };
            let _ = tell.blocking_send(word);
        });
    }

    /// The way for the sound, once the file is there; to be put into the devices.
    pub(crate) fn begin(&mut self) -> Option<Tap> {
        let session = self.session.as_mut()?;
        let mut inlet = session.inlet.take()?;
        session.since = Some(unix_ms());
        self.has_changed = true;
        Some(Box::new(move |pair| inlet.frame(pair.clean, pair.far)))
    }

    /// Ends the recording; the file is whole when the returned task ends.
    pub(crate) fn stop(&mut self) -> Option<JoinHandle<()>> {
        self.want(false);
        let session = self.session.take()?;
        self.has_changed = true;
        if let Some(take) = self.takes.last_mut() {
            take.close(session.recorder.position());
        }
        // Somebody may still be waiting for it; then the last one finishes it.
        Some(spawn_blocking(move || Arc::into_inner(session.recorder).into_iter().for_each(Recorder::finish)))
    }

    /// No more captions come: the lists of turns are whole when the returned tasks end.
    pub(crate) fn seal(&mut self) -> Vec<JoinHandle<()>> {
        self.takes.iter_mut().filter_map(Take::seal).collect()
    }

    /// Another conversation: its files stay where they are.
    pub(crate) fn clear(&mut self) {
        self.takes.clear();
        self.has_changed = true;
    }

    /// Deletes one of the takes and what stands beside it. It must not be under way.
    pub(crate) fn delete(&mut self, name: &str, finishing: Option<JoinHandle<()>>) {
        let Some(index) = self.takes.iter().position(|take| take.name() == name) else { return };
        let mut take = self.takes.remove(index);
        self.has_changed = true;
        let (tell, writer) = (self.tell.clone(), take.seal());
        tokio::spawn(async move {
            for task in [finishing, writer].into_iter().flatten() {
                let _ = task.await;
            }
            if let Ok(Err(error)) = spawn_blocking(move || take::delete(&take.file)).await {
                let _ = tell.try_send(Word::Failed(failure(&error)));
            }
        });
    }

    /// Whether something of this recording is being heard again.
    pub(crate) fn is_heard(&self, name: &str) -> bool {
        self.replay.as_ref().is_some_and(|replay| replay.part.take == name)
    }

    pub(crate) fn is_under_way(&self, name: &str) -> bool {
        self.session.is_some() && self.takes.last().is_some_and(|take| take.name() == name)
    }

    /// An item is new or changed.
    pub(crate) fn item(&mut self, item: &Item) {
        let position = self.position();
        if let Some(position) = position.filter(|_| take::is_being_spoken(item)) {
            let start = position.saturating_sub(LEAD);
            if let Some(take) = self.takes.last_mut() {
                self.has_changed |= take.begin(item, start);
            }
        }
        for take in &mut self.takes {
            take.caption(item);
        }
        if item.role == protocol::Role::User && !take::is_being_spoken(item) {
            self.ended(item.id);
        }
    }

    /// An answer can be heard.
    pub(crate) fn started(&mut self, item: &Item) {
        if let (Some(position), Some(take)) = (self.position(), self.takes.last_mut()) {
            self.has_changed |= take.begin(item, position);
        }
    }

    /// A turn is over, or cut short.
    pub(crate) fn ended(&mut self, item: ItemId) {
        if let (Some(position), Some(take)) = (self.position(), self.takes.last_mut()) {
            self.has_changed |= take.end(item, position);
        }
    }

    pub(crate) fn removed(&mut self, item: ItemId) {
        for take in &mut self.takes {
            self.has_changed |= take.forget(item);
        }
    }

    /// Where in the recording we are, while sound flows.
    fn position(&self) -> Option<Duration> {
        let session = self.session.as_ref().filter(|session| session.since.is_some())?;
        Some(session.recorder.position())
    }

    /// Takes in what happened.
    pub(crate) fn happen(&mut self, word: Word) -> Outcome {
        match word {
            Word::Ready(ready) => self.ready(*ready),
            Word::News(number, news) => self.news(number, news),
            Word::NotReady(problem) => {
                self.is_starting = false;
                Outcome::Broken(problem)
            }
            Word::Failed(problem) => Outcome::Failed(problem),
            Word::Loaded(key, loaded) => self.loaded(key, loaded),
            Word::Player(key, notice) => {
                self.heard(key, &notice);
                Outcome::Nothing
            }
        }
    }

    fn ready(&mut self, ready: Ready) -> Outcome {
        self.is_starting = false;
        let Ready { number, file, recorder, inlet } = ready;
        if !self.is_on {
            // It was switched off meanwhile: nothing was recorded, nothing stays.
            drop(spawn_blocking(move || {
                recorder.finish();
                let _ = take::delete(&file);
            }));
            return Outcome::Nothing;
        }
        self.takes.push(Take::new(file, unix_ms(), self.tell.clone()));
        self.session = Some(Session { number, recorder: Arc::new(recorder), inlet: Some(inlet), since: None });
        self.has_changed = true;
        Outcome::Ready
    }

    fn news(&self, number: u64, news: News) -> Outcome {
        if self.session.as_ref().is_none_or(|session| session.number != number) {
            return Outcome::Nothing;
        }
        match news {
            News::Lost(time) => Outcome::Gap(millis(time)),
            News::Failed(error) => Outcome::Broken(failure(&error)),
        }
    }
}

/// Makes the file of a recording.
fn start(number: u64, folder: &Path, target: Option<PathBuf>, tell: mpsc::Sender<Word>) -> Result<Ready, Problem> {
    let now = jiff::Zoned::now();
    let file = match target {
        Some(file) => file,
        None => {
            create_private(folder).map_err(|error| failure(&error))?;
            vacant(folder, &now.strftime("%Y-%m-%d %H-%M-%S").to_string())
        }
    };
    let tags = Tags {
        title: file.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
        date: now.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string(),
    };
    let news = move |news| {
        let _ = tell.try_send(Word::News(number, news));
    };
    let (recorder, inlet) = Recorder::start(&file, &tags, news).map_err(|error| failure(&error))?;
    Ok(Ready { number, file, recorder, inlet })
}

/// A name that nothing has: two recordings can begin within a second.
fn vacant(folder: &Path, stem: &str) -> PathBuf {
    let names = std::iter::once(String::new()).chain((2..100).map(|number| format!(" ({number})")));
    let mut files = names.map(|suffix| folder.join(format!("{stem}{suffix}.opus")));
    let first = folder.join(format!("{stem}.opus"));
    files.find(|file| !file.exists()).unwrap_or(first)
}

/// What was said is nobody else's.
pub(crate) fn create_private(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

fn failure(error: &impl std::fmt::Display) -> Problem {
    Problem { code: Code::RecordingFailed, detail: error.to_string() }
}
