//! What the fake providers do: everything a test or the app can set before they start.

use std::time::Duration;

use super::fault::Fault;
use super::provider::slugs;

/// The whole behaviour. `Script::default()` takes any key and answers like the practice partner, at once.
#[derive(Debug, Clone)]
pub struct Script {
    /// Port to bind on 127.0.0.1; 0 = any free one.
    pub port: u16,
    /// What to answer, one entry per answered request, in order; when it is used up the practice partner answers.
    pub answers: Vec<Answer>,
    /// What goes wrong, where and when.
    pub faults: Vec<Fault>,
    /// (provider, model): the only models that provider has. Providers not named take any, and list some of their own.
    pub models: Vec<(String, String)>,
    /// (provider, key): the only keys that provider takes. Providers not named take any, but those that are not on the
    /// user's own machine want one.
    pub keys: Vec<(String, String)>,
    /// The gateway in front of the providers.
    pub gateway: Gateway,
    /// How fast answers come.
    pub pace: Pace,
    /// Harmless additions to streams.
    pub noise: Noise,
    /// What refusals for too many requests tell to wait.
    pub retry_after: Duration,
    /// How long a token from the token endpoint is taken.
    pub token_life: Duration,
    /// How many requests the record keeps; older ones are dropped.
    pub keep: usize,
}

impl Default for Script {
    fn default() -> Self {
        Self {
            port: 0,
            answers: Vec::new(),
            faults: Vec::new(),
            models: Vec::new(),
            keys: Vec::new(),
            gateway: Gateway::default(),
            pace: Pace::default(),
            noise: Noise::default(),
            retry_after: Duration::from_secs(2),
            token_life: Duration::from_secs(3600),
            keep: 10_000,
        }
    }
}

impl Script {
    /// The practice partner's: at a pace to read along, the newest requests are kept, and the gateway has of everything.
    pub fn practice() -> Self {
        let pace = Pace { between: Duration::from_millis(30), words: 1, ..Pace::default() };
        Self { pace, keep: 100, gateway: Gateway::practice(), ..Self::default() }
    }

    /// The same script with one more answer.
    #[must_use]
    pub fn answer(mut self, answer: Answer) -> Self {
        self.answers.push(answer);
        self
    }

    /// The same script with one more fault.
    #[must_use]
    pub fn fault(mut self, fault: impl Into<Fault>) -> Self {
        self.faults.push(fault.into());
        self
    }

    /// The same script, and this provider takes this key (and other keys given so, but no others).
    #[must_use]
    pub fn key(mut self, provider: &str, key: &str) -> Self {
        self.keys.push((provider.to_owned(), key.to_owned()));
        self
    }

    /// The same script, and this provider has this model (and other models given so, but no others).
    #[must_use]
    pub fn model(mut self, provider: &str, model: &str) -> Self {
        self.models.push((provider.to_owned(), model.to_owned()));
        self
    }
}

/// One scripted answer, the same for every provider's format.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Answer {
    /// What the model thinks aloud, where the provider shows it.
    pub reasoning: String,
    /// What it says.
    pub text: String,
    /// Sources: (address, title).
    pub citations: Vec<(String, String)>,
    /// Tools it calls: (name, arguments as JSON text).
    pub tools: Vec<(String, String)>,
    /// How it ends.
    pub finish: Finish,
    /// What it costs; `None` = a token per four characters.
    pub usage: Option<Usage>,
    /// The model that says it answers; `None` = the one that was asked.
    pub model: Option<String>,
}

impl Answer {
    /// This text, and a normal end.
    pub fn say(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }

    /// The same answer after this thought.
    #[must_use]
    pub fn thinking(self, reasoning: impl Into<String>) -> Self {
        Self { reasoning: reasoning.into(), ..self }
    }

    /// The same answer with this usage.
    #[must_use]
    pub fn costing(self, usage: Usage) -> Self {
        Self { usage: Some(usage), ..self }
    }

    /// The same answer with one more source.
    #[must_use]
    pub fn citing(mut self, url: &str, title: &str) -> Self {
        self.citations.push((url.to_owned(), title.to_owned()));
        self
    }

