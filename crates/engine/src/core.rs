//! The engine's task: one owner of settings, keys, devices and the call.

mod check;
mod devices;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use std::{io, thread};

use protocol::ItemId;
use tokio::runtime;
use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio::task::{JoinHandle, JoinSet};

use crate::api::{
    About, Change, Code, Command, Credential, Holder, KeyTest, Note, Place, Problem, Provider, SoundCheck, VoiceServer,
    Way,
};
use crate::board::Board;
use crate::calibration::Calibrations;
use crate::call::{Call, Exchange, Purse, Sound as CallSound};
use crate::config::{self, Settings};
use crate::credential::{Credentials, Found};
use crate::handle::{Handle, Options, Paths, Request, Sound};
use crate::latency::Journal;
use crate::net::{Net, NetOptions};
use crate::outbox::Outbox;
use crate::picture::Studio;
use crate::proxy::Proxy;
use crate::recording::Recordings;
use crate::sound_check::Keep;
use crate::text::{self, Keyring, Shelf};
use crate::{chat, key_test, nearby, tool};

use check::{Check, check_step};

const REQUESTS: usize = 32;
const EVENTS: usize = 1024;
/// Closing devices may block; the app does not wait longer than this.
const CLOSING_LIMIT: Duration = Duration::from_secs(2);

/// The engine.
#[derive(Debug)]
pub struct Engine;

impl Engine {
    /// Starts the engine: its task, which holds calls, on a thread of its own, the text pane and the local API on the current
    /// tokio runtime. Touches neither the network nor a device, and the keychain only when an earlier run left something
    /// unanswered.
    ///
    /// # Errors
    /// When the network clients or the thread cannot be made or `options.overrides` do not fit the settings.
    pub fn start(paths: Paths, options: Options) -> Result<Handle, Problem> {
        let net = Net::new(NetOptions::from_environment(environment))?;
        let loaded = config::load(&settings_file(&paths));
        let stored = match &options.overrides {
            Some(overrides) => config::merge(&loaded.settings, overrides)?,
            None => loaded.settings,
        };
        let settings = config::with_environment(stored.clone(), environment);
        let (requests, inbox) = mpsc::channel(REQUESTS);
        let (events, _) = broadcast::channel(EVENTS);
        let (meters, sound) = watch::channel(Sound::default());
        let credentials = Credentials::start(environment);
        let shelf = Shelf::new(paths.data.join("sidetone.db"));
        let (text, keyring, terms) = text::start(&net, &credentials, shelf, options.practice.clone(), &settings);
        let handle = Handle { requests, events: events.clone(), sound, text: text.clone() };
        let in_force = watch::Sender::new(settings.clone());
        let (mut proxy, proxy_told) =
            Proxy::new(text.clone(), net.clone(), keyring.clone(), in_force.subscribe(), &paths.data);
        proxy.configure();
        let studio = Studio::new(net.clone(), keyring.clone());
        let (pane, told) =
            chat::Desk::start(text.clone(), keyring.clone(), studio, in_force.subscribe(), paths.data.join("exports"));
        let exchange = Exchange {
            net: net.clone(),
            credentials: credentials.clone(),
            practice: options.practice.clone(),
            text,
            purse: Purse::new(pane.clone()),
        };
        let journal = Journal::new(paths.data.clone());
        let recordings = Recordings::new(paths.data.join("recordings"));
        let outbox = Outbox::new(paths.outbox(), credentials.clone(), options.overrides.is_none());
        let card = CallSound::new(options.card.clone(), meters.clone());
        let call = Call::new(&settings, exchange, card, recordings, outbox, journal);
        let mut board = Board::new(events, call.view(&settings, None), settings, unknown_keys(), about(&paths));
        board.set_recording(call.recording());
        let core = Core {
            settings_file: options.overrides.is_none().then(|| settings_file(&paths)),
            stored,
            options,
            net,
            credentials,
            board,
            call,
            meters,
            calibrations: Calibrations::load(&paths.data),
            pair: (None, None),
            jobs: JoinSet::new(),
            tools: JoinSet::new(),
            is_fal_sought: false,
            check: None,
            microphone: None,
            is_advised: false,
            closing: None,
            keyring,
            terms,
            in_force,
            pane,
            told,
            proxy,
            proxy_told,
        };
        run_alone(core, inbox, loaded.damage)
            .map_err(|error| Problem { code: Code::Internal, detail: format!("no thread for the engine: {error}") })?;
        Ok(handle)
    }
}

