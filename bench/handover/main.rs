//! How long a conversation is held up when another connection takes it over: for each voice, over links with a delay.
//!
//! usage: `handover [ROUNDS]`
//!
//! The emulators answer at once, so what an answer takes is the way to them and back; "later" is how much longer it took
//! than usual when the question was put in the moment of the hand-over. Written questions, no sound.

mod slow_link;

use std::time::{Duration, Instant};

use emulator::voices::{Plan, Voices};
use emulator::{Emulator, Script};
use engine::api::{Change, Command, Delivery, Event, Link, Note, Provider, Role};
use engine::{Engine, Handle, Options, Paths};
use serde_json::{Value, json};
use tokio::sync::broadcast::Receiver;
use tokio::sync::watch;
use tokio::time::timeout;

/// One way. There and back twice as much; opening a connection takes three times there and back, as with TLS.
const ONE_WAY: Duration = Duration::from_millis(25);
/// Longer than anything takes.
const PATIENCE: Duration = Duration::from_secs(20);

/// Name, who, and the settings of its longest connection.
const VOICES: [(&str, Provider, &str, &str); 6] = [
    ("OpenAI Realtime", Provider::Openai, "openai", "connection_seconds"),
    ("Gemini Live", Provider::Google, "google", "connection_seconds"),
    ("GPT-Live", Provider::GptLive, "gpt_live", "connection_seconds"),
    ("ElevenLabs agent", Provider::Elevenlabs, "elevenlabs", "agent_connection_seconds"),
    ("Deepgram agent", Provider::Deepgram, "deepgram", "agent_connection_seconds"),
    ("a mix (Flux, Aura)", Provider::Cascade, "deepgram", "connection_seconds"),
];

#[tokio::main]
async fn main() {
    let rounds: usize = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(9);
    println!(
        "| voice | usual answer | held up | asked when it takes over | asked before it could | after a failure | before expiry |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- |");
    for (name, provider, section, limit) in VOICES {
        let figures = measure(provider, section, limit, rounds).await;
        println!("| {name} | {} |", figures.map(spread).join(" | "));
    }
    println!("\np50 / longest of {rounds}, ms; there and back takes {} ms.", 2 * ONE_WAY.as_millis());
}

fn spread(mut times: Vec<Duration>) -> String {
    times.sort_unstable();
    let of = |at: usize| times.get(at).map_or_else(|| "-".to_owned(), |time| time.as_millis().to_string());
    format!("{} / {}", of(times.len() / 2), of(times.len().saturating_sub(1)))
}

/// What stands in a line of the table.
async fn measure(provider: Provider, section: &str, limit: &str, rounds: usize) -> [Vec<Duration>; 6] {
    let mut usual = Vec::new();
    let (mut held, mut swapped, mut at_once, mut failed, mut expired) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds {
        let mut talk = Talk::begin(provider).await;
        talk.ask().await;
        talk.choose(provider).await;
        held.push(talk.until_taken_over().await);
        let first = talk.ask().await;
        talk.ask().await;
        let typical = talk.ask().await;
        usual.push(typical);
        swapped.push(first.saturating_sub(typical));

        talk.choose(Provider::Practice).await;
        talk.until_taken_over().await;
        talk.ask().await;
        talk.choose(provider).await;
        at_once.push(talk.ask().await.saturating_sub(typical));
        talk.end().await;

        let mut talk = Talk::begin(provider).await;
        talk.configure(json!({ "call": { "provider": provider }, "providers": { section: { limit: 2 } } })).await;
        talk.ask().await;
        talk.until_taken_over().await;
        expired.push(talk.ask().await.saturating_sub(typical));
        talk.end().await;

        let mut talk = Talk::begin(provider).await;
        talk.fail_over(provider).await;
        failed.push(talk.ask().await.saturating_sub(typical));
        talk.end().await;
    }
    [usual, held, swapped, at_once, failed, expired]
}

/// A conversation, and the servers that it is held with.
struct Talk {
    engine: Handle,
    events: Receiver<Event>,
    asked: usize,
    _folder: tempfile::TempDir,
    _servers: (Emulator, Emulator, Voices),
    _practice: watch::Sender<String>,
}

