//! The providers: where each one is found, and what it does differently.

use FieldsBeyond::{Ignored, Refused, Unprocessable};
use Format::{Generate, Messages, Responses};
use Limits::{Anthropic as AnthropicLimits, Cerebras as CerebrasLimits, Mistral as MistralLimits};
use Limits::{Epoch, Minute, Nothing, Openai as OpenaiLimits};
use Thought::{Array, Hidden, Reasoning, ReasoningContent};
use UsageWhen::{Always, Asked, Every};

/// A provider, or a server on the user's own machine.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Provider {
    pub(super) id: &'static str,
    /// Its name in the gateway's paths; empty = not there. Taken in place of `id` too.
    pub(super) slug: &'static str,
    /// Path of its own base URL.
    pub(super) base: &'static str,
    /// Other bases that it has; `*` is any one segment.
    pub(super) bases: &'static [&'static str],
    /// Bases behind its slug in the gateway's paths.
    pub(super) gateway_bases: &'static [&'static str],
    /// Formats it has besides OpenAI's chat.
    pub(super) formats: &'static [Format],
    pub(super) auth: Auth,
    pub(super) errors: Errors,
    pub(super) thought: Thought,
    pub(super) usage: UsageWhen,
    pub(super) limits: Limits,
    pub(super) beyond: FieldsBeyond,
    /// Models of its list.
    pub(super) models: &'static [&'static str],
}

/// A format of requests and answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// OpenAI's chat completions.
    Chat,
    /// OpenAI's responses.
    Responses,
    /// Anthropic's messages.
    Messages,
    /// Google's generateContent.
    Generate,
}

/// Which credential a provider wants on its own formats. OpenAI's formats want a bearer everywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Auth {
    Bearer,
    XApiKey,
    XGoogApiKey,
    /// A token from the token endpoint.
    Oauth,
    /// None; it runs on the user's machine.
    Nothing,
}

/// The shape of a provider's errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Errors {
    Openai,
    Openrouter,
    Anthropic,
    Google,
    Mistral,
    /// `{"code":"…","error":"…"}`
    Xai,
    /// `{"error":"text"}`
    Text,
}

/// Where a thought stands in OpenAI's chat format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Thought {
    Hidden,
    ReasoningContent,
    Reasoning,
    /// `content` is an array of parts.
    Array,
}

/// When a stream in OpenAI's chat format tells the usage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum UsageWhen {
    /// In a chunk of its own, when `stream_options` asks for it.
    Asked,
    /// In the last chunk.
    Always,
    /// In every chunk, when asked for.
    Every,
}

/// The headers that tell a provider's limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Limits {
    Openai,
    Anthropic,
    Cerebras,
    Mistral,
    /// `x-ratelimit-{limit,remaining}-{requests,tokens}`
    Minute,
    /// Milliseconds since 1970.
    Epoch,
    Nothing,
}

/// What becomes of a field that the provider does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FieldsBeyond {
    Ignored,
    /// 400
    Refused,
    /// 422
    Unprocessable,
}

/// What most have in common.
const PLAIN: Provider = Provider {
    id: "custom",
    slug: "",
    base: "/v1",
    bases: &[],
    gateway_bases: &[],
    formats: &[],
    auth: Auth::Nothing,
    errors: Errors::Openai,
    thought: ReasoningContent,
    usage: Asked,
    limits: Nothing,
    beyond: Ignored,
    models: &["practice-model"],
};

