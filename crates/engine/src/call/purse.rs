//! Budgets in a call: nothing is dialled when one is spent, and a call ends between two turns when its last one, or the
//! last minute of a connection, spent it.

use gateway::Left;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use crate::api::{Code, Note, Problem};
use crate::board::Board;
use crate::chat::Order;
use crate::config::Settings;
use crate::{minute, text};

use super::Call;

/// Asks what was spent. The text pane answers, which writes a call's rows: in its order of work every row that it was
/// given before is counted.
#[derive(Debug, Clone)]
pub(crate) struct Purse(mpsc::Sender<Order>);

impl Purse {
    pub(crate) fn new(pane: mpsc::Sender<Order>) -> Self {
        Self(pane)
    }

    /// Whether a budget can stop the voice of these settings.
    pub(super) fn is_asked(settings: &Settings) -> bool {
        text::budget(&settings.budget).is_set() && !minute::is_free(settings)
    }

    /// What is left for the voice of these settings; `None`: nothing limits it.
    ///
    /// # Errors
    /// [`Code::Budget`]: a budget is spent, or nobody knows.
    pub(super) async fn look(self, settings: Settings) -> Result<Option<Left>, Problem> {
        if !Self::is_asked(&settings) {
            return Ok(None);
        }
        let refused = |detail| Problem { code: Code::Budget, detail };
        let (reply, counted) = oneshot::channel();
        let unknown = || refused("what was spent is not known".into());
        self.0.send(Order::Count(reply)).await.map_err(|_| unknown())?;
        let spent = counted.await.map_err(|_| unknown())?.map_err(|failure| refused(failure.message))?;
        text::budget(&settings.budget).left(spent).map_err(|failure| refused(failure.message))
    }

    /// The conversation that the call belongs to, once a turn of it is known.
    pub(super) async fn conversation(self) -> Option<i64> {
        let (reply, told) = oneshot::channel();
        self.0.send(Order::Conversation(reply)).await.ok()?;
        told.await.ok().flatten()
    }

    /// Writes rows that belong to no conversation.
    pub(crate) async fn book(&self, rows: Vec<store::Row>) {
        for row in rows {
            if self.0.send(Order::Booked(Box::new(row))).await.is_err() {
                tracing::warn!("a row of the ledger is lost: the text pane has ended");
            }
        }
    }
}

/// How a call stands to the budgets.
#[derive(Debug, Default)]
pub(super) struct Watch {
    looks: JoinSet<Result<Option<Left>, Problem>>,
    /// Something was spent, or allowed, since the last look.
    is_due: bool,
    /// The user was told in this call that not much is left.
    is_warned: bool,
    /// What is spent, since nobody could be stopped yet.
    spent: Option<Problem>,
}

impl Watch {
    /// What a look found; safe to drop and call again.
    pub(super) async fn next(&mut self) -> Result<Option<Left>, Problem> {
        loop {
            match self.looks.join_next().await {
                Some(Ok(found)) => return found,
                Some(Err(error)) => tracing::debug!(%error, "a look at the budgets broke off"),
                None => std::future::pending().await,
            }
        }
    }

    /// A look is needed.
    pub(super) fn wants_look(&mut self) {
        self.is_due = true;
    }
}

impl Call {
    /// Rows for the ledger since the last time; they do not know their conversation.
    pub(crate) fn take_toll(&mut self) -> Vec<store::Row> {
        let rows = self.toll.take();
        if !rows.is_empty() {
            self.watch.wants_look();
        }
        rows
    }

    /// Looks at the budgets, if something was spent. To be called when the pane has the rows of [`Call::take_toll`].
    pub(crate) fn look_at_budgets(&mut self, settings: &Settings) {
        if self.watch.is_due && self.watch.looks.is_empty() && !self.link.is_idle() {
            self.watch.is_due = false;
            self.watch.looks.spawn(self.link.exchange().purse.clone().look(settings.clone()));
        }
    }

    /// What a look at the budgets found.
    pub(super) fn counted(&mut self, found: Result<Option<Left>, Problem>, board: &mut Board) {
        match found {
            Ok(left) => {
                self.watch.spent = None;
                // Four fifths are spent.
                let near = left.filter(|left| left.left.0 <= left.limit.0 / 5);
                if let Some(left) = near.filter(|_| !std::mem::replace(&mut self.watch.is_warned, true)) {
                    board.note(Note::BudgetNear { left_nano: left.left.0, limit_nano: left.limit.0 });
                }
            }
            Err(problem) => self.watch.spent = Some(problem),
        }
    }

    /// Between two turns a call whose budget is spent goes on with a voice that costs nothing, or ends.
    pub(super) fn keep_to_budgets(&mut self, board: &mut Board) {
        if self.watch.spent.is_none() || !self.is_between_turns() || self.errands.is_busy() {
            return;
        }
        // Whoever stands in, or was chosen meanwhile, may cost nothing.
        let is_meant = !self.link.is_idle() && Purse::is_asked(board.settings());
        let Some(problem) = self.watch.spent.take().filter(|_| is_meant) else { return };
        tracing::info!("a budget is spent: the call ends");
        self.give_up(problem, board);
        self.has_ended = self.link.is_idle();
    }

    /// A budget was changed: what it stopped can go on.
    pub(super) fn budget_changed(&mut self, board: &mut Board) {
        // What is being looked for is of the old one.
        self.watch = Watch { is_due: true, is_warned: self.watch.is_warned, ..Watch::default() };
        if board.problem().is_some_and(|problem| problem.code == Code::Budget) {
            board.set_problem(None);
        }
    }
}
