//! The call: one conversation over one connection at a time and one pair of devices. Everything here runs on the
//! engine's task and never blocks; what takes time is a job of [`Link`] or [`Sound`].

mod away;
mod connection;
mod cues;
mod devices;
mod drain;
mod errand;
mod gate;
mod handover;
mod idle;
mod limit;
mod link;
mod outbox;
mod purse;
mod recording;
mod sound;
mod spare;
mod standby;
mod summary;
#[cfg(test)]
mod tests;
pub(crate) mod toll;
mod tools;
mod turn;
mod view;
mod waterfall;
mod way;
mod wire;

use std::collections::BTreeSet;
use std::time::{Duration, Instant, SystemTime};

use protocol::{Fault, Input, ItemId, Session};

use crate::api::{self, Code, Connections, MinuteCost, Mode, Problem, Talk};
use crate::board::Board;
use crate::config::{AudioSettings, Settings};
use crate::latency::Journal;
use crate::minute;
use crate::outbox::{Kept, Name, Outbox};
use crate::recording::{self as takes, Recordings};
use crate::tool::ToolCall;

use away::Vigil;
use cues::MutedVoice;
use devices::is_about_devices;
use errand::{Errands, News};
use gate::Gate;
use handover::{Handover, StandIn};
use idle::Idle;
use limit::Limit;
pub(crate) use link::Exchange;
use link::{Link, LinkEvent};
pub(crate) use purse::Purse;
use purse::Watch;
use sound::SoundEvent;
pub(crate) use sound::{Sound, config as sound_config, system_card};
use spare::{Grown, Spare};
use summary::Summaries;
use toll::Toll;
use view::Marks;
pub(crate) use view::{millis, session_config, sound_problem, unix_ms};
use waterfall::Stopwatch;
use way::Way;

/// The LIVE sign stays on this long after the network last took sound of the microphone.
const LIVE: Duration = Duration::from_millis(300);

/// The conversation with what carries it.
pub(crate) struct Call {
    session: Session,
    link: Link,
    limit: Limit,
    /// What was opened ahead.
    spare: Spare,
    errands: Errands,
    summaries: Summaries,
    /// The model asked for these, and nobody has taken them yet.
    tool_calls: Vec<ToolCall>,
    /// There is a fal key.
    has_fal_key: bool,
    sound: Sound,
    recordings: Recordings,
    outbox: Outbox,
    /// What is being put back into the conversation.
    restoring: Option<Name>,
    gate: Gate,
    vigil: Vigil,
    muted_voice: MutedVoice,
    idle: Idle,
    /// When the call ends for want of a word.
    idle_at: Option<Instant>,
    /// The problem that was made heard last.
    heard_problem: Option<Code>,
    marks: Marks,
    started_at: Option<i64>,
    is_muted: bool,
    /// A file that stands in for the microphone was spoken to its end.
    is_input_over: bool,
    /// A device that failed, and how long its return is awaited.
    lost_device: Option<(Instant, Problem)>,
    has_lost_microphone: bool,
    /// The shells show that the microphone is live; to be taken back in time.
    is_shown_live: bool,
    /// Another device stands in for the chosen one.
    has_other_microphone: bool,
    has_other_speaker: bool,
    /// The server hears speech (open microphone).
    is_speech: bool,
    /// A response is being generated.
    is_answering: bool,
    /// Answers handed to the speaker and not played to their end.
    queued: BTreeSet<ItemId>,
    /// One of them is audible.
    is_audible: bool,
    stopwatch: Stopwatch,
    first_sound_ms: Option<u32>,
    journal: Journal,
    /// What the provider said went wrong on this connection.
    fault: Option<Fault>,
    /// Nobody serves the call any more.
    has_ended: bool,
    /// The other side ended the call, and what it said last is still to be heard.
    is_left: bool,
    /// Why the present provider will not answer, although the connection stands.
    unserved: Option<Problem>,
    renew_at: Option<Instant>,
    /// Another connection takes over as soon as it can.
    handover: Option<Handover>,
    stand_in: StandIn,
    connections: Connections,
    minute_costs: Vec<MinuteCost>,
    toll: Toll,
    watch: Watch,
    /// This connection is given up after the current step: it does not keep up or does not answer.
    is_abandoned: bool,
}

/// Something that happened to a call.
#[derive(Debug)]
pub(crate) enum Happening {
    Link(LinkEvent),
    Spare(Grown),
    Sound(SoundEvent),
    Recording(takes::Word),
    Kept(Kept),
    Errand(protocol::Errand, News),
    Summary(ItemId, String),
    Counted(Result<Option<gateway::Left>, Problem>),
    Time,
}

