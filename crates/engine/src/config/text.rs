//! Settings of text: the chat pane and the engine behind it.

use serde::{Deserialize, Serialize};

use crate::api::{ChatPolicy, Target, Way};

/// `[chat]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ChatSettings {
    /// Id of the provider that is asked first; `practice` needs no key and costs nothing.
    pub provider: String,
    /// Id of its model.
    pub model: String,
    /// Which way requests go.
    pub way: Way,
    /// Who is asked when several could be.
    pub policy: ChatPolicy,
    /// Who else may be asked, in this order.
    pub fallback: Vec<Target>,
    /// With nobody in that list, every provider with a key may stand in, with its usual model.
    pub stand_in: bool,
    /// 0 to 2; below 0: the model's own.
    pub temperature: f32,
    /// Most tokens of an answer; 0: the model's own limit.
    pub max_output: u32,
    /// How much the model should think: `low`, `medium`, `high`; empty: its default.
    pub effort: String,
    /// What the model is told about itself and the user in new conversations.
    pub system: String,
    /// A cheap model may be asked for titles (a few tokens each), and for summaries of long calls.
    pub titles: bool,
    /// Base URLs in place of the usual ones.
    pub addresses: Vec<Address>,
    /// Prices in place of the listed ones.
    pub prices: Vec<ModelPrice>,
    /// What is different for single providers.
    pub terms: Vec<ProviderTerms>,
}

/// `[[chat.terms]]`: what is different for one provider of text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ProviderTerms {
    /// Id of the provider.
    pub provider: String,
    /// Which way its requests go; null: as those of the others.
    #[serde(default)]
    pub way: Option<Way>,
    /// Most requests a minute to it; 0: as to the others.
    #[serde(default)]
    pub requests_per_minute: u32,
}

/// A base URL in place of a provider's usual one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Address {
    /// Id of the provider.
    pub provider: String,
    /// Base URL.
    pub url: String,
}

/// The user's own price of a model, in US dollars; tokens by the million. What is below 0 costs what is listed, or as the rest of
/// what is named.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ModelPrice {
    /// Id of the provider.
    pub provider: String,
    /// Id of the model.
    pub model: String,
    /// Of the prompt.
    #[serde(default = "unnamed")]
    pub input: f32,
    /// Of its part out of the provider's cache; below 0: as the rest.
    #[serde(default = "unnamed")]
    pub cached: f32,
    /// Of its part that goes into the provider's cache; below 0: as the rest.
    #[serde(default = "unnamed")]
    pub written: f32,
    /// Of its sound; below 0: as the rest.
    #[serde(default = "unnamed")]
    pub input_audio: f32,
    /// Of the answer.
    #[serde(default = "unnamed")]
    pub output: f32,
    /// Of its sound; below 0: as the rest.
    #[serde(default = "unnamed")]
    pub output_audio: f32,
    /// A minute that is heard or said, or that a connection is open.
    #[serde(default = "unnamed")]
    pub per_minute: f32,
    /// A thousand characters that are said.
    #[serde(default = "unnamed")]
    pub per_thousand_characters: f32,
}

/// A provider's own name in the place of the gateway's for it.
fn to_own_name(provider: &mut String) {
    if let Some(known) = gateway::named(provider.trim()) {
        *provider = known.0;
    }
}

/// A rate that the user did not name.
fn unnamed() -> f32 {
    -1.0
}

impl ModelPrice {
    /// A price of text.
    #[must_use]
    pub fn of_text(provider: &str, model: &str, input: f32, output: f32) -> Self {
        Self { provider: provider.to_owned(), model: model.to_owned(), input, output, ..Self::default() }
    }

    fn rates(&mut self) -> [&mut f32; 8] {
        let Self {
            input, cached, written, input_audio, output, output_audio, per_minute, per_thousand_characters, ..
        } = self;
        [input, cached, written, input_audio, output, output_audio, per_minute, per_thousand_characters]
    }
}

impl Default for ModelPrice {
    fn default() -> Self {
        Self {
            provider: String::new(),
            model: String::new(),
            input: unnamed(),
            cached: unnamed(),
            written: unnamed(),
            input_audio: unnamed(),
            output: unnamed(),
            output_audio: unnamed(),
            per_minute: unnamed(),
            per_thousand_characters: unnamed(),
        }
    }
}

impl ChatSettings {
    pub(super) fn in_range(mut self) -> Self {
        let others = self.fallback.iter_mut().map(|other| &mut other.provider);
        let addresses = self.addresses.iter_mut().map(|address| &mut address.provider);
        let prices = self.prices.iter_mut().map(|price| &mut price.provider);
        let terms = self.terms.iter_mut().map(|terms| &mut terms.provider);
        let all = others.chain(addresses).chain(prices).chain(terms);
        all.chain([&mut self.provider]).for_each(to_own_name);
        self.temperature = if self.temperature >= 0.0 { self.temperature.min(2.0) } else { -1.0 };
        for price in &mut self.prices {
            for rate in price.rates() {
                *rate = rate.max(unnamed());
            }
        }
        self
    }
}

impl Default for ChatSettings {
    fn default() -> Self {
        Self {
            provider: "practice".into(),
            model: "practice".into(),
            way: Way::default(),
            policy: ChatPolicy::default(),
            fallback: Vec::new(),
            stand_in: true,
            temperature: -1.0,
            max_output: 0,
            effort: String::new(),
            system: String::new(),
            titles: false,
            addresses: Vec::new(),
            prices: Vec::new(),
            terms: Vec::new(),
        }
    }
}

