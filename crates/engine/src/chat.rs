//! The text pane: owner of the open conversation, on a task of its own. It takes commands in their order, lets one answer
//! stream at a time, and tells the core what changed.

mod answer;
mod aside;
mod choices;
mod history;
mod open;
mod picture;
mod question;
mod receipt;
mod retention;
#[cfg(test)]
mod tests;
mod voice;

use std::path::PathBuf;
use std::time::Duration;

use protocol::chat::{Failure, FailureKind};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;

use crate::api::{self, Attachment, Change, Chat, Code, Command, Enclosed, Item, Problem};
use crate::config::Settings;
use crate::picture::Studio;
use crate::text::{Keyring, Text};
use crate::tool::ToolCall;

use answer::Answer;
pub(crate) use aside::Aside;
pub(crate) use choices::find;
use open::Open;
use picture::Making;
pub(crate) use question::{order, spares, spoken_ask, usual};
use retention::Retention;
use voice::Voice;

/// Commands that may wait.
const ORDERS: usize = 64;
/// Changes that may wait for the core.
const CHANGES: usize = 256;

/// What the core says to the pane.
#[derive(Debug)]
pub(crate) enum Order {
    Command(Command),
    /// A turn of a call is new or changed.
    Spoken {
        item: Box<Item>,
        call_at: i64,
    },
    /// The user took a turn of the call back.
    Unspoken(u64),
    /// A voice called a tool; what comes of it goes back, and nothing when the pane ends first.
    Tool {
        call: ToolCall,
        reply: oneshot::Sender<String>,
    },
    /// What a call cost.
    Spent(Box<store::Row>),
    /// What something cost that belongs to no conversation.
    Booked(Box<store::Row>),
    /// Which conversation the call belongs to.
    Conversation(oneshot::Sender<Option<i64>>),
    /// What was spent, with the rows that came before this.
    Count(oneshot::Sender<Result<gateway::Spent, Failure>>),
    /// The call's items are gone.
    SpokenCleared,
    Stop(oneshot::Sender<()>),
}

/// What a job found out.
#[derive(Debug)]
enum Done {
    Title { conversation: i64, title: String },
    Choices(Vec<api::ChatProvider>, Vec<api::ModelChoice>),
    Imported,
    Nothing,
}

/// The pane's task.
pub(crate) struct Desk {
    text: Text,
    keyring: Keyring,
    settings: watch::Receiver<Settings>,
    exports: PathBuf,
    tell: mpsc::Sender<Change>,
    chat: Chat,
    open: Open,
    /// What is attached to the draft.
    enclosed: Enclosed,
    answer: Option<Answer>,
    studio: Studio,
    making: Option<Making>,
    voice: Voice,
    /// The last search of the history; `None`: nobody looked at it yet.
    query: Option<String>,
    is_set_up: bool,
    retention: Retention,
    /// What was told of the history's trouble; what goes on by itself need not tell it again.
    trouble: Option<Problem>,
    jobs: JoinSet<Done>,
}

impl Desk {
    /// Starts the task. Opens no file before the first command.
    pub(crate) fn start(
        text: Text,
        keyring: Keyring,
        studio: Studio,
        settings: watch::Receiver<Settings>,
        exports: PathBuf,
    ) -> (mpsc::Sender<Order>, mpsc::Receiver<Change>) {
        let (orders, inbox) = mpsc::channel(ORDERS);
        let (tell, changes) = mpsc::channel(CHANGES);
        let chat = Chat { system: settings.borrow().chat.system.clone(), ..Chat::default() };
        let desk = Self {
            text,
            keyring,
            settings,
            exports,
            tell,
            chat,
            open: Open::default(),
            enclosed: Enclosed::default(),
            answer: None,
            studio,
            making: None,
            voice: Voice::default(),
            query: None,
            is_set_up: false,
            retention: Retention::default(),
            trouble: None,
            jobs: JoinSet::new(),
        };
        tokio::spawn(desk.run(inbox));
        (orders, changes)
    }

