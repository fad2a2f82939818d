//! Summaries of the older part of a long call, for connections to come. They are made while the call goes on, so that
//! nobody waits for one; without them the next connection hears of the newest turns alone.

use gateway::Purpose;
use protocol::{ItemId, Role};
use tokio::task::JoinSet;

use crate::chat::Aside;
use crate::config::Settings;

use super::Exchange;

/// Most tokens: some thoughts of the model, and 250 words.
const MOST: u64 = 2_000;
const TASK: &str = "Sum up the older part of a spoken conversation, so that somebody who did not hear it can go on with it: \
    names, facts, decisions, wishes, open questions. At most 200 words, in the conversation's language. Answer with the \
    summary only.";

/// See the module. The newest is the one that is wanted.
#[derive(Debug, Default)]
pub(super) struct Summaries(JoinSet<(ItemId, Option<String>)>);

impl Summaries {
    /// The next that came; safe to drop and call again.
    pub(super) async fn next(&mut self) -> (ItemId, String) {
        loop {
            match self.0.join_next().await {
                Some(Ok((until, Some(text)))) => return (until, text),
                Some(Ok((_, None))) => tracing::info!("no summary came; the newest turns will do"),
                Some(Err(error)) => tracing::debug!(%error, "a summary was given up"),
                None => std::future::pending().await,
            }
        }
    }

    /// Asks for one, if the user allows it.
    pub(super) fn ask(
        &mut self,
        until: ItemId,
        earlier: Option<&str>,
        talk: &[(Role, String)],
        settings: &Settings,
        exchange: &Exchange,
    ) {
        if !Aside::is_allowed(settings) {
            return;
        }
        let task = task(earlier, talk);
        let (text, purse, settings) = (exchange.text.clone(), exchange.purse.clone(), settings.clone());
        self.0.abort_all();
        self.0.spawn(async move {
            let conversation = purse.conversation().await;
            let aside = Aside { task, purpose: Purpose::Summary, most: MOST, conversation };
            (until, aside.ask(&text, &settings).await)
        });
    }
}

fn task(earlier: Option<&str>, talk: &[(Role, String)]) -> String {
    let before = earlier.map(|earlier| format!("\n\nWhat was said before, in short: {earlier}")).unwrap_or_default();
    let line = |(role, words): &(Role, String)| {
        let speaker = match role {
            Role::User => "User",
            Role::Assistant => "Assistant",
        };
        format!("\n\n{speaker}: {words}")
    };
    format!("{TASK}{before}{}", talk.iter().map(line).collect::<String>())
}
