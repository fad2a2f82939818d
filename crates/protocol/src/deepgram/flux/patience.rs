//! When Flux takes a turn for over.

use serde_json::{Value, json};

use crate::cascade::Site;
use crate::deepgram::{is_push_to_talk, language, patience, place};
use crate::{Config, Leg, Place, SAMPLE_RATE};

/// What decides when a turn is over.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Thresholds {
    end: f32,
    eager: Option<f32>,
    timeout_ms: u32,
}

impl Thresholds {
    pub(super) fn of(config: &Config, site: Site) -> Self {
        match (is_push_to_talk(config), site) {
            // 1.0: never by itself.
            (true, Site::Deepgram) => Self { end: 1.0, eager: None, timeout_ms: 30_000 },
            // Pieces of a turn are joined, so they may be short.
            (true, Site::Workers) => Self { end: 0.9, eager: None, timeout_ms: 500 },
            (false, _) => {
                let patience = patience(config);
                let end = 0.6 + 0.3 * patience;
                Self { end, eager: Some(end - 0.2), timeout_ms: 2_000 + (6_000.0 * patience) as u32 }
            }
        }
    }

    pub(super) fn json(&self) -> Value {
        let mut json = json!({ "eot_threshold": rounded(self.end), "eot_timeout_ms": self.timeout_ms });
        if let (Some(eager), Some(object)) = (self.eager, json.as_object_mut()) {
            object.insert("eager_eot_threshold".into(), rounded(eager).into());
        }
        json
    }
}

/// Two places, as a person would write it.
fn rounded(value: f32) -> f64 {
    (f64::from(value) * 100.0).round() / 100.0
}

/// Where Flux listens.
pub(crate) fn listen_place(model: &str, site: Site, config: &Config) -> Place {
    let thresholds = Thresholds::of(config, site);
    let mut options = vec![
        ("encoding", "linear16".to_owned()),
        ("sample_rate", SAMPLE_RATE.to_string()),
        ("eot_threshold", rounded(thresholds.end).to_string()),
        ("eot_timeout_ms", thresholds.timeout_ms.to_string()),
    ];
    options.extend(thresholds.eager.map(|eager| ("eager_eot_threshold", rounded(eager).to_string())));
    if let Some(language) = language(config).filter(|_| site == Site::Deepgram && model.contains("multi")) {
        options.push(("language_hint", language.to_owned()));
    }
    place(Leg::Ears, site, "v2/listen", model, options)
}
