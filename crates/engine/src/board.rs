//! The engine's one view of itself: each change is numbered, kept for snapshots and told to every shell.

use tokio::sync::broadcast;

use crate::api::{
    About, Call, Change, Chat, ChatMessage, ChatProvider, Credential, Devices, Event, HistoryEntry, Item, LocalApi,
    ModelChoice, Note, Problem, Recording, Snapshot, SoundCheck, VoiceServer,
};
use crate::config::Settings;

/// What the shells see.
pub(crate) struct Board {
    events: broadcast::Sender<Event>,
    seq: u64,
    call: Call,
    problem: Option<Problem>,
    settings: Settings,
    credentials: Vec<Credential>,
    devices: Devices,
    sound_check: Option<SoundCheck>,
    recording: Recording,
    chat: Chat,
    messages: Vec<ChatMessage>,
    history: Vec<HistoryEntry>,
    models: Vec<ModelChoice>,
    providers: Vec<ChatProvider>,
    local_api: LocalApi,
    voice_servers: Option<Vec<VoiceServer>>,
    about: About,
    /// Turns that are new or changed since they were last taken.
    spoken: Vec<Item>,
    unspoken: Vec<u64>,
    is_cleared: bool,
}

impl Board {
    pub(crate) fn new(
        events: broadcast::Sender<Event>,
        call: Call,
        settings: Settings,
        credentials: Vec<Credential>,
        about: About,
    ) -> Self {
        Self {
            events,
            seq: 0,
            call,
            problem: None,
            settings,
            credentials,
            devices: Devices::default(),
            sound_check: None,
            recording: Recording::default(),
            chat: Chat::default(),
            messages: Vec::new(),
            history: Vec::new(),
            models: Vec::new(),
            providers: Vec::new(),
            local_api: LocalApi::default(),
            voice_servers: None,
            about,
            spoken: Vec::new(),
            unspoken: Vec::new(),
            is_cleared: false,
        }
    }

    pub(crate) fn set_call(&mut self, call: Call) {
        if self.call != call {
            self.call = call.clone();
            self.publish(Change::Call(call));
        }
    }

    pub(crate) fn set_problem(&mut self, problem: Option<Problem>) {
        if self.problem != problem {
            if let Some(problem) = &problem {
                tracing::warn!(code = ?problem.code, "problem");
            }
            self.problem.clone_from(&problem);
            self.publish(Change::Problem(problem));
        }
    }

    pub(crate) fn set_settings(&mut self, settings: Settings) {
        if self.settings != settings {
            self.settings = settings.clone();
            self.publish(Change::Settings(settings));
        }
    }

    pub(crate) fn set_credential(&mut self, credential: Credential) {
        let mut credentials = self.credentials.clone();
        match credentials.iter_mut().find(|known| known.holder == credential.holder) {
            Some(known) => *known = credential,
            None => credentials.push(credential),
        }
        if self.credentials != credentials {
            self.credentials.clone_from(&credentials);
            self.publish(Change::Credentials(credentials));
        }
    }

    pub(crate) fn set_devices(&mut self, change: impl FnOnce(&mut Devices)) {
        let mut devices = self.devices.clone();
        change(&mut devices);
        if self.devices != devices {
            self.devices = devices.clone();
            self.publish(Change::Devices(devices));
        }
    }

    pub(crate) fn devices(&self) -> &Devices {
        &self.devices
    }

    pub(crate) fn sound_check(&self) -> Option<&SoundCheck> {
        self.sound_check.as_ref()
    }

    pub(crate) fn set_sound_check(&mut self, sound_check: Option<SoundCheck>) {
        if self.sound_check != sound_check {
            self.sound_check.clone_from(&sound_check);
            self.publish(Change::SoundCheck(sound_check));
        }
    }

    pub(crate) fn set_recording(&mut self, recording: Recording) {
        if self.recording != recording {
            self.recording = recording.clone();
            self.publish(Change::Recording(recording));
        }
    }