    /// The same answer with this end.
    #[must_use]
    pub fn ending(self, finish: Finish) -> Self {
        Self { finish, ..self }
    }
}

/// How an answer ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Finish {
    /// All is said.
    #[default]
    Stop,
    /// The limit of tokens is reached.
    Length,
    /// The provider withholds the rest.
    Filtered,
    /// Tools are called.
    Tool,
}

/// Tokens of an answer: cached and written ones are part of `input`, reasoning ones part of `output`. Each format writes
/// them in its own way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// All of the prompt.
    pub input: u64,
    /// Of these, read from the provider's cache.
    pub cached: u64,
    /// Of these, written to the provider's cache.
    pub cache_written: u64,
    /// All of the answer.
    pub output: u64,
    /// Of these, reasoning.
    pub reasoning: u64,
}

/// How fast answers come. All times pass on tokio's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Before the head of the answer.
    pub head: Duration,
    /// Before each event of a stream.
    pub between: Duration,
    /// Words in one event.
    pub words: usize,
    /// What the slow faults wait: before the first byte, between the bytes of a drip.
    pub slow: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self { head: Duration::ZERO, between: Duration::ZERO, words: 3, slow: Duration::from_secs(30) }
    }
}

/// Harmless additions that live servers make to their streams.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Noise {
    /// Comment lines (`: OPENROUTER PROCESSING`) and empty lines between the events.
    pub comments: bool,
    /// Lines end with CR LF.
    pub crlf: bool,
    /// No space behind `data:`.
    pub no_space: bool,
    /// Everything is sent in pieces of this many bytes, so that characters and lines are torn; 0 = event by event.
    pub torn: usize,
    /// Fields and events that nobody knows, `choices: []`, `content: null`, padding.
    pub unknown: bool,
}

impl Noise {
    /// All of them, in pieces of 5 bytes.
    pub fn all() -> Self {
        Self { comments: true, crlf: true, no_space: true, torn: 5, unknown: true }
    }
}

/// How the gateway in front of the providers behaves.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Gateway {
    /// The only account and gateway id that exist; `None` = all do.
    pub exists: Option<(String, String)>,
    /// Tokens taken; `None` = the gateway asks for none.
    pub tokens: Option<Vec<String>>,
    /// Keys stored at the gateway: (slug, alias, key); the alias of a request without one is `default`.
    pub stored: Vec<(String, String, String)>,
    /// A request with neither a key nor a stored one is refused (2044) instead of forwarded without.
    pub wants_credentials: bool,
    /// How long answers are cached; zero = only those of requests with `cf-aig-cache-key`.
    pub cache: Duration,
    /// Dynamic routes: (name, slug, model).
    pub routes: Vec<(String, String, String)>,
    /// What the auto router (`cloudflare/auto`) chooses from, the best first: (slug, model).
    pub auto: Vec<(String, String)>,
    /// The shape of the gateway's own errors.
    pub shape: Shape,
    /// `cf-aig-step` is always 0, as one operator saw.
    pub is_step_stuck: bool,
}

impl Gateway {
    /// A dynamic route of [`Gateway::practice`].
    pub const ROUTE: &str = "demo";

    /// With a key stored for each provider, a dynamic route, and models to choose from.
    pub fn practice() -> Self {
        let key = |slug: &str| (slug.to_owned(), "default".to_owned(), "stored-key".to_owned());
        let (slug, model) = ("groq".to_owned(), "openai/gpt-oss-120b".to_owned());
        Self {
            stored: slugs().map(key).collect(),
            routes: vec![(Self::ROUTE.to_owned(), slug.clone(), model.clone())],
            auto: vec![(slug, model)],
            ..Self::default()
        }
    }
}

/// Shapes of the gateway's own errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Shape {
    /// `{"success":false,"error":[{…}],"name":"AiGatewayError","internalCode":…}`
    #[default]
    Current,
    /// The same without what follows `error`, as older paths have it.
    Short,
    /// `{"result":null,"success":false,"errors":[{…}]}`, as on the REST host.
    Rest,
    /// `[{"code":…,"message":…}]`
    Array,
}
