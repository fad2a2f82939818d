//! The user's own budgets: what is left is asked for and set aside before anything is sent, so that not even requests
//! at the same time can pass a limit together.

use std::sync::{Arc, Mutex, PoisonError};

use protocol::chat::{Failure, FailureKind, Tokens};

use crate::{Announced, Budget, Ledger, Nanodollars, Price, Quantity, Spent};

/// With a budget, an answer without a limit of its own gets this one, tokens: something has to be set aside.
const LONGEST_ANSWER: u64 = 32_768;
/// Answers shorter than this are not worth their prompt, tokens.
const SHORTEST_ANSWER: u64 = 64;

/// What is set aside for requests under way.
#[derive(Default)]
pub(crate) struct Reserves {
    /// One at a time may look and set aside.
    turn: tokio::sync::Mutex<()>,
    held: Arc<Mutex<Vec<Held>>>,
}

#[derive(Debug, Clone, Copy)]
struct Held {
    id: u64,
    conversation: Option<i64>,
    amount: Nanodollars,
}

/// Money set aside; given back when dropped.
#[derive(Debug)]
pub struct Reserve {
    id: u64,
    held: Arc<Mutex<Vec<Held>>>,
    /// Dropped with it.
    announced: Option<Announced>,
}

impl Drop for Reserve {
    fn drop(&mut self) {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).retain(|held| held.id != self.id);
    }
}

/// What a request may take.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Allowance {
    /// The limit for the answer, tokens; `None`: none is needed.
    pub(crate) max_output: Option<u64>,
    /// Whether that is less than was asked for.
    pub(crate) is_capped: bool,
    /// The most that it can cost.
    pub(crate) amount: Nanodollars,
}

/// What a request wants.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wish {
    pub(crate) conversation: Option<i64>,
    /// Tokens of the prompt, rather too many.
    pub(crate) input: u64,
    /// The limit that the user set.
    pub(crate) max_output: Option<u64>,
    /// The model's own limit.
    pub(crate) most: Option<u64>,
    /// Answers at once, each as long as that.
    pub(crate) answers: u64,
}

impl Wish {
    /// Tokens of the longest answer.
    fn longest(&self) -> u64 {
        self.max_output.unwrap_or_else(|| LONGEST_ANSWER.min(self.most.unwrap_or(LONGEST_ANSWER)))
    }
}

impl Reserves {
    /// Sets aside the most that a request can cost, with a shorter answer if that is what it takes. Fails with
    /// [`FailureKind::Budget`] when not even that is left. What costs nothing, such as a model of this computer, no
    /// budget stops.
    pub(crate) async fn reserve(
        &self,
        budget: &Budget,
        ledger: &dyn Ledger,
        price: &Price,
        wish: Wish,
    ) -> Result<(Allowance, Reserve), Failure> {
        if most_cost(price, wish, wish.longest()) == Nanodollars::ZERO {
            let allowance = Allowance { max_output: wish.max_output, ..Allowance::default() };
            return Ok((allowance, self.keep(wish.conversation, Nanodollars::ZERO)));
        }
        self.hold(budget, ledger, wish.conversation, |left| allow(price, wish, left)).await
    }

    /// Sets a known price aside.
    pub(crate) async fn set_aside(
        &self,
        budget: &Budget,
        ledger: &dyn Ledger,
        conversation: Option<i64>,
        amount: Nanodollars,
    ) -> Result<Reserve, Failure> {
        let decide = |left| {
            if amount <= left { Ok(Allowance { amount, ..Allowance::default() }) } else { Err(more(amount, left)) }
        };
        self.hold(budget, ledger, conversation, decide).await.map(|(_, reserve)| reserve)
    }

    /// Holds what `decide` makes of what is left.
    async fn hold(
        &self,
        budget: &Budget,
        ledger: &dyn Ledger,
        conversation: Option<i64>,
        decide: impl FnOnce(Nanodollars) -> Result<Allowance, Failure>,
    ) -> Result<(Allowance, Reserve), Failure> {
        let _turn = self.turn.lock().await;
        // Looked at before the ledger: what ends in between is counted twice rather than not at all.
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let spent = ledger.spent(conversation).await?;
        let allowance = decide(left(budget, spent, conversation, &held)?)?;
        let mut reserve = self.keep(conversation, allowance.amount);
        reserve.announced = ledger.announce(conversation, allowance.amount).await;
        Ok((allowance, reserve))
    }

    fn keep(&self, conversation: Option<i64>, amount: Nanodollars) -> Reserve {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let id = held.iter().map(|held| held.id).max().map_or(0, |id| id + 1);
        held.push(Held { id, conversation, amount });
        Reserve { id, held: Arc::clone(&self.held), announced: None }
    }
}

/// The limit of which the greatest part is spent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Left {
    /// The limit.
    pub limit: Nanodollars,
    /// What is left of it; above zero.
    pub left: Nanodollars,
}

impl Budget {
    /// Whether there is any limit.
    pub fn is_set(&self) -> bool {
        self.conversation.is_some() || self.day.is_some() || self.month.is_some()
    }

