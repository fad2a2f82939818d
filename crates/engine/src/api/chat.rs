//! The text pane as shells see it: the open conversation, the history, models and what they cost.

use serde::{Deserialize, Serialize};

use super::{Holder, Role};

/// The open conversation without its messages.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Chat {
    /// Its id in the history; null: nothing was written in it yet.
    pub conversation: Option<i64>,
    /// Its title; empty: none yet.
    pub title: String,
    /// What the model is told about itself and the user, in this conversation.
    pub system: String,
    /// The chosen branch, oldest first: ids of messages.
    pub branch: Vec<i64>,
    /// An answer is being made.
    pub is_answering: bool,
    /// A limit keeps the request back, or the failure of its last try.
    pub waiting: Option<Waiting>,
    /// Who is asked next.
    pub target: Target,
    /// What sending the draft would cost about, nano-dollars; null: not known.
    pub estimate_nano: Option<i64>,
    /// The message that is being written.
    pub draft: String,
    /// Kept system prompts.
    pub presets: Vec<Preset>,
    /// Money spent and allowed.
    pub budget: Budget,
}

/// Who is asked.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Target {
    /// Id of the provider.
    pub provider: String,
    /// Id of the model, as the provider spells it.
    pub model: String,
}

/// A limit keeps a request back, or the failure of its last try.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Waiting {
    /// Whose limit, or who failed; empty: the limit is the user's own.
    pub provider: String,
    /// It goes out at this time, unix ms.
    pub until_ms: i64,
    /// The try that comes then; null: the first one.
    pub retry: Option<Retry>,
}

/// Another try at the same provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Retry {
    /// Which one, from 2.
    pub attempt: u32,
    /// As many are made.
    pub attempts: u32,
    /// What became of the last one.
    pub why: FailureKind,
}

/// Money, nano-dollars (a billion is one US dollar).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Budget {
    /// Spent in this conversation.
    pub conversation_nano: i64,
    /// Spent since midnight.
    pub day_nano: i64,
    /// Spent since the first of the month.
    pub month_nano: i64,
    /// Most for a conversation; null: no limit.
    pub conversation_limit_nano: Option<i64>,
    /// Most for a day; null: no limit.
    pub day_limit_nano: Option<i64>,
    /// Most for a month; null: no limit.
    pub month_limit_nano: Option<i64>,
}

/// A kept system prompt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Preset {
    /// Its name; there is one of each.
    pub name: String,
    /// The prompt.
    pub system: String,
    /// The model it is meant for; null: any.
    pub target: Option<Target>,
}

/// One message of the open conversation.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ChatMessage {
    /// Stable id.
    pub id: i64,
    /// The message it follows; null: the first one.
    pub parent: Option<i64>,
    /// Who wrote it.
    pub role: Role,
    /// It was spoken.
    pub is_voice: bool,
    /// The item of the present call that it is; null: of an earlier call, or written here.
    pub item: Option<u64>,
    /// Markdown of the model, plain text of the user.
    pub text: String,
    /// What the model thought; may be empty.
    pub reasoning: String,
    /// Sources, numbered from 1 in this order.
    pub citations: Vec<Citation>,
    /// What came with it.
    pub attachments: Vec<Attachment>,
    /// It is a picture of what the text says (its attachment, once it is made), in this shape; null: it is not.
    pub picture: Option<Shape>,
    /// How far it has come.
    pub state: MessageState,
    /// Why it failed or broke off.
    pub failure: Option<ChatFailure>,
    /// Who answered; null for the user's messages.
    pub target: Option<Target>,
    /// Who was asked first, when somebody else answered in the end.
    pub fell_back_from: Option<Target>,
    /// How it came about, once it is over.
    pub receipt: Option<Receipt>,
    /// When it was written, unix ms.
    pub at: i64,
    /// Its place among the versions of this message, from 0.
    pub version: u32,
    /// Ids of all versions of this message, oldest first.
    pub versions: Vec<i64>,
}

