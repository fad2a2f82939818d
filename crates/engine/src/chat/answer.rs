//! One answer on its way: from the gateway to the shells (at most 15 times a second) and to the store (once a second).

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gateway::{Ask, Piece, Progress};
use protocol::chat::{Delta, Failure, FailureKind, Part, Speaker};
use store::{MessageId, NewAttachment, NewConversation, NewMessage, Patch, Role, State, Tokens, title_from};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

use super::aside::Aside;
use super::open::Kept;
use super::receipt::{receipt_view, retry_view, target_view};
use super::{Desk, is_too_large, millis, question};
use crate::api::{self, Attachment, Change, ChatMessage, Citation, Enclosed, MessageState, Receipt, Waiting};
use crate::call::unix_ms;
use crate::text::{Text, kept_tokens, kind_name};

/// Least time between two looks of the shells at an answer: 15 a second.
const SHOW: Duration = millis(67);
/// Least time between two writes of an answer: a crash loses no more than this.
const WRITE: Duration = millis(1000);
/// A stopped answer's receipt comes within this time, or not at all.
const LAST_PIECE: Duration = millis(1000);
/// How an answer that broke off is continued; models refuse to have their own words put into their mouth.
const GO_ON: &str =
    "Your last message broke off. Continue it exactly where it ends, without repeating anything and without a comment.";

/// How an answer is asked for.
type Asking = fn(&Text, Ask) -> mpsc::Receiver<Piece>;

/// An answer that is being made.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) view: ChatMessage,
    pub(super) conversation: i64,
    pieces: mpsc::Receiver<Piece>,
    tokens: Option<Tokens>,
    cost_nano: Option<i64>,
    /// What its beginning took, when it is continued.
    before: Option<Receipt>,
    /// When it may be shown and written again; `None`: there is nothing new.
    show_at: Option<Instant>,
    write_at: Option<Instant>,
    shown: Instant,
    written: Instant,
}

impl Answer {
    pub(super) fn due(&self) -> Option<Instant> {
        self.show_at.into_iter().chain(self.write_at).min()
    }

    fn changed(&mut self) {
        self.show_at.get_or_insert(self.shown + SHOW);
        self.write_at.get_or_insert(self.written + WRITE);
    }
}

/// The next piece; `None`: there will be no more.
pub(super) async fn next(answer: &mut Option<Answer>) -> Option<Piece> {
    match answer {
        Some(answer) => answer.pieces.recv().await,
        None => std::future::pending().await,
    }
}

impl Desk {
    pub(super) async fn ask(&mut self, text: String, attachments: Vec<Attachment>) -> Result<(), store::Error> {
        if text.trim().is_empty() && attachments.is_empty() {
            return Ok(());
        }
        if is_too_large(&text, &attachments) {
            return Err(store::Error::Other("the message is too large".into()));
        }
        self.stop_answer().await?;
        let conversation = self.conversation(&text).await?;
        let parent = self.chat.branch.last().copied();
        let question = self.question(conversation, parent, text, &attachments);
        let question = self.store()?.append(question).await?;
        self.chat.draft.clear();
        self.enclosed = Enclosed::default();
        self.store()?.set_draft(Some(store::ConversationId(conversation)), String::new()).await?;
        self.store()?.set_draft(None, String::new()).await?;
        self.answer(conversation, question.0, Text::ask).await
    }

    fn question(&self, conversation: i64, parent: Option<i64>, text: String, files: &[Attachment]) -> NewMessage {
        let file = |file: &Attachment| NewAttachment {
            name: file.name.clone(),
            mime: file.mime.clone(),
            data: if file.mime.starts_with("image/") {
                STANDARD.decode(&file.data).unwrap_or_default()
            } else {
                file.data.clone().into_bytes()
            },
        };
        let conversation = store::ConversationId(conversation);
        let message = NewMessage::text(conversation, parent.map(MessageId), Role::User, text, unix_ms());
        NewMessage { attachments: files.iter().map(file).collect(), ..message }
    }