/// Runs the engine's task, and what it starts, on one thread: a frame of sound wakes that thread alone, a hundred times a
/// second, and no written request stands in its way.
fn run_alone(core: Core, inbox: mpsc::Receiver<Request>, damage: Vec<String>) -> io::Result<()> {
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    thread::Builder::new().name("engine".into()).spawn(move || {
        runtime.block_on(core.run(inbox, damage));
        // A keychain that waits for a password does not hold up the end.
        runtime.shutdown_background();
    })?;
    Ok(())
}

/// The task's state.
struct Core {
    /// `None`: settings of this run are not written.
    settings_file: Option<PathBuf>,
    /// Settings as in the file; the board's are these with the environment's for what is empty.
    stored: Settings,
    options: Options,
    net: Net,
    credentials: Credentials,
    board: Board,
    call: Call,
    meters: watch::Sender<Sound>,
    calibrations: Calibrations,
    /// Names of the microphone and the speaker in use.
    pair: (Option<String>, Option<String>),
    jobs: JoinSet<Done>,
    /// Tools of this conversation's calls at work: what comes of them.
    tools: JoinSet<(ItemId, String)>,
    /// The keychain was asked whether there are tools to offer.
    is_fal_sought: bool,
    check: Option<Check>,
    /// Name of the microphone in use, and whether the user was advised about it.
    microphone: Option<String>,
    is_advised: bool,
    /// Devices that are being closed, files that are being finished.
    closing: Option<JoinHandle<()>>,
    keyring: Keyring,
    /// The settings as the gateway, and as the text pane, see them.
    terms: watch::Sender<Arc<gateway::Settings>>,
    in_force: watch::Sender<Settings>,
    /// The text pane, and what it tells.
    pane: mpsc::Sender<chat::Order>,
    told: mpsc::Receiver<Change>,
    proxy: Proxy,
    proxy_told: mpsc::Receiver<Change>,
}

/// What a job found out.
enum Done {
    Devices(Result<Vec<audio::Device>, audio::Error>),
    VoiceServers(Vec<VoiceServer>),
    Key { holder: Holder, found: Found, is_replaced: bool },
    Tested { holder: Holder, test: KeyTest },
    Deleted { holder: Holder, result: Result<(), Problem> },
    Checked(Result<(SoundCheck, Option<Keep>), Problem>),
    Previewed(Result<(), Problem>),
}

impl Core {
    async fn run(mut self, mut inbox: mpsc::Receiver<Request>, damage: Vec<String>) {
        if !damage.is_empty() {
            self.board.set_problem(Some(Problem { code: Code::SettingsDamaged, detail: damage.join("; ") }));
        }
        loop {
            if self.call.is_forgotten(&mut self.board) || self.call.has_ended() {
                self.hang_up();
            }
            self.pass_on();
            tokio::select! {
                biased;
                request = inbox.recv() => match request {
                    Some(Request::Stop(reply)) => {
                        let unkept = self.stop().await;
                        let _ = reply.send(unkept);
                        return;
                    }
                    Some(request) => self.request(request),
                    None => return drop(self.stop().await),
                },
                happening = self.call.next() => {
                    self.call.happen(happening, &mut self.board);
                    self.look_at_microphone();
                    self.look_at_pair();
                }
                Some(change) = self.told.recv() => self.board.show(change),
                Some(change) = self.proxy_told.recv() => self.board.show(change),
                Some(step) = check_step(&mut self.check) => self.board.set_sound_check(Some(step)),
                Some(Ok((item, output))) = self.tools.join_next() => {
                    self.call.tool_result(item, &output, &mut self.board);
                }
                Some(done) = self.jobs.join_next(), if !self.jobs.is_empty() => match done {
                    Ok(done) => self.done(done),
                    Err(error) if error.is_cancelled() => {}
                    Err(error) => tracing::error!(%error, "a job failed"),
                },
            }
        }
    }

