//! The providers: rows of data.

use std::fmt;

use protocol::chat::{Dialect, Wire};
use serde::{Deserialize, Serialize};

use crate::auto::AUTO;

/// Names a provider, such as `openai`. Any string; [`provider`] tells whether it is known.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ProviderId(pub String);

impl ProviderId {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for ProviderId {
    fn from(id: &str) -> Self {
        Self(id.to_owned())
    }
}

impl fmt::Display for ProviderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A provider of text models.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Provider {
    /// Its [`ProviderId`].
    pub id: &'static str,
    /// For people.
    pub name: &'static str,
    /// What stands before the path of a request. `{account}` is Cloudflare's, `{host}`, `{project}` and `{region}` are
    /// Vertex AI's. Empty: the user must set one, or there is no direct way.
    pub base_url: &'static str,
    /// How it is spoken to.
    pub wire: Wire,
    /// Its peculiarities.
    pub dialect: Dialect,
    /// How it wants its key.
    pub auth: Auth,
    /// What stands in place of `base_url` behind the gateway's own address; empty: the gateway does not know it.
    /// `{model}` is the model id.
    pub gateway_path: &'static str,
    /// Where the list of models is, behind the base URL; empty: it has none.
    pub models_path: &'static str,
    /// A model for those who name none: neither the dearest nor the smallest. Empty: nobody can tell.
    pub usual_model: &'static str,
    /// Where keys are made; empty: it needs none.
    pub key_url: &'static str,
    /// Where credit is added; empty: nowhere.
    pub billing_url: &'static str,
    /// Where it tells of its troubles; empty: nowhere.
    pub status_url: &'static str,
    /// Whether it runs on the user's own machines: answers cost nothing, and no key is needed.
    pub is_local: bool,
    /// A page at the root of the server that others on the same usual port do not have; empty: there is none.
    pub own_page: &'static str,
}

/// How a provider wants its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Auth {
    /// `authorization: Bearer KEY`.
    Bearer,
    /// The same, if there is a key.
    BearerIfAny,
    /// `x-api-key: KEY` and `anthropic-version`.
    Anthropic,
    /// `x-goog-api-key: KEY`.
    Google,
    /// A token made of a service account: `authorization: Bearer TOKEN`.
    ServiceAccount,
}

const PLAIN: Dialect = Dialect {
    max_completion_tokens: false,
    stream_options: false,
    reasoning_effort: false,
    reasoning_format: false,
    store: false,
    web_search: false,
};
const COUNTING: Dialect = Dialect { stream_options: true, ..PLAIN };
const THINKING: Dialect = Dialect { reasoning_effort: true, ..PLAIN };

const OPENAI_STYLE: Provider = Provider {
    id: "",
    name: "",
    base_url: "",
    wire: Wire::OpenaiChat,
    dialect: COUNTING,
    auth: Auth::Bearer,
    gateway_path: "",
    models_path: "/models",
    usual_model: "",
    key_url: "",
    billing_url: "",
    status_url: "",
    is_local: false,
    own_page: "",
};
const LOCAL: Provider = Provider { auth: Auth::BearerIfAny, is_local: true, ..OPENAI_STYLE };