    async fn run(mut self, mut inbox: mpsc::Receiver<Order>) {
        self.tell_names().await;
        self.settings_changed().await;
        loop {
            let due = self.due();
            tokio::select! {
                biased;
                order = inbox.recv() => match order {
                    Some(Order::Stop(reply)) => {
                        self.close().await;
                        let _ = reply.send(());
                        return;
                    }
                    Some(order) => self.order(order).await,
                    None => return self.close().await,
                },
                Ok(()) = self.settings.changed() => self.settings_changed().await,
                piece = answer::next(&mut self.answer) => self.piece(piece).await,
                made = picture::made(&mut self.making) => {
                    let outcome = self.picture_made(made).await;
                    self.report(outcome).await;
                }
                () = sleep_until(due), if due.is_some() => self.write_due().await,
                Some(done) = self.jobs.join_next(), if !self.jobs.is_empty() => {
                    if let Ok(done) = done {
                        self.done(done).await;
                    }
                }
            }
        }
    }

    async fn order(&mut self, order: Order) {
        let outcome = match order {
            Order::Command(command) => self.command(command).await,
            Order::Spoken { item, call_at } => self.spoken(*item, call_at).await,
            Order::Unspoken(item) => self.unspoken(item).await,
            Order::Spent(row) => self.spent(*row).await,
            Order::Booked(row) => self.book(*row).await,
            Order::Conversation(reply) => {
                let _ = reply.send(self.voice.conversation().map(|(conversation, _)| conversation));
                Ok(())
            }
            Order::Count(reply) => {
                let _ = reply.send(self.count().await);
                Ok(())
            }
            Order::Tool { call, reply } => match call.wish() {
                Ok(wish) => self.draw_for_voice(wish, reply).await,
                Err(words) => {
                    let _ = reply.send(words);
                    Ok(())
                }
            },
            Order::SpokenCleared => {
                self.voice.clear();
                Ok(())
            }
            // Taken by the loop.
            Order::Stop(_) => Ok(()),
        };
        self.report(outcome).await;
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "the core passes on only what is for the pane")]
    async fn command(&mut self, command: Command) -> Result<(), store::Error> {
        self.trouble = None;
        if command == Command::FindModels {
            self.find_models();
            return Ok(());
        }
        self.set_up().await?;
        match command {
            Command::Ask { text, attachments } => self.ask(text, attachments).await,
            Command::StopAnswer => self.stop_writing().await,
            Command::MakePicture { prompt, shape } => self.draw(&prompt, shape).await,
            Command::SavePicture { message } => {
                self.save_picture(message);
                Ok(())
            }
            Command::Regenerate { message } => self.regenerate(message).await,
            Command::EditMessage { message, text } => self.edit(message, text).await,
            Command::Continue { message } => self.go_on(message).await,
            Command::ChooseBranch { message } => self.choose_branch(message).await,
            Command::FindHistory { query } => {
                self.query = Some(query);
                self.tell_history().await
            }
            Command::OpenConversation { id } => self.open_conversation(id).await,
            Command::NewChat => self.new_chat().await,
            Command::RenameConversation { id, title } => self.rename(id, title).await,
            Command::PinConversation { id, is_pinned } => self.pin(id, is_pinned).await,
            Command::DeleteConversation { id } => self.delete(id).await,
            Command::SaveDraft { text, files } => self.save_draft(text, files).await,
            Command::SetSystemPrompt { text } => self.set_system(text).await,
            Command::SavePreset { name } => self.save_preset(name).await,
            Command::DeletePreset { name } => self.delete_preset(name).await,
            Command::Export { ids, format, path, replaces } => {
                self.export(ids, format, path, replaces);
                Ok(())
            }
            Command::Import { path } => {
                self.import(path);
                Ok(())
            }
            // Of the voice part of the app.
            _ => Ok(()),
        }
    }

    /// What is done once, before the first command.
    async fn set_up(&mut self) -> Result<(), store::Error> {
        if self.is_set_up {
            return Ok(());
        }
        let store = self.text.shelf().store().await?.clone();
        self.is_set_up = true;
        if let Some(place) = store.was_damaged() {
            let detail = format!("it could not be read and was set aside as {}", place.display());
            self.tell(Change::Problem(Some(Problem { code: Code::HistoryFailed, detail }))).await;
        }
        self.forget_old().await?;
        self.chat.draft = store.draft(None).await?;
        self.tell_presets().await?;
        self.tell_budget().await
    }

    /// A settings change: who is asked next, what may be spent.
    async fn settings_changed(&mut self) {
        let (target, budget) = {
            let settings = self.settings.borrow_and_update();
            if self.chat.conversation.is_none() && self.open.system_of_settings != settings.chat.system {
                self.chat.system.clone_from(&settings.chat.system);
                self.open.system_of_settings.clone_from(&settings.chat.system);
            }
            (question::target(&settings), settings.budget.clone())
        };
        self.chat.target = target;
        let nano = |limit: f32| crate::text::dollars(limit).map(|limit| limit.0);
        self.chat.budget.conversation_limit_nano = nano(budget.conversation);
        self.chat.budget.day_limit_nano = nano(budget.day);
        self.chat.budget.month_limit_nano = nano(budget.month);
        self.estimate();
        self.tell_chat().await;
        let outcome = self.forget_old().await;
        self.report(outcome).await;
    }

    async fn done(&mut self, done: Done) {
        let outcome = match done {
            Done::Title { conversation, title } => self.rename(conversation, title).await,
            Done::Choices(providers, models) => {
                self.tell(Change::Providers(providers)).await;
                self.tell(Change::Models(models)).await;
                Ok(())
            }
            Done::Imported => self.tell_history().await,
            Done::Nothing => Ok(()),
        };
        self.report(outcome).await;
    }

    /// The answer is stopped and written; the file is closed by its last user.
    async fn close(&mut self) {
        let _ = self.stop_answer().await;
        let _ = self.stop_picture().await;
        self.write_spoken().await;
    }

    async fn tell(&self, change: Change) {
        // The core ends first when the app ends.
        let _ = self.tell.send(change).await;
    }

    async fn tell_chat(&self) {
        self.tell(Change::Chat(self.chat.clone())).await;
    }

    async fn report(&mut self, outcome: Result<(), store::Error>) {
        let Err(error) = outcome else { return };
        let problem = self.text.shelf().problem(&error);
        if self.trouble.as_ref() != Some(&problem) {
            self.trouble = Some(problem.clone());
            self.tell(Change::Problem(Some(problem))).await;
        }
    }

    fn store(&self) -> Result<store::Store, store::Error> {
        self.text.shelf().opened().cloned().ok_or(store::Error::Closed)
    }

    /// When something is to be shown or written.
    fn due(&self) -> Option<tokio::time::Instant> {
        let answer = self.answer.as_ref().and_then(Answer::due);
        answer.into_iter().chain(self.voice.due()).chain(self.retention.next()).min()
    }

    async fn write_due(&mut self) {
        let outcome = self.flush_answer(false).await;
        self.report(outcome).await;
        let outcome = self.forget_old().await;
        self.report(outcome).await;
        if self.voice.is_due() {
            self.write_spoken().await;
        }
    }
}

