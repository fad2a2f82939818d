//! Ways to a provider: what to dial, and what to try next when it is refused. Decides only; nothing is sent from here.

mod address;
mod longest;
pub(crate) mod probe;
mod road;
#[cfg(test)]
mod tests;
pub(crate) mod voices;

use protocol::Fault;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use crate::api::{Code, Holder, Note, Problem, Provider, Route};
use crate::config::{OpenaiSettings, Settings};
use crate::net::{AUTHORIZATION, Dial, HeaderMap, Refusal, secret_header};

pub(crate) use address::{at_gateway, base, with_path};
pub(crate) use longest::longest_connection;
pub(crate) use road::Road;

/// The keys at hand.
#[derive(Debug, Clone, Default)]
pub(crate) struct Keys {
    /// `OpenAI` API key.
    pub(crate) openai: Option<SecretString>,
    /// Cloudflare AI Gateway token.
    pub(crate) gateway: Option<SecretString>,
    /// Key of the user's own server.
    pub(crate) endpoint: Option<SecretString>,
}

/// How the keys travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// As headers.
    Header,
    /// As headers, the gateway's token without `Bearer `.
    HeaderBare,
    /// As WebSocket subprotocols, which proxies may log.
    Subprotocol,
    /// Only the gateway's token: the gateway adds the key that is stored there.
    StoredKey,
    /// Not through the gateway, which did not carry this voice.
    PastGateway,
}

impl Form {
    /// In words.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Header => "keys in headers",
            Self::HeaderBare => "keys in headers, token without \"Bearer\"",
            Self::Subprotocol => "keys in the WebSocket subprotocol",
            Self::StoredKey => "key stored at the gateway",
            Self::PastGateway => "directly, past the gateway",
        }
    }
}

/// Why a rung did not hold; all of it before the session was ready.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Failure<'a> {
    /// No WebSocket.
    Refused(&'a Refusal),
    /// The server said so.
    Fault(&'a Fault),
    /// The server closed, without having said why.
    Closed {
        /// WebSocket close code; `None` for an abrupt loss.
        code: Option<u16>,
    },
}

/// One try that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rung {
    /// How the keys travelled.
    pub(crate) form: Form,
    /// What came of it.
    pub(crate) outcome: String,
}

/// The ways to try, one after the other, for one route.
///
/// Only Cloudflare AI Gateway has more than one: its relay once dropped the `Authorization` header of WebSockets
/// (reported 2025-08, said to be fixed 2025-10), and its documents show the token with and without `Bearer`. Keys never
/// go in headers and subprotocols at once: `OpenAI` refuses that.
#[derive(Debug, Clone)]
pub(crate) struct Ladder {
    route: Route,
    url: Url,
    /// The provider's (or endpoint's) key.
    key: Option<SecretString>,
    /// The gateway's token.
    token: Option<SecretString>,
    organization: String,
    project: String,
    form: Form,
    is_refused: bool,
    trace: Vec<Rung>,
    /// The one thing to dial, for ways without rungs.
    fixed: Option<Box<Dial>>,
    /// What to dial when the gateway does not carry this voice.
    direct: Option<Box<Dial>>,
}

impl Ladder {
    /// The first rung; `remembered` is the form that worked before on the same route. `practice_url` is the practice
    /// partner's base URL. [`Code::NoCredential`], [`Code::GatewayMissing`], [`Code::EndpointMissing`] and
    /// [`Code::Refused`] tell what has to be set first.
    pub(crate) fn new(
        settings: &Settings,
        practice_url: &str,
        keys: &Keys,
        remembered: Option<Form>,
    ) -> Result<Self, Problem> {
        let openai = &settings.providers.openai;
        match (settings.call.provider, settings.call.route) {
            (Provider::Practice, _) => {
                let url = address::practice(practice_url)?;
                Ok(Self::plain(Route::Direct, url, None, None))
            }
            (Provider::Openai, Route::Direct) => {
                let url = address::direct(openai)?;
                let key = keys.openai.clone().ok_or_else(|| missing("there is no OpenAI key", Holder::Openai))?;
                Ok(Self::plain(Route::Direct, url, Some(key), Some(openai)))
            }
            (Provider::Openai, Route::Endpoint) => {
                let url = address::endpoint(&settings.endpoint, &openai.model)?;
                Ok(Self::plain(Route::Endpoint, url, keys.endpoint.clone(), None))
            }
            (Provider::Openai, Route::Gateway) => Self::gateway(settings, keys, remembered),
            (
                Provider::Google | Provider::Cascade | Provider::Elevenlabs | Provider::Deepgram | Provider::GptLive,
                _,
            ) => Err(Problem { code: Code::Internal, detail: "this voice has no ladder".into() }),
        }
        .and_then(Self::with_sendable_keys)
    }

