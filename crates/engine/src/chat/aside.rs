//! Small tasks on the side, such as titles and summaries: done by the cheapest model of the provider that the user asks,
//! where the user allows it.

use gateway::{Order, Piece, Purpose, Target};
use protocol::chat::{Delta, Finish, Part, Speaker};

use super::question;
use crate::config::Settings;
use crate::text::{PRACTICE, Text};

/// A task.
pub(crate) struct Aside {
    /// In words.
    pub(crate) task: String,
    pub(crate) purpose: Purpose,
    /// Most tokens of the answer.
    pub(crate) most: u64,
    /// What it is for.
    pub(crate) conversation: Option<i64>,
}

impl Aside {
    /// Whether the user allows any. The practice partner can do none.
    pub(crate) fn is_allowed(settings: &Settings) -> bool {
        settings.chat.titles && settings.chat.provider != PRACTICE
    }

    /// The answer; `None`: there is none, or not a whole one.
    pub(crate) async fn ask(self, text: &Text, settings: &Settings) -> Option<String> {
        let question = question::message(Speaker::User, vec![Part::Text { text: self.task }]);
        let mut ask = question::ask(settings, "", vec![question], self.conversation);
        ask.purpose = self.purpose;
        ask.spares = Vec::new();
        ask.request.max_output = Some(self.most);
        // What the user set for another model.
        (ask.request.temperature, ask.request.effort) = (None, None);
        if let Some(first) = ask.order.targets().first().cloned() {
            let models = text.gateway().known_models(&first.provider);
            let cheapest = models.into_iter().filter_map(|model| Some((model.price?.output, model.id))).min();
            let model = cheapest.map_or(first.model, |(_, id)| id);
            ask.order = Order::Chain(vec![Target { provider: first.provider, model }]);
        }
        let mut pieces = text.ask(ask);
        let mut answer = String::new();
        let mut is_whole = false;
        while let Some(piece) = pieces.recv().await {
            match piece {
                Piece::Delta(Delta::Text(more)) => answer.push_str(&more),
                Piece::Receipt(receipt) => is_whole = receipt.finish != Some(Finish::Length),
                Piece::Delta(_) | Piece::Progress(_) => {}
                Piece::Failed(..) => return None,
            }
        }
        let answer = answer.trim();
        (is_whole && !answer.is_empty()).then(|| answer.to_owned())
    }
}
