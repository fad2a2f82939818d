//! Everything that can go wrong, by name.

use anyhow::{Context as _, bail};

/// A fault and how often it strikes, over all connections of one emulator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// What goes wrong.
    pub kind: FaultKind,
    /// How often; `None` = always.
    pub times: Option<u32>,
}

impl Fault {
    /// The fault with its usual count: cuts and other passing trouble once, refusals and bad links always.
    pub fn new(kind: FaultKind) -> Self {
        Self { kind, times: kind.usual_times() }
    }

    /// The fault, this many times.
    #[must_use]
    pub fn times(self, times: u32) -> Self {
        Self { times: Some(times), ..self }
    }

    /// The fault, without end.
    #[must_use]
    pub fn always(self) -> Self {
        Self { times: None, ..self }
    }

    /// Reads `name`, `name:3` (three times) or `name:always`; `_` may stand for `-`.
    ///
    /// # Errors
    /// The name is unknown or the count is not a number.
    pub fn parse(text: &str) -> anyhow::Result<Self> {
        let (name, count) = text.split_once(':').map_or((text, None), |(name, count)| (name, Some(count)));
        let plain = name.replace('_', "-");
        let Some((_, kind, _)) = KINDS.iter().find(|(known, ..)| *known == plain) else {
            bail!("unknown fault {name:?}; known are: {}", Self::names().collect::<Vec<_>>().join(", "));
        };
        let fault = Self::new(*kind);
        Ok(match count {
            None => fault,
            Some("always") => fault.always(),
            Some(count) => fault.times(count.parse().with_context(|| format!("{count:?} is not a count"))?),
        })
    }

    /// All names, for help texts.
    pub fn names() -> impl Iterator<Item = &'static str> {
        KINDS.iter().map(|(name, ..)| *name)
    }
}

impl From<FaultKind> for Fault {
    fn from(kind: FaultKind) -> Self {
        Self::new(kind)
    }
}

