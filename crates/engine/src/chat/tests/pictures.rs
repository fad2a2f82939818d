//! Pictures in the conversation, from a fake fal.

use emulator::fal::{Fal, Plan, Trouble};

use super::*;
use crate::api::Shape;
use crate::tool::ToolCall;

const WISH: &str = "a red fox";

async fn fakes() -> Fakes {
    Fakes::start(Script::default().answer(Answer::say("Hello."))).await.unwrap()
}

fn at(fal: &Fal) -> Value {
    json!({ "providers": { "fal": { "base_url": fal.base_url() } } })
}

impl Rig {
    async fn draw(&self, prompt: &str) {
        self.send(Command::MakePicture { prompt: prompt.into(), shape: Shape::Square }).await;
    }

    async fn call(&self, arguments: &str) -> oneshot::Receiver<String> {
        let (reply, heard) = oneshot::channel();
        let call = ToolCall { item: protocol::ItemId(1), name: "make_image".into(), arguments: arguments.into() };
        self.orders.send(Order::Tool { call, reply }).await.unwrap();
        heard
    }
}

#[tokio::test]
async fn a_picture_stands_in_the_conversation_and_in_the_history() {
    let (fakes, fal) = (fakes().await, Fal::start(Plan::default()).await.unwrap());
    let mut rig = Rig::new(&fakes, &at(&fal));
    rig.ask("Hi").await;
    rig.until_quiet(2).await;
    rig.draw(WISH).await;
    let messages = rig.until_quiet(3).await;
    let picture = &messages[2];
    assert_eq!(
        (picture.picture, picture.text.as_str(), picture.state),
        (Some(Shape::Square), WISH, MessageState::Done)
    );
    assert_eq!((picture.role, picture.parent), (Role::Assistant, Some(messages[1].id)));
    let file = &picture.attachments[0];
    assert_eq!(file.mime, "image/png");
    assert!(file.name.ends_with(".png"));
    assert!(picture.receipt.as_ref().unwrap().cost_nano.is_some());
    // The next question tells of it in words.
    rig.ask("What did you draw?").await;
    rig.until_quiet(5).await;
    let asked = fakes.record().requests.last().unwrap().body.to_string();
    assert!(asked.contains("[A picture was made and shown: a red fox]") && !asked.contains("image/png"), "{asked}");

    let id = rig.now().chat.conversation.unwrap();
    let folder = rig.close().await;
    let mut rig = Rig::within(folder, &fakes, &at(&fal));
    rig.send(Command::OpenConversation { id }).await;
    let messages = rig.until_quiet(5).await;
    assert_eq!((&messages[2].attachments, messages[2].picture), (&picture.attachments, Some(Shape::Square)));
    let path = rig.folder.path().join("out.md");
    rig.send(Command::Export {
        ids: vec![id],
        format: ExportFormat::Markdown,
        path: path.display().to_string(),
        replaces: false,
    })
    .await;
    let text = rig.until_file(&path).await;
    assert!(text.contains(WISH) && text.contains(&file.name), "{text}");
}

impl Rig {
    async fn until_file(&mut self, path: &std::path::Path) -> String {
        let is_over = async {
            loop {
                let change = self.changes.recv().await.unwrap();
                if matches!(&change, Change::Transfer(transfer) if transfer.is_over) {
                    return;
                }
                self.board.show(change);
            }
        };
        tokio::time::timeout(LIMIT, is_over).await.unwrap();
        std::fs::read_to_string(path).unwrap()
    }
}

#[tokio::test]
async fn a_picture_is_saved_as_a_file() {
    let (fakes, fal) = (fakes().await, Fal::start(Plan::default()).await.unwrap());
    let mut rig = Rig::new(&fakes, &at(&fal));
    rig.draw(WISH).await;
    let messages = rig.until_quiet(1).await;
    rig.send(Command::SavePicture { message: messages[0].id }).await;
    let saved = async {
        loop {
            if let Change::Transfer(transfer) = rig.changes.recv().await.unwrap() {
                return transfer;
            }
        }
    };
    let saved = tokio::time::timeout(LIMIT, saved).await.unwrap();
    assert_eq!((saved.failure.as_str(), saved.is_over), ("", true));
    assert_eq!(std::fs::read(saved.path).unwrap(), emulator::fal::png(WISH));
}

