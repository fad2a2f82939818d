//! Lists of models in everybody's shape, and embeddings.

use serde_json::{Value, json};

use super::provider::{Errors, Provider};
use super::server::Server;

/// The list of a provider's models, at this base.
pub(super) fn models(provider: &Provider, base: &str, server: &Server) -> Value {
    let scripted = server.script.models.iter().filter(|(name, _)| Provider::named(name).id == provider.id);
    let mut ids: Vec<&str> = scripted.map(|(_, model)| model.as_str()).collect();
    if ids.is_empty() {
        ids = provider.models.to_vec();
    }
    let is_compatible = base.ends_with("/openai") || base.ends_with("/openapi");
    match provider.errors {
        Errors::Google if !is_compatible => google(&ids),
        Errors::Anthropic => anthropic(&ids),
        Errors::Google | Errors::Openai | Errors::Openrouter | Errors::Mistral | Errors::Xai | Errors::Text => {
            json!({"object": "list", "data": ids.iter().map(|id| openai(provider, id)).collect::<Vec<_>>()})
        }
    }
}

/// The list behind the gateway's unified endpoint.
pub(super) fn unified() -> Value {
    let entry = |id: &str| {
        json!({"id": id, "object": "model", "created": 1_780_000_000, "owned_by": id.split('/').next(),
            "cost_in": 0.000_002, "cost_out": 0.000_01})
    };
    json!({"object": "list", "data": [entry("openai/gpt-6.1-sol"), entry("anthropic/claude-sonnet-5-5")]})
}

fn openai(provider: &Provider, id: &str) -> Value {
    let mut model = json!({"id": id, "object": "model", "created": 1_780_000_000, "owned_by": provider.id});
    match provider.id {
        "openrouter" => {
            model["name"] = json!(id);
            model["context_length"] = json!(200_000);
            model["pricing"] = json!({"prompt": "0.000002", "completion": "0.00001", "image": "0", "request": "0"});
            model["architecture"] = json!({"input_modalities": ["text", "image"], "output_modalities": ["text"]});
        }
        "huggingface" => {
            let pricing = json!({"input": 0.1, "output": 0.5});
            let place = json!({"provider": "fake", "status": "live", "context_length": 131_072, "pricing": pricing});
            model["providers"] = json!([place]);
        }
        "mistral" => {
            model["capabilities"] = json!({"completion_chat": true, "vision": true});
            model["max_context_length"] = json!(131_072);
        }
        "groq" => {
            model["active"] = json!(true);
            model["context_window"] = json!(131_072);
        }
        _ => {}
    }
    model
}

fn anthropic(ids: &[&str]) -> Value {
    let entry =
        |id: &&str| json!({"type": "model", "id": id, "display_name": id, "created_at": "2026-10-01T00:00:00Z"});
    json!({"data": ids.iter().map(entry).collect::<Vec<_>>(), "has_more": false, "first_id": ids.first(), "last_id": ids.last()})
}

fn google(ids: &[&str]) -> Value {
    let entry = |id: &&str| {
        json!({"name": format!("models/{id}"), "displayName": id, "version": "001", "inputTokenLimit": 1_048_576,
            "outputTokenLimit": 65_536, "supportedGenerationMethods": ["generateContent", "countTokens"]})
    };
    let mut models: Vec<_> = ids.iter().map(entry).collect();
    models.push(json!({"name": "models/embedding-001", "displayName": "Embedding", "inputTokenLimit": 2048,
        "supportedGenerationMethods": ["embedContent"]}));
    json!({"models": models})
}

/// Ollama's list.
pub(super) fn tags(provider: &Provider) -> Value {
    let entry = |name: &&str| {
        json!({"name": name, "model": name, "modified_at": "2026-11-01T00:00:00Z", "size": 2_019_393_189_u64,
            "digest": "sha256:00", "details": {"family": "llama", "parameter_size": "3.2B", "quantization_level": "Q4_K_M"}})
    };
    json!({"models": provider.models.iter().map(entry).collect::<Vec<_>>()})
}

/// Embeddings: the same text always has the same one.
pub(super) fn embeddings(body: &Value) -> Value {
    let input = &body["input"];
    let texts = input.as_array().map_or_else(|| std::slice::from_ref(input), Vec::as_slice);
    let texts: Vec<_> = texts.iter().filter_map(Value::as_str).collect();
    let size = body["dimensions"].as_u64().unwrap_or(8).min(4096);
    let entry = |(index, text): (usize, &&str)| {
        let seed: u64 = text.bytes().fold(7, |seed, byte| seed.wrapping_mul(31).wrapping_add(u64::from(byte)));
        let mut random = fastrand::Rng::with_seed(seed);
        let vector: Vec<f32> = (0..size).map(|_| random.f32() - 0.5).collect();
        json!({"object": "embedding", "index": index, "embedding": vector})
    };
    let tokens: usize = texts.iter().map(|text| text.len().div_ceil(4)).sum();
    json!({"object": "list", "data": texts.iter().enumerate().map(entry).collect::<Vec<_>>(), "model": body["model"],
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens}})
}