    /// What `spent` leaves; `None` without a budget.
    ///
    /// # Errors
    /// [`FailureKind::Budget`]: nothing is left of one.
    pub fn left(&self, spent: Spent) -> Result<Option<Left>, Failure> {
        let mut nearest: Option<Left> = None;
        for (limit, used, name) in limits(self, spent) {
            let Some(limit) = limit else { continue };
            let one = Left { limit, left: remainder(limit, used, name)? };
            let share = |of: &Left| i128::from(of.left.0) * i128::from(one.limit.0);
            if nearest.is_none_or(|known| share(&known) > i128::from(one.left.0) * i128::from(known.limit.0)) {
                nearest = Some(one);
            }
        }
        Ok(nearest)
    }
}

/// Each limit with what was used of it.
fn limits(budget: &Budget, spent: Spent) -> [(Option<Nanodollars>, Nanodollars, &'static str); 3] {
    [
        (budget.conversation, spent.conversation, "conversation"),
        (budget.day, spent.day, "day"),
        (budget.month, spent.month, "month"),
    ]
}

fn remainder(limit: Nanodollars, used: Nanodollars, name: &str) -> Result<Nanodollars, Failure> {
    let left = Nanodollars(limit.0.saturating_sub(used.0));
    if left.0 <= 0 {
        return Err(refused(&format!("The budget of {limit} for this {name} is spent.")));
    }
    Ok(left)
}

/// The least that is left of the three; a great deal without a budget.
fn left(budget: &Budget, spent: Spent, conversation: Option<i64>, held: &[Held]) -> Result<Nanodollars, Failure> {
    let all = held.iter().fold(Nanodollars::ZERO, |sum, held| sum + held.amount);
    let own = held.iter().filter(|held| conversation.is_some() && held.conversation == conversation);
    let own = own.fold(Nanodollars::ZERO, |sum, held| sum + held.amount);
    let used = Spent { conversation: spent.conversation + own, day: spent.day + all, month: spent.month + all };
    let budget = Budget { conversation: budget.conversation.filter(|_| conversation.is_some()), ..*budget };
    let mut least = Nanodollars(i64::MAX);
    for (limit, used, name) in limits(&budget, used) {
        let Some(limit) = limit else { continue };
        least = least.min(remainder(limit, used, name)?);
    }
    Ok(least)
}

fn more(amount: Nanodollars, left: Nanodollars) -> Failure {
    refused(&format!("This would cost about {amount}, more than the {left} that the budget leaves."))
}

fn refused(message: &str) -> Failure {
    Failure::new(FailureKind::Budget, message)
}

/// How much of the wish `left` pays for.
fn allow(price: &Price, wish: Wish, left: Nanodollars) -> Result<Allowance, Failure> {
    let cost = |output| most_cost(price, wish, output);
    let wanted = wish.longest();
    if cost(wanted) <= left {
        return Ok(Allowance { max_output: Some(wanted), is_capped: false, amount: cost(wanted) });
    }
    // The longest answer that is still paid for.
    let (mut low, mut high) = (0, wanted);
    while low < high {
        let middle = low + (high - low).div_ceil(2);
        if cost(middle) <= left { low = middle } else { high = middle - 1 }
    }
    if low < SHORTEST_ANSWER {
        return Err(more(cost(SHORTEST_ANSWER.min(wanted)), left));
    }
    Ok(Allowance { max_output: Some(low), is_capped: true, amount: cost(low) })
}

/// The cost of answers of this length if everything is charged at its dearest rate.
fn most_cost(price: &Price, wish: Wish, output: u64) -> Nanodollars {
    let (input, output) = (wish.input, output.saturating_mul(wish.answers));
    let cost = |tokens| price.cost(&Quantity::from(tokens));
    let plain = Tokens { input, output, ..Tokens::default() };
    let input_only = Tokens { input, ..Tokens::default() };
    let written = cost(Tokens { cache_written: input, ..input_only }).max(cost(input_only));
    let thought = cost(Tokens { reasoning: output, ..plain }).max(cost(plain));
    Nanodollars(thought.0.saturating_add(written.0.saturating_sub(cost(input_only).0)))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use futures_util::FutureExt;
    use futures_util::future::BoxFuture;
    use proptest::prelude::*;

    struct Book(Spent);

    impl Ledger for Book {
        fn write(&self, _: crate::Row) {}

        fn spent(&self, _: Option<i64>) -> BoxFuture<'_, Result<Spent, Failure>> {
            std::future::ready(Ok(self.0)).boxed()
        }
    }

    const WISH: Wish = Wish { conversation: Some(1), input: 1000, max_output: Some(1000), most: None, answers: 1 };

    fn dollars(amount: f64) -> Option<Nanodollars> {
        Some(Nanodollars::from_dollars(amount))
    }

    #[tokio::test]
    async fn requests_at_the_same_time_cannot_pass_the_limit_together() {
        // 1000 in at $1, 1000 out at $10 per million: $0.011.
        let (reserves, price) = (Reserves::default(), Price::dollars(1.0, None, 10.0));
        let budget = Budget { day: dollars(0.023), ..Budget::default() };
        let book = Book(Spent::default());
        let first = reserves.reserve(&budget, &book, &price, WISH).await.unwrap();
        let second = reserves.reserve(&budget, &book, &price, WISH).await.unwrap();
        assert!(!first.0.is_capped && !second.0.is_capped);
        assert_eq!(reserves.reserve(&budget, &book, &price, WISH).await.err().unwrap().kind, FailureKind::Budget);
        drop(first);
        assert!(reserves.reserve(&budget, &book, &price, WISH).await.is_ok(), "what is given back can be used");
    }

    #[tokio::test]
    async fn each_of_the_three_limits_refuses() {
        let price = Price::dollars(1.0, None, 10.0);
        let spent = dollars(1.0).unwrap();
        let book = Book(Spent { conversation: spent, day: spent, month: spent });
        let cases = [
            (Budget { conversation: dollars(1.0), ..Budget::default() }, "conversation"),
            (Budget { day: dollars(0.9), ..Budget::default() }, "day"),
            (Budget { month: dollars(1.0), ..Budget::default() }, "month"),
        ];
        for (budget, name) in cases {
            let refused = Reserves::default().reserve(&budget, &book, &price, WISH).await.err().unwrap();
            assert!(refused.kind == FailureKind::Budget && refused.message.contains(name), "{refused}");
        }
        let budget = Budget { conversation: dollars(1.0), ..Budget::default() };
        let elsewhere = Wish { conversation: None, ..WISH };
        assert!(Reserves::default().reserve(&budget, &book, &price, elsewhere).await.is_ok());
    }

    #[tokio::test]
    async fn what_costs_nothing_is_asked_on_a_spent_budget_too() {
        let spent = dollars(1.0).unwrap();
        let book = Book(Spent { day: spent, ..Spent::default() });
        let budget = Budget { day: dollars(0.5), ..Budget::default() };
        let wish = Wish { max_output: None, ..WISH };
        let (allowance, _reserve) = Reserves::default().reserve(&budget, &book, &Price::default(), wish).await.unwrap();
        assert_eq!(allowance, Allowance::default());
    }

    #[tokio::test]
    async fn what_is_set_aside_for_something_else_is_not_there_for_requests() {
        let (reserves, price) = (Reserves::default(), Price::dollars(1.0, None, 10.0));
        let budget = Budget { day: dollars(0.015), ..Budget::default() };
        let book = Book(Spent::default());
        let amount = Nanodollars(10_000_000);
        let first = reserves.set_aside(&budget, &book, None, amount).await.unwrap();
        let refused = reserves.set_aside(&budget, &book, None, amount).await.unwrap_err();
        assert!(refused.kind == FailureKind::Budget && refused.message.contains("$0.005"), "{refused}");
        assert!(reserves.reserve(&budget, &book, &price, WISH).await.unwrap().0.is_capped);
        drop(first);
        assert!(!reserves.reserve(&budget, &book, &price, WISH).await.unwrap().0.is_capped);
    }

    #[test]
    fn the_budget_that_is_nearest_to_its_end_is_told() {
        let spent = Spent { conversation: Nanodollars(10), day: Nanodollars(80), month: Nanodollars(80) };
        let limit = |nano| Some(Nanodollars(nano));
        let budget = Budget { conversation: limit(20), day: limit(100), month: limit(1_000) };
        assert_eq!(budget.left(spent), Ok(Some(Left { limit: Nanodollars(100), left: Nanodollars(20) })));
        assert_eq!(Budget::default().left(spent), Ok(None));
        let failure = Budget { month: limit(80), ..budget }.left(spent).unwrap_err();
        assert!(failure.kind == FailureKind::Budget && failure.message.contains("month"), "{failure}");
    }

    proptest! {
        #[test]
        fn what_is_allowed_never_costs_more_than_what_is_left(
            input in 0..500_000_u64, max_output in proptest::option::of(1..200_000_u64), left in 1..2_000_000_000_i64,
            rates in (0..20_000_000_000_u64, 0..100_000_000_000_u64, proptest::option::of(0..50_000_000_000_u64)),
            actual in (0.0..=1.0_f64, 0.0..=1.0_f64, 0.0..=1.0_f64), answers in 1..5_u64,
        ) {
            let price = Price { input: rates.0, output: rates.1, written: rates.2, reasoning: rates.2, ..Price::default() };
            let wish = Wish { conversation: None, input, max_output, most: None, answers };
            if let Ok(allowance) = allow(&price, wish, Nanodollars(left)) {
                prop_assert!(allowance.amount.0 <= left);
                // Whatever comes within the limits costs no more than was set aside.
                let share = |whole: u64, share: f64| (whole as f64 * share) as u64;
                let output = share(answers * allowance.max_output.unwrap_or(LONGEST_ANSWER), actual.0);
                let tokens = Tokens {
                    input, output,
                    cache_written: share(input, actual.1),
                    reasoning: share(output, actual.2),
                    ..Tokens::default()
                };
                prop_assert!(price.cost(&Quantity::from(tokens)).0 <= allowance.amount.0 + 1);
            }
        }
    }
}