#[tokio::test]
async fn a_picture_that_failed_is_tried_again_in_its_place() {
    let fakes = fakes().await;
    let fal = Fal::start(Plan { troubles: vec![Trouble::Status(403)], ..Plan::default() }).await.unwrap();
    let mut rig = Rig::new(&fakes, &at(&fal));
    rig.draw(WISH).await;
    let failed = rig.until_quiet(1).await.remove(0);
    assert_eq!((failed.state, failed.failure.as_ref().unwrap().kind), (MessageState::Failed, FailureKind::Quota));
    rig.send(Command::Regenerate { message: failed.id }).await;
    let now = rig
        .until("another version", |now| {
            let shown = |id: &i64| now.messages.iter().find(|message| message.id == *id);
            let last = now.chat.branch.last().and_then(shown);
            last.is_some_and(|last| last.state == MessageState::Done && last.version == 1)
        })
        .await;
    assert_eq!(now.chat.branch.len(), 1);
}

#[tokio::test]
async fn one_picture_is_made_at_a_time_and_can_be_given_up() {
    let fakes = fakes().await;
    let fal = Fal::start(Plan { troubles: vec![Trouble::Silence, Trouble::None, Trouble::Silence], ..Plan::default() });
    let fal = fal.await.unwrap();
    let mut rig = Rig::new(&fakes, &at(&fal));
    rig.draw("an old wish").await;
    rig.until("it is being made", |now| now.chat.is_answering).await;
    fal.wait_for(1, LIMIT).await.unwrap();
    rig.draw(WISH).await;
    let messages = rig.until_quiet(2).await;
    assert_eq!((messages[0].state, messages[1].state), (MessageState::Stopped, MessageState::Done));
    rig.draw("never").await;
    rig.until("it is being made", |now| now.chat.is_answering && now.messages.len() == 3).await;
    fal.wait_for(3, LIMIT).await.unwrap();
    rig.send(Command::StopAnswer).await;
    let messages = rig.until_quiet(3).await;
    assert_eq!(messages[2].failure.as_ref().unwrap().kind, FailureKind::Cancelled);
}

#[tokio::test]
async fn a_voice_hears_what_came_of_its_picture() {
    let fakes = fakes().await;
    let fal =
        Fal::start(Plan { troubles: vec![Trouble::None, Trouble::Status(422)], ..Plan::default() }).await.unwrap();
    let mut rig = Rig::new(&fakes, &at(&fal));
    let heard = rig.call(r#"{"prompt":"a red fox","shape":"portrait"}"#).await;
    let messages = rig.until_quiet(1).await;
    assert_eq!((messages[0].picture, messages[0].text.as_str()), (Some(Shape::Portrait), WISH));
    assert!(heard.await.unwrap().contains("\"ok\":true"));
    assert_eq!(fal.seen()[0].size, "portrait_4_3");
    let heard = rig.call(r#"{"prompt":"something else"}"#).await;
    rig.until_quiet(2).await;
    let words = heard.await.unwrap();
    assert!(words.contains("\"ok\":false") && words.contains("content policy"), "{words}");
    assert!(rig.call("{").await.await.unwrap().contains("prompt is missing"));
}

#[tokio::test]
async fn a_picture_of_a_closed_program_is_shown_as_stopped() {
    let fakes = fakes().await;
    let fal = Fal::start(Plan { troubles: vec![Trouble::Silence], ..Plan::default() }).await.unwrap();
    let mut rig = Rig::new(&fakes, &at(&fal));
    let heard = rig.call(r#"{"prompt":"a red fox"}"#).await;
    let now = rig.until("it is being made", |now| now.messages.len() == 1).await;
    assert!(!now.chat.is_answering, "a voice's picture is the voice's to stop");
    let id = now.chat.conversation.unwrap();
    let folder = rig.close().await;
    assert!(heard.await.unwrap().contains("given up"), "nobody waits for ever");
    let mut rig = Rig::within(folder, &fakes, &at(&fal));
    rig.send(Command::OpenConversation { id }).await;
    let messages = rig.until_quiet(1).await;
    assert_eq!((messages[0].state, messages[0].picture), (MessageState::Stopped, Some(Shape::Square)));
}
