//! A turn as seen from outside: what was said so far, and whether it is over.

use engine::api::{Call, Change, Code, Delivery, Item, Kind, Link, Note, Problem, Role, Snapshot, Talk};

/// The conversation and the call, kept up to date by events.
#[derive(Debug, Clone)]
pub(crate) struct Turn {
    pub(crate) call: Call,
    pub(crate) items: Vec<Item>,
    problem: Option<Problem>,
    /// The agent ended the call.
    pub(crate) has_left: bool,
}

impl From<Snapshot> for Turn {
    fn from(snapshot: Snapshot) -> Self {
        Self { call: snapshot.call, items: snapshot.items, problem: snapshot.problem, has_left: false }
    }
}

impl Turn {
    pub(crate) fn apply(&mut self, change: &Change) {
        match change {
            Change::Call(call) => self.call = call.clone(),
            Change::Item { item, after } => self.place(item.clone(), *after),
            Change::Removed(id) => self.items.retain(|item| item.id != *id),
            Change::Cleared => self.items.clear(),
            Change::Note(note) => self.has_left |= *note == Note::AgentLeft,
            Change::Problem(problem) => self.problem.clone_from(problem),
            Change::Settings(_)
            | Change::Credentials(_)
            | Change::Devices(_)
            | Change::SoundCheck(_)
            | Change::Chat(_)
            | Change::ChatMessage(_)
            | Change::History(_)
            | Change::Models(_)
            | Change::Providers(_)
            | Change::Transfer(_)
            | Change::LocalApi(_)
            | Change::VoiceServers(_)
            | Change::Recording(_) => {}
        }
    }

    fn place(&mut self, item: Item, after: Option<u64>) {
        self.items.retain(|known| known.id != item.id);
        let behind = |after| self.items.iter().position(|known| known.id == after).map(|at| at + 1);
        let at = after.map_or(0, |after| behind(after).unwrap_or(self.items.len()));
        self.items.insert(at, item);
    }

    /// Something was answered (or cannot be), nothing waits, and the speaker is silent; or nobody is there any more.
    pub(crate) fn is_over(&self) -> bool {
        if self.has_left {
            return !self.is_busy();
        }
        let is_idle = !self.is_busy() && self.call.waiting == 0;
        is_idle && self.items.iter().any(is_answer) && !self.items.iter().any(is_under_way)
    }

    /// No caption can change any more.
    pub(crate) fn is_settled(&self) -> bool {
        self.items.iter().all(|item| item.is_final)
    }

    /// What keeps the turn from being answered.
    pub(crate) fn obstacle(&self) -> Option<&Problem> {
        self.problem.as_ref().filter(|problem| ends_a_call(problem.code)).or_else(|| self.refusal())
    }

    /// No microphone or speaker: a live call cannot begin.
    pub(crate) fn lacks_devices(&self) -> bool {
        let is_about_devices = |code| matches!(code, Code::NoMicrophone | Code::MicrophoneRefused | Code::NoSpeaker);
        !self.call.is_armed && self.problem.as_ref().is_some_and(|problem| is_about_devices(problem.code))
    }

    /// Why a question is kept although the connection is good: it does not go out again by itself.
    fn refusal(&self) -> Option<&Problem> {
        let is_quiet = self.call.link == Link::Live && !self.is_busy();
        let kept = self.items.iter().find(|item| item.delivery == Delivery::Kept && item.problem.is_some());
        kept.filter(|_| is_quiet)?.problem.as_ref()
    }

    fn is_busy(&self) -> bool {
        matches!(self.call.talk, Talk::Listening | Talk::Thinking | Talk::Speaking)
    }

    /// What went wrong with the answer.
    pub(crate) fn failure(&self) -> Option<Problem> {
        if self.has_left && !self.items.iter().any(is_answer) {
            let detail = "The agent ended the call without an answer.".into();
            return Some(Problem { code: Code::ProviderTrouble, detail });
        }
        let failed = self.items.iter().rev().find(|item| item.role == Role::Assistant || is_failed(item))?;
        is_failed(failed).then(|| {
            let problem = failed.problem.clone();
            problem.unwrap_or_else(|| Problem { code: Code::AnswerFailed, detail: String::new() })
        })
    }

