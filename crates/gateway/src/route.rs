//! Stage 4, first half: in which order the targets are asked, and which cannot do it at all.

use std::cmp::Ordering;

use protocol::chat::{Failure, FailureKind, Part, Raw, Request, Tokens, Wire};

use crate::health::Board;
use crate::models::Known;
use crate::price::{effective, input_tokens};
use crate::{Nanodollars, Order, Policy, Quantity, Settings, Target, provider};

/// A guess at the length of an answer, tokens.
const USUAL_ANSWER: u64 = 600;

/// What is known of a target.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Facts {
    /// Whether it takes pictures; `None`: not known.
    pub(crate) images: Option<bool>,
    /// Tokens of the conversation; `None`: not known.
    pub(crate) context: Option<u64>,
    /// About what it will cost.
    pub(crate) cost: Option<Nanodollars>,
    /// Average time to the first token, ms.
    pub(crate) first_ms: Option<f64>,
    /// Share of tries that did not fail.
    pub(crate) success: f64,
}

/// What the request needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Needs {
    pub(crate) images: bool,
    pub(crate) input: u64,
}

/// The targets that can, in the order to ask them. Fails when none can.
pub(crate) fn order(
    order: &Order,
    request: &Request,
    settings: &Settings,
    board: &Board,
    known: &Known,
) -> Result<Vec<Target>, Failure> {
    let mut parts = request.messages.iter().flat_map(|message| &message.parts);
    let has_image = parts.any(|part| matches!(part, Part::Image { .. }));
    let images = has_image || request.raw.as_ref().is_some_and(Raw::has_image);
    let needs = Needs { images, input: input_tokens(request) };
    let targets: Vec<_> = order.targets().iter().filter(|target| beyond(target, request).is_none()).collect();
    if let (true, Some(why)) = (targets.is_empty(), order.targets().iter().find_map(|target| beyond(target, request))) {
        return Err(why);
    }
    let facts: Vec<_> =
        targets.iter().map(|target| facts(target, request, needs.input, settings, (board, known))).collect();
    let policy = match order {
        Order::Chain(_) => None,
        Order::Policy(policy, _) => Some(*policy),
    };
    let sorted = sort(&facts, needs, policy)?;
    Ok(sorted.into_iter().filter_map(|index| targets.get(index).map(|target| Target::clone(target))).collect())
}

/// Why a target cannot be told of the request, if that is so.
pub(crate) fn beyond(target: &Target, request: &Request) -> Option<Failure> {
    let raw = request.raw.as_ref()?;
    let provider = provider(&target.provider).filter(|provider| provider.wire != Wire::OpenaiChat)?;
    let words = format!("{} does not understand {} in a chat request.", provider.name, raw.beyond);
    Some(Failure::new(FailureKind::Invalid, words))
}

fn facts(
    target: &Target,
    request: &Request,
    input: u64,
    settings: &Settings,
    (board, known): (&Board, &Known),
) -> Facts {
    let told = known.of(target);
    let score = board.score(&target.provider);
    Facts {
        images: told.images,
        context: told.context,
        cost: estimate(target, request, input, settings),
        first_ms: score.first_ms,
        success: score.success,
    }
}

/// About what a request will cost at a target.
pub(crate) fn estimate(target: &Target, request: &Request, input: u64, settings: &Settings) -> Option<Nanodollars> {
    let output = request.max_output.map_or(USUAL_ANSWER, |most| most.min(USUAL_ANSWER));
    let tokens = Tokens { input, output, ..Tokens::default() };
    Some(effective(settings, target)?.cost(&Quantity::from(tokens)))
}