/// Addresses, authentication and peculiarities: the providers' API references and official SDKs, autumn 2026; gateway
/// paths: Cloudflare's documentation of provider-native endpoints.
const PROVIDERS: &[Provider] = &[
    Provider {
        id: "openai",
        name: "OpenAI",
        base_url: "https://api.openai.com/v1",
        dialect: Dialect { max_completion_tokens: true, reasoning_effort: true, ..COUNTING },
        gateway_path: "openai",
        usual_model: "gpt-6.1-terra",
        key_url: "https://platform.openai.com/api-keys",
        billing_url: "https://platform.openai.com/settings/organization/billing",
        status_url: "https://status.openai.com",
        ..OPENAI_STYLE
    },
    Provider {
        id: "anthropic",
        name: "Anthropic",
        base_url: "https://api.anthropic.com/v1",
        wire: Wire::AnthropicMessages,
        dialect: THINKING,
        auth: Auth::Anthropic,
        gateway_path: "anthropic/v1",
        models_path: "/models?limit=1000",
        usual_model: "claude-sonnet-5-5",
        key_url: "https://platform.claude.com/settings/keys",
        billing_url: "https://platform.claude.com/settings/billing",
        status_url: "https://status.claude.com",
        ..OPENAI_STYLE
    },
    Provider {
        id: "google-ai-studio",
        name: "Google AI Studio",
        base_url: "https://generativelanguage.googleapis.com/v1beta",
        wire: Wire::GoogleGenerate,
        dialect: THINKING,
        auth: Auth::Google,
        gateway_path: "google-ai-studio/v1beta",
        models_path: "/models?pageSize=1000",
        usual_model: "gemini-3.8-flash",
        key_url: "https://aistudio.google.com/apikey",
        billing_url: "https://console.cloud.google.com/billing",
        status_url: "https://aistudio.google.com/status",
        ..OPENAI_STYLE
    },
    Provider {
        id: "google-vertex",
        name: "Google Vertex AI",
        base_url: "https://{host}/v1/projects/{project}/locations/{region}/publishers/google",
        wire: Wire::GoogleGenerate,
        dialect: THINKING,
        auth: Auth::ServiceAccount,
        gateway_path: "google-vertex-ai/v1/projects/{project}/locations/{region}/publishers/google",
        models_path: "",
        usual_model: "gemini-3.8-flash",
        key_url: "https://console.cloud.google.com/iam-admin/serviceaccounts",
        billing_url: "https://console.cloud.google.com/billing",
        status_url: "https://status.cloud.google.com",
        ..OPENAI_STYLE
    },
    Provider {
        id: "huggingface",
        name: "Hugging Face",
        base_url: "https://router.huggingface.co/v1",
        gateway_path: "huggingface/{model}/v1",
        usual_model: "openai/gpt-oss-120b",
        key_url: "https://huggingface.co/settings/tokens",
        billing_url: "https://huggingface.co/settings/billing",
        status_url: "https://status.huggingface.co",
        ..OPENAI_STYLE
    },
    Provider {
        id: "perplexity",
        name: "Perplexity",
        base_url: "https://api.perplexity.ai/v1",
        wire: Wire::OpenaiResponses,
        dialect: Dialect { web_search: true, ..PLAIN },
        gateway_path: "perplexity-ai/v1",
        usual_model: "perplexity/sonar",
        key_url: "https://www.perplexity.ai/account/api/keys",
        billing_url: "https://www.perplexity.ai/account/api/billing",
        status_url: "https://status.perplexity.com",
        ..OPENAI_STYLE
    },
    Provider {
        id: "deepseek",
        name: "DeepSeek",
        base_url: "https://api.deepseek.com",
        gateway_path: "deepseek",
        usual_model: "deepseek-v4-flash",
        key_url: "https://platform.deepseek.com/api_keys",
        billing_url: "https://platform.deepseek.com/top_up",
        status_url: "https://status.deepseek.com",
        ..OPENAI_STYLE
    },
    Provider {
        id: "groq",
        name: "Groq",
        base_url: "https://api.groq.com/openai/v1",
        dialect: Dialect { max_completion_tokens: true, reasoning_format: true, ..COUNTING },
        gateway_path: "groq",
        usual_model: "openai/gpt-oss-120b",
        key_url: "https://console.groq.com/keys",
        billing_url: "https://console.groq.com/settings/billing",
        status_url: "https://groqstatus.com",
        ..OPENAI_STYLE
    },
    Provider {
        id: "openrouter",
        name: "OpenRouter",
        base_url: "https://openrouter.ai/api/v1",
        gateway_path: "openrouter/v1",
        usual_model: "openai/gpt-oss-120b",
        key_url: "https://openrouter.ai/settings/keys",
        billing_url: "https://openrouter.ai/settings/credits",
        status_url: "https://status.openrouter.ai",
        ..OPENAI_STYLE
    },
    Provider {
        id: "mistral",
        name: "Mistral",
        base_url: "https://api.mistral.ai/v1",
        // It refuses fields that it does not know, and tells the usage unasked.
        dialect: PLAIN,
        gateway_path: "mistral/v1",
        usual_model: "mistral-medium-latest",
        key_url: "https://console.mistral.ai/api-keys",
        billing_url: "https://admin.mistral.ai/organization/billing",
        status_url: "https://status.mistral.ai",
        ..OPENAI_STYLE
    },
    Provider {
        id: "xai",
        name: "xAI",
        base_url: "https://api.x.ai/v1",
        gateway_path: "grok/v1",
        usual_model: "grok-4.3",
        key_url: "https://console.x.ai",
        billing_url: "https://console.x.ai",
        status_url: "https://status.x.ai",
        ..OPENAI_STYLE
    },
    Provider {
        id: "cerebras",
        name: "Cerebras",
        base_url: "https://api.cerebras.ai/v1",
        dialect: Dialect { max_completion_tokens: true, ..COUNTING },
        gateway_path: "cerebras",
        usual_model: "gpt-oss-120b",
        key_url: "https://cloud.cerebras.ai",
        billing_url: "https://cloud.cerebras.ai",
        status_url: "https://status.cerebras.ai",
        ..OPENAI_STYLE
    },
    Provider {
        id: "workers-ai",
        name: "Cloudflare Workers AI",
        base_url: "https://api.cloudflare.com/client/v4/accounts/{account}/ai/v1",
        gateway_path: "workers-ai/v1",
        models_path: "",
        usual_model: "@cf/openai/gpt-oss-120b",
        key_url: "https://dash.cloudflare.com/profile/api-tokens",
        billing_url: "https://dash.cloudflare.com/?to=/:account/billing",
        status_url: "https://www.cloudflarestatus.com",
        ..OPENAI_STYLE
    },
    // Models: `dynamic/{route}`, made by the user at the gateway, or `cloudflare/auto`. Only with keys stored there.
    Provider {
        id: "cloudflare-route",
        name: "Cloudflare route",
        gateway_path: "compat",
        models_path: "/v1/models",
        key_url: "https://dash.cloudflare.com/?to=/:account/ai/ai-gateway",
        billing_url: "https://dash.cloudflare.com/?to=/:account/billing",
        status_url: "https://www.cloudflarestatus.com",
        ..OPENAI_STYLE
    },
    // Local servers on their usual ports.
    Provider { id: "ollama", name: "Ollama", base_url: "http://127.0.0.1:11434/v1", ..LOCAL },
    Provider { id: "lm-studio", name: "LM Studio", base_url: "http://127.0.0.1:1234/v1", ..LOCAL },
    Provider { id: "llama-cpp", name: "llama.cpp", base_url: "http://127.0.0.1:8080/v1", ..LOCAL },
    // `/readyz` wants no key and is answered by an empty page or "OK" (LocalAI's sources, 2026-11); llama.cpp has none.
    Provider { id: "localai", name: "LocalAI", base_url: "http://127.0.0.1:8080/v1", own_page: "/readyz", ..LOCAL },
    Provider { id: "custom", name: "Custom server", ..LOCAL },
];