    /// The open conversation; begun with these words when there is none.
    pub(super) async fn conversation(&mut self, words: &str) -> Result<i64, store::Error> {
        if let Some(id) = self.chat.conversation {
            return Ok(id);
        }
        let new = NewConversation { title: title_from(words), system: self.chat.system.clone(), created_ms: unix_ms() };
        let id = self.store()?.create(new).await?.0;
        self.chat.conversation = Some(id);
        Ok(id)
    }

    pub(super) async fn regenerate(&mut self, message: i64) -> Result<(), store::Error> {
        let known = self.open.messages.iter().find(|known| known.id == message).cloned();
        if let Some((known, shape)) = known.and_then(|known| known.picture.map(|shape| (known, shape))) {
            return self.redraw(&known, shape).await;
        }
        self.stop_answer().await?;
        let known = self.open.messages.iter().find(|known| known.id == message);
        let question = known.filter(|known| known.role == api::Role::Assistant).and_then(|known| known.parent);
        let (Some(question), Some(conversation)) = (question, self.chat.conversation) else { return Ok(()) };
        self.answer(conversation, question, Text::ask_anew).await
    }

    pub(super) async fn edit(&mut self, message: i64, text: String) -> Result<(), store::Error> {
        self.stop_answer().await?;
        let known = self.open.messages.iter().find(|known| known.id == message && known.role == api::Role::User);
        let (Some(known), Some(conversation)) = (known, self.chat.conversation) else { return Ok(()) };
        let question = self.question(conversation, known.parent, text, &known.attachments.clone());
        let question = self.store()?.append(question).await?;
        self.answer(conversation, question.0, Text::ask).await
    }

    pub(super) async fn go_on(&mut self, message: i64) -> Result<(), store::Error> {
        self.stop_answer().await?;
        let (Some(branch), Some(conversation)) = (self.up_to(message), self.chat.conversation) else { return Ok(()) };
        let Some(last) =
            branch.last().filter(|last| last.role == api::Role::Assistant && last.picture.is_none()).cloned()
        else {
            return Ok(());
        };
        let mut messages = question::messages(branch);
        if !last.text.is_empty() {
            messages.push(question::message(Speaker::User, vec![Part::Text { text: GO_ON.into() }]));
        }
        let before = last.receipt;
        let view = ChatMessage { state: MessageState::Streaming, failure: None, receipt: None, ..last };
        let ask = self.request(conversation, messages);
        self.begin(conversation, view, before, self.text.ask(ask)).await
    }

    /// Appends an answer to this message and asks for it.
    async fn answer(&mut self, conversation: i64, question: i64, ask: Asking) -> Result<(), store::Error> {
        let target = question::target(&self.settings.borrow());
        let new = NewMessage {
            provider: target.provider.clone(),
            model: target.model.clone(),
            state: State::Streaming,
            ..NewMessage::text(
                store::ConversationId(conversation),
                Some(MessageId(question)),
                Role::Assistant,
                "",
                unix_ms(),
            )
        };
        let id = self.store()?.append(new).await?.0;
        self.reload().await?;
        let Some(view) = self.open.messages.iter().find(|known| known.id == id).cloned() else { return Ok(()) };
        let messages = self.up_to(question).map(question::messages).unwrap_or_default();
        let pieces = ask(&self.text, self.request(conversation, messages));
        self.begin(conversation, view, None, pieces).await
    }

    fn request(&self, conversation: i64, messages: Vec<protocol::chat::Message>) -> Ask {
        question::ask(&self.settings.borrow(), &self.chat.system, messages, Some(conversation))
    }

    async fn begin(
        &mut self,
        conversation: i64,
        view: ChatMessage,
        before: Option<Receipt>,
        pieces: mpsc::Receiver<Piece>,
    ) -> Result<(), store::Error> {
        let now = Instant::now();
        let mut answer = Answer {
            view,
            conversation,
            pieces,
            tokens: None,
            cost_nano: None,
            before,
            show_at: Some(now),
            write_at: None,
            shown: now,
            written: now,
        };
        answer.changed();
        self.answer = Some(answer);
        self.mark_answering();
        self.tell_chat().await;
        self.flush_answer(false).await
    }