impl Call {
    pub(crate) fn new(
        settings: &Settings,
        exchange: Exchange,
        sound: Sound,
        recordings: Recordings,
        outbox: Outbox,
        journal: Journal,
    ) -> Self {
        Self {
            session: Session::new(session_config(settings)),
            link: Link::new(exchange),
            limit: Limit::default(),
            spare: Spare::default(),
            errands: Errands::default(),
            summaries: Summaries::default(),
            tool_calls: Vec::new(),
            has_fal_key: false,
            sound,
            recordings,
            outbox,
            restoring: None,
            gate: Gate::default(),
            vigil: Vigil::default(),
            muted_voice: MutedVoice::default(),
            idle: Idle::default(),
            idle_at: None,
            heard_problem: None,
            marks: Marks::default(),
            started_at: None,
            is_muted: false,
            is_input_over: false,
            lost_device: None,
            has_lost_microphone: false,
            is_shown_live: false,
            has_other_microphone: false,
            has_other_speaker: false,
            is_speech: false,
            is_answering: false,
            queued: BTreeSet::new(),
            is_audible: false,
            stopwatch: Stopwatch::default(),
            first_sound_ms: None,
            journal,
            fault: None,
            has_ended: false,
            is_left: false,
            unserved: None,
            renew_at: None,
            handover: None,
            stand_in: StandIn::default(),
            connections: Connections::default(),
            minute_costs: minute::costs(settings),
            toll: Toll::default(),
            watch: Watch::default(),
            is_abandoned: false,
        }
    }

