//! What environment variables stand in for.

use crate::api::Holder;
use crate::config::{OpenaiSettings, Settings};

/// Names of the environment variables that may hold a key, in the order of precedence.
#[must_use]
pub fn variables(holder: Holder) -> &'static [&'static str] {
    match holder {
        Holder::Openai => &["OPENAI_API_KEY"],
        Holder::Gateway => &["CLOUDFLARE_API_TOKEN", "CLOUDFLARE_API_KEY", "CF_AIG_TOKEN"],
        Holder::Endpoint => &["SIDETONE_ENDPOINT_KEY"],
        Holder::Anthropic => &["ANTHROPIC_API_KEY"],
        Holder::Google => &["GEMINI_API_KEY", "GOOGLE_API_KEY", "GOOGLE_AI_API_KEY"],
        Holder::Vertex => &["GOOGLE_VERTEX_SERVICE_ACCOUNT"],
        Holder::Huggingface => &["HF_TOKEN", "HF_API_TOKEN", "HUGGINGFACE_API_KEY"],
        Holder::Perplexity => &["PERPLEXITY_API_KEY"],
        Holder::Deepseek => &["DEEPSEEK_API_KEY"],
        Holder::Groq => &["GROQ_API_KEY"],
        Holder::Openrouter => &["OPENROUTER_API_KEY"],
        Holder::Mistral => &["MISTRAL_API_KEY"],
        Holder::Xai => &["XAI_API_KEY"],
        Holder::Cerebras => &["CEREBRAS_API_KEY"],
        Holder::WorkersAi => &["CLOUDFLARE_WORKERS_AI_TOKEN", "CLOUDFLARE_API_TOKEN", "CLOUDFLARE_API_KEY"],
        Holder::Custom => &["SIDETONE_CUSTOM_KEY"],
        Holder::Deepgram => &["DEEPGRAM_API_KEY"],
        Holder::Elevenlabs => &["ELEVENLABS_API_KEY", "ELEVEN_API_KEY"],
        Holder::Cartesia => &["CARTESIA_API_KEY"],
        Holder::Fal => &["FAL_KEY"],
    }
}

/// Settings with `CLOUDFLARE_ACCOUNT_ID`, `CLOUDFLARE_GATEWAY_ID` and `OPENAI_BASE_URL` in the place of what the user left
/// empty (or, for the base URL, at its default). For the way out only: what comes from the environment is not saved.
#[must_use]
pub fn with_environment(mut settings: Settings, variable: impl Fn(&str) -> Option<String>) -> Settings {
    let variable = |name| variable(name).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    let fill = |field: &mut String, default: &str, name| {
        if field.trim().is_empty() || field.trim_end_matches('/') == default {
            *field =
                variable(name).unwrap_or_else(|| if field.trim().is_empty() { default.into() } else { field.clone() });
        }
    };
    fill(&mut settings.gateway.account_id, "", "CLOUDFLARE_ACCOUNT_ID");
    fill(&mut settings.gateway.gateway_id, "", "CLOUDFLARE_GATEWAY_ID");
    fill(&mut settings.providers.openai.base_url, &OpenaiSettings::default().base_url, "OPENAI_BASE_URL");
    settings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variable(name: &str) -> Option<String> {
        let value = match name {
            "CLOUDFLARE_ACCOUNT_ID" => " account\n",
            "CLOUDFLARE_GATEWAY_ID" => "gate",
            "OPENAI_BASE_URL" => "https://other.test/v1",
            _ => return None,
        };
        Some(value.into())
    }

    #[test]
    fn the_environment_fills_what_the_user_left_out() {
        let filled = with_environment(Settings::default(), variable);
        assert_eq!(filled.gateway.account_id, "account");
        assert_eq!(filled.gateway.gateway_id, "gate");
        assert_eq!(filled.providers.openai.base_url, "https://other.test/v1");
    }

    #[test]
    fn the_environment_does_not_touch_what_the_user_chose() {
        let mut settings = Settings::default();
        settings.gateway.account_id = "mine".into();
        settings.providers.openai.base_url = "http://localhost:1/v1".into();
        let filled = with_environment(settings, variable);
        assert_eq!(filled.gateway.account_id, "mine");
        assert_eq!(filled.providers.openai.base_url, "http://localhost:1/v1");
    }

    #[test]
    fn an_emptied_base_url_means_the_default_one() {
        let mut settings = Settings::default();
        settings.providers.openai.base_url = "  ".into();
        let filled = with_environment(settings, |_| Some("  ".into()));
        assert_eq!(filled, Settings::default());
    }
}
