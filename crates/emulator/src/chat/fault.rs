//! Everything that can go wrong with a text answer, by name.

use anyhow::{Context as _, bail};

/// A fault, and which requests it strikes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// What goes wrong.
    pub kind: FaultKind,
    /// At which provider, by its id; `None` = at all.
    pub provider: Option<String>,
    /// First request that it strikes. Requests for an answer are counted from 1, for each provider by itself if
    /// `provider` is set, else over all; faults of the gateway count what comes to the gateway.
    pub from: usize,
    /// Last request that it strikes.
    pub until: usize,
}

impl Fault {
    /// The fault on every request, at every provider. Lists of models, and tokens, are struck too.
    pub fn new(kind: FaultKind) -> Self {
        Self { kind, provider: None, from: 0, until: usize::MAX }
    }

    /// The fault, only at this provider.
    #[must_use]
    pub fn at(self, provider: &str) -> Self {
        Self { provider: Some(provider.to_owned()), ..self }
    }

    /// The fault, only on the nth request for an answer, from 1.
    #[must_use]
    pub fn on(self, number: usize) -> Self {
        Self { from: number, until: number, ..self }
    }

    /// The fault, on the first so many requests for an answer.
    #[must_use]
    pub fn first(self, count: usize) -> Self {
        Self { from: 1, until: count, ..self }
    }

    /// Reads `name`, `name@provider`, `name:3` (the first three) or `name@provider:3`; `_` may stand for `-`.
    ///
    /// # Errors
    /// The name is unknown or the count is not a number.
    pub fn parse(text: &str) -> anyhow::Result<Self> {
        let (text, count) = text.split_once(':').map_or((text, None), |(text, count)| (text, Some(count)));
        let (name, provider) = text.split_once('@').map_or((text, None), |(name, at)| (name, Some(at)));
        let plain = name.replace('_', "-");
        let Some((_, kind)) = KINDS.iter().find(|(known, _)| *known == plain) else {
            bail!("unknown fault {name:?}; known are: {}", Self::names().collect::<Vec<_>>().join(", "));
        };
        let mut fault = Self::new(*kind);
        if let Some(provider) = provider {
            fault = fault.at(provider);
        }
        if let Some(count) = count {
            fault = fault.first(count.parse().with_context(|| format!("{count:?} is not a count"))?);
        }
        Ok(fault)
    }

    /// All names, for help texts.
    pub fn names() -> impl Iterator<Item = &'static str> {
        KINDS.iter().map(|(name, _)| *name)
    }
}

impl From<FaultKind> for Fault {
    fn from(kind: FaultKind) -> Self {
        Self::new(kind)
    }
}