    /// Tells why something that has no answer is lost with this run.
    async fn stop(&mut self) -> Option<Problem> {
        self.hang_up();
        self.pass_on();
        let unkept = match self.call.journalled() {
            Some(journalled) => match tokio::time::timeout(CLOSING_LIMIT, journalled).await {
                Ok(kept) => kept.ok().flatten(),
                Err(_) => Some(Problem { code: Code::Internal, detail: "it was not written in time".into() }),
            },
            None => None,
        };
        let (reply, stopped) = oneshot::channel();
        if self.pane.try_send(chat::Order::Stop(reply)).is_ok() {
            let stopped = async {
                // What it tells must not keep it from ending.
                tokio::select! {
                    _ = stopped => {}
                    () = async { while self.told.recv().await.is_some() {} } => {}
                }
            };
            let _ = tokio::time::timeout(CLOSING_LIMIT, stopped).await;
        }
        if let Some(closing) = self.closing.take() {
            let _ = tokio::time::timeout(CLOSING_LIMIT, closing).await;
        }
        unkept
    }

    fn hang_up(&mut self) {
        if let Some(closing) = self.call.hang_up(&mut self.board) {
            self.closing = Some(closing);
        }
    }

    fn request(&mut self, request: Request) {
        match request {
            Request::Command(command) => self.command(command),
            Request::SetKey { holder, key, reply } => {
                let credentials = self.credentials.clone();
                self.jobs.spawn(async move {
                    let stored = credentials.store(holder, key).await;
                    let is_replaced = stored.is_ok();
                    let found = credentials.find(holder).await;
                    let _ = reply.send(stored.map(|_| credential(holder, &found)));
                    Done::Key { holder, found, is_replaced }
                });
            }
            Request::RecordTo(file) => self.call.record_to(file, &mut self.board),
            Request::Snapshot(reply) => {
                let items = self.call.items();
                let _ = reply.send(self.board.snapshot(items));
            }
            // Taken by the loop.
            Request::Stop(_) => {}
        }
    }

    /// Turns of the call that changed, to the text pane: both are one conversation.
    fn pass_on(&mut self) {
        let (is_cleared, items) = self.board.take_spoken();
        if is_cleared {
            self.tell_pane(chat::Order::SpokenCleared);
        }
        let call_at = self.call.started_at();
        for item in items {
            let call_at = call_at.unwrap_or(item.at);
            self.tell_pane(chat::Order::Spoken { item: Box::new(item), call_at });
        }
        for item in self.board.take_unspoken() {
            self.tell_pane(chat::Order::Unspoken(item));
        }
        for row in self.call.take_toll() {
            self.tell_pane(chat::Order::Spent(Box::new(row)));
        }
        self.call.look_at_budgets(self.board.settings());
        for call in self.call.take_tool_calls() {
            let item = call.item;
            let (reply, done) = oneshot::channel();
            self.tell_pane(chat::Order::Tool { call, reply });
            self.tools.spawn(async move {
                let output = done.await.unwrap_or_else(|_| tool::output(false, "the app could not do it"));
                (item, output)
            });
        }
    }

    /// A call is near: the keychain says which tools it has. Not for the practice partner, which calls none, nor where
    /// no window shows what comes of them.
    fn seek_tools(&mut self) {
        let settings = self.board.settings();
        let is_needed = settings.tools.pictures && settings.call.provider != Provider::Practice;
        if is_needed && self.has_window() && !std::mem::replace(&mut self.is_fal_sought, true) {
            self.find_key(Holder::Fal);
        }
    }

    fn fal_key_found(&mut self, is_here: bool) {
        self.is_fal_sought = true;
        let is_stored = self.board.settings().providers.fal.way == Way::StoredKey;
        let can_draw = (is_here || is_stored) && self.has_window();
        self.call.set_fal_key(can_draw, &mut self.board);
    }

    fn has_window(&self) -> bool {
        self.settings_file.is_some()
    }

    fn tell_pane(&mut self, order: chat::Order) {
        if let Err(error) = self.pane.try_send(order) {
            let detail = "the history is too slow; something was not taken in".into();
            tracing::error!(%error, "the text pane is too slow");
            self.board.set_problem(Some(Problem { code: Code::Internal, detail }));
        }
    }

