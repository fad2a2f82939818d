//! A turn as seen from outside: what was said so far, and whether it is over.

use std::time::Duration;

use engine::api::{Call, Change, Code, Delivery, Item, Kind, Link, Mode, Note, Problem, Role, Snapshot, Talk};

use super::failure::{DEVICE, Failure, PROVIDER};

/// The conversation and the call, kept up to date by events.
#[derive(Debug, Clone)]
pub(crate) struct Turn {
    pub(crate) call: Call,
    pub(crate) items: Vec<Item>,
    problem: Option<Problem>,
    /// The settings name a Cloudflare gateway.
    has_gateway: bool,
    /// The agent ended the call.
    pub(crate) has_left: bool,
}

impl From<Snapshot> for Turn {
    fn from(snapshot: Snapshot) -> Self {
        let gateway = &snapshot.settings.gateway;
        let has_gateway = [&gateway.account_id, &gateway.gateway_id].iter().all(|id| !id.trim().is_empty());
        Self { call: snapshot.call, items: snapshot.items, problem: snapshot.problem, has_gateway, has_left: false }
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

    /// The question is spoken: the file is at its end, or (push to talk) the turn was as long as one can be.
    pub(crate) fn is_spoken(&self) -> bool {
        let is_handed_in = self.has_said(|item| item.delivery != Delivery::Recording);
        self.call.is_input_over || (self.call.mode == Mode::Ptt && is_handed_in)
    }

    fn has_said(&self, is_it: impl Fn(&Item) -> bool) -> bool {
        self.items.iter().any(|item| item.role == Role::User && is_it(item))
    }

    /// An answer comes, or is heard.
    pub(crate) fn is_answering(&self) -> bool {
        let is_arriving = |item: &Item| item.role == Role::Assistant && item.delivery == Delivery::Arriving;
        self.call.talk == Talk::Speaking || self.items.iter().any(is_arriving)
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
    pub(crate) fn delay(&self, patience: Duration) -> Failure {
        let late = format!("There was no answer within {} s.", patience.as_secs());
        let cause = match &self.call.link {
            Link::Connecting => Some(Problem { code: Code::Offline, detail: String::new() }),
            Link::Reconnecting { problem, .. } => Some(problem.clone()),
            Link::Idle | Link::Live => self.problem.clone().filter(|problem| is_about_answers(problem.code)),
        };
        match cause {
            Some(problem) => {
                let why = self.explain(&problem);
                Failure { words: format!("{late} {}", why.words), ..why }
            }
            None if self.call.is_input_over && !self.has_said(|_| true) => {
                Failure::new(DEVICE, "Nothing was heard: is there speech in the file, and is it loud enough?")
            }
            None => Failure::new(PROVIDER, format!("{late} The provider did not say why. Try again later.")),
        }
    }

    /// The problem in words for this call.
    pub(crate) fn explain(&self, problem: &Problem) -> Failure {
        if problem.code == Code::GatewayMissing && !self.has_gateway {
            return Failure::usage(
                "The Cloudflare gateway is not set up yet. Set account_id and gateway_id in the part [gateway] of \
                 settings.toml, or CLOUDFLARE_ACCOUNT_ID and CLOUDFLARE_GATEWAY_ID in the environment.",
            );
        }
        if problem.code == Code::HistoryFailed {
            return Failure::other(format!(
                "Something is wrong with the history; the call goes on.\n  {}",
                problem.detail
            ));
        }
        Failure::from(problem.clone())
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

/// Whether it can be why no answer came.
fn is_about_answers(code: Code) -> bool {
    ends_a_call(code) || matches!(code, Code::MicrophoneSilent | Code::DeviceLost | Code::AnswerFailed)
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
        | Code::RecordingFailed
        | Code::HistoryFailed => false,
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
    use engine::api::{Provider, Route};

    use super::*;
    use crate::cli::failure::{NETWORK, USAGE};

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
            is_input_over: false,
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
        Turn { call: call(Talk::Ready, 0), items: Vec::new(), problem: None, has_gateway: true, has_left: false }
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
    fn an_answer_comes_until_it_was_heard() {
        let mut turn = turn();
        assert!(!turn.is_answering());
        turn.apply(&Change::Item { item: item(1, Role::Assistant, Delivery::Arriving), after: None });
        assert!(turn.is_answering());
        turn.apply(&Change::Item { item: item(1, Role::Assistant, Delivery::Complete), after: None });
        turn.call.talk = Talk::Speaking;
        assert!(turn.is_answering());
        turn.call.talk = Talk::Ready;
        assert!(!turn.is_answering());
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
        turn.call.link = Link::Reconnecting { attempt: 1, of: 6, problem: problem(Code::Offline) };
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
    fn no_answer_in_time_is_told_with_its_cause() {
        let mut turn = turn();
        let mut told = |link: Link| {
            turn.call.link = link;
            let failure = turn.delay(Duration::from_secs(8));
            assert!(failure.words.starts_with("There was no answer within 8 s."), "{}", failure.words);
            (failure.status, failure.words)
        };
        assert_eq!(told(Link::Live).0, PROVIDER);
        assert_eq!(told(Link::Connecting).0, NETWORK);
        let reconnecting = |code, detail: &str| {
            let problem = Problem { code, detail: detail.into() };
            Link::Reconnecting { attempt: 2, of: 6, problem }
        };
        let (status, words) = told(reconnecting(Code::ProviderTrouble, "HTTP 502"));
        assert!(status == PROVIDER && words.contains("HTTP 502"), "{status} {words}");
        let (status, words) = told(reconnecting(Code::Offline, "the name api.openai.com was not found"));
        assert!(status == NETWORK && words.contains("api.openai.com"), "{status} {words}");
    }

    #[test]
    fn damaged_settings_are_not_why_no_answer_came() {
        let mut turn = turn();
        turn.apply(&Change::Problem(Some(problem(Code::SettingsDamaged))));
        assert_eq!(turn.delay(Duration::from_secs(8)).status, PROVIDER);
    }

    #[test]
    fn a_file_without_speech_is_not_the_providers_fault() {
        let mut turn = turn();
        turn.call.mode = Mode::Open;
        assert!(!turn.is_spoken());
        turn.call.is_input_over = true;
        assert!(turn.is_spoken());
        let failure = turn.delay(Duration::from_secs(60));
        assert!(failure.status == DEVICE && failure.words.starts_with("Nothing was heard"), "{failure:?}");
        turn.apply(&Change::Item { item: item(1, Role::User, Delivery::Sent), after: None });
        assert_eq!(turn.delay(Duration::from_secs(60)).status, PROVIDER);
    }

    #[test]
    fn a_question_is_spoken_when_it_is_handed_in() {
        let mut turn = turn();
        turn.apply(&Change::Item { item: item(1, Role::User, Delivery::Recording), after: None });
        assert!(!turn.is_spoken());
        turn.apply(&Change::Item { item: item(1, Role::User, Delivery::Sent), after: None });
        assert!(turn.is_spoken());
        turn.call.mode = Mode::Open;
        assert!(!turn.is_spoken(), "more may follow in the file");
    }

    #[test]
    fn a_gateway_that_is_not_set_up_is_a_question_of_usage() {
        let mut turn = turn();
        let missing = problem(Code::GatewayMissing);
        assert_eq!(turn.explain(&missing).status, PROVIDER);
        turn.has_gateway = false;
        let failure = turn.explain(&missing);
        assert!(failure.status == USAGE && failure.words.contains("gateway_id"), "{failure:?}");
    }
}