async fn sleep_until(due: Option<tokio::time::Instant>) {
    match due {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// The request for an answer to one question, by these settings.
#[must_use]
pub fn question(settings: &Settings, system: &str, text: &str) -> gateway::Ask {
    let words = vec![protocol::chat::Part::Text { text: text.to_owned() }];
    let message = question::message(protocol::chat::Speaker::User, words);
    question::ask(settings, system, vec![message], None)
}

/// A failure as shells see it.
pub(crate) fn failure(failure: &Failure) -> api::ChatFailure {
    api::ChatFailure {
        kind: kind(failure.kind),
        message: failure.message.clone(),
        code: failure.code.clone(),
        status: failure.status,
    }
}

fn kind(kind: FailureKind) -> api::FailureKind {
    match kind {
        FailureKind::Credential => api::FailureKind::Credential,
        FailureKind::Quota => api::FailureKind::Quota,
        FailureKind::RateLimited => api::FailureKind::RateLimited,
        FailureKind::Model => api::FailureKind::Model,
        FailureKind::Address => api::FailureKind::Address,
        FailureKind::TooLong => api::FailureKind::TooLong,
        FailureKind::Invalid => api::FailureKind::Invalid,
        FailureKind::Refused => api::FailureKind::Refused,
        FailureKind::Unavailable => api::FailureKind::Unavailable,
        FailureKind::TimedOut => api::FailureKind::TimedOut,
        FailureKind::Unreachable => api::FailureKind::Unreachable,
        FailureKind::Broken => api::FailureKind::Broken,
        FailureKind::Gateway => api::FailureKind::Gateway,
        FailureKind::Budget => api::FailureKind::Budget,
        FailureKind::Cancelled => api::FailureKind::Cancelled,
    }
}

/// Longest message with everything that goes with it, bytes; more is refused by every provider.
const LONGEST: usize = 32 << 20;

fn is_too_large(text: &str, attachments: &[Attachment]) -> bool {
    text.len() + attachments.iter().map(|attachment| attachment.data.len()).sum::<usize>() > LONGEST
}

/// Time between two looks at the same thing.
const fn millis(ms: u64) -> Duration {
    Duration::from_millis(ms)
}
