//! What the user can set.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::{GatewayOptions, Nanodollars, Price, ProviderId, Target, Way};

/// All settings. [`Default`] is what a fresh installation uses.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// How providers are reached, unless `ways` says otherwise.
    pub way: Way,
    /// The same, for single providers.
    pub ways: BTreeMap<ProviderId, Way>,
    /// Base URLs in place of those of the table; the one of `custom` has no other.
    pub base_urls: BTreeMap<ProviderId, String>,
    /// Cloudflare AI Gateway; without it only [`Way::Direct`] works.
    pub gateway: Option<CloudGateway>,
    /// Vertex AI without a service account of one's own ([`Way::StoredKey`]), or another region than its own.
    pub vertex: Vertex,
    /// Requests per time.
    pub limits: Limits,
    /// Money per conversation, day and month.
    pub budget: Budget,
    /// What is kept.
    pub cache: CacheLimits,
    /// How long to wait, how often to try.
    pub patience: Patience,
    /// Prices that are not the listed ones. Also sent to Cloudflare AI Gateway as `cf-aig-custom-cost`.
    pub prices: Vec<Override>,
}

/// Which gateway of Cloudflare's.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CloudGateway {
    /// `https://gateway.ai.cloudflare.com/v1`, or a custom domain (then account and gateway stay empty).
    pub base_url: String,
    /// Account id, 32 hexadecimal digits.
    pub account: String,
    /// Gateway id, such as `default`.
    pub gateway: String,
    /// For every request that goes through it.
    pub options: GatewayOptions,
    /// The same for single providers, over those.
    pub providers: BTreeMap<ProviderId, GatewayOptions>,
    /// Whether it gets all targets at once and asks the next by itself when one fails, instead of being asked again.
    pub falls_back: bool,
    /// How requests come to it.
    pub transport: Transport,
}

impl CloudGateway {
    /// What it is told with the requests to a provider.
    pub(crate) fn options(&self, provider: &ProviderId) -> GatewayOptions {
        self.providers.get(provider).map_or_else(|| self.options.clone(), |own| own.over(&self.options))
    }
}

/// How requests come to Cloudflare AI Gateway.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Transport {
    /// Each by itself.
    #[default]
    Http,
    /// Over a WebSocket that stays open for the next one. What it cannot carry (several targets at once, lists of
    /// models) goes over HTTP.
    WebSocket,
}

/// Where Vertex AI runs. Empty: as the service account says, else `global`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Vertex {
    /// Google Cloud project.
    pub project: String,
    /// Such as `europe-west4` or `global`.
    pub region: String,
}

/// Requests per time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// For each provider.
    pub provider: Rate,
    /// For single providers.
    pub providers: BTreeMap<ProviderId, Rate>,
    /// For each profile, over all providers.
    pub profile: Rate,
    /// A longer wait is refused instead.
    pub longest_wait: Duration,
}

/// So many requests in a time, and so many at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Requests per `window`; 0: no limit.
    pub requests: u32,
    /// The time.
    pub window: Duration,
    /// At once, after a rest.
    pub burst: u32,
}

impl Default for Rate {
    fn default() -> Self {
        Self { requests: 1000, window: Duration::from_secs(3600), burst: 50 }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            provider: Rate::default(),
            providers: BTreeMap::new(),
            profile: Rate::default(),
            longest_wait: Duration::from_secs(60),
        }
    }
}

/// Money; `None`: no limit. Models of unknown price count as the dearest ones of their provider.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Budget {
    /// In one conversation.
    pub conversation: Option<Nanodollars>,
    /// In a day.
    pub day: Option<Nanodollars>,
    /// In a month.
    pub month: Option<Nanodollars>,
}

/// What the cache keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CacheLimits {
    /// Whether there is a cache at all.
    pub is_on: bool,
    /// How long an answer is kept.
    pub keep: Duration,
    /// Bytes in memory.
    pub bytes: u64,
}

impl Default for CacheLimits {
    fn default() -> Self {
        Self { is_on: true, keep: Duration::from_secs(3600), bytes: 4 << 20 }
    }
}

/// How long to wait, how often to try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// Tries at one target, at least 1.
    pub attempts: u32,
    /// Before the second try; doubles, with jitter, up to 8 s.
    pub delay: Duration,
    /// From sending to the first byte. Local servers, which load models first, get five times as long.
    pub first_byte: Duration,
    /// Between two reads.
    pub idle: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            attempts: 3,
            delay: Duration::from_millis(500),
            first_byte: Duration::from_secs(60),
            idle: Duration::from_secs(60),
        }
    }
}

/// The user's own price of a model.
#[derive(Debug, Clone, PartialEq)]
pub struct Override {
    /// The model.
    pub target: Target,
    /// Its price.
    pub price: Price,
}