impl Talk {
    async fn begin(provider: Provider) -> Self {
        let plan = Plan { words: "What is the time?".into(), answer: "It is noon.".into(), ..Plan::default() };
        let voices = Voices::start(plan).await.expect("the voices start");
        let realtime = Emulator::start(Script::default()).await.expect("the server starts");
        let partner = Emulator::start(Script::practice()).await.expect("the partner starts");
        let far = slow_link::to(&voices.base_url(), ONE_WAY).await;
        let openai = slow_link::to(&realtime.base_url(), ONE_WAY).await;
        // GPT-Live and OpenAI Realtime have one base URL, and two servers here.
        let openai = if provider == Provider::Openai { openai } else { format!("{far}/v1") };
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        let paths = Paths { config: at("config"), data: at("data"), cache: at("cache"), log: at("log") };
        let (practice, address) = watch::channel(partner.base_url());
        let overrides = json!({
            "call": { "provider": "practice", "route": "direct", "idle_hang_up_s": 0, "renew_before_s": 1 },
            "providers": {
                "google": { "base_url": far },
                "openai": { "base_url": openai },
                "deepgram": { "base_url": far, "agent_base_url": far },
                "elevenlabs": { "base_url": far, "agent_id": "agent_1" },
            },
            "cascade": { "ear": "deepgram_flux", "mouth": "deepgram_aura" },
        });
        let options = Options { practice: address, card: None, overrides: Some(overrides) };
        let engine = Engine::start(paths, options).expect("the engine starts");
        let events = engine.subscribe();
        Self { engine, events, asked: 0, _folder: folder, _servers: (realtime, partner, voices), _practice: practice }
    }

    async fn configure(&self, patch: Value) {
        self.engine.send(Command::Configure { patch }).await.expect("the engine runs");
    }

    async fn choose(&self, provider: Provider) {
        self.configure(json!({ "call": { "provider": provider } })).await;
    }

    async fn next(&mut self) -> Change {
        timeout(PATIENCE, self.events.recv()).await.expect("something happens").expect("the engine runs").change
    }

    /// Asks, and waits for the whole answer; how long its first piece took.
    async fn ask(&mut self) -> Duration {
        self.asked += 1;
        let words = format!("This is question {}.", self.asked);
        self.engine.send(Command::Say { text: words.clone() }).await.expect("the engine runs");
        let (asked, mut first, mut question) = (Instant::now(), None, None);
        loop {
            let Change::Item { item, .. } = self.next().await else { continue };
            match item.role {
                Role::User if item.text == words => question = Some(item.id),
                Role::Assistant if question.is_some_and(|question| item.id > question) && !item.text.is_empty() => {
                    let first = *first.get_or_insert_with(|| asked.elapsed());
                    if item.delivery == Delivery::Complete {
                        return first;
                    }
                }
                Role::User | Role::Assistant => {}
            }
        }
    }

    /// Waits until another connection has taken over; how long there was none in between.
    async fn until_taken_over(&mut self) -> Duration {
        let mut lost = None;
        let mut held = Duration::ZERO;
        loop {
            match self.next().await {
                Change::Call(call) if call.link == Link::Live => {
                    held += lost.take().map_or(Duration::ZERO, |at: Instant| at.elapsed());
                }
                Change::Call(_) => drop(lost.get_or_insert_with(Instant::now)),
                Change::Note(Note::ContinuedOn { .. } | Note::Renewed) if lost.is_none() => return held,
                _ => {}
            }
        }
    }

    /// A server that is not there fails, and this voice stands in.
    async fn fail_over(&mut self, provider: Provider) {
        let failing = if provider == Provider::Google { "elevenlabs" } else { "google" };
        let nowhere = json!({ "base_url": "http://127.0.0.1:9" });
        self.configure(json!({
            "call": { "provider": failing, "stand_ins": [provider] },
            "providers": { failing: nowhere },
        }))
        .await;
    }

    async fn end(self) {
        self.engine.stop(PATIENCE).await;
    }
}