    /// The next thing that happens; safe to drop and call again.
    pub(crate) async fn next(&mut self) -> Happening {
        let lost_device = self.lost_device.as_ref().map(|(until, _)| *until);
        let live = self.live_until().filter(|_| self.is_shown_live);
        let session = self.session.deadline().map(|(at, _)| at);
        let wake = [
            session,
            self.gate.deadline(),
            self.renew_at,
            lost_device,
            live,
            self.vigil.deadline(),
            self.muted_voice.deadline(),
            self.idle_at,
        ]
        .into_iter()
        .flatten()
        .min();
        let time = async {
            match wake {
                Some(at) => tokio::time::sleep_until(at.into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            event = self.link.next() => Happening::Link(event),
            grown = self.spare.grow() => Happening::Spare(grown),
            event = self.sound.next() => Happening::Sound(event),
            (errand, news) = self.errands.next() => Happening::Errand(errand, news),
            word = self.recordings.next() => Happening::Recording(word),
            kept = self.outbox.next() => Happening::Kept(kept),
            (until, text) = self.summaries.next() => Happening::Summary(until, text),
            found = self.watch.next() => Happening::Counted(found),
            () = time => Happening::Time,
        }
    }

    /// Takes in what happened.
    pub(crate) fn happen(&mut self, happening: Happening, board: &mut Board) {
        match happening {
            Happening::Link(event) => self.link_event(event, board),
            Happening::Spare(grown) => self.spare_grown(grown, board),
            Happening::Sound(SoundEvent::Captured(captured)) => self.captured(captured, board),
            Happening::Sound(SoundEvent::Notice(notice)) => self.sound_notice(notice, board),
            Happening::Sound(SoundEvent::Opened) => self.sound_opened(board),
            Happening::Sound(SoundEvent::Failed(error)) => self.sound_failed(&error, board),
            Happening::Recording(word) => self.recording_word(word, board),
            Happening::Kept(kept) => self.restore(kept, board),
            Happening::Errand(errand, news) => self.errand_news(errand, &news, board),
            Happening::Summary(until, text) => self.input(Input::Summary { until, text: &text }, board),
            Happening::Counted(found) => self.counted(found, board),
            Happening::Time => self.time(board),
        }
        self.settle(board);
    }

    /// Begins a call: connects and arms the microphone.
    pub(crate) fn start(&mut self, board: &mut Board) {
        self.begin(board);
        self.open_sound(board);
        let supply = self.connect(board);
        self.stopwatch.begin(supply);
        self.settle(board);
    }

    /// Ends the call; the conversation stays. The returned task ends when the devices are closed.
    pub(crate) fn hang_up(&mut self, board: &mut Board) -> Option<tokio::task::JoinHandle<()>> {
        self.finish_recording(board);
        self.gate = Gate::default();
        self.flush(board);
        let recorded = self.finish_recordings();
        let closing = self.sound.close();
        self.lost_device = None;
        self.is_input_over = false;
        (self.has_other_microphone, self.has_other_speaker) = (false, false);
        self.drop_connection(board);
        if board.settings().call.mode == Mode::Open {
            self.input(Input::Release, board);
            self.input(Input::HoldFloor(false), board);
            self.input(Input::Voice(false), board); // nobody is heard any more
        }
        self.link.settle();
        self.handover = None;
        self.end_stand_in(board);
        self.watch = Watch::default();
        self.is_left = false;
        self.started_at = None;
        self.stopwatch = Stopwatch::default();
        self.first_sound_ms = None;
        let kept = self.journal.finish();
        board.set_devices(|devices| {
            devices.input_in_use = None;
            devices.output_in_use = None;
        });
        self.settle(board);
        let closed = async move {
            for task in closing.into_iter().chain([recorded]).chain(kept) {
                let _ = task.await;
            }
        };
        Some(tokio::spawn(closed))
    }

    /// Empties the conversation.
    pub(crate) fn clear(&mut self, board: &mut Board) {
        self.hang_up(board);
        self.session = Session::new(self.session_config(board.settings()));
        self.summaries = Summaries::default();
        self.marks = Marks::default();
        self.toll.forget_items();
        self.recordings.clear();
        self.outbox.forget_all();
        board.cleared();
        self.settle(board);
    }

    /// A typed message. It never opens a microphone; it is answered aloud when the call can be heard already.
    pub(crate) fn say(&mut self, text: &str, board: &mut Board) {
        self.begin(board);
        let aloud = self.sound.is_open();
        self.close_turn(board);
        self.stopwatch.typed(Instant::now());
        self.input(Input::Say { text, aloud }, board);
        let supply = self.connect(board);
        self.stopwatch.supplied(supply);
        self.settle(board);
    }

    /// Stops the answer.
    pub(crate) fn stop(&mut self, board: &mut Board) {
        self.input(Input::Stop, board);
        self.settle(board);
    }

    pub(crate) fn mute(&mut self, is_muted: bool, board: &mut Board) {
        self.is_muted = is_muted;
        self.sound.mute(is_muted);
        self.tell_cost_of_silence(board);
        self.settle(board);
    }

    /// Sends what waits again.
    pub(crate) fn resend(&mut self, board: &mut Board) {
        self.begin(board);
        self.stopwatch = Stopwatch::default();
        // An open microphone would be heard at once: that takes more than this button.
        if !self.sound.is_open() && board.settings().call.mode == Mode::Ptt && self.is_voice_waiting() {
            self.open_sound(board);
        }
        self.marks.sent_again();
        self.input(Input::Resend, board);
        self.connect(board);
        self.settle(board);
    }

    /// Drops an item that waits.
    pub(crate) fn forget(&mut self, id: u64, board: &mut Board) {
        self.input(Input::Forget(ItemId(id)), board);
        self.settle(board);
    }

    /// The user has read the problem.
    pub(crate) fn dismiss(&mut self, board: &mut Board) {
        board.set_problem(None);
        self.settle(board);
    }

    /// Takes changed settings into account; `old` are those of before.
    pub(crate) fn configure(&mut self, old: &Settings, board: &mut Board) {
        let new = board.settings().clone();
        self.minute_costs = minute::costs(&new);
        if (AudioSettings { volume: new.audio.volume, ..old.audio.clone() }) != new.audio {
            self.sound.choose(&new);
        }
        self.sound.tune(&new);
        let changes_way = Way::of(old) != Way::of(&new);
        let changes_mode = old.call.mode != new.call.mode;
        if changes_way && !changes_mode && self.link.is_ready() {
            self.hand_over(Handover::Choice, board);
        } else {
            self.take_over_now(board);
            self.input(Input::Configure(&self.session_config(&new)), board);
            if changes_way {
                self.change_way(board);
            }
        }
        if changes_mode {
            self.change_mode(new.call.mode, board);
        }
        if old.budget != new.budget {
            self.budget_changed(board);
        }
        self.settle(board);
    }

    /// What its connections need.
    pub(crate) fn exchange(&self) -> Exchange {
        self.link.exchange().clone()
    }

    /// A key was replaced: what stood in the way because of one need not any more.
    pub(crate) fn key_replaced(&mut self, board: &mut Board) {
        self.spare.discard();
        let is_about_keys = |code| {
            matches!(
                code,
                Code::NoCredential | Code::CredentialRefused | Code::NotPermitted | Code::Quota | Code::GatewayRefused
            )
        };
        if board.problem().is_some_and(|problem| is_about_keys(problem.code)) {
            board.set_problem(None);
        }
        self.settle(board);
    }

    /// The conversation in its order.
    pub(crate) fn items(&mut self) -> Vec<api::Item> {
        let items = self.session.items();
        items.iter().map(|item| self.marks.view(item)).collect()
    }

    /// Whether the call has just lost whoever served it, for good: it is to be hung up.
    pub(crate) fn has_ended(&mut self) -> bool {
        std::mem::take(&mut self.has_ended)
    }

    /// When the call began, unix ms.
    pub(crate) fn started_at(&self) -> Option<i64> {
        self.started_at
    }

    /// The state as shells see it.
    pub(crate) fn view(&self, settings: &Settings, problem: Option<&Problem>) -> api::Call {
        let (model, voice) = view::names(settings);
        api::Call {
            provider: settings.call.provider,
            model,
            voice,
            route: settings.call.route,
            link: self.link.view(),
            talk: self.talk(problem),
            mode: settings.call.mode,
            is_locked: self.gate.is_locked(),
            is_muted: self.is_muted,
            is_armed: self.sound.is_open(),
            is_input_over: self.is_input_over,
            is_floor_held: self.gate.is_floor_held(),
            is_live: self.live_until().is_some_and(|until| until > Instant::now()),
            started_at: self.started_at,
            first_sound_ms: self.first_sound_ms,
            waiting: u32::try_from(self.session.unanswered()).unwrap_or(u32::MAX),
            limited_until: self.limit.until(self.errands.limited_until()),
            connections: self.connections,
            minute_costs: self.minute_costs.clone(),
        }
    }

    fn talk(&self, problem: Option<&Problem>) -> Talk {
        let is_waiting = self.session.is_answer_owed() && !self.link.is_idle();
        if problem.is_some_and(|problem| blocks(problem.code)) && !self.is_audible {
            Talk::Blocked
        } else if self.gate.has_audio() || self.gate.is_floor_held() || self.is_speech {
            if self.is_muted { Talk::Muted } else { Talk::Listening }
        } else if self.is_audible {
            Talk::Speaking
        } else if self.is_answering || is_waiting || self.errands.is_busy() || !self.queued.is_empty() {
            Talk::Thinking
        } else if self.is_muted {
            Talk::Muted
        } else {
            Talk::Ready
        }
    }

    /// Until when the microphone counts as heard by the provider: what the network took tells, not the talk key.
    fn live_until(&self) -> Option<Instant> {
        self.link.audio_sent().filter(|_| self.link.is_ready() && !self.is_muted).map(|at| at + LIVE)
    }

    fn begin(&mut self, board: &mut Board) {
        self.take_over_now(board);
        self.is_left = false;
        if self.started_at.is_none() {
            self.started_at = Some(unix_ms());
            self.watch.wants_look();
        }
        // An open device that is lost or silent stays so until it says otherwise.
        if !(self.sound.is_open() && board.problem().is_some_and(|problem| is_about_devices(problem.code))) {
            board.set_problem(None);
        }
    }

    fn time(&mut self, board: &mut Board) {
        let now = Instant::now();
        if self.session.deadline().is_some_and(|(at, _)| at <= now) {
            self.input(Input::Timeout, board);
        }
        if let Some(due) = self.gate.due(now) {
            self.turn_due(due, board);
        }
        if self.vigil.look(now, SystemTime::now()) {
            self.woke(board);
        }
        self.listen_while_muted(now, board);
        if self.renew_at.is_some_and(|at| at <= now) {
            self.renew(board);
        }
        if self.lost_device.as_ref().is_some_and(|(until, _)| *until <= now) {
            self.device_stays_lost(board);
        }
    }

    /// Consequences that can follow from anything: an abandoned or useless connection, the view.
    fn settle(&mut self, board: &mut Board) {
        if std::mem::take(&mut self.is_abandoned) || self.session.is_refused() {
            self.lost(None, "", board);
        }
        if let Some(problem) = self.unserved.take_if(|_| !self.is_answering) {
            self.stand_in(&problem, board);
        }
        self.continue_handover(board);
        self.end_when_left(board);
        self.keep_to_budgets(board);
        let is_on = self.sound.is_open() || !self.link.is_idle() || self.spare.is_any();
        self.vigil.keep(is_on, || (Instant::now(), SystemTime::now()));
        self.muted_voice.keep(self.is_muted && self.sound.is_open(), Instant::now);
        self.watch_idleness(board);
        self.toll.keep(self.link.is_ready(), board.settings(), Instant::now());
        self.sound_out_problem(board);
        self.limit.keep(self.session.limited_until(), Instant::now());
        let view = self.view(board.settings(), board.problem());
        self.is_shown_live = view.is_live;
        board.set_call(view);
        if let Some(recording) = self.recordings.change() {
            board.set_recording(recording);
        }
    }
}

/// Whether talking cannot work before the user did something.
fn blocks(code: Code) -> bool {
    matches!(
        code,
        Code::NoCredential
            | Code::CredentialRefused
            | Code::NotPermitted
            | Code::Quota
            | Code::Budget
            | Code::Refused
            | Code::GatewayMissing
            | Code::GatewayRefused
            | Code::EndpointMissing
            | Code::InsecureRoute
            | Code::NoMicrophone
            | Code::MicrophoneRefused
            | Code::DeviceLost
    )
}