/// `[custom]`
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct CustomSettings {
    /// Base URL of a server that speaks `OpenAI`'s chat protocol, `http://localhost:11434/v1` for example.
    pub base_url: String,
}

/// `[vertex]`
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct VertexSettings {
    /// Id of the Google Cloud project; empty: the one of the service account.
    pub project: String,
    /// Region, `us-central1` for example; empty: the one that was added to the service account, else `global`.
    pub location: String,
}

/// `[limits]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct LimitSettings {
    /// Most requests a minute to each provider; 0: no limit of one's own.
    pub requests_per_minute: u32,
    /// As many may go out at once.
    pub burst: u32,
    /// Most requests an hour of each profile (the pane, the local API), and to each provider where none a minute are set;
    /// 0: no limit.
    pub requests_per_hour: u32,
    /// Tries at one provider before the next one is asked.
    pub attempts: u32,
    /// Longest silence before an answer's first token, seconds.
    pub timeout_s: u32,
}

impl Default for LimitSettings {
    fn default() -> Self {
        Self { requests_per_minute: 0, burst: 10, requests_per_hour: 1000, attempts: 3, timeout_s: 120 }
    }
}

/// `[budget]`: in US dollars; 0: no limit.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct BudgetSettings {
    /// For one conversation.
    pub conversation: f32,
    /// For a day.
    pub day: f32,
    /// For a month.
    pub month: f32,
}

impl BudgetSettings {
    pub(super) fn in_range(self) -> Self {
        let limit = |dollars: f32| if dollars > 0.0 { dollars.min(1e6) } else { 0.0 };
        Self { conversation: limit(self.conversation), day: limit(self.day), month: limit(self.month) }
    }
}

/// `[cache]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct CacheSettings {
    /// Answers to equal requests are given again.
    pub is_on: bool,
    /// For so long, seconds.
    pub ttl_s: u32,
    /// Most memory, MB.
    pub size_mb: u32,
    /// Also after the app was closed.
    pub is_kept: bool,
    /// Also answers that are different each time (temperature above 0).
    pub even_random: bool,
}

impl Default for CacheSettings {
    fn default() -> Self {
        Self { is_on: true, ttl_s: 24 * 60 * 60, size_mb: 8, is_kept: true, even_random: false }
    }
}

/// `[history]`
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct HistorySettings {
    /// Conversations that were not touched for so many days are deleted, pinned ones never; 0: none is.
    pub keep_days: u32,
}

/// `[local_api]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct LocalApiSettings {
    /// Other programs of this computer may ask through Sidetone.
    pub enabled: bool,
    /// Port on 127.0.0.1.
    pub port: u16,
}

impl Default for LocalApiSettings {
    fn default() -> Self {
        Self { enabled: false, port: 4750 }
    }
}

/// `[gateway.requests]`: what Cloudflare AI Gateway is told with each text request (its `cf-aig-…` headers); empty and 0
/// leave it to the gateway's own settings.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct GatewayRequests {
    /// Its cache keeps an answer so long, seconds.
    pub cache_ttl_s: u32,
    /// Its cache is not used.
    pub skip_cache: bool,
    /// Name of the cache entry.
    pub cache_key: String,
    /// It writes no log of the request.
    pub skip_log: bool,
    /// Its log has numbers only, nothing of what was said.
    pub skip_payload: bool,
    /// Which of several stored keys.
    pub key_alias: String,
    /// It refuses what it would have to pay with Cloudflare credits.
    pub no_wholesale: bool,
    /// It asks, with Cloudflare credits, only where nothing is retained.
    pub zero_retention: bool,
    /// It gives a provider so long, ms.
    pub timeout_ms: u32,
    /// It tries so often, 1 to 5.
    pub attempts: u32,
    /// It waits so long before it tries again, ms.
    pub retry_delay_ms: u32,
    /// How the wait grows: `constant`, `linear`, `exponential`.
    pub backoff: String,
    /// Up to five marks for its log, as a JSON object.
    pub metadata: String,
    /// Among which models its auto router (`cloudflare/auto`) chooses, with commas.
    pub auto_models: String,
    /// The same for providers.
    pub auto_providers: String,
    /// The auto router chooses for each turn anew.
    pub auto_anew: bool,
    /// It gets all models at once and asks the next by itself when one fails.
    pub fallback: bool,
    /// Requests go over one WebSocket that stays open; those with `fallback` go over HTTP all the same.
    pub websocket: bool,
}

impl ProviderRequests {
    pub(super) fn in_range(mut self) -> Self {
        to_own_name(&mut self.provider);
        Self { requests: self.requests.in_range(), ..self }
    }
}

impl GatewayRequests {
    /// As the gateway takes them.
    pub(super) fn in_range(mut self) -> Self {
        if self.cache_ttl_s > 0 {
            self.cache_ttl_s = self.cache_ttl_s.clamp(60, 2_592_000);
        }
        self.retry_delay_ms = self.retry_delay_ms.min(60_000);
        self.attempts = self.attempts.min(5);
        self
    }
}

/// `[[gateway.providers]]`: what it is told with the requests to one provider; where this is silent, `[gateway.requests]`
/// counts, and for `fallback` and `websocket` always.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ProviderRequests {
    /// Id of the provider.
    pub provider: String,
    /// The same fields.
    #[serde(flatten)]
    pub requests: GatewayRequests,
}