    /// Takes in what the text pane or the API for other programs tells.
    #[expect(clippy::wildcard_enum_match_arm, reason = "the others are not kept here")]
    pub(crate) fn show(&mut self, change: Change) {
        match change {
            Change::Chat(chat) => self.set_chat(chat),
            Change::ChatMessage(message) => self.set_message(message),
            Change::History(history) => {
                if self.history != history {
                    self.history.clone_from(&history);
                    self.publish(Change::History(history));
                }
            }
            Change::Models(models) => {
                if self.models != models {
                    self.models.clone_from(&models);
                    self.publish(Change::Models(models));
                }
            }
            Change::Providers(providers) => {
                // Told even when nothing changed: it is the answer to a question.
                self.providers.clone_from(&providers);
                self.publish(Change::Providers(providers));
            }
            Change::LocalApi(local_api) => {
                if self.local_api != local_api {
                    self.local_api = local_api.clone();
                    self.publish(Change::LocalApi(local_api));
                }
            }
            Change::VoiceServers(servers) => {
                // Told even when nothing changed: it is the answer to a question.
                self.voice_servers = Some(servers.clone());
                self.publish(Change::VoiceServers(servers));
            }
            Change::Problem(problem) => self.set_problem(problem),
            change => self.publish(change),
        }
    }

    /// Messages that left the branch are forgotten with it.
    fn set_chat(&mut self, chat: Chat) {
        if self.chat != chat {
            self.messages.retain(|message| chat.branch.contains(&message.id));
            self.chat = chat.clone();
            self.publish(Change::Chat(chat));
        }
    }

    /// A message of the branch, new or changed.
    fn set_message(&mut self, message: ChatMessage) {
        match self.messages.iter_mut().find(|known| known.id == message.id) {
            Some(known) if *known == message => return,
            Some(known) => known.clone_from(&message),
            None => self.messages.push(message.clone()),
        }
        self.publish(Change::ChatMessage(message));
    }

    /// Turns that are new or changed since this was last asked, and whether those before are gone.
    pub(crate) fn take_spoken(&mut self) -> (bool, Vec<Item>) {
        (std::mem::take(&mut self.is_cleared), std::mem::take(&mut self.spoken))
    }

    /// `is_restored`: it is only listed, and stands in the history where it was said.
    pub(crate) fn item(&mut self, item: Item, after: Option<u64>, is_restored: bool) {
        match self.spoken.iter_mut().find(|known| known.id == item.id) {
            Some(known) => known.clone_from(&item),
            None if is_restored => {}
            None => self.spoken.push(item.clone()),
        }
        self.publish(Change::Item { item, after });
    }

    /// Turns that the user took back since this was last asked.
    pub(crate) fn take_unspoken(&mut self) -> Vec<u64> {
        std::mem::take(&mut self.unspoken)
    }

    pub(crate) fn removed(&mut self, id: u64) {
        self.spoken.retain(|item| item.id != id);
        self.unspoken.push(id);
        self.publish(Change::Removed(id));
    }

    pub(crate) fn cleared(&mut self) {
        self.spoken.clear();
        self.unspoken.clear();
        self.is_cleared = true;
        self.publish(Change::Cleared);
    }

    pub(crate) fn note(&mut self, note: Note) {
        self.publish(Change::Note(note));
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    pub(crate) fn problem(&self) -> Option<&Problem> {
        self.problem.as_ref()
    }

    pub(crate) fn credential(&self, holder: crate::api::Holder) -> Option<&Credential> {
        self.credentials.iter().find(|known| known.holder == holder)
    }

    pub(crate) fn snapshot(&self, items: Vec<Item>) -> Snapshot {
        Snapshot {
            seq: self.seq,
            call: self.call.clone(),
            items,
            problem: self.problem.clone(),
            settings: self.settings.clone(),
            credentials: self.credentials.clone(),
            devices: self.devices.clone(),
            sound_check: self.sound_check.clone(),
            recording: self.recording.clone(),
            chat: self.chat.clone(),
            messages: {
                let mut messages = self.messages.clone();
                messages.sort_by_key(|message| self.chat.branch.iter().position(|id| *id == message.id));
                messages
            },
            history: self.history.clone(),
            models: self.models.clone(),
            providers: self.providers.clone(),
            local_api: self.local_api.clone(),
            voice_servers: self.voice_servers.clone(),
            about: self.about.clone(),
        }
    }

    fn publish(&mut self, change: Change) {
        self.seq += 1;
        // Without a shell that listens there is nobody to tell.
        let _ = self.events.send(Event { seq: self.seq, change });
    }
}