    /// There was no answer in time: because of what?
    pub(crate) fn delay(&self) -> Problem {
        let code = match self.call.link {
            Link::Connecting | Link::Reconnecting { .. } => Code::Offline,
            Link::Idle | Link::Live => Code::ProviderTrouble,
        };
        let late = Problem { code, detail: "There was no answer in time.".into() };
        self.problem.clone().unwrap_or(late)
    }
}

fn is_answer(item: &Item) -> bool {
    match item.delivery {
        Delivery::Complete | Delivery::Interrupted => {
            item.role == Role::Assistant && !matches!(item.kind, Kind::ToolCall(_))
        }
        Delivery::Failed => true,
        Delivery::Recording | Delivery::Sent | Delivery::Kept | Delivery::Answered | Delivery::Arriving => false,
    }
}

fn is_under_way(item: &Item) -> bool {
    matches!(item.delivery, Delivery::Recording | Delivery::Sent | Delivery::Kept | Delivery::Arriving)
}

fn is_failed(item: &Item) -> bool {
    item.delivery == Delivery::Failed
}

/// Whether the call cannot go on. The others pass, or do not matter to a call.
fn ends_a_call(code: Code) -> bool {
    match code {
        Code::MicrophoneSilent
        | Code::DeviceLost
        | Code::NoKeychain
        | Code::SettingsDamaged
        | Code::AnswerFailed
        | Code::Unsent
        | Code::RecordingFailed => false,
        Code::NoCredential
        | Code::CredentialRefused
        | Code::NotPermitted
        | Code::Quota
        | Code::Budget
        | Code::RateLimited
        | Code::Refused
        | Code::Offline
        | Code::Proxy
        | Code::Tls
        | Code::ProviderTrouble
        | Code::GatewayMissing
        | Code::GatewayRefused
        | Code::EndpointMissing
        | Code::InsecureRoute
        | Code::NoMicrophone
        | Code::MicrophoneRefused
        | Code::NoSpeaker
        | Code::KeychainLocked
        | Code::Internal => true,
    }
}

#[cfg(test)]
mod tests {
    use engine::api::{Mode, Provider, Route};

    use super::*;

    fn call(talk: Talk, waiting: u32) -> Call {
        Call {
            provider: Provider::Practice,
            model: String::new(),
            voice: String::new(),
            route: Route::Direct,
            link: Link::Live,
            talk,
            mode: Mode::Ptt,
            is_locked: false,
            is_muted: false,
            is_armed: true,
            is_floor_held: false,
            is_live: false,
            started_at: None,
            first_sound_ms: None,
            waiting,
            limited_until: None,
            connections: engine::api::Connections::default(),
            minute_costs: Vec::new(),
        }
    }

    fn item(id: u64, role: Role, delivery: Delivery) -> Item {
        Item {
            id,
            role,
            kind: Kind::Spoken,
            text: String::new(),
            unheard: String::new(),
            is_final: true,
            delivery,
            at: 0,
            duration_ms: 0,
            heard_ms: None,
            first_sound_ms: None,
            waterfall: None,
            usage: None,
            problem: None,
        }
    }

    fn turn() -> Turn {
        Turn { call: call(Talk::Ready, 0), items: Vec::new(), problem: None, has_left: false }
    }

    fn problem(code: Code) -> Problem {
        Problem { code, detail: String::new() }
    }

