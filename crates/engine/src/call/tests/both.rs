//! A call with the text pane, and what the core does between them.

use tokio::sync::oneshot;

use super::*;

pub(super) struct Both {
    pub(super) rig: Rig,
    replies: Vec<(protocol::ItemId, oneshot::Receiver<String>)>,
}

impl Both {
    pub(super) fn new(rig: Rig) -> Self {
        Self { rig, replies: Vec::new() }
    }

    /// Lets both go on until it is so.
    pub(super) async fn until(&mut self, what: &str, is_so: impl Fn(&Snapshot) -> bool) -> Snapshot {
        let going_on = async {
            loop {
                self.pass_on().await;
                let now = self.rig.now();
                if is_so(&now) {
                    return now;
                }
                let reply = async {
                    match self.replies.first_mut() {
                        Some((item, reply)) => (*item, reply.await.unwrap()),
                        None => std::future::pending().await,
                    }
                };
                let Rig { call, board, told, .. } = &mut self.rig;
                tokio::select! {
                    happening = call.next() => {
                        call.happen(happening, board);
                        if call.has_ended() {
                            call.hang_up(board);
                        }
                    }
                    Some(change) = told.recv() => board.show(change),
                    (item, output) = reply => {
                        self.replies.remove(0);
                        call.tool_result(item, &output, board);
                    }
                }
            }
        };
        let outcome = tokio::time::timeout(LIMIT, going_on).await;
        outcome.unwrap_or_else(|_| panic!("not so: {what}\n{:#?}", self.rig.now()))
    }

    async fn pass_on(&mut self) {
        let Rig { call, board, pane, .. } = &mut self.rig;
        let (_, spoken) = board.take_spoken();
        for item in spoken {
            let call_at = item.at;
            pane.send(Order::Spoken { item: Box::new(item), call_at }).await.unwrap();
        }
        for row in call.take_toll() {
            pane.send(Order::Spent(Box::new(row))).await.unwrap();
        }
        call.look_at_budgets(board.settings());
        for call in call.take_tool_calls() {
            let (reply, done) = oneshot::channel();
            self.replies.push((call.item, done));
            pane.send(Order::Tool { call, reply }).await.unwrap();
        }
    }
}