/// Every provider; the last one stands for all whose names are not known.
static PROVIDERS: &[Provider] = &[
    Provider {
        id: "openai",
        slug: "openai",
        gateway_bases: &["", "/v1"],
        formats: &[Responses],
        auth: Auth::Bearer,
        thought: Hidden,
        limits: OpenaiLimits,
        beyond: Refused,
        models: &["gpt-6.1-sol", "gpt-6.1-terra", "gpt-6-luna", "gpt-5.4-mini"],
        ..PLAIN
    },
    Provider {
        id: "anthropic",
        slug: "anthropic",
        gateway_bases: &["/v1"],
        formats: &[Messages],
        auth: Auth::XApiKey,
        errors: Errors::Anthropic,
        limits: AnthropicLimits,
        models: &["claude-sonnet-5-5", "claude-opus-5-5", "claude-haiku-5-5"],
        ..PLAIN
    },
    Provider {
        id: "google-ai-studio",
        slug: "google-ai-studio",
        base: "/v1beta",
        bases: &["/v1", "/v1beta/openai"],
        gateway_bases: &["/v1beta", "/v1", "/v1beta/openai"],
        formats: &[Generate],
        auth: Auth::XGoogApiKey,
        errors: Errors::Google,
        thought: Hidden,
        usage: Every,
        models: &["gemini-3.8-flash", "gemini-3.5-flash-lite", "gemini-3.1-pro-preview"],
        ..PLAIN
    },
    Provider {
        id: "google-vertex",
        slug: "google-vertex-ai",
        base: "/v1/projects/sidetone-test/locations/global/publishers/google",
        bases: &["/v1/projects/*/locations/*/publishers/*", "/v1/projects/*/locations/*/endpoints/openapi"],
        gateway_bases: &["/v1/projects/*/locations/*/publishers/*", "/v1/projects/*/locations/*/endpoints/openapi"],
        formats: &[Generate, Messages],
        auth: Auth::Oauth,
        errors: Errors::Google,
        thought: Hidden,
        usage: Every,
        models: &["google/gemini-3.8-flash"],
        ..PLAIN
    },
    Provider {
        id: "huggingface",
        slug: "huggingface",
        gateway_bases: &["/v1", "/*/*", "/*/*/v1"],
        auth: Auth::Bearer,
        errors: Errors::Text,
        usage: Always,
        models: &["openai/gpt-oss-120b", "Qwen/Qwen3.8-27B"],
        ..PLAIN
    },
    Provider {
        id: "perplexity",
        slug: "perplexity-ai",
        gateway_bases: &["", "/v1"],
        formats: &[Responses],
        auth: Auth::Bearer,
        models: &["perplexity/sonar", "anthropic/claude-sonnet-5-5"],
        ..PLAIN
    },
    Provider {
        id: "deepseek",
        slug: "deepseek",
        base: "",
        bases: &["/v1", "/anthropic/v1"],
        gateway_bases: &["", "/v1"],
        formats: &[Messages],
        auth: Auth::Bearer,
        usage: Always,
        models: &["deepseek-v4-flash", "deepseek-v4-pro"],
        ..PLAIN
    },
    Provider {
        id: "groq",
        slug: "groq",
        base: "/openai/v1",
        gateway_bases: &[""],
        formats: &[Responses],
        auth: Auth::Bearer,
        thought: Reasoning,
        usage: Always,
        limits: OpenaiLimits,
        beyond: Refused,
        models: &["openai/gpt-oss-120b", "openai/gpt-oss-20b"],
        ..PLAIN
    },
    Provider {
        id: "openrouter",
        slug: "openrouter",
        base: "/api/v1",
        gateway_bases: &["", "/v1"],
        auth: Auth::Bearer,
        errors: Errors::Openrouter,
        thought: Reasoning,
        usage: Always,
        limits: Epoch,
        models: &["anthropic/claude-sonnet-5-5", "openai/gpt-oss-20b:free"],
        ..PLAIN
    },
    Provider {
        id: "mistral",
        slug: "mistral",
        gateway_bases: &["/v1"],
        auth: Auth::Bearer,
        errors: Errors::Mistral,
        thought: Array,
        usage: Always,
        limits: MistralLimits,
        beyond: Unprocessable,
        models: &["mistral-large-4", "mistral-small-latest"],
        ..PLAIN
    },
    Provider {
        id: "xai",
        slug: "grok",
        gateway_bases: &["/v1"],
        formats: &[Responses],
        auth: Auth::Bearer,
        errors: Errors::Xai,
        usage: Always,
        limits: Minute,
        models: &["grok-4.7", "grok-4.3"],
        ..PLAIN
    },
    Provider {
        id: "cerebras",
        slug: "cerebras",
        gateway_bases: &["", "/v1"],
        auth: Auth::Bearer,
        thought: Reasoning,
        usage: Always,
        limits: CerebrasLimits,
        models: &["gpt-oss-120b", "qwen-3.8-27b"],
        ..PLAIN
    },
    Provider {
        id: "workers-ai",
        slug: "workers-ai",
        base: "/client/v4/accounts/acct/ai/v1",
        bases: &["/client/v4/accounts/*/ai/v1"],
        gateway_bases: &["/v1"],
        formats: &[Responses],
        auth: Auth::Bearer,
        models: &["@cf/openai/gpt-oss-120b", "@cf/zai-org/glm-4.7-flash"],
        ..PLAIN
    },
    Provider { id: "ollama", thought: Reasoning, models: &["llama3.2:3b", "qwen3:8b"], ..PLAIN },
    Provider { id: "lm-studio", models: &["qwen3-8b"], ..PLAIN },
    Provider { id: "llama-cpp", models: &["local.gguf"], ..PLAIN },
    Provider { bases: &[""], gateway_bases: &["", "/v1"], ..PLAIN },
];