    #[test]
    fn a_spoken_turn_is_over_when_its_answer_was_heard() {
        let mut turn = turn();
        let question = |delivery| Change::Item { item: item(1, Role::User, delivery), after: None };
        let answer = |delivery| Change::Item { item: item(2, Role::Assistant, delivery), after: Some(1) };
        let script = [
            question(Delivery::Recording),
            Change::Call(call(Talk::Listening, 0)),
            question(Delivery::Sent),
            Change::Call(call(Talk::Thinking, 1)),
            answer(Delivery::Arriving),
            Change::Call(call(Talk::Speaking, 0)),
            question(Delivery::Answered),
            answer(Delivery::Complete),
        ];
        for change in script {
            turn.apply(&change);
            assert!(!turn.is_over(), "after {change:?}");
        }
        turn.apply(&Change::Call(call(Talk::Ready, 0)));
        assert!(turn.is_over());
        assert_eq!(turn.failure(), None);
        assert_eq!(turn.items.iter().map(|item| item.id).collect::<Vec<_>>(), [1, 2]);
    }

    #[test]
    fn nothing_said_is_not_a_turn() {
        assert!(!turn().is_over());
    }

    #[test]
    fn nobody_waits_for_an_agent_that_has_left() {
        let mut turn = turn();
        turn.apply(&Change::Item { item: item(1, Role::User, Delivery::Kept), after: None });
        turn.apply(&Change::Note(Note::AgentLeft));
        assert!(turn.is_over());
        assert_eq!(turn.failure().map(|problem| problem.code), Some(Code::ProviderTrouble));
        turn.apply(&Change::Item { item: item(2, Role::Assistant, Delivery::Complete), after: Some(1) });
        assert!(turn.is_over());
        assert_eq!(turn.failure(), None, "it said something before");
    }

    #[test]
    fn a_tool_call_is_no_answer() {
        let mut turn = turn();
        let mut tool = item(1, Role::Assistant, Delivery::Complete);
        tool.kind = Kind::ToolCall("clock".into());
        turn.apply(&Change::Item { item: tool, after: None });
        assert!(!turn.is_over());
    }

    #[test]
    fn a_failed_answer_ends_the_turn_with_its_reason() {
        let mut turn = turn();
        let mut answer = item(1, Role::Assistant, Delivery::Failed);
        answer.problem = Some(problem(Code::Quota));
        turn.apply(&Change::Item { item: answer, after: None });
        assert!(turn.is_over());
        assert_eq!(turn.failure(), Some(problem(Code::Quota)));
    }

    #[test]
    fn a_question_kept_on_a_good_connection_ends_the_turn_with_its_reason() {
        let mut turn = turn();
        let mut question = item(1, Role::User, Delivery::Kept);
        question.problem = Some(problem(Code::AnswerFailed));
        turn.apply(&Change::Item { item: question, after: None });
        assert_eq!(turn.obstacle(), Some(&problem(Code::AnswerFailed)));
        turn.call.link = Link::Reconnecting { attempt: 1, of: 6 };
        assert_eq!(turn.obstacle(), None, "it goes out with the next connection");
    }

    #[test]
    fn a_live_call_without_a_microphone_cannot_begin() {
        let mut turn = turn();
        turn.apply(&Change::Problem(Some(problem(Code::NoMicrophone))));
        assert!(!turn.lacks_devices(), "it is being reopened");
        turn.call.is_armed = false;
        assert!(turn.lacks_devices());
    }

    #[test]
    fn a_problem_that_passes_is_no_obstacle() {
        let mut turn = turn();
        turn.apply(&Change::Problem(Some(problem(Code::MicrophoneSilent))));
        assert_eq!(turn.obstacle(), None);
        turn.apply(&Change::Problem(Some(problem(Code::CredentialRefused))));
        assert_eq!(turn.obstacle(), Some(&problem(Code::CredentialRefused)));
        turn.apply(&Change::Problem(None));
        assert_eq!(turn.obstacle(), None);
    }

    #[test]
    fn no_answer_in_time_is_the_networks_fault_only_without_a_connection() {
        let mut turn = turn();
        assert_eq!(turn.delay().code, Code::ProviderTrouble);
        turn.call.link = Link::Connecting;
        assert_eq!(turn.delay().code, Code::Offline);
    }
}
