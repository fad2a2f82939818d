//! A request at one provider.

use serde_json::{Value, json};

use super::check::{self, Complaint};
use super::fault::FaultKind;
use super::format::{self, Scene};
use super::place::Endpoint;
use super::provider::{Auth, Errors, FieldsBeyond, Format, Provider};
use super::refusal::{self, Trouble};
use super::reply::{Reply, Step};
use super::script::{Answer, Finish, Usage};
use super::server::{Server, Strikes};
use super::tape::{self, Framing, Stream};
use super::{list, practice};

/// A request as one provider gets it, directly or from the gateway.
#[derive(Debug, Clone)]
pub(super) struct Ask {
    pub(super) provider: &'static Provider,
    /// Path behind the provider's host, or behind its slug.
    pub(super) path: String,
    pub(super) is_post: bool,
    pub(super) is_gateway: bool,
    /// Raw query string.
    pub(super) query: String,
    /// Names in lower case.
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Value,
    /// The provider's key, wherever it came from.
    pub(super) key: Option<String>,
    /// [`super::Request::number`].
    pub(super) number: usize,
}

const MB: usize = 1 << 20;

impl Ask {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_str())
    }

    pub(super) async fn answer(&self, server: &Server) -> Reply {
        let (base, endpoint) = Endpoint::split(&self.path);
        let provider = self.provider;
        let is_list = matches!(endpoint, Endpoint::Tags | Endpoint::Health);
        server.amend(self.number, |request| {
            request.provider = provider.id.to_owned();
            request.is_ask = endpoint.is_ask();
            request.attempts += 1;
        });
        let format = shape(provider, base, &endpoint);
        let wants_post = endpoint.is_ask() || endpoint == Endpoint::Embeddings;
        let is_there = is_list || provider.has_base(base, self.is_gateway);
        if endpoint == Endpoint::Unknown || !is_there || !provider.speaks(format) || wants_post != self.is_post {
            server.violation(self.number, "there is nothing at this address");
            return refusal::mistake(&Trouble::no_such_address(), provider, format, &server.script);
        }
        let strikes = server.strikes(provider.id, endpoint.is_ask(), false);
        let (model, is_stream) = self.wanted(&endpoint);
        if let Some(reply) = self.struck(server, &strikes, format, &model).await {
            return reply;
        }
        if !self.is_key_good(server) {
            return self.refused(server, FaultKind::InvalidKey, format, &model);
        }
        match endpoint {
            Endpoint::Ask { model: path_model, .. } => {
                if let Some(reply) = self.mistaken(server, format, path_model.is_some(), &model) {
                    return reply;
                }
                self.say(server, &strikes, format, &model, is_stream)
            }
            Endpoint::Models => Reply::json(200, &list::models(provider, base, server)),
            Endpoint::Embeddings => self.embed(server, format),
            Endpoint::Tags => Reply::json(200, &list::tags(provider)),
            Endpoint::Health | Endpoint::Unknown => Reply::json(200, &json!({"status": "ok"})),
        }
    }

    /// Model, and whether a stream is wanted.
    fn wanted(&self, endpoint: &Endpoint) -> (String, bool) {
        let (mut model, mut is_stream) = (None, None);
        if let Endpoint::Ask { model: path_model, is_stream: path_stream, .. } = endpoint {
            (model, is_stream) = (path_model.clone(), *path_stream);
        }
        let model =
            model.or_else(|| self.body["model"].as_str().or_else(|| self.body["preset"].as_str()).map(str::to_owned));
        (model.unwrap_or_default(), is_stream.unwrap_or_else(|| self.body["stream"] == true))
    }

    /// What the faults do to this request instead of an answer.
    #[expect(clippy::wildcard_enum_match_arm, reason = "most faults are none of this")]
    async fn struck(&self, server: &Server, strikes: &Strikes, format: Format, model: &str) -> Option<Reply> {
        let pace = server.script.pace;
        let head = if strikes.has(FaultKind::SlowFirstByte) { pace.slow } else { pace.head };
        if !head.is_zero() {
            tokio::time::sleep(head).await;
        }
        strikes.find(|kind| match kind {
            FaultKind::CutBeforeHead => Some(Reply::steps("text/plain", vec![Step::Cut])),
            FaultKind::CaptivePortal => {
                let page = "<html><head><title>Welcome</title></head><body>Please accept our terms.</body></html>";
                Some(Reply::text(200, "text/html; charset=utf-8", page.to_owned()))
            }
            FaultKind::Redirect => {
                let place = format!("http://{}{}", server.elsewhere, self.path);
                Some(Reply { status: 307, ..Reply::default() }.with("location", place))
            }
            FaultKind::NoTools if self.body["tools"].is_null() => None,
            kind => refusal::of(kind, self.provider, format, model, &server.script),
        })
    }

    fn refused(&self, server: &Server, kind: FaultKind, format: Format, model: &str) -> Reply {
        refusal::of(kind, self.provider, format, model, &server.script).unwrap_or_default()
    }

    fn is_key_good(&self, server: &Server) -> bool {
        let mut own =
            server.script.keys.iter().filter(|(name, _)| Provider::named(name).id == self.provider.id).peekable();
        let Some(key) = self.key.as_deref().filter(|key| !key.is_empty()) else {
            return self.provider.auth == Auth::Nothing && own.peek().is_none();
        };
        if own.peek().is_some() {
            return own.any(|(_, known)| known == key);
        }
        self.provider.auth != Auth::Oauth || server.is_token(key) || (self.is_gateway && is_account(key))
    }

    /// A refusal for what the client did wrong, if it did.
    fn mistaken(&self, server: &Server, format: Format, is_model_in_path: bool, model: &str) -> Option<Reply> {
        let provider = self.provider;
        let mistake = |status, complaint: &Complaint| {
            let message = format!("{}: {}", complaint.field, complaint.message);
            server.violation(self.number, format!("{} {message}", provider.id));
            let trouble = Trouble::mistake(status, &complaint.field, &message);
            refusal::mistake(&trouble, provider, format, &server.script)
        };
        if provider.id == "perplexity" && format == Format::Chat {
            let complaint = Complaint::new("model", "Sonar is now the Agent API");
            return Some(mistake(400, &complaint));
        }
        let wants_version = format == Format::Messages && !is_model_in_path;
        if wants_version && self.header("anthropic-version").is_none() {
            return Some(mistake(400, &Complaint::new("anthropic-version", "header is required")));
        }
        for complaint in check::ask(provider, format, &self.body, is_model_in_path) {
            match provider.beyond {
                FieldsBeyond::Ignored if complaint.is_unknown_field => {}
                FieldsBeyond::Unprocessable => return Some(mistake(422, &complaint)),
                FieldsBeyond::Ignored | FieldsBeyond::Refused => return Some(mistake(400, &complaint)),
            }
        }
        let mut own =
            server.script.models.iter().filter(|(name, _)| Provider::named(name).id == provider.id).peekable();
        let is_there = own.peek().is_none() || own.any(|(_, known)| known == model);
        (!is_there).then(|| self.refused(server, FaultKind::ModelNotFound, format, model))
    }

    /// The answer.
    fn say(&self, server: &Server, strikes: &Strikes, format: Format, model: &str, is_stream: bool) -> Reply {
        let scene = self.scene(server, strikes, format, model);
        let trouble = Trouble::of(FaultKind::Overloaded, self.provider, model).unwrap_or_else(Trouble::no_such_address);
        let error = refusal::body(&trouble, self.provider, format, &server.script);
        let pace = server.script.pace;
        let is_sse = format != Format::Generate || self.query.split('&').any(|pair| pair == "alt=sse");
        let reply = if is_stream {
            let stream = Stream {
                events: format::events(format, &scene),
                error: format::error(format, &scene, &error),
                noise: format::noise(format),
                framing: if is_sse { Framing::Sse } else { Framing::Array },
                strikes,
            };
            let kind = if is_sse { "text/event-stream; charset=utf-8" } else { "application/json" };
            Reply::steps(kind, stream.steps(pace, server.script.noise))
        } else {
            let is_error = strikes.has(FaultKind::ErrorInside) || strikes.has(FaultKind::ErrorMidStream);
            let body = if is_error { error } else { format::whole(format, &scene) };
            Reply::steps("application/json", tape::whole(&body.to_string(), strikes, pace))
        };
        refusal::with_limits(reply, self.provider, self.number)
    }

    fn scene(&self, server: &Server, strikes: &Strikes, format: Format, model: &str) -> Scene {
        let prompt = practice::Prompt::read(format, &self.body);
        let pace = server.script.pace;
        let mut answer = server.next_answer().unwrap_or_else(|| practice::answer(&prompt));
        if strikes.has(FaultKind::PromptBlocked) {
            answer = Answer::default().ending(Finish::Filtered);
        }
        let mut words = practice::pieces(&answer.text, pace.words);
        let is_huge = if strikes.has(FaultKind::HugeAnswer) {
            words = vec!["words ".repeat(MB / 16 / 6); 20 * 16];
            true
        } else if strikes.has(FaultKind::HugeEvent) {
            words = vec!["words ".repeat(4 * MB / 6)];
            true
        } else {
            false
        };
        if is_huge {
            answer.text = words.concat();
        }
        let tokens = |text: &str| (text.chars().count() as u64).div_ceil(4);
        let (thinking, said) = (tokens(&answer.reasoning), tokens(&answer.text));
        let measured = Usage {
            input: tokens(&prompt.all).max(1),
            output: said + thinking,
            reasoning: thinking,
            ..Usage::default()
        };
        Scene {
            provider: self.provider,
            model: answer.model.clone().unwrap_or_else(|| model.to_owned()),
            words,
            thoughts: practice::pieces(&answer.reasoning, pace.words),
            usage: answer.usage.unwrap_or(measured),
            answer,
            is_usage_asked: self.body["stream_options"]["include_usage"] == true,
            number: self.number,
        }
    }

    fn embed(&self, server: &Server, format: Format) -> Reply {
        match check::embeddings(&self.body).into_iter().find(|complaint| !complaint.is_unknown_field) {
            None => Reply::json(200, &list::embeddings(&self.body)),
            Some(complaint) => {
                let message = format!("{}: {}", complaint.field, complaint.message);
                server.violation(self.number, message.as_str());
                let trouble = Trouble::mistake(400, &complaint.field, &message);
                refusal::mistake(&trouble, self.provider, format, &server.script)
            }
        }
    }
}

/// The format of an answer; of anything else, in whose shape its errors are.
fn shape(provider: &Provider, base: &str, endpoint: &Endpoint) -> Format {
    let is_compatible = base.ends_with("/openai") || base.ends_with("/openapi");
    match (endpoint, provider.errors) {
        (Endpoint::Ask { format, .. }, _) => *format,
        (_, Errors::Anthropic) => Format::Messages,
        (_, Errors::Google) if !is_compatible => Format::Generate,
        _ => Format::Chat,
    }
}

/// A service account's key file in base64, with the region that the gateway wants in it.
fn is_account(key: &str) -> bool {
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.decode(key).unwrap_or_default();
    let account: Value = serde_json::from_slice(&text).unwrap_or_default();
    ["client_email", "private_key", "region"].iter().all(|field| account[*field].is_string())
}