    /// A ladder with one rung.
    pub(crate) fn fixed(route: Route, dial: Dial) -> Self {
        let plain = Self::plain(route, dial.url.clone(), None, None);
        Self { fixed: Some(Box::new(dial)), ..plain }
    }

    /// The same with a way past the gateway; `is_known`: the gateway is known not to carry this voice.
    pub(crate) fn or_past_gateway(self, direct: Option<Dial>, is_known: bool) -> Self {
        let mut ladder = Self { direct: direct.map(Box::new), ..self };
        if is_known {
            ladder.go_past_gateway();
        }
        ladder
    }

    /// The same for what the gateway does not carry.
    pub(crate) fn past_gateway(self) -> Self {
        Self { form: Form::PastGateway, ..self }
    }

    fn go_past_gateway(&mut self) -> bool {
        let Some(direct) = self.direct.take() else { return false };
        self.fixed = Some(direct);
        self.form = Form::PastGateway;
        true
    }

    fn plain(route: Route, url: Url, key: Option<SecretString>, account: Option<&OpenaiSettings>) -> Self {
        Self {
            route,
            url,
            key,
            token: None,
            organization: account.map(|of| of.organization.trim().to_owned()).unwrap_or_default(),
            project: account.map(|of| of.project.trim().to_owned()).unwrap_or_default(),
            form: Form::Header,
            is_refused: false,
            trace: Vec::new(),
            fixed: None,
            direct: None,
        }
    }

    fn gateway(settings: &Settings, keys: &Keys, remembered: Option<Form>) -> Result<Self, Problem> {
        let openai = &settings.providers.openai;
        let url = address::gateway(&settings.gateway, &openai.model)?;
        let token = keys.gateway.clone();
        if settings.gateway.stored_key {
            let token = token
                .ok_or_else(|| missing("a key stored at the gateway needs the gateway's token", Holder::Gateway))?;
            let ladder = Self::plain(Route::Gateway, url, None, None);
            return Ok(Self { token: Some(token), form: Form::StoredKey, ..ladder });
        }
        let key = keys
            .openai
            .clone()
            .ok_or_else(|| missing("there is no OpenAI key to send through the gateway", Holder::Openai))?;
        let ladder = Self { token, ..Self::plain(Route::Gateway, url, Some(key), Some(openai)) };
        let form = remembered.filter(|form| ladder.offers(*form)).unwrap_or(Form::Header);
        Ok(Self { form, ..ladder })
    }

    fn with_sendable_keys(self) -> Result<Self, Problem> {
        let are_sendable = [&self.key, &self.token]
            .into_iter()
            .flatten()
            .all(|secret| secret_header(secret.expose_secret()).is_some());
        if are_sendable {
            return Ok(self);
        }
        let detail = "the key holds characters that cannot be sent".into();
        Err(Problem { code: Code::CredentialRefused, detail })
    }