    fn command(&mut self, command: Command) {
        if command == Command::NewConversation {
            self.tell_pane(chat::Order::Command(Command::NewChat));
            // What their calls are named by will name others.
            self.tools = JoinSet::new();
        }
        if matches!(command, Command::Press | Command::Call | Command::Say { .. } | Command::Warm) {
            self.seek_tools();
        }
        // The devices belong to the check or to a call.
        if matches!(command, Command::Press | Command::Call) && self.check.is_some() {
            self.end_check();
        }
        let board = &mut self.board;
        match command {
            Command::Press => self.call.press(board),
            Command::Release => self.call.release(board),
            Command::LetGo => self.call.let_go(board),
            Command::Leave => self.call.leave(board),
            Command::Discard => self.call.discard(board),
            Command::Stop => self.call.stop(board),
            Command::Say { text } => self.call.say(&text, board),
            Command::Call => self.call.start(board),
            Command::Warm => self.call.warm(board),
            Command::PreviewVoice => self.preview(),
            Command::HangUp => self.hang_up(),
            Command::Mute { is_muted } => self.call.mute(is_muted, board),
            Command::Resend => self.call.resend(board),
            Command::Forget { id } => self.call.forget(id, board),
            Command::NewConversation => self.call.clear(board),
            Command::Dismiss => self.call.dismiss(board),
            Command::Configure { patch } => self.configure(&patch),
            Command::CheckKeys => Holder::ALL.into_iter().for_each(|holder| self.find_key(holder)),
            Command::TestKey { holder } => self.test_key(holder),
            Command::DeleteKey { holder } => self.delete_key(holder),
            Command::FindDevices => drop(self.jobs.spawn_blocking(|| Done::Devices(audio::devices()))),
            Command::FindVoiceServers => self.find_voice_servers(),
            Command::SoundCheck => self.start_check(),
            Command::MeasureRoom => self.start_measuring(),
            Command::EndSoundCheck => self.end_check(),
            Command::Record { is_on } => self.call.record(is_on, board),
            Command::Replay { item } => self.call.replay(item, board),
            Command::ReplayBack => self.call.replay_back(board),
            Command::StopReplay => self.call.stop_replay(board),
            Command::DeleteRecording { name } => self.call.delete_recording(&name, board),
            Command::ChooseModel { provider, model } => {
                self.configure(&serde_json::json!({ "chat": { "provider": provider, "model": model } }));
            }
            command @ (Command::Ask { .. }
            | Command::StopAnswer
            | Command::MakePicture { .. }
            | Command::SavePicture { .. }
            | Command::Regenerate { .. }
            | Command::EditMessage { .. }
            | Command::Continue { .. }
            | Command::ChooseBranch { .. }
            | Command::FindModels
            | Command::FindHistory { .. }
            | Command::OpenConversation { .. }
            | Command::NewChat
            | Command::RenameConversation { .. }
            | Command::PinConversation { .. }
            | Command::DeleteConversation { .. }
            | Command::SaveDraft { .. }
            | Command::SetSystemPrompt { .. }
            | Command::SavePreset { .. }
            | Command::DeletePreset { .. }
            | Command::Export { .. }
            | Command::Import { .. }) => self.tell_pane(chat::Order::Command(command)),
        }
    }

    fn configure(&mut self, patch: &serde_json::Value) {
        let old = self.board.settings().clone();
        match config::merge(&self.stored, patch) {
            Ok(new) => self.stored = new,
            Err(problem) => return self.board.set_problem(Some(problem)),
        }
        if let Some(file) = &self.settings_file
            && let Err(error) = config::save(file, &self.stored)
        {
            let detail = format!("the settings could not be saved: {error}");
            self.board.set_problem(Some(Problem { code: Code::Internal, detail }));
        }
        self.board.set_settings(config::with_environment(self.stored.clone(), environment));
        if patch.pointer("/call/provider").is_some() {
            self.call.forget_stand_in();
        }
        self.call.keep_stand_in(&mut self.board);
        let settings = self.board.settings();
        self.is_fal_sought &= settings.providers.fal.way == old.providers.fal.way;
        self.terms.send_replace(Arc::new(text::gateway_settings(settings)));
        self.in_force.send_replace(settings.clone());
        self.proxy.configure();
        self.call.configure(&old, &mut self.board);
    }