/// Indices of those that can, best first. Equals keep their order.
pub(crate) fn sort(facts: &[Facts], needs: Needs, policy: Option<Policy>) -> Result<Vec<usize>, Failure> {
    let sees = |facts: &Facts| !needs.images || facts.images != Some(false);
    // The count of tokens is ours and high; only what is far too long is kept away.
    let holds = |facts: &Facts| facts.context.is_none_or(|context| needs.input / 2 <= context);
    let mut able: Vec<_> = facts.iter().enumerate().filter(|(_, facts)| sees(facts) && holds(facts)).collect();
    if able.is_empty() {
        return Err(if facts.iter().any(sees) {
            Failure::new(FailureKind::TooLong, "The conversation is longer than these models take.")
        } else {
            Failure::new(FailureKind::Invalid, "None of these models takes pictures.")
        });
    }
    let unknown_last = |a: Option<f64>, b: Option<f64>| match (a, b) {
        (Some(a), Some(b)) => a.total_cmp(&b),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => Ordering::Equal,
    };
    match policy {
        None => {}
        Some(Policy::Cheapest) => able.sort_by_key(|(_, facts)| (facts.cost.is_none(), facts.cost)),
        Some(Policy::Fastest) => able.sort_by(|(_, a), (_, b)| unknown_last(a.first_ms, b.first_ms)),
        Some(Policy::MostReliable) => able.sort_by(|(_, a), (_, b)| b.success.total_cmp(&a.success)),
    }
    Ok(able.into_iter().map(|(index, _)| index).collect())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn some_facts() -> impl Strategy<Value = Facts> {
        let first = prop_oneof![Just(None), (0.0..10_000.0_f64).prop_map(Some)];
        let cost = prop_oneof![Just(None), (0..1_000_000_i64).prop_map(|cost| Some(Nanodollars(cost)))];
        let context = prop_oneof![Just(None), (1_000..200_000_u64).prop_map(Some)];
        (proptest::option::of(any::<bool>()), context, cost, first, 0.0..=1.0_f64)
            .prop_map(|(images, context, cost, first_ms, success)| Facts { images, context, cost, first_ms, success })
    }

    proptest! {
        #[test]
        fn those_that_can_come_once_each_in_the_order_of_the_policy(
            facts in proptest::collection::vec(some_facts(), 0..12),
            images: bool, input in 0..500_000_u64,
            policy in prop_oneof![
                Just(None), Just(Some(Policy::Cheapest)), Just(Some(Policy::Fastest)), Just(Some(Policy::MostReliable))
            ],
        ) {
            let needs = Needs { images, input };
            let can = |facts: &Facts| {
                !(images && facts.images == Some(false)) && facts.context.is_none_or(|context| input / 2 <= context)
            };
            match sort(&facts, needs, policy) {
                Err(_) => prop_assert!(!facts.iter().any(can)),
                Ok(sorted) => {
                    let mut indices = sorted.clone();
                    indices.sort_unstable();
                    let able: Vec<_> = (0..facts.len()).filter(|index| can(&facts[*index])).collect();
                    prop_assert_eq!(indices, able);
                    for pair in sorted.windows(2) {
                        let (a, b) = (&facts[pair[0]], &facts[pair[1]]);
                        let is_in_order = match policy {
                            None => true,
                            Some(Policy::Cheapest) => b.cost.is_none() || a.cost.is_some_and(|cost| Some(cost) <= b.cost),
                            Some(Policy::Fastest) => {
                                b.first_ms.is_none() || a.first_ms.is_some_and(|first| Some(first) <= b.first_ms)
                            }
                            Some(Policy::MostReliable) => a.success >= b.success,
                        };
                        prop_assert!(is_in_order);
                        prop_assert!(policy.is_some() || pair[0] < pair[1], "a chain keeps its order");
                    }
                }
            }
        }
    }

    #[test]
    fn without_a_model_that_sees_or_holds_it_the_reason_is_told() {
        let blind = Facts { images: Some(false), context: Some(1000), ..Facts::default() };
        let why = |needs| sort(&[blind], needs, None).unwrap_err().kind;
        assert_eq!(why(Needs { images: true, input: 10 }), FailureKind::Invalid);
        assert_eq!(why(Needs { images: false, input: 10_000 }), FailureKind::TooLong);
    }
}