macro_rules! kinds {
    ($($(#[doc = $doc:literal])+ $kind:ident = $name:literal $times:expr;)+) => {
        /// What can go wrong.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum FaultKind {
            $($(#[doc = $doc])+ $kind,)+
        }

        const KINDS: &[(&str, FaultKind, Option<u32>)] = &[$(($name, FaultKind::$kind, $times),)+];
    };
}

const ONCE: Option<u32> = Some(1);
const ALWAYS: Option<u32> = None;

kinds! {
    /// Every frame comes later by `Script::delay`.
    Delay = "delay" ALWAYS;
    /// Audio comes as fast as it plays, each 40 ms piece up to 80 ms early or late.
    Jitter = "jitter" ALWAYS;
    /// After the second audio delta nothing more is sent; the socket stays open.
    Stall = "stall" ONCE;
    /// TCP closes before `session.created`.
    CutBeforeCreated = "cut-before-created" ONCE;
    /// TCP closes after `session.created`.
    CutAfterCreated = "cut-after-created" ONCE;
    /// TCP closes when `session.update` has come in, unanswered.
    CutAfterUpdate = "cut-after-update" ONCE;
    /// TCP closes after `session.updated`.
    CutAfterUpdated = "cut-after-updated" ONCE;
    /// TCP closes at the third audio append of a connection.
    CutMidAppend = "cut-mid-append" ONCE;
    /// TCP closes when a commit has come in, unanswered.
    CutAfterCommit = "cut-after-commit" ONCE;
    /// TCP closes after `input_audio_buffer.committed`.
    CutAfterCommitted = "cut-after-committed" ONCE;
    /// TCP closes when an item has come in, unanswered.
    CutAfterItem = "cut-after-item" ONCE;
    /// TCP closes when `response.create` has come in, unanswered.
    CutAfterCreate = "cut-after-create" ONCE;
    /// TCP closes after `response.created`.
    CutAfterResponseCreated = "cut-after-response-created" ONCE;
    /// TCP closes after the second audio (or text) delta.
    CutMidAudio = "cut-mid-audio" ONCE;
    /// TCP closes after the audio (or text) of an answer, before `response.done`.
    CutBeforeDone = "cut-before-done" ONCE;
    /// TCP closes after `response.done`.
    CutAfterDone = "cut-after-done" ONCE;
    /// Malformed JSON, wrong types, unknown events and binary frames between the good ones.
    Garbage = "garbage" ALWAYS;
    /// Frames that are not JSON.
    MalformedJson = "malformed-json" ALWAYS;
    /// Known events with fields of wrong types, and JSON that is no event.
    WrongTypes = "wrong-types" ALWAYS;
    /// Events of unknown type.
    UnknownEvents = "unknown-events" ALWAYS;
    /// Binary frames.
    BinaryFrames = "binary-frames" ALWAYS;
    /// An unknown event of 5 MiB.
    HugeFrame = "huge-frame" ONCE;
    /// A frame of 17 MiB, above the usual limit of a client.
    OversizedFrame = "oversized-frame" ONCE;
    /// Every event of a response comes twice.
    DuplicatedEvents = "duplicated-events" ALWAYS;
    /// After a cancelled response more of its audio comes.
    LateDeltas = "late-deltas" ALWAYS;
    /// `error` `invalid_api_key`, close 3000; HTTP 401.
    InvalidApiKey = "invalid-api-key" ALWAYS;
    /// `error` "Missing bearer…", close 3000.
    MissingBearer = "missing-bearer" ALWAYS;
    /// `error` `insufficient_permissions`, close 3000.
    InsufficientPermissions = "insufficient-permissions" ALWAYS;
    /// `error` `missing_model`, close 4000.
    MissingModel = "missing-model" ALWAYS;
    /// `error` `invalid_model`, close 4000.
    InvalidModel = "invalid-model" ALWAYS;
    /// `error` `model_not_found`, close 4004.
    ModelNotFound = "model-not-found" ALWAYS;
    /// `error` `beta_api_shape_disabled`, close 4000.
    BetaApiShapeDisabled = "beta-api-shape-disabled" ALWAYS;
    /// `error` `insufficient_quota`, close 1013; HTTP 429.
    InsufficientQuota = "insufficient-quota" ALWAYS;
    /// HTTP 403 before the upgrade.
    UnsupportedCountry = "unsupported-country" ALWAYS;
    /// HTTP 502 with an HTML page before the upgrade.
    BadGateway = "bad-gateway" ONCE;
    /// `error` `session_expired`, close 1001, after the first answer.
    SessionExpired = "session-expired" ONCE;
    /// `error` `server_error`, close 1011, in place of a response.
    ServerError = "server-error" ONCE;
    /// Close 1013 "try again later" at once, without an error.
    Close1013 = "close-1013" ONCE;
    /// `response.done` failed: `rate_limit_exceeded`.
    ResponseRateLimited = "response-rate-limited" ONCE;
    /// `response.done` failed: `insufficient_quota`.
    ResponseQuota = "response-quota" ONCE;
    /// `response.done` failed: `server_error` without a code.
    ResponseServerError = "response-server-error" ONCE;
    /// `response.done` incomplete: `content_filter`.
    ContentFilter = "content-filter" ONCE;
    /// `response.done` incomplete: `max_output_tokens`.
    MaxOutputTokens = "max-output-tokens" ONCE;
    /// The transcript of the user's speech is empty.
    EmptyTranscript = "empty-transcript" ALWAYS;
    /// The transcription of the user's speech fails.
    TranscriptionFailed = "transcription-failed" ALWAYS;
    /// `session.created` never comes.
    NoSessionCreated = "no-session-created" ONCE;
    /// `session.updated` never comes.
    NoSessionUpdated = "no-session-updated" ONCE;
    /// Commits and `response.create` are never answered.
    Silent = "silent" ALWAYS;
}

impl FaultKind {
    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        KINDS.iter().find(|(_, kind, _)| *kind == self).map_or("", |(name, ..)| name)
    }

    fn usual_times(self) -> Option<u32> {
        KINDS.iter().find(|(_, kind, _)| *kind == self).and_then(|(_, _, times)| *times)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn every_name_parses_to_its_kind() {
        assert!(Fault::names().count() > 40);
        for name in Fault::names() {
            assert_eq!(Fault::parse(name).unwrap().kind.name(), name);
        }
    }

    #[test]
    fn a_count_can_follow_the_name() {
        assert_eq!(Fault::parse("cut-mid-audio").unwrap().times, Some(1));
        assert_eq!(Fault::parse("invalid_api_key").unwrap(), Fault::new(FaultKind::InvalidApiKey));
        assert_eq!(Fault::parse("cut-mid-audio:3").unwrap().times, Some(3));
        assert_eq!(Fault::parse("cut-mid-audio:always").unwrap().times, None);
        assert!(Fault::parse("cut-mid-audio:often").is_err());
        assert!(Fault::parse("gremlins").unwrap_err().to_string().contains("cut-mid-audio"));
    }
}
