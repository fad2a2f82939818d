//! Changing some of the settings.

use serde_json::Value;

use crate::api::{Code, Problem};
use crate::config::Settings;

/// Merges a nested object of changes; fields that are not in it stay. Numbers out of range are brought into it.
///
/// # Errors
/// [`Code::Internal`] with the field's name, for unknown fields and values of a wrong kind; then nothing is changed.
pub fn merge(settings: &Settings, patch: &Value) -> Result<Settings, Problem> {
    let mut changed = serde_json::to_value(settings).map_err(|error| problem("settings", &error.to_string()))?;
    apply(&mut changed, patch, "")?;
    let changed: Settings = serde_json::from_value(changed).map_err(|error| problem("settings", &error.to_string()))?;
    Ok(changed.in_range())
}

fn apply(settings: &mut Value, patch: &Value, path: &str) -> Result<(), Problem> {
    let Value::Object(fields) = settings else {
        return Err(problem(path, "has no fields of its own"));
    };
    let Value::Object(changes) = patch else {
        return Err(problem(path, "is a group of fields, not a value"));
    };
    for (name, change) in changes {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        let field = fields.get_mut(name).ok_or_else(|| problem(&path, "is not a setting"))?;
        if field.is_object() {
            apply(field, change, &path)?;
        } else {
            check(&path, change)?;
            *field = change.clone();
        }
    }
    Ok(())
}

/// Whether the value fits the field at `path`: tried alone, so that the error can name it.
fn check(path: &str, value: &Value) -> Result<(), Problem> {
    let alone = path.rsplit('.').fold(value.clone(), |inner, name| serde_json::json!({ name: inner }));
    let fits = serde_json::from_value::<Settings>(alone);
    fits.map(drop).map_err(|error| problem(path, &format!("has a value that does not fit: {error}")))
}

fn problem(path: &str, why: &str) -> Problem {
    let name = if path.is_empty() { "the change" } else { path };
    Problem { code: Code::Internal, detail: format!("{name} {why}") }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::api::{Provider, Route};

    #[test]
    fn a_patch_changes_only_what_it_names() {
        let mut before = Settings::default();
        before.audio.input = "mic".into();
        let after = merge(
            &before,
            &json!({"call": {"provider": "openai", "route": "gateway"}, "gateway": {"stored_key": true}}),
        )
        .unwrap();
        let mut wanted = before.clone();
        wanted.call.provider = Provider::Openai;
        wanted.call.route = Route::Gateway;
        wanted.gateway.stored_key = true;
        assert_eq!(after, wanted);
        assert_eq!(merge(&before, &json!({})).unwrap(), before);
    }

    #[test]
    fn an_emptied_address_is_the_usual_one_and_a_price_below_nothing_is_the_listed_one() {
        let patch = json!({
            "providers": { "deepgram": { "base_url": " ", "agent_base_url": "https://agent.test" }, "fal": { "base_url": "" } },
            "chat": { "prices": [{ "provider": "groq", "model": "m", "input": -7, "cached": -1, "output": 0.3 }] },
        });
        let settings = merge(&Settings::default(), &patch).unwrap();
        let usual = Settings::default().providers;
        assert_eq!(settings.providers.deepgram.base_url, usual.deepgram.base_url);
        assert_eq!(settings.providers.deepgram.agent_base_url, "https://agent.test");
        assert_eq!(settings.providers.fal.base_url, usual.fal.base_url);
        let price = &settings.chat.prices[0];
        assert_eq!((price.input, price.cached, price.output, price.per_minute), (-1.0, -1.0, 0.3, -1.0));
    }

    #[test]
    fn what_does_not_fit_is_refused_by_name() {
        let table = [
            (json!({"call": {"route": "sideways"}}), "call.route"),
            (json!({"call": {"route": 3}}), "call.route"),
            (json!({"voice": {"captions": "yes"}}), "voice.captions"),
            (json!({"voice": {"patience": null}}), "voice.patience"),
            (json!({"providers": {"openai": {"model": ["a"]}}}), "providers.openai.model"),
            (json!({"providers": {"gemini": {}}}), "providers.gemini"),
            (json!({"providers": "openai"}), "providers"),
            (json!({"audio": {"loudness": 3}}), "audio.loudness"),
            (json!({"nothing": 1}), "nothing"),
            (json!([1]), "the change"),
            (json!(null), "the change"),
        ];
        for (patch, name) in table {
            let problem = merge(&Settings::default(), &patch).unwrap_err();
            assert_eq!(problem.code, Code::Internal);
            assert!(problem.detail.starts_with(&format!("{name} ")), "{patch}: {problem}");
        }
    }

    #[test]
    fn patience_stays_between_quick_and_patient() {
        for (given, kept) in [(json!(-3), 0.0), (json!(0.25), 0.25), (json!(7), 1.0), (json!(1e60), 1.0)] {
            let settings = merge(&Settings::default(), &json!({"voice": {"patience": given}})).unwrap();
            assert_eq!(settings.voice.patience, kept);
        }
    }

    #[test]
    fn volume_and_speed_stay_in_their_range() {
        for (given, volume, speed) in [(-1.0, 0.0, 0.75), (0.9, 0.9, 0.9), (7.0, 1.0, 1.5)] {
            let patch = json!({"audio": {"volume": given}, "voice": {"speed": given}});
            let settings = merge(&Settings::default(), &patch).unwrap();
            assert_eq!((settings.audio.volume, settings.voice.speed), (volume, speed));
        }
    }
}
