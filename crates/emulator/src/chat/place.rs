//! Where a request goes: through the gateway or not, to which provider, for what.

use super::provider::{Format, Provider};
use super::record::Passage;

/// The end of a request's path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Endpoint {
    /// An answer. The model and whether it is streamed stand in the path only in Google's formats.
    Ask {
        format: Format,
        model: Option<String>,
        is_stream: Option<bool>,
    },
    Models,
    Embeddings,
    /// Ollama's list.
    Tags,
    /// llama.cpp's.
    Health,
    Unknown,
}

/// What a path means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// The token endpoint for service accounts.
    Token,
    /// A provider, and the path behind its host.
    Direct(&'static Provider, String),
    /// The gateway, and the path behind the slug.
    Gateway(Passage, String),
}

impl Place {
    pub(super) fn find(path: &str) -> Self {
        if path == "/token" {
            return Self::Token;
        }
        if let Some(rest) = path.strip_prefix("/gateway/v1/") {
            let mut parts = rest.splitn(4, '/').map(str::to_owned);
            let mut part = || parts.next().unwrap_or_default();
            let passage = Passage { account: part(), gateway: part(), slug: part() };
            let rest = part();
            return Self::Gateway(passage, if rest.is_empty() { rest } else { format!("/{rest}") });
        }
        let (first, rest) = split(path);
        match first {
            // Without a provider's name the shape tells.
            "v1" | "v1beta" | "api" | "health" | "chat" => {
                let name = match Endpoint::split(path).1 {
                    Endpoint::Ask { format: Format::Messages, .. } => "anthropic",
                    Endpoint::Ask { format: Format::Generate, .. } => "google",
                    Endpoint::Tags => "ollama",
                    Endpoint::Health => "llama-cpp",
                    Endpoint::Models if first == "v1beta" => "google",
                    Endpoint::Ask { .. } | Endpoint::Models | Endpoint::Embeddings | Endpoint::Unknown => "openai",
                };
                Self::Direct(Provider::named(name), path.to_owned())
            }
            name => Self::Direct(Provider::named(name), rest.to_owned()),
        }
    }
}

impl Endpoint {
    /// The base and the end of a path behind a provider's host.
    pub(super) fn split(path: &str) -> (&str, Self) {
        let ends: [(&str, Self); 7] = [
            ("/chat/completions", Self::ask(Format::Chat)),
            ("/responses", Self::ask(Format::Responses)),
            ("/messages", Self::ask(Format::Messages)),
            ("/embeddings", Self::Embeddings),
            ("/models", Self::Models),
            ("/api/tags", Self::Tags),
            ("/health", Self::Health),
        ];
        for (end, endpoint) in ends {
            if let Some(base) = path.strip_suffix(end) {
                return (base, endpoint);
            }
        }
        let call = path.rsplit_once("/models/").and_then(|(base, call)| Some((base, call.rsplit_once(':')?)));
        let Some((base, (model, verb))) = call else { return (path, Self::Unknown) };
        let (format, is_stream) = match verb {
            "generateContent" => (Format::Generate, false),
            "streamGenerateContent" => (Format::Generate, true),
            "rawPredict" => (Format::Messages, false),
            "streamRawPredict" => (Format::Messages, true),
            _ => return (path, Self::Unknown),
        };
        (base, Self::Ask { format, model: Some(super::reception::unescaped(model)), is_stream: Some(is_stream) })
    }

    fn ask(format: Format) -> Self {
        Self::Ask { format, model: None, is_stream: None }
    }

    pub(super) fn is_ask(&self) -> bool {
        matches!(self, Self::Ask { .. })
    }
}

/// The first segment, and the rest with its slash.
fn split(path: &str) -> (&str, &str) {
    let path = path.strip_prefix('/').unwrap_or(path);
    path.find('/').map_or((path, ""), |at| path.split_at(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn direct(path: &str) -> (&'static str, String, Endpoint) {
        match Place::find(path) {
            Place::Direct(provider, rest) => {
                let (base, endpoint) = Endpoint::split(&rest);
                (provider.id, base.to_owned(), endpoint)
            }
            other @ (Place::Token | Place::Gateway(..)) => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_path_tells_provider_and_format() {
        assert_eq!(
            direct("/groq/openai/v1/chat/completions"),
            ("groq", "/openai/v1".into(), Endpoint::ask(Format::Chat))
        );
        assert_eq!(direct("/v1/messages"), ("anthropic", "/v1".into(), Endpoint::ask(Format::Messages)));
        let (provider, base, endpoint) = direct("/v1beta/models/gemini-3.8-flash:streamGenerateContent");
        assert_eq!((provider, base.as_str()), ("google-ai-studio", "/v1beta"));
        let model = Some("gemini-3.8-flash".to_owned());
        assert_eq!(endpoint, Endpoint::Ask { format: Format::Generate, model, is_stream: Some(true) });
        assert_eq!(direct("/v1/models").2, Endpoint::Models);
        assert_eq!(direct("/v1/nonsense").2, Endpoint::Unknown);
        assert_eq!(direct("/api/tags"), ("ollama", String::new(), Endpoint::Tags));
    }

    #[test]
    fn the_gateway_has_account_gateway_and_slug_before_the_path() {
        let passage = |slug: &str| Passage { account: "a".into(), gateway: "g".into(), slug: slug.into() };
        for (path, slug, rest) in [
            ("/gateway/v1/a/g/openai/chat/completions", "openai", "/chat/completions"),
            ("/gateway/v1/a/g", "", ""),
            ("/gateway/v1/a/g/", "", ""),
        ] {
            assert_eq!(Place::find(path), Place::Gateway(passage(slug), rest.into()), "{path}");
        }
        assert_eq!(Place::find("/token"), Place::Token);
    }
}
