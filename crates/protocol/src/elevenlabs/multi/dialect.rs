//! The words of the two sockets with several contexts.

use serde_json::{Value, json};

use crate::elevenlabs::language;
use crate::{Config, Leg, Place, SAMPLE_RATE};

/// How a socket is talked to.
#[derive(Debug)]
pub(super) struct Dialect {
    voice: String,
    is_dialogue: bool,
    speed: Option<f32>,
}

impl Dialect {
    pub(super) fn new(model: &str, voice: &str) -> Self {
        Self { voice: voice.trim().to_owned(), is_dialogue: is_dialogue(model), speed: None }
    }

    /// Contexts from now on.
    pub(super) fn configure(&mut self, config: &Config) {
        // The service takes 0.7 to 1.2.
        self.speed = config.speed.filter(|speed| speed.is_finite() && *speed != 1.0).map(|speed| speed.clamp(0.7, 1.2));
    }

    /// The first frame of a context.
    pub(super) fn begin(&self, name: &str) -> Value {
        if self.is_dialogue {
            return json!({ "voices": [self.voice], "context_id": name });
        }
        match self.speed {
            Some(speed) => json!({ "text": " ", "context_id": name, "voice_settings": { "speed": speed } }),
            None => json!({ "text": " ", "context_id": name }),
        }
    }

    /// Whole sentences, to be spoken at once. Each piece ends with a space.
    pub(super) fn say(&self, name: &str, text: &str) -> Value {
        let text = format!("{} ", text.trim_end());
        if self.is_dialogue {
            let input = json!({ "text": text, "voice_id": self.voice, "new_turn": false });
            return json!({ "inputs": [input], "flush": true, "context_id": name });
        }
        json!({ "text": text, "context_id": name, "flush": true })
    }

    /// No more text; what there is is still spoken.
    pub(super) fn close(&self, name: &str) -> Value {
        json!({ "context_id": name, "close_context": true })
    }

    /// It is not forgotten.
    pub(super) fn keep(&self, name: &str) -> Value {
        if self.is_dialogue {
            return json!({ "keep_alive": true, "context_id": name });
        }
        json!({ "text": "", "context_id": name })
    }
}

/// `eleven_v3` and later, whatever is behind the number.
fn is_dialogue(model: &str) -> bool {
    let number = model.trim().strip_prefix("eleven_v").unwrap_or_default();
    let digits: String = number.chars().take_while(char::is_ascii_digit).collect();
    digits.parse::<u32>().is_ok_and(|number| number >= 3)
}

/// Where the mouth's socket is.
pub(crate) fn place(model: &str, voice: &str, config: &Config) -> Place {
    let mut query = vec![("model_id", model.trim().to_owned()), ("output_format", format!("pcm_{SAMPLE_RATE}"))];
    let is_dialogue = is_dialogue(model);
    let path = if is_dialogue {
        "v1/text-to-dialogue/multi-stream-input".to_owned()
    } else {
        query.push(("inactivity_timeout", "180".to_owned()));
        query.push(("auto_mode", "true".to_owned()));
        format!("v1/text-to-speech/{}/multi-stream-input", voice.trim())
    };
    // Others refuse to be told a language.
    let takes_language = is_dialogue || model.contains("v2_5");
    if let Some(language) = language(config).filter(|_| takes_language) {
        query.push(("language_code", language));
    }
    Place { leg: Leg::Mouth, path, query }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_from_the_third_on_speak_dialogues() {
        for model in ["eleven_v3", "eleven_v3_conversational", "eleven_v4", "eleven_v4_turbo", "eleven_v12"] {
            assert!(is_dialogue(model), "{model}");
        }
        for model in ["eleven_flash_v2_5", "eleven_turbo_v2_5", "eleven_multilingual_v2", "eleven_v2", "other"] {
            assert!(!is_dialogue(model), "{model}");
        }
    }
}