macro_rules! kinds {
    ($($(#[doc = $doc:literal])+ $kind:ident = $name:literal;)+) => {
        /// What can go wrong.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum FaultKind {
            $($(#[doc = $doc])+ $kind,)+
        }

        const KINDS: &[(&str, FaultKind)] = &[$(($name, FaultKind::$kind),)+];
    };
}

kinds! {
    /// 400: the request makes no sense to the provider.
    InvalidRequest = "invalid-request";
    /// 400: the conversation is longer than the model takes.
    ContextLength = "context-length";
    /// 401, at Google 400: the key is wrong.
    InvalidKey = "invalid-key";
    /// 402, at OpenAI and Google 429: no credit left.
    NoCredit = "no-credit";
    /// 403: the key may not do this.
    Forbidden = "forbidden";
    /// 404: no such model.
    ModelNotFound = "model-not-found";
    /// 400: the model takes no tools; only requests that offer some.
    NoTools = "no-tools";
    /// 413: the request is too large.
    TooLarge = "too-large";
    /// 422: a field is wrong.
    Unprocessable = "unprocessable";
    /// 429 with the provider's own headers, or Google's `retryDelay` in the body.
    RateLimited = "rate-limited";
    /// 429 with `retry-after` as a date.
    RateLimitedUntil = "rate-limited-until";
    /// 429 with `retry-after-ms`.
    RateLimitedMillis = "rate-limited-millis";
    /// 429 that does not tell how long to wait.
    RateLimitedSilently = "rate-limited-silently";
    /// 500 in the provider's shape.
    ServerError = "server-error";
    /// 500 in plain words.
    PlainError = "plain-error";
    /// 502 with a page of HTML.
    BadGateway = "bad-gateway";
    /// 503: the model is still loading.
    Loading = "loading";
    /// 504: the provider's own time is up.
    TimedOut = "timed-out";
    /// 529: overloaded.
    Overloaded = "overloaded";
    /// 200 with a page of HTML, as a captive portal sends.
    CaptivePortal = "captive-portal";
    /// 200 with an error as the whole body, or as the only event of a stream.
    ErrorInside = "error-inside";
    /// 307 to another host.
    Redirect = "redirect";
    /// TCP closes before anything is answered.
    CutBeforeHead = "cut-before-head";
    /// The head comes only after `Pace::slow`.
    SlowFirstByte = "slow-first-byte";
    /// The head comes at once, the first event after `Pace::slow`.
    SlowFirstEvent = "slow-first-event";
    /// After the first words nothing more comes; the connection stays open.
    Stall = "stall";
    /// One byte every `Pace::slow`.
    Drip = "drip";
    /// TCP closes after the first words.
    CutMidStream = "cut-mid-stream";
    /// The stream ends properly after the first words, without a reason.
    EndMidStream = "end-mid-stream";
    /// The answer is whole, but the mark of its end (`[DONE]`, `message_stop`) is missing.
    MissingDone = "missing-done";
    /// An error in the provider's shape after the first words.
    ErrorMidStream = "error-mid-stream";
    /// The answer never ends.
    EndlessStream = "endless-stream";
    /// A line that never ends.
    EndlessLine = "endless-line";
    /// Nothing but comments, for ever.
    EndlessComments = "endless-comments";
    /// An answer of 20 MB.
    HugeAnswer = "huge-answer";
    /// An event of 4 MB.
    HugeEvent = "huge-event";
    /// Lines between the events that are no server-sent events.
    MalformedLines = "malformed-lines";
    /// Events between the good ones whose data is not JSON, or JSON of wrong types.
    MalformedEvents = "malformed-events";
    /// 200 and an empty body.
    EmptyBody = "empty-body";
    /// The provider will not answer this prompt: an answer without words that says it was filtered.
    PromptBlocked = "prompt-blocked";
    /// Gateway: 400/2001, it does not exist.
    GatewayMissing = "gateway-missing";
    /// Gateway: 401/2009, its token is wrong.
    GatewayUnauthorized = "gateway-unauthorized";
    /// Gateway: 429/2003, its own rate limit.
    GatewayRateLimited = "gateway-rate-limited";
    /// Gateway: 429/2018, the budget of unified billing.
    GatewayWholesaleLimited = "gateway-wholesale-limited";
    /// Gateway: 429/2041, the spend limit.
    GatewaySpendLimit = "gateway-spend-limit";
    /// Gateway: the spend limit, in the other shape.
    GatewaySpendBucket = "gateway-spend-bucket";
    /// Gateway: 400/2005, the provider gave no usable answer.
    GatewayNoAnswer = "gateway-no-answer";
    /// Gateway: 402/2021, no credits.
    GatewayNoCredits = "gateway-no-credits";
    /// Gateway: 424/2016, a guardrail blocked the prompt.
    GuardrailPrompt = "guardrail-prompt";
    /// Gateway: 424/2017, a guardrail blocked the answer.
    GuardrailAnswer = "guardrail-answer";
    /// Gateway: 503/7013, the guardrail's scanner failed.
    GuardrailFailed = "guardrail-failed";
    /// Gateway: 400/2029, data loss prevention blocked the prompt.
    DlpPrompt = "dlp-prompt";
    /// Gateway: 400/2030, data loss prevention blocked the answer.
    DlpAnswer = "dlp-answer";
    /// Gateway: 403, denied by policy.
    GatewayPolicy = "gateway-policy";
    /// Gateway: 520 with a page of HTML from the edge.
    GatewayEdge = "gateway-edge";
}

impl FaultKind {
    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        KINDS.iter().find(|(_, kind)| *kind == self).map_or("", |(name, _)| name)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn every_name_parses_to_its_kind() {
        assert!(Fault::names().count() > 40);
        for name in Fault::names() {
            assert_eq!(Fault::parse(name).unwrap().kind.name(), name);
        }
    }

    #[test]
    fn place_and_count_can_follow_the_name() {
        let fault = Fault::parse("rate_limited@groq:2").unwrap();
        assert_eq!(fault, Fault::new(FaultKind::RateLimited).at("groq").first(2));
        assert_eq!(Fault::parse("stall").unwrap(), Fault::new(FaultKind::Stall));
        assert!(Fault::parse("stall:often").is_err());
        assert!(Fault::parse("gremlins").unwrap_err().to_string().contains("stall"));
    }
}