/// How far a message has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum MessageState {
    /// It is being written.
    Streaming,
    /// It is whole.
    Done,
    /// The user stopped it; it can be continued.
    Stopped,
    /// It failed or broke off; with text it can be continued.
    Failed,
}

/// A source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Citation {
    /// Where.
    pub url: String,
    /// What it is called; may be empty.
    pub title: String,
}

/// A text or a picture that goes with a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Attachment {
    /// Name of the file.
    pub name: String,
    /// `image/png`, `text/plain`, …: pictures and texts only.
    pub mime: String,
    /// Of a picture: the file in base64. Of a text: the text.
    pub data: String,
}

/// What goes with a message that is being written, as far as it costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Enclosed {
    /// So many pictures.
    pub pictures: u32,
    /// So many bytes of text.
    pub text_bytes: u32,
}

/// Shape of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum Shape {
    /// As wide as high.
    #[default]
    Square,
    /// 4 wide, 3 high.
    Landscape,
    /// 3 wide, 4 high.
    Portrait,
}

/// Why there is no answer, or not all of it. The wording (what to do) lives in the page, by `kind`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ChatFailure {
    /// What can be done about it.
    pub kind: FailureKind,
    /// The provider's words; never a key.
    pub message: String,
    /// The provider's or gateway's code.
    pub code: Option<String>,
    /// HTTP status.
    pub status: Option<u16>,
}

/// What can be done about a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum FailureKind {
    /// The key is missing, wrong, or not allowed to.
    Credential,
    /// No credit left.
    Quota,
    /// Too many requests.
    RateLimited,
    /// The provider has no such model.
    Model,
    /// The server knows nothing at this address, or points to another one.
    Address,
    /// The conversation is longer than the model takes.
    TooLong,
    /// The request is wrong in another way.
    Invalid,
    /// The provider or a guardrail will not answer this.
    Refused,
    /// The provider is overloaded or failed.
    Unavailable,
    /// Nothing came in time.
    TimedOut,
    /// There is no way to the server.
    Unreachable,
    /// The stream broke off: what came is kept and can be continued.
    Broken,
    /// The gateway's token, address or settings.
    Gateway,
    /// A budget of the user's own is spent.
    Budget,
    /// The user stopped it.
    Cancelled,
}

/// How an answer came about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Receipt {
    /// Which way it went.
    pub way: Way,
    /// Whether it came out of a cache.
    pub cache: CacheMark,
    /// Requests that were made for it.
    pub attempts: u32,
    /// Tokens of the prompt.
    pub input_tokens: u64,
    /// Of these, out of the provider's cache.
    pub cached_tokens: u64,
    /// Tokens of the answer.
    pub output_tokens: u64,
    /// Of these, reasoning.
    pub reasoning_tokens: u64,
    /// Nano-dollars; null: no price is known.
    pub cost_nano: Option<i64>,
    /// Until the first token, ms; null: there was none.
    pub first_ms: Option<u32>,
    /// Until its end, ms.
    pub total_ms: u32,
    /// What Cloudflare's gateway told: cache status, log id, step of the fallback.
    pub gateway: Option<GatewayEcho>,
    /// The limit of tokens cut it short.
    pub is_cut: bool,
}

/// What Cloudflare's gateway told of a request.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct GatewayEcho {
    /// `HIT`, `MISS`; empty: not told.
    pub cache_status: String,
    /// Id in the gateway's log; empty: not told.
    pub log_id: String,
    /// Which provider of its chain answered, from 0; empty: not told.
    pub step: String,
    /// The model that a route of its own or its auto router chose; empty: not told.
    pub routed: String,
    /// Why the auto router chose it; empty: not told.
    pub reason: String,
    /// Id of the auto router's decision; empty: not told.
    pub decision_id: String,
    /// Id of the request, where it is not that of the log; empty: not told.
    pub request_id: String,
}

/// Which way a text request goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum Way {
    /// Straight to the provider.
    #[default]
    Direct,
    /// Through Cloudflare AI Gateway.
    Gateway,
    /// Through it, with the key that is stored there.
    StoredKey,
}

