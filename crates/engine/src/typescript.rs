//! `ui/types.d.ts` is written from the types of the app API, so that the page and the engine cannot drift apart.

use std::path::Path;

use ts_rs::{Config, TS};

use crate::{api, config};

const HEAD: &str = "\
// Written from the Rust types by `UPDATE_TYPES=1 cargo test -p engine typescript`; do not edit.

/** What the shell sends at most 15 times a second. */
export type Batch = { events: Event[], from: number, to: number, is_stale: boolean };
";

macro_rules! declarations {
    ($($path:path),* $(,)?) => {{
        let config = Config::default().with_large_int("number");
        let mut text = String::from(HEAD);
        $(
            text.push_str("\nexport ");
            text.push_str(&<$path as TS>::decl(&config));
            text.push('\n');
        )*
        text
    }};
}

fn declarations() -> String {
    declarations![
        api::Snapshot,
        api::Event,
        api::Change,
        api::Call,
        api::Connections,
        api::MinuteCost,
        api::Provider,
        api::Route,
        api::Link,
        api::Talk,
        api::Mode,
        api::Item,
        api::Role,
        api::Kind,
        api::Delivery,
        api::Usage,
        api::Supply,
        api::Waterfall,
        api::Problem,
        api::Code,
        api::Credential,
        api::Holder,
        api::Place,
        api::KeyTest,
        api::Devices,
        api::Device,
        api::SoundCheck,
        api::CheckPhase,
        api::Verdict,
        api::Room,
        api::Finding,
        api::Rate,
        api::Note,
        api::Recording,
        api::Take,
        api::RecordedTurn,
        api::Replay,
        api::About,
        api::Chat,
        api::Target,
        api::Waiting,
        api::Retry,
        api::Budget,
        api::Preset,
        api::ChatMessage,
        api::MessageState,
        api::Enclosed,
        api::Shape,
        api::Citation,
        api::Attachment,
        api::ChatFailure,
        api::FailureKind,
        api::Receipt,
        api::GatewayEcho,
        api::Way,
        api::CacheMark,
        api::ChatPolicy,
        api::HistoryEntry,
        api::Fragment,
        api::ModelChoice,
        api::ChatProvider,
        api::ProviderHealth,
        api::Transfer,
        api::ExportFormat,
        api::LocalApi,
        api::Command,
        api::Levels,
        config::Settings,
        config::CallSettings,
        config::VoiceSettings,
        config::Detector,
        config::NoiseReduction,
        config::Providers,
        config::OpenaiSettings,
        config::GoogleSettings,
        config::DeepgramSettings,
        config::ElevenlabsSettings,
        config::CartesiaSettings,
        config::WorkersSettings,
        config::FalSettings,
        config::GptLiveSettings,
        config::CascadeSettings,
        config::Ear,
        config::Mouth,
        config::GatewaySettings,
        config::EndpointSettings,
        config::ChatSettings,
        config::Address,
        config::ModelPrice,
        config::ProviderTerms,
        config::CustomSettings,
        config::VertexSettings,
        config::LimitSettings,
        config::BudgetSettings,
        config::CacheSettings,
        config::HistorySettings,
        config::LocalApiSettings,
        config::ToolSettings,
        config::GatewayRequests,
        config::ProviderRequests,
        config::AudioSettings,
        config::EchoControl,
        config::AppearanceSettings,
        config::Theme,
        config::FirstRun,
    ]
}

#[test]
fn the_pages_types_are_those_of_the_engine() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../ui/types.d.ts");
    let wanted = declarations();
    if std::env::var_os("UPDATE_TYPES").is_some() {
        std::fs::write(&file, &wanted).unwrap();
    }
    let found = std::fs::read_to_string(&file).unwrap();
    assert_eq!(found, wanted, "stale: run UPDATE_TYPES=1 cargo test -p engine typescript");
}