/// Providers of the user's own at the gateway: `custom-{slug}`. Only with keys stored there, and of OpenAI's shape; `v1`
/// is not a part of the base URL that the gateway knows.
const AT_GATEWAY: Provider = Provider {
    id: "custom-",
    name: "Custom provider of the gateway",
    gateway_path: "{provider}/v1",
    key_url: "https://dash.cloudflare.com/?to=/:account/ai/ai-gateway",
    billing_url: "https://dash.cloudflare.com/?to=/:account/billing",
    status_url: "https://www.cloudflarestatus.com",
    ..OPENAI_STYLE
};

/// All providers, in the order to show them.
pub fn providers() -> &'static [Provider] {
    PROVIDERS
}

/// The provider of this name; `custom-{slug}` are the user's own at the gateway.
pub fn provider(id: &ProviderId) -> Option<&'static Provider> {
    let slug = id.0.strip_prefix(AT_GATEWAY.id);
    if slug
        .is_some_and(|slug| !slug.is_empty() && slug.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'))
    {
        return Some(&AT_GATEWAY);
    }
    PROVIDERS.iter().find(|provider| provider.id == id.0)
}

/// The provider that a name means: its own one, or the one that Cloudflare AI Gateway's paths have for it, such as
/// `google-vertex-ai` or `grok`.
pub fn named(name: &str) -> Option<ProviderId> {
    let id = ProviderId::from(name);
    let slug = |provider: &&Provider| provider.gateway_path.split('/').next() == Some(name) && !name.is_empty();
    if provider(&id).is_some() { Some(id) } else { Some(PROVIDERS.iter().find(slug)?.id.into()) }
}

