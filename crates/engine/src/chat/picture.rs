//! Pictures in the open conversation: one is made at a time, the newest wish wins.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use protocol::chat::{Failure, FailureKind};
use store::{ConversationId, MessageId, NewAttachment, NewMessage, Patch, Role, State};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::open::Kept;
use super::{Desk, Done, history};
use crate::api::{Change, ChatMessage, Receipt, Shape, Transfer};
use crate::call::unix_ms;
use crate::picture::{FAL, Picture, Wish};
use crate::tool;

/// What the model hears when its picture was given up for another one.
const SUPERSEDED: &str = "the user asked for something else meanwhile; this picture was given up";

/// A picture that is being made.
#[derive(Debug)]
pub(super) struct Making {
    conversation: i64,
    message: MessageId,
    shape: Shape,
    task: JoinHandle<Result<(Picture, Receipt), Failure>>,
    /// The voice that waits for it.
    reply: Option<oneshot::Sender<String>>,
}

impl Drop for Making {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Making {
    pub(super) fn is_written(&self) -> bool {
        self.reply.is_none()
    }

    pub(super) fn conversation(&self) -> i64 {
        self.conversation
    }
}

/// How the picture that is being made turned out; safe to drop and call again.
pub(super) async fn made(making: &mut Option<Making>) -> Result<(Picture, Receipt), Failure> {
    match making {
        Some(making) => {
            let broken = |_| Err(Failure::new(FailureKind::Broken, "the picture's task ended"));
            (&mut making.task).await.unwrap_or_else(broken)
        }
        None => std::future::pending().await,
    }
}

impl Desk {
    /// A voice asks for a picture; it belongs to the conversation of its call.
    pub(super) async fn draw_for_voice(
        &mut self,
        wish: Wish,
        reply: oneshot::Sender<String>,
    ) -> Result<(), store::Error> {
        self.set_up().await?;
        let known = self.voice.conversation();
        let conversation = match known {
            Some((conversation, _)) => conversation,
            None => self.conversation(&wish.prompt).await?,
        };
        let is_open = self.chat.conversation == Some(conversation);
        let newest = if is_open { self.chat.branch.last().copied() } else { known.and_then(|(_, last)| last) };
        self.begin_picture(conversation, newest, wish, Some(reply)).await
    }

    /// The user asks for a picture in writing.
    pub(super) async fn draw(&mut self, prompt: &str, shape: Shape) -> Result<(), store::Error> {
        let prompt = prompt.trim();
        if prompt.is_empty() {
            return Ok(());
        }
        let conversation = self.conversation(prompt).await?;
        let newest = self.chat.branch.last().copied();
        self.chat.draft.clear();
        self.store()?.set_draft(Some(ConversationId(conversation)), String::new()).await?;
        self.store()?.set_draft(None, String::new()).await?;
        self.begin_picture(conversation, newest, Wish { prompt: prompt.to_owned(), shape }, None).await
    }

    /// Another version of a picture, in the same place.
    pub(super) async fn redraw(&mut self, known: &ChatMessage, shape: Shape) -> Result<(), store::Error> {
        let Some(conversation) = self.chat.conversation else { return Ok(()) };
        self.begin_picture(conversation, known.parent, Wish { prompt: known.text.clone(), shape }, None).await
    }

    async fn begin_picture(
        &mut self,
        conversation: i64,
        parent: Option<i64>,
        wish: Wish,
        reply: Option<oneshot::Sender<String>>,
    ) -> Result<(), store::Error> {
        self.stop_picture().await?;
        let settings = self.settings.borrow().clone();
        let new = NewMessage {
            provider: FAL.into(),
            model: settings.providers.fal.app.trim().to_owned(),
            state: State::Streaming,
            ..NewMessage::text(
                ConversationId(conversation),
                parent.map(MessageId),
                Role::Assistant,
                wish.prompt.clone(),
                unix_ms(),
            )
        };
        let store = self.store()?;
        let message = store.append(new).await?;
        let shape = wish.shape;
        store.update(message, Patch { receipt: kept(shape, None, None), ..Patch::default() }).await?;
        self.voice.follow(conversation, message);
        let (studio, text) = (self.studio.clone(), self.text.clone());
        let task = tokio::spawn(async move { studio.make(&wish, &settings, &text, Some(conversation)).await });
        self.making = Some(Making { conversation, message, shape, task, reply });
        self.show_pictures(conversation).await?;
        self.tell_history().await
    }

