//! What comes back, piece by piece, and what it took.

use protocol::chat::{Delta, Failure, FailureKind, Finish, Tokens};
use serde::{Deserialize, Serialize};

use crate::transport::Reply;
use crate::{Nanodollars, ProviderId, Target, Way};

/// A piece of what comes back. The last one is [`Piece::Receipt`] or [`Piece::Failed`].
#[derive(Debug, Clone, PartialEq)]
pub enum Piece {
    /// How the request gets on.
    Progress(Progress),
    /// A piece of the answer.
    Delta(Delta),
    /// The answer is complete.
    Receipt(Receipt),
    /// There is no (complete) answer. What came before stands.
    Failed(Failure, Receipt),
}

/// How a request gets on.
#[derive(Debug, Clone, PartialEq)]
pub enum Progress {
    /// A limit makes it wait, or a try that failed.
    Waiting {
        /// Whose limit, or who failed; `None`: the limit is the profile's.
        provider: Option<ProviderId>,
        /// Until when, Unix time in milliseconds.
        until_ms: u64,
        /// The try that comes then; `None`: the first one, which a limit of this program's holds up.
        retry: Option<Retry>,
    },
    /// A try begins.
    Trying {
        /// Whom.
        target: Target,
        /// Which try at this target, from 1.
        attempt: u32,
    },
    /// A target is given up for the next. Only before the first token.
    FellBack {
        /// The one given up.
        from: Target,
        /// The next.
        to: Target,
        /// Why.
        why: Failure,
    },
    /// Who answers. Once, before the first [`Piece::Delta`]; from then on nobody else is tried.
    Answers {
        /// Who.
        target: Target,
        /// Where the answer comes from.
        cache: CacheState,
    },
}

impl From<Progress> for Piece {
    fn from(progress: Progress) -> Self {
        Self::Progress(progress)
    }
}

/// Another try at the same target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Retry {
    /// Which one, from 2.
    pub attempt: u32,
    /// As many are made.
    pub attempts: u32,
    /// What became of the last one.
    pub why: FailureKind,
}

impl Retry {
    /// The try after this one, which failed.
    pub(crate) fn after(attempt: u32, attempts: u32, failure: &Failure) -> Self {
        // A second look is made beside them.
        Self { attempt: attempt + 1, attempts: attempts.max(attempt + 1), why: failure.kind }
    }
}

/// What a request took.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Receipt {
    /// Who answered, or was tried last.
    pub target: Target,
    /// The model as the provider names it, if it does.
    pub answered_by: Option<String>,
    /// How it was reached.
    pub way: Way,
    /// Where the answer came from.
    pub cache: CacheState,
    /// Tries, over all targets. 0 for a cached answer.
    pub attempts: u32,
    /// What was consumed.
    pub tokens: Tokens,
    /// Whether `tokens` are counted by us because the provider did not tell, or `cost` is assumed for the budget because
    /// nobody knows the price.
    pub is_estimate: bool,
    /// The cost at the user's price, or else what the provider says, or else the listed price. `None`: not known.
    pub cost: Option<Nanodollars>,
    /// The cost without the user's price; for a cached answer, what it saved.
    pub list_cost: Option<Nanodollars>,
    /// Whether the longest answer was shortened to what the budget still allowed.
    pub is_capped: bool,
    /// How long things took.
    pub times: Times,
    /// What Cloudflare AI Gateway said about it.
    pub gateway: Option<GatewayEcho>,
    /// Why the answer is over.
    pub finish: Option<Finish>,
}

/// Where an answer came from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CacheState {
    /// The provider; the cache was not used.
    #[default]
    Off,
    /// The provider; the cache did not have it.
    Miss,
    /// The cache of this machine.
    Hit,
    /// An equal request that was under way already.
    Coalesced,
    /// The cache of Cloudflare AI Gateway.
    Remote,
}

/// Durations in milliseconds, each from the one before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Times {
    /// Waited for limits, and for tries that failed.
    pub queue_ms: u64,
    /// From the last try's start to the head of its answer.
    pub connect_ms: u64,
    /// From the last try's start to the first token; 0: none came.
    pub first_ms: u64,
    /// All, from the call to the last byte.
    pub total_ms: u64,
}

/// The response headers of Cloudflare AI Gateway.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GatewayEcho {
    /// `cf-aig-cache-status`: `HIT` or `MISS`.
    pub cache_status: Option<String>,
    /// `cf-aig-log-id`.
    pub log_id: Option<String>,
    /// `cf-aig-step`: which step of a fallback answered, from 0. A hint: it was seen stuck at 0.
    pub step: Option<u32>,
    /// `cf-aig-model` of a dynamic route.
    pub model: Option<String>,
    /// `cf-aig-provider` of a dynamic route.
    pub provider: Option<String>,
    /// `cf-aig-routed-model`: whom the auto router chose.
    pub routed_model: Option<String>,
    /// `cf-aig-routing-reason`: and why.
    pub routing_reason: Option<String>,
    /// `cf-aig-routing-decision-id`.
    pub decision_id: Option<String>,
    /// `cf-aig-request-id`: the same as the log id where one request made one row.
    pub request_id: Option<String>,
    /// `cf-ray`: the edge request and its place.
    pub ray: Option<String>,
}

impl GatewayEcho {
    /// Whether the answer comes from its cache.
    pub(crate) fn is_kept(&self) -> bool {
        self.cache_status.as_deref() == Some("HIT")
    }
}

impl Receipt {
    /// Of a request that has not begun.
    pub(crate) fn new(target: Target, way: Way) -> Self {
        Self {
            target,
            answered_by: None,
            way,
            cache: CacheState::Off,
            attempts: 0,
            tokens: Tokens::default(),
            is_estimate: false,
            cost: None,
            list_cost: None,
            is_capped: false,
            times: Times::default(),
            gateway: None,
            finish: None,
        }
    }
}

/// What Cloudflare AI Gateway said about a request.
pub(crate) fn echo(reply: &Reply) -> GatewayEcho {
    echo_of(&reply.headers)
}

/// The same, from the headers; their names are in lower case.
pub(crate) fn echo_of(headers: &[(String, String)]) -> GatewayEcho {
    let header = |name| headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.clone());
    GatewayEcho {
        cache_status: header("cf-aig-cache-status").map(|status| status.to_ascii_uppercase()),
        log_id: header("cf-aig-log-id"),
        step: header("cf-aig-step").and_then(|step| step.parse().ok()),
        model: header("cf-aig-model"),
        provider: header("cf-aig-provider"),
        routed_model: header("cf-aig-routed-model"),
        routing_reason: header("cf-aig-routing-reason"),
        decision_id: header("cf-aig-routing-decision-id"),
        request_id: header("cf-aig-request-id"),
        ray: header("cf-ray"),
    }
}