/// The provider that a model's name alone tells: `dynamic/{route}`, `custom-{slug}/{model}` and `cloudflare/auto` exist at
/// the gateway only.
pub fn provider_of(model: &str) -> Option<ProviderId> {
    let is_at_gateway = model == AUTO
        || model.strip_prefix("dynamic/").is_some_and(|route| !route.is_empty())
        || model.split_once('/').is_some_and(|(slug, model)| {
            !model.is_empty() && slug.starts_with(AT_GATEWAY.id) && provider(&slug.into()).is_some()
        });
    is_at_gateway.then(|| "cloudflare-route".into())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::price::listed;

    #[test]
    fn every_provider_that_takes_a_key_has_a_usual_model_with_a_price() {
        for provider in providers().iter().filter(|provider| !provider.is_local && !provider.base_url.is_empty()) {
            let listed = listed(provider.id, provider.usual_model);
            assert!(listed.is_some_and(|listed| listed.text), "{}: {}", provider.id, provider.usual_model);
            assert!(listed.unwrap().price.input <= 5_000_000_000, "{}: a dear one", provider.id);
        }
    }

    #[test]
    fn whose_key_can_be_made_has_a_page_for_credit_and_one_for_its_troubles() {
        for provider in providers() {
            let has =
                [provider.key_url, provider.billing_url, provider.status_url].map(|url| url.starts_with("https://"));
            assert_eq!(has, [!provider.is_local; 3], "{}", provider.id);
        }
    }

    #[test]
    fn a_provider_is_known_by_the_gateway_s_name_for_it_too() {
        for (name, id) in [
            ("google-vertex-ai", "google-vertex"),
            ("grok", "xai"),
            ("perplexity-ai", "perplexity"),
            ("openai", "openai"),
            ("custom-mine", "custom-mine"),
        ] {
            assert_eq!(named(name), Some(id.into()), "{name}");
        }
        assert_eq!((named("nobody"), named("")), (None, None));
    }

    #[test]
    fn names_of_the_gateway_s_own_lead_there() {
        let route = Some(ProviderId::from("cloudflare-route"));
        for model in ["dynamic/cheap", "cloudflare/auto", "custom-mine/some/model"] {
            assert_eq!(provider_of(model), route, "{model}");
        }
        for model in ["dynamic/", "dynamic", "openai/gpt-6-luna", "custom-/m", "custom-mine", "custom-../m", ""] {
            assert_eq!(provider_of(model), None, "{model}");
        }
        assert_eq!(provider(&"custom-mine".into()).unwrap().gateway_path, "{provider}/v1");
        assert_eq!(provider(&"custom".into()).unwrap().id, "custom");
        assert_eq!(provider(&"custom-a/b".into()), None);
    }
}