    /// The picture is there, or will not come.
    pub(super) async fn picture_made(
        &mut self,
        outcome: Result<(Picture, Receipt), Failure>,
    ) -> Result<(), store::Error> {
        let Some(mut making) = self.making.take() else { return Ok(()) };
        let kept_now = match &outcome {
            Ok((picture, _)) => {
                let ending = picture.mime.strip_prefix("image/").unwrap_or_default().replace("jpeg", "jpg");
                let name = format!("picture-{}.{ending}", making.message.0);
                let file = NewAttachment { name, mime: picture.mime.into(), data: picture.bytes.clone() };
                self.store()?.attach(making.message, file).await
            }
            Err(_) => Ok(()),
        };
        let outcome = match (outcome, &kept_now) {
            (Ok(_), Err(error)) => Err(Failure::new(FailureKind::Broken, format!("it could not be kept: {error}"))),
            (outcome, _) => outcome,
        };
        let words = match &outcome {
            Ok(_) => tool::output(true, "the picture is made, and the user sees it now"),
            Err(failure) => tool::output(false, &format!("no picture: {}", failure.message)),
        };
        if let Some(reply) = making.reply.take() {
            // The call may be over.
            let _ = reply.send(words);
        }
        let (state, receipt, failure) = match outcome {
            Ok((_, receipt)) => (State::Done, Some(receipt), None),
            Err(failure) => (State::Failed, None, Some(failure)),
        };
        self.end_picture(&making, state, receipt, failure).await
    }

    /// The user wants no more of what he asked for in writing.
    pub(super) async fn stop_writing(&mut self) -> Result<(), store::Error> {
        if self.making.as_ref().is_some_and(Making::is_written) {
            self.stop_picture().await?;
        }
        self.stop_answer().await
    }

    /// Gives up the picture that is being made, if there is one.
    pub(super) async fn stop_picture(&mut self) -> Result<(), store::Error> {
        let Some(mut making) = self.making.take() else { return Ok(()) };
        making.task.abort();
        if let Some(reply) = making.reply.take() {
            let _ = reply.send(tool::output(false, SUPERSEDED));
        }
        let failure = Failure::new(FailureKind::Cancelled, "given up");
        self.end_picture(&making, State::Stopped, None, Some(failure)).await
    }

    async fn end_picture(
        &mut self,
        making: &Making,
        state: State,
        receipt: Option<Receipt>,
        failure: Option<Failure>,
    ) -> Result<(), store::Error> {
        let told = failure.as_ref().map(|failure| store::Failure {
            kind: crate::text::kind_name(failure.kind),
            message: failure.message.clone(),
        });
        let patch = Patch {
            state: Some(state),
            cost_nano: receipt.as_ref().and_then(|receipt| receipt.cost_nano),
            failure: Some(told),
            receipt: kept(making.shape, receipt, failure.as_ref().map(super::failure)),
            ..Patch::default()
        };
        self.store()?.update(making.message, patch).await?;
        self.show_pictures(making.conversation).await?;
        self.tell_budget().await
    }

    async fn show_pictures(&mut self, conversation: i64) -> Result<(), store::Error> {
        self.mark_answering();
        if self.chat.conversation == Some(conversation) { self.reload().await } else { Ok(()) }
    }

    /// Writes a picture of the open conversation into a new file in the folder of exports.
    pub(super) fn save_picture(&mut self, message: i64) {
        let known = self.open.messages.iter().find(|known| known.id == message);
        let Some(file) = known.and_then(|known| known.attachments.first()).cloned() else { return };
        let (tell, folder) = (self.tell.clone(), self.exports.clone());
        self.jobs.spawn(async move {
            let saved = tokio::task::spawn_blocking(move || {
                let bytes = STANDARD.decode(&file.data).map_err(std::io::Error::other)?;
                history::save_file(&folder, &file.name, &bytes)
            });
            let saved = saved.await.unwrap_or_else(|error| Err(std::io::Error::other(error)));
            let mut transfer = Transfer {
                is_import: false,
                done: 1,
                total: Some(1),
                is_over: true,
                path: String::new(),
                failure: String::new(),
            };
            match saved {
                Ok(path) => transfer.path = path.display().to_string(),
                Err(error) => transfer.failure = error.to_string(),
            }
            let _ = tell.send(Change::Transfer(transfer)).await;
            Done::Nothing
        });
    }
}

fn kept(shape: Shape, receipt: Option<Receipt>, failure: Option<crate::api::ChatFailure>) -> Option<serde_json::Value> {
    serde_json::to_value(Kept { receipt, failure, picture: Some(shape), ..Kept::default() }).ok()
}