/// Whether an answer came out of a cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum CacheMark {
    /// No cache was asked.
    Off,
    /// It was not in the cache.
    Miss,
    /// Out of the cache of this computer.
    Hit,
    /// An equal request was under way; both got its answer.
    Coalesced,
    /// Out of Cloudflare's cache.
    Remote,
}

/// Who is asked when several could be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum ChatPolicy {
    /// The chosen one, then the fallbacks in their order.
    #[default]
    Chain,
    /// The cheapest of them.
    Cheapest,
    /// The one whose first token came soonest lately.
    Fastest,
    /// The one that failed least lately.
    MostReliable,
}

/// A conversation of the history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct HistoryEntry {
    /// Its id.
    pub id: i64,
    /// Its title; empty: none yet.
    pub title: String,
    /// Kept at the top.
    pub is_pinned: bool,
    /// Last change, unix ms.
    pub at: i64,
    /// Begin of its last message.
    pub preview: String,
    /// Number of messages.
    pub count: u32,
    /// Where the words that were looked for stand; empty without a search.
    pub found: Vec<Fragment>,
}

/// A piece of a text that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Fragment {
    /// The text.
    pub text: String,
    /// It is what was looked for.
    pub is_hit: bool,
}

/// A model that can be chosen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ModelChoice {
    /// Id of the provider.
    pub provider: String,
    /// Id of the model.
    pub model: String,
    /// Tokens it can take; null: not known.
    pub context: Option<u64>,
    /// A million tokens of prompt, nano-dollars; null: not known.
    pub input_nano: Option<i64>,
    /// A million tokens of answer, nano-dollars; null: not known.
    pub output_nano: Option<i64>,
    /// It takes pictures; null: not known.
    pub takes_images: Option<bool>,
}

/// A provider of text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ChatProvider {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Whose key it takes; null: none is needed.
    pub holder: Option<Holder>,
    /// A key is at hand (or none is needed), as far as it is known.
    pub is_ready: bool,
    /// It runs on this computer.
    pub is_local: bool,
    /// Where keys are made; empty: nowhere.
    pub key_url: String,
    /// Where credit is added; empty: nowhere.
    pub billing_url: String,
    /// Where it tells of its troubles; empty: nowhere.
    pub status_url: String,
    /// Where it is reached, unless the user has another address for it; empty: it has none of its own.
    pub usual_address: String,
    /// How it did lately.
    pub health: Option<ProviderHealth>,
    /// Why its models could not be listed.
    pub failure: Option<ChatFailure>,
}

/// How a provider did lately.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ProviderHealth {
    /// It failed too often: it is left alone for a while.
    pub is_paused: bool,
    /// Half of the first tokens came within this time, ms; null: not known.
    pub p50_ms: Option<u32>,
    /// 95 % of them, ms.
    pub p95_ms: Option<u32>,
    /// 99 % of them, ms.
    pub p99_ms: Option<u32>,
    /// Its last failure; empty: none.
    pub last_failure: String,
}

/// An export or import under way or over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Transfer {
    /// It is an import.
    pub is_import: bool,
    /// Conversations that are through.
    pub done: u32,
    /// All of them; null: not known yet.
    pub total: Option<u32>,
    /// It is over.
    pub is_over: bool,
    /// The file.
    pub path: String,
    /// What went wrong; empty: nothing.
    pub failure: String,
}

/// Format of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum ExportFormat {
    /// Readable text.
    Markdown,
    /// One JSON document.
    Json,
    /// One message a line.
    JsonLines,
    /// Subtitles of what was spoken.
    Srt,
    /// Subtitles for the web.
    Vtt,
    /// Every request with its tokens, times and cost; no content.
    UsageCsv,
}

/// The API for other programs of this computer.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct LocalApi {
    /// Base URL while it runs; null: it does not.
    pub url: Option<String>,
    /// File that holds its token.
    pub token_file: String,
    /// Why it does not run although it should; empty: nothing is wrong.
    pub failure: String,
}