    pub(super) async fn piece(&mut self, piece: Option<Piece>) {
        let outcome = match piece {
            Some(piece) => self.take_in(piece).await,
            None => self.end(MessageState::Failed, Some(Failure::broken_off())).await,
        };
        self.report(outcome).await;
    }

    async fn take_in(&mut self, piece: Piece) -> Result<(), store::Error> {
        let Some(answer) = &mut self.answer else { return Ok(()) };
        match piece {
            Piece::Progress(Progress::Waiting { provider, until_ms, retry }) => {
                let provider = provider.map(|provider| provider.0).unwrap_or_default();
                let until_ms = i64::try_from(until_ms).unwrap_or(i64::MAX);
                self.chat.waiting = Some(Waiting { provider, until_ms, retry: retry.map(retry_view) });
                self.tell_chat().await;
            }
            Piece::Progress(Progress::Trying { target, .. }) => {
                answer.view.target = Some(target_view(target));
                answer.changed();
                if self.chat.waiting.take().is_some() {
                    self.tell_chat().await;
                }
            }
            Piece::Progress(Progress::FellBack { from, .. }) => {
                answer.view.fell_back_from.get_or_insert_with(|| target_view(from));
                answer.changed();
            }
            Piece::Progress(Progress::Answers { target, .. }) => {
                answer.view.target = Some(target_view(target));
                answer.changed();
            }
            Piece::Delta(delta) => {
                take_delta(&mut answer.view, delta);
                answer.changed();
            }
            Piece::Receipt(receipt) => {
                self.take_receipt(receipt);
                return self.end(MessageState::Done, None).await;
            }
            Piece::Failed(failure, receipt) => {
                self.take_receipt(receipt);
                return self.end(MessageState::Failed, Some(failure)).await;
            }
        }
        Ok(())
    }

    fn take_receipt(&mut self, receipt: gateway::Receipt) {
        let Some(answer) = &mut self.answer else { return };
        let tokens = kept_tokens(receipt.tokens);
        answer.view.target = Some(target_view(receipt.target.clone()));
        let whole = receipt_view(receipt).after(answer.before.as_ref());
        answer.tokens = Some(Tokens {
            input: whole.input_tokens,
            cached: whole.cached_tokens,
            output: whole.output_tokens,
            reasoning: whole.reasoning_tokens,
            ..tokens
        });
        answer.cost_nano = whole.cost_nano;
        answer.view.receipt = Some(whole);
    }

    /// Stops the answer; what it took until then is the last to come.
    pub(super) async fn stop_answer(&mut self) -> Result<(), store::Error> {
        if let Some(answer) = &mut self.answer {
            answer.pieces.close();
        }
        while let Some(answer) = &mut self.answer {
            match timeout(LAST_PIECE, answer.pieces.recv()).await.ok().flatten() {
                Some(Piece::Failed(failure, receipt)) if failure.kind == FailureKind::Cancelled => {
                    self.take_receipt(receipt);
                    self.end(MessageState::Stopped, None).await?;
                }
                Some(piece) => self.take_in(piece).await?,
                None => self.end(MessageState::Stopped, None).await?,
            }
        }
        Ok(())
    }

    /// The answer is over: dropping its pieces closes the connection.
    async fn end(&mut self, state: MessageState, failure: Option<Failure>) -> Result<(), store::Error> {
        let Some(answer) = &mut self.answer else { return Ok(()) };
        answer.view.state = state;
        answer.view.failure = failure.as_ref().map(super::failure);
        let written = self.flush_answer(true).await;
        let Some(answer) = self.answer.take() else { return written };
        self.chat.waiting = None;
        self.mark_answering();
        self.tell_chat().await;
        written?;
        if state == MessageState::Done {
            self.make_title(&answer);
        }
        self.tell_budget().await?;
        self.tell_history().await
    }

