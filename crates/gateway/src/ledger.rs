//! The last stage: one row for each request, never what was said.

use protocol::chat::{FailureKind, Finish, Tokens};
use serde::{Deserialize, Serialize};

use crate::{CacheState, GatewayEcho, Nanodollars, Purpose, Target, Times, Way};

/// One request.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// When it was asked, Unix time in milliseconds.
    pub started_ms: i64,
    /// What for.
    pub purpose: Purpose,
    /// Who paid.
    pub profile: String,
    /// In which conversation.
    pub conversation: Option<i64>,
    /// Who answered, or was tried last.
    pub target: Target,
    /// The model as the provider names it.
    pub answered_by: Option<String>,
    /// How it was reached.
    pub way: Way,
    /// Whether it was streamed.
    pub is_stream: bool,
    /// How long things took.
    pub times: Times,
    /// What was consumed.
    pub tokens: Tokens,
    /// Whether `tokens` are counted by us: the request was stopped, or the provider did not tell.
    pub is_estimate: bool,
    /// At the user's price, or else the listed one. `None`: not known.
    pub cost: Option<Nanodollars>,
    /// At the listed price.
    pub list_cost: Option<Nanodollars>,
    /// Where the answer came from.
    pub cache: CacheState,
    /// Tries, over all targets.
    pub attempts: u32,
    /// How it ended.
    pub outcome: Outcome,
    /// Why it failed.
    pub failure: Option<FailureKind>,
    /// The code of the provider or the gateway.
    pub code: Option<String>,
    /// HTTP status of the failure.
    pub status: Option<u16>,
    /// Why the answer is over.
    pub finish: Option<Finish>,
    /// What Cloudflare AI Gateway said.
    pub gateway: Option<GatewayEcho>,
}

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// With an answer.
    Done,
    /// Without one, or with a broken one.
    Failed,
    /// The user stopped it.
    Cancelled,
}