    fn find_key(&mut self, holder: Holder) {
        let credentials = self.credentials.clone();
        self.jobs.spawn(async move {
            let found = credentials.find(holder).await;
            Done::Key { holder, found, is_replaced: false }
        });
    }

    fn find_voice_servers(&mut self) {
        let net = self.net.clone();
        let settings = self.board.settings();
        let own = settings.endpoint.model.trim();
        let model = if own.is_empty() { &settings.providers.openai.model } else { own }.to_owned();
        self.jobs.spawn(async move { Done::VoiceServers(nearby::find(&net, nearby::USUAL, &model).await) });
    }

    fn test_key(&mut self, holder: Holder) {
        if let Some(mut known) = self.board.credential(holder).cloned() {
            let is_running = KeyTest { is_running: true, ..KeyTest::default() };
            known.test = Some(is_running);
            self.board.set_credential(known);
        }
        let (net, credentials) = (self.net.clone(), self.credentials.clone());
        let (settings, text) = (self.board.settings().clone(), self.call.exchange().text);
        self.keyring.forget(holder);
        self.jobs.spawn(async move {
            let test = match credentials.find(holder).await.key {
                Some(key) => key_test::test(&net, &text, &settings, holder, &key).await,
                None => {
                    let (code, detail) = (Some(Code::NoCredential), "There is no key to test.".into());
                    KeyTest { code, detail, ..KeyTest::default() }
                }
            };
            Done::Tested { holder, test }
        });
    }

    fn delete_key(&mut self, holder: Holder) {
        let credentials = self.credentials.clone();
        self.jobs.spawn(async move {
            let result = credentials.delete(holder).await;
            Done::Deleted { holder, result }
        });
    }

    fn done(&mut self, done: Done) {
        match done {
            Done::Previewed(heard) => {
                if let Err(problem) = heard {
                    self.board.set_problem(Some(problem));
                }
            }
            Done::Devices(found) => self.found_devices(found),
            Done::VoiceServers(found) => self.board.show(Change::VoiceServers(found)),
            Done::Key { holder, found, is_replaced } => {
                self.keyring.forget(holder);
                if holder == Holder::Fal {
                    self.fal_key_found(found.key.is_some());
                }
                if is_replaced {
                    self.call.key_replaced(&mut self.board);
                }
                if found.place == Place::SessionOnly {
                    self.board.note(Note::SessionOnlyKey);
                }
                self.board.set_credential(credential(holder, &found));
            }
            Done::Tested { holder, test } => {
                if let Some(mut known) = self.board.credential(holder).cloned() {
                    known.test = Some(test);
                    self.board.set_credential(known);
                }
            }
            Done::Deleted { holder, result } => {
                self.keyring.forget(holder);
                if let Err(problem) = result {
                    self.board.set_problem(Some(problem));
                }
                self.find_key(holder);
            }
            Done::Checked(result) => {
                self.check = None;
                match result {
                    Ok((check, keep)) => {
                        self.board.set_sound_check(Some(check));
                        if let Some(keep) = keep {
                            self.keep(keep);
                        }
                    }
                    Err(problem) => {
                        self.board.set_sound_check(None);
                        self.board.set_problem(Some(problem));
                    }
                }
            }
        }
    }
}

fn credential(holder: Holder, found: &Found) -> Credential {
    Credential { holder, place: found.place, variable: found.variable.clone(), test: None }
}

fn unknown_keys() -> Vec<Credential> {
    Holder::ALL
        .into_iter()
        .map(|holder| Credential { holder, place: Place::Unknown, variable: None, test: None })
        .collect()
}

fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.trim().is_empty())
}

fn settings_file(paths: &Paths) -> PathBuf {
    paths.config.join("settings.toml")
}

fn about(paths: &Paths) -> About {
    About {
        version: env!("CARGO_PKG_VERSION").into(),
        settings: settings_file(paths).display().to_string(),
        log: paths.log.display().to_string(),
    }
}