    /// Shows and writes what is due, or everything.
    pub(super) async fn flush_answer(&mut self, is_last: bool) -> Result<(), store::Error> {
        let Some(answer) = &mut self.answer else { return Ok(()) };
        let now = Instant::now();
        let is_due = |at: Option<Instant>| is_last || at.is_some_and(|at| at <= now);
        let (is_shown, is_written) = (is_due(answer.show_at), is_due(answer.write_at));
        if is_shown {
            (answer.show_at, answer.shown) = (None, now);
        }
        if is_written {
            (answer.write_at, answer.written) = (None, now);
        }
        let view = answer.view.clone();
        let patch = is_written.then(|| patch(answer));
        if is_shown && let Some(known) = self.open.messages.iter_mut().find(|known| known.id == view.id) {
            known.clone_from(&view);
            self.tell(Change::ChatMessage(view.clone())).await;
        }
        match patch {
            Some(patch) => self.store()?.update(MessageId(view.id), patch).await,
            None => Ok(()),
        }
    }

    pub(super) fn mark_answering(&mut self) {
        let is_here = |conversation| Some(conversation) == self.chat.conversation;
        // A voice's picture is the voice's to stop.
        let picture = self.making.as_ref().filter(|making| making.is_written());
        self.chat.is_answering = self.answer.as_ref().is_some_and(|answer| is_here(answer.conversation))
            || picture.is_some_and(|making| is_here(making.conversation()));
    }

    /// The first answer of a conversation gives it a better title, when that is allowed.
    fn make_title(&mut self, answer: &Answer) {
        let settings = self.settings.borrow().clone();
        let is_first = self.open.messages.iter().filter(|message| message.role == api::Role::Assistant).count() == 1;
        if !is_first || !Aside::is_allowed(&settings) {
            return;
        }
        let conversation = answer.conversation;
        let title = super::history::title(self.text.clone(), settings, &self.open.messages, conversation);
        self.jobs.spawn(title);
    }
}

fn take_delta(view: &mut ChatMessage, delta: Delta) {
    match delta {
        Delta::Text(text) => view.text.push_str(&text),
        Delta::Reasoning(text) => view.reasoning.push_str(&text),
        Delta::Citation { url, title } => {
            if !view.citations.iter().any(|known| known.url == url) {
                view.citations.push(Citation { url, title });
            }
        }
        // The receipt has them; and nobody is offered a tool in writing.
        Delta::Model(_)
        | Delta::Usage(_)
        | Delta::Charged(_)
        | Delta::Finished(_)
        | Delta::Call(_)
        | Delta::Raw { .. } => {}
    }
}

fn patch(answer: &Answer) -> Patch {
    let view = &answer.view;
    let kept = Kept {
        receipt: view.receipt.clone(),
        fell_back_from: view.fell_back_from.clone(),
        failure: view.failure.clone(),
        picture: None,
    };
    let failure = view
        .failure
        .as_ref()
        .map(|failure| store::Failure { kind: kind_name(failure.kind), message: failure.message.clone() });
    Patch {
        text: Some(view.text.clone()),
        reasoning: Some(view.reasoning.clone()),
        citations: Some(
            view.citations
                .iter()
                .map(|one| store::Citation { url: one.url.clone(), title: one.title.clone() })
                .collect(),
        ),
        provider: view.target.as_ref().map(|target| target.provider.clone()),
        model: view.target.as_ref().map(|target| target.model.clone()),
        tokens: answer.tokens,
        cost_nano: answer.cost_nano,
        state: Some(match view.state {
            MessageState::Streaming => State::Streaming,
            MessageState::Done => State::Done,
            MessageState::Stopped => State::Stopped,
            MessageState::Failed => State::Failed,
        }),
        failure: Some(failure),
        receipt: serde_json::to_value(kept).ok(),
        span: None,
    }
}