    /// What to dial now.
    pub(crate) fn dial(&self) -> Dial {
        if let Some(dial) = &self.fixed {
            return (**dial).clone();
        }
        let mut headers = HeaderMap::new();
        let mut put = |name: &'static str, text: String| {
            if let Some(value) = Some(text).filter(|text| !text.is_empty()).and_then(|text| secret_header(&text)) {
                headers.insert(name, value);
            }
        };
        let token = self.token.as_ref().map(ExposeSecret::expose_secret);
        let mut subprotocols = Vec::new();
        match self.form {
            Form::Header | Form::HeaderBare => {
                let key = self.key.as_ref().map(|key| format!("Bearer {}", key.expose_secret()));
                put(AUTHORIZATION.as_str(), key.unwrap_or_default());
                put("openai-organization", self.organization.clone());
                put("openai-project", self.project.clone());
                let prefix = if self.form == Form::Header { "Bearer " } else { "" };
                put("cf-aig-authorization", token.map(|token| format!("{prefix}{token}")).unwrap_or_default());
            }
            Form::StoredKey => {
                put("cf-aig-authorization", token.map(|token| format!("Bearer {token}")).unwrap_or_default());
            }
            Form::Subprotocol => subprotocols = self.subprotocols(),
            Form::PastGateway => {}
        }
        Dial { url: self.url.clone(), headers, subprotocols }
    }

    /// The browsers' form of both keys; `realtime` first, as that is what `OpenAI` selects.
    fn subprotocols(&self) -> Vec<SecretString> {
        let secret = |name: &str, secret: &SecretString| format!("{name}.{}", secret.expose_secret());
        let account = |name: &str, id: &str| is_token(id).then(|| format!("{name}.{id}"));
        let mut offered = vec!["realtime".to_owned()];
        offered.extend(self.key.as_ref().map(|key| secret("openai-insecure-api-key", key)));
        offered.extend(account("openai-organization", &self.organization));
        offered.extend(account("openai-project", &self.project));
        offered.extend(self.token.as_ref().map(|token| secret("cf-aig-authorization", token)));
        offered.into_iter().map(SecretString::from).collect()
    }

    /// The problem of a refusal. A server of the user's own that got no key cannot have refused one.
    pub(crate) fn corrected(&self, problem: Problem) -> Problem {
        let had_key = self.key.is_some() || self.fixed.is_some();
        if self.route == Route::Endpoint && !had_key && problem.code == Code::CredentialRefused {
            return missing("this server wants a key", Holder::Endpoint);
        }
        problem
    }

    /// How the keys travel now. Worth remembering once the session is ready.
    pub(crate) fn form(&self) -> Form {
        self.form
    }

    /// Whether another rung should be tried at once; moves to it. After a server's plain word ([`Failure::Fault`]) that
    /// no other form would change, the answer stays no.
    pub(crate) fn step(&mut self, failure: &Failure<'_>) -> bool {
        self.trace.push(Rung { form: self.form, outcome: outcome(failure) });
        if self.go_past_gateway() {
            return true;
        }
        let next = match self.form {
            Form::Header if is_token_refused(failure) => Form::HeaderBare,
            Form::Header | Form::HeaderBare if is_header_lost(failure) => Form::Subprotocol,
            Form::Header | Form::HeaderBare | Form::Subprotocol | Form::StoredKey | Form::PastGateway => self.form,
        };
        let goes_on = next != self.form && self.offers(next) && !self.is_refused;
        if goes_on {
            self.form = next;
        }
        self.is_refused |= !goes_on && matches!(failure, Failure::Fault(fault) if !fault.is_transient());
        goes_on
    }

    /// Whether this ladder has such a rung.
    fn offers(&self, form: Form) -> bool {
        let are_tokens = || [&self.key, &self.token].into_iter().flatten().all(|key| is_token(key.expose_secret()));
        match form {
            _ if self.fixed.is_some() || self.route != Route::Gateway || self.form == Form::StoredKey => {
                form == self.form
            }
            Form::Header => true,
            Form::HeaderBare => self.token.is_some(),
            Form::Subprotocol => are_tokens(),
            Form::StoredKey | Form::PastGateway => false,
        }
    }

    /// What the user should know about the present form.
    pub(crate) fn note(&self) -> Option<Note> {
        match self.form {
            Form::Subprotocol => Some(Note::InsecureSubprotocol),
            Form::PastGateway => Some(Note::PastGateway),
            Form::Header | Form::HeaderBare | Form::StoredKey => None,
        }
    }

    /// The rungs that failed.
    pub(crate) fn trace(&self) -> &[Rung] {
        &self.trace
    }
}

/// The gateway did not take its own token (2009 on an upgrade that it answered itself).
fn is_token_refused(failure: &Failure<'_>) -> bool {
    matches!(failure, Failure::Refused(Refusal::Http { status: 400 | 401 | 403, code: Some(2009), .. }))
}

/// The provider's key was sent, and yet the other side speaks as if there was none.
fn is_header_lost(failure: &Failure<'_>) -> bool {
    match failure {
        // 2040: no key stored under the default name; 2044: credentials required. Both mean that none was seen.
        Failure::Refused(Refusal::Http { status: 400..=499, code: Some(2040 | 2044), .. }) => true,
        Failure::Refused(Refusal::Http { status: 400..=499, code: None, detail, .. }) => speaks_of_no_key(detail),
        Failure::Refused(_) => false,
        Failure::Fault(fault) => fault.code.is_none() && speaks_of_no_key(&fault.message),
        // As reported with the defect: 4001; policy violation: 1008; OpenAI's own refusals of a request: 3000 to 3999.
        Failure::Closed { code } => matches!(code, Some(1008 | 3000..=3999 | 4001)),
    }
}

/// `OpenAI`: "Missing bearer or basic authentication in header"; others in their own words, or in none.
fn speaks_of_no_key(words: &str) -> bool {
    let words = words.to_ascii_lowercase();
    let is_about_absence = ["missing", "no api key", "not provided", "didn't provide", "did not provide", "required"];
    let is_about_keys = ["bearer", "authenti", "authoriz", "api key", "api_key", "credential"];
    let has = |list: &[&str]| list.iter().any(|word| words.contains(word));
    has(&is_about_absence) && has(&is_about_keys)
}

/// Whether the text can stand in `Sec-WebSocket-Protocol`: an HTTP token (RFC 9110, 5.6.2).
fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

fn outcome(failure: &Failure<'_>) -> String {
    match failure {
        Failure::Refused(refusal) => refusal.to_string(),
        Failure::Fault(Fault { code: Some(code), message, .. }) => format!("{code}: {message}"),
        Failure::Fault(Fault { message, .. }) => message.clone(),
        Failure::Closed { code: Some(code) } => format!("closed with code {code}"),
        Failure::Closed { code: None } => "the connection broke".into(),
    }
}

fn missing(what: &str, holder: Holder) -> Problem {
    Problem { code: Code::NoCredential, detail: format!("{what}: sidetone keys set {}", holder.name()) }
}