/// What the gateway calls the providers that it knows.
pub(super) fn slugs() -> impl Iterator<Item = &'static str> {
    PROVIDERS.iter().map(|provider| provider.slug).filter(|slug| !slug.is_empty())
}

impl Provider {
    /// By id or slug; names that are not known are plain servers of OpenAI's shape.
    pub(super) fn named(name: &str) -> &'static Self {
        Self::known(name).unwrap_or_else(Self::plain)
    }

    pub(super) fn known(name: &str) -> Option<&'static Self> {
        let name = match name {
            "google" => "google-ai-studio",
            "vertex" => "google-vertex",
            other => other,
        };
        PROVIDERS.iter().find(|provider| provider.id == name || (!provider.slug.is_empty() && provider.slug == name))
    }

    fn plain() -> &'static Self {
        PROVIDERS.last().unwrap_or(&PLAIN)
    }

    /// Whether it speaks this format.
    pub(super) fn speaks(&self, format: Format) -> bool {
        format == Format::Chat || self.formats.contains(&format)
    }

    /// Whether this is a base of it, without and behind the gateway.
    pub(super) fn has_base(&self, base: &str, is_gateway: bool) -> bool {
        if is_gateway {
            self.gateway_bases.iter().any(|pattern| fits(pattern, base))
        } else {
            self.base == base || self.bases.iter().any(|pattern| fits(pattern, base))
        }
    }
}

fn fits(pattern: &str, path: &str) -> bool {
    let (mut pattern, mut path) = (pattern.split('/'), path.split('/'));
    loop {
        match (pattern.next(), path.next()) {
            (None, None) => return true,
            (Some("*"), Some(segment)) if !segment.is_empty() => {}
            (Some(wanted), Some(segment)) if wanted == segment => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bases_are_matched_by_segment() {
        let vertex = Provider::named("google-vertex-ai");
        assert!(vertex.has_base("/v1/projects/p/locations/eu/publishers/anthropic", false));
        assert!(!vertex.has_base("/v1/projects//locations/eu/publishers/google", false));
        assert!(!vertex.has_base("/v1/projects/p/publishers/google", true));
        assert!(Provider::named("groq").has_base("/openai/v1", false));
        assert!(!Provider::named("groq").has_base("/openai/v1", true));
    }

    #[test]
    fn names_that_are_not_known_are_plain_servers() {
        assert_eq!(Provider::named("my-own").id, "custom");
        assert_eq!(Provider::named("grok").id, "xai");
        assert!(Provider::known("").is_none());
    }
}
