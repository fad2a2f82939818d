//! Stage 3: answers to exactly the same request, in memory and on the disk.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use moka::Expiry;
use protocol::chat::{Delta, Effort, Finish, Message, Tokens};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::time::Instant;

use crate::{Ask, CacheLimits, DiskCache, Nanodollars, Settings, Target, Way};

/// A hash over everything that makes a request what it is.
pub(crate) type Key = [u8; 32];

/// Bytes of a replayed piece, about.
const PIECE: usize = 4096;
/// What an answer weighs beside its text, bytes.
const FRAME: usize = 256;

/// A whole answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Answer {
    pub(crate) target: Target,
    pub(crate) answered_by: Option<String>,
    pub(crate) way: Way,
    pub(crate) deltas: Vec<Delta>,
    pub(crate) tokens: Tokens,
    pub(crate) list_cost: Option<Nanodollars>,
    pub(crate) finish: Option<Finish>,
}

#[derive(Clone)]
struct Entry {
    answer: Arc<Answer>,
    until: Instant,
    keep: Duration,
}

/// Answers in memory, limited by weight and time, and behind them the disk.
pub(crate) struct Cache {
    memory: RwLock<(u64, Memory)>,
    disk: Option<Arc<dyn DiskCache>>,
}

type Memory = moka::future::Cache<Key, Entry>;

struct Own;

impl Expiry<Key, Entry> for Own {
    fn expire_after_create(&self, _: &Key, entry: &Entry, _: std::time::Instant) -> Option<Duration> {
        Some(entry.keep)
    }
}

impl Cache {
    pub(crate) fn new(limits: &CacheLimits, disk: Option<Arc<dyn DiskCache>>) -> Self {
        Self { memory: RwLock::new((limits.bytes, memory(limits.bytes))), disk }
    }

    /// The memory of this size. Answers move when it has changed; what does not fit any more goes.
    async fn memory(&self, bytes: u64) -> Memory {
        let old = {
            let now = self.memory.read().unwrap_or_else(PoisonError::into_inner);
            if now.0 == bytes {
                return now.1.clone();
            }
            now.1.clone()
        };
        let new = {
            let mut now = self.memory.write().unwrap_or_else(PoisonError::into_inner);
            if now.0 == bytes {
                return now.1.clone();
            }
            *now = (bytes, memory(bytes));
            now.1.clone()
        };
        for (key, entry) in &old {
            new.insert(*key, entry).await;
        }
        new
    }

    /// The answer to this request, if it is kept.
    pub(crate) async fn find(&self, key: &Key, limits: &CacheLimits, now: Instant) -> Option<Arc<Answer>> {
        let memory = self.memory(limits.bytes).await;
        if let Some(entry) = memory.get(key).await.filter(|entry| entry.until > now) {
            return Some(entry.answer);
        }
        let (bytes, left) = self.disk.as_ref()?.load(*key).await?;
        // One that cannot be read is of another version.
        let answer = Arc::new(serde_json::from_slice::<Answer>(&bytes).ok()?);
        let limits = CacheLimits { keep: left.min(limits.keep), ..*limits };
        self.remember(*key, Arc::clone(&answer), &limits, now).await;
        Some(answer)
    }

    /// Keeps an answer.
    pub(crate) async fn keep(&self, key: Key, answer: Answer, limits: &CacheLimits, now: Instant) {
        if let Some(disk) = &self.disk
            && let Ok(bytes) = serde_json::to_vec(&answer)
        {
            disk.store(key, bytes, limits.keep);
        }
        self.remember(key, Arc::new(answer), limits, now).await;
    }

    async fn remember(&self, key: Key, answer: Arc<Answer>, limits: &CacheLimits, now: Instant) {
        let keep = limits.keep;
        self.memory(limits.bytes).await.insert(key, Entry { answer, until: now + keep, keep }).await;
    }
}

fn memory(bytes: u64) -> Memory {
    moka::future::Cache::builder()
        .max_capacity(bytes)
        .weigher(|_, entry: &Entry| u32::try_from(weight(&entry.answer)).unwrap_or(u32::MAX))
        .expire_after(Own)
        .build()
}

fn weight(answer: &Answer) -> usize {
    let deltas = answer.deltas.iter().map(|delta| match delta {
        Delta::Text(text) | Delta::Reasoning(text) | Delta::Model(text) => text.len() + 32,
        Delta::Citation { url, title } => url.len() + title.len() + 64,
        Delta::Call(call) => call.name.len() + call.arguments.len() + 64,
        Delta::Raw { data, .. } => data.len() + 64,
        Delta::Usage(_) | Delta::Charged(_) | Delta::Finished(_) => 64,
    });
    FRAME + deltas.sum::<usize>()
}

/// Adds to an answer; small texts become larger ones.
pub(crate) fn append(deltas: &mut Vec<Delta>, delta: &Delta) {
    match (deltas.last_mut(), delta) {
        (Some(Delta::Text(last)), Delta::Text(text)) | (Some(Delta::Reasoning(last)), Delta::Reasoning(text))
            if last.len() < PIECE =>
        {
            last.push_str(text);
        }
        _ => deltas.push(delta.clone()),
    }
}

/// The key of a request, if it is to be looked for at all.
pub(crate) fn key(ask: &Ask, settings: &Settings) -> Option<Key> {
    // What tools of our own do is done once for each call; of another program's, it knows itself whether it asks.
    let can_be_kept = settings.cache.is_on && ask.request.tools.is_empty();
    let is_wanted = can_be_kept && ask.cache.unwrap_or_else(|| ask.request.temperature == Some(0.0));
    if !is_wanted {
        return None;
    }
    /// Everything but the model of the request, which the target's replaces. Fields have a fixed order.
    #[derive(Serialize)]
    struct Whole<'a> {
        version: u32,
        profile: &'a str,
        order: &'a crate::Order,
        spares: &'a [Target],
        way: Option<Way>,
        default_ways: (Way, Vec<Option<&'a Way>>),
        addresses: Vec<Option<&'a String>>,
        messages: &'a [Message],
        temperature: Option<f32>,
        max_output: Option<u64>,
        effort: Option<Effort>,
        raw: Option<&'a Value>,
        options: &'a crate::GatewayOptions,
    }
    let targets = ask.order.targets();
    let request = &ask.request;
    let whole = Whole {
        version: 3,
        profile: &ask.profile,
        order: &ask.order,
        spares: &ask.spares,
        way: ask.route,
        default_ways: (settings.way, targets.iter().map(|target| settings.ways.get(&target.provider)).collect()),
        addresses: targets.iter().map(|target| settings.base_urls.get(&target.provider)).collect(),
        messages: &request.messages,
        temperature: request.temperature,
        max_output: request.max_output,
        effort: request.effort,
        raw: request.raw.as_ref().map(|raw| &raw.body),
        options: &ask.options,
    };
    let mut hash = blake3::Hasher::new();
    // Written in blocks: the serialiser gives single characters.
    let mut buffer = std::io::BufWriter::new(&mut hash);
    serde_json::to_writer(&mut buffer, &whole).ok()?;
    std::io::Write::flush(&mut buffer).ok()?;
    drop(buffer);
    Some(*hash.finalize().as_bytes())
}
