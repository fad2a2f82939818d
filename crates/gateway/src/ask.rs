//! What is asked for.

use protocol::chat;
use serde::{Deserialize, Serialize};

use crate::{GatewayOptions, ProviderId};

/// One request: what, to whom, and on which terms.
#[derive(Debug, Clone)]
pub struct Ask {
    /// The conversation. Its `model` is replaced by the target's.
    pub request: chat::Request,
    /// Who may answer.
    pub order: Order,
    /// Who else may answer, as far as there are keys for them: after those of a chain, among those of a policy.
    pub spares: Vec<Target>,
    /// What it is for.
    pub purpose: Purpose,
    /// The profile that pays; limits and cached answers are kept apart by it.
    pub profile: String,
    /// The conversation that it belongs to, for its budget and the ledger.
    pub conversation: Option<i64>,
    /// Whether the provider should stream. Pieces come the same way, only later.
    pub is_stream: bool,
    /// `Some`: use the cache, or do not. `None`: use it for temperature 0 only.
    pub cache: Option<bool>,
    /// How to reach the provider; `None`: as the settings say.
    pub route: Option<Way>,
    /// For Cloudflare AI Gateway, over those of the settings.
    pub options: GatewayOptions,
}

/// Who may answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// The first that can.
    Chain(Vec<Target>),
    /// The best of these by a policy, then the next best.
    Policy(Policy, Vec<Target>),
}

impl Order {
    /// The targets as given.
    pub fn targets(&self) -> &[Target] {
        match self {
            Self::Chain(targets) | Self::Policy(_, targets) => targets,
        }
    }
}

/// What "best" means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Policy {
    /// The lowest estimate of the cost; models of unknown price come last.
    Cheapest,
    /// The shortest time to the first token so far; unmeasured providers come last.
    Fastest,
    /// The fewest failures lately.
    MostReliable,
}

/// A model at a provider.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Target {
    /// The provider.
    pub provider: ProviderId,
    /// Model id as the provider spells it.
    pub model: String,
}

/// How a provider is reached, and whose key is used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// At its own address, with the user's key.
    #[default]
    Direct,
    /// Through Cloudflare AI Gateway, with the user's key.
    Gateway,
    /// Through Cloudflare AI Gateway, with the key that is stored there. No key of the provider leaves this machine.
    StoredKey,
}

/// What a request is for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// A message in the chat.
    #[default]
    Chat,
    /// The title of a conversation.
    Title,
    /// A summary of what was said earlier in a call.
    Summary,
    /// Another program, over the local API.
    Api,
    /// A spoken turn.
    Voice,
}
