//! `sidetone keys`

use std::io::{self, IsTerminal as _, Read as _};
use std::time::Duration;

use clap::builder::PossibleValue;
use clap::{Subcommand, ValueEnum};
use engine::api::{Change, Code, Command, Credential, Event, Holder, KeyTest, Place, Problem, Snapshot};
use engine::{Handle, Paths, SecretString};
use tokio::sync::broadcast::Receiver;

use super::failure::{Failure, OTHER, status};
use super::print::line;

/// Longest wait for the keychain, which may ask for its password first.
const KEYCHAIN: Duration = Duration::from_secs(65);
/// Longest wait for a test.
const TEST: Duration = Duration::from_secs(40);
/// Longest key that is read, in bytes.
const LIMIT: u64 = 16 * 1024;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Keep a key; it is read from standard input, or asked for without echo
    Set {
        /// Whose key
        provider: Provider,
    },
    /// Test a key: accepted, has credit, may use voice
    Test {
        /// Whose key
        provider: Provider,
    },
    /// Tell where the keys are, never the keys
    List,
    /// Delete a key from the keychain
    Rm {
        /// Whose key
        provider: Provider,
    },
}

/// A holder on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Provider(Holder);

impl ValueEnum for Provider {
    fn value_variants<'a>() -> &'a [Self] {
        const { &all() }
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let value = PossibleValue::new(self.0.name());
        Some(match self.0 {
            Holder::Openai => value.help("OpenAI, voice and text"),
            Holder::Gateway => value.alias("cloudflare").help("The Cloudflare AI Gateway token"),
            Holder::Endpoint => value.help("Your own server of voice"),
            Holder::Custom => value.help("Your own server of text"),
            Holder::Deepgram => value.help("Deepgram, for voice"),
            Holder::Elevenlabs => value.help("ElevenLabs, for voice"),
            Holder::Cartesia => value.help("Cartesia, for voice"),
            Holder::Fal => value.help("fal, for images"),
            Holder::Vertex => value
                .aliases(["google-vertex", "google-vertex-ai"])
                .help("Google Vertex AI: the JSON of a service account"),
            Holder::Google => value.alias("google-ai-studio"),
            Holder::Perplexity => value.alias("perplexity-ai"),
            Holder::Xai => value.alias("grok"),
            Holder::WorkersAi => value.alias("workers-ai"),
            Holder::Anthropic
            | Holder::Huggingface
            | Holder::Deepseek
            | Holder::Groq
            | Holder::Openrouter
            | Holder::Mistral
            | Holder::Cerebras => value,
        })
    }
}

const fn all() -> [Provider; Holder::ALL.len()] {
    let mut all = [Provider(Holder::Openai); Holder::ALL.len()];
    let mut at = 0;
    while at < all.len() {
        all[at] = Provider(Holder::ALL[at]);
        at += 1;
    }
    all
}

pub(crate) async fn run(arguments: &Arguments, paths: Paths) -> Result<(), Failure> {
    match &arguments.action {
        // Read before the engine starts: nothing runs while a person types.
        Action::Set { provider } => set(read()?, provider.0, &super::engine(paths)?).await,
        Action::Test { provider } => test(provider.0, &super::engine(paths)?).await,
        Action::List => list(&super::engine(paths)?).await,
        Action::Rm { provider } => remove(provider.0, &super::engine(paths)?).await,
    }
}

fn read() -> Result<SecretString, Failure> {
    let unreadable = |error: io::Error| Failure::other(format!("cannot read the key: {error}"));
    let mut key = String::new();
    if io::stdin().is_terminal() {
        key = rpassword::prompt_password("Key (not shown): ").map_err(unreadable)?;
    } else {
        io::stdin().lock().take(LIMIT).read_to_string(&mut key).map_err(unreadable)?;
    }
    let key = trimmed(key);
    if key.is_empty() {
        return Err(Failure::usage("There is no key on standard input."));
    }
    Ok(SecretString::from(key))
}

/// Without the white space around it, in place: no copy of a key stays behind in memory.
fn trimmed(mut key: String) -> String {
    key.truncate(key.trim_end().len());
    let start = key.len() - key.trim_start().len();
    key.drain(..start);
    key
}

async fn set(key: SecretString, holder: Holder, engine: &Handle) -> Result<(), Failure> {
    let credential = engine.set_key(holder, key).await.map_err(no_key)?;
    match credential.place {
        Place::Stored => line("The key is in the keychain."),
        Place::Locked => Err(Problem { code: Code::KeychainLocked, detail: String::new() }.into()),
        // A key for this session would end with this command.
        Place::SessionOnly | Place::NoKeychain | Place::Environment | Place::Unknown | Place::Missing => {
            Err(Problem { code: Code::NoKeychain, detail: String::new() }.into())
        }
    }
}

/// Nobody was asked yet: what is refused here is the text.
fn no_key(problem: Problem) -> Failure {
    if problem.code == Code::CredentialRefused {
        return Failure::usage(format!("Nothing was kept: {}.", problem.detail));
    }
    problem.into()
}

async fn list(engine: &Handle) -> Result<(), Failure> {
    look(engine).await?.credentials.iter().try_for_each(|credential| line(row(credential)))
}

/// Looks into the keychain.
async fn look(engine: &Handle) -> Result<Snapshot, Failure> {
    let mut events = engine.subscribe();
    engine.send(Command::CheckKeys).await?;
    let is_known = |snapshot: &Snapshot| snapshot.credentials.iter().all(|known| known.place != Place::Unknown);
    wait(engine, &mut events, KEYCHAIN, is_known).await
}

fn row(credential: &Credential) -> String {
    let name = credential.holder.name();
    let place = match credential.place {
        Place::Unknown => "not looked for".into(),
        Place::Missing => "none".into(),
        Place::Stored => "in the keychain".into(),
        Place::Environment => {
            format!("from the environment variable {}", credential.variable.as_deref().unwrap_or("(unnamed)"))
        }
        Place::SessionOnly => "for this session only".into(),
        Place::Locked => "the keychain is locked".into(),
        Place::NoKeychain => "this system has no keychain".to_owned(),
    };
    format!("{name:11} {place}")
}

async fn test(holder: Holder, engine: &Handle) -> Result<(), Failure> {
    match place(&look(engine).await?, holder) {
        Place::Locked => return Err(Problem { code: Code::KeychainLocked, detail: String::new() }.into()),
        Place::Missing | Place::NoKeychain | Place::Unknown => {
            let detail = format!("there is none to test: sidetone keys set {}", holder.name());
            return Err(Problem { code: Code::NoCredential, detail }.into());
        }
        Place::Stored | Place::Environment | Place::SessionOnly => {}
    }
    let mut events = engine.subscribe();
    engine.send(Command::TestKey { holder }).await?;
    let result = |snapshot: &Snapshot| tested(snapshot, holder).filter(|test| !test.is_running);
    let snapshot = wait(engine, &mut events, TEST, |snapshot| result(snapshot).is_some()).await?;
    let test = result(&snapshot).ok_or_else(|| Failure::other("The test gave no result."))?;
    let checks = [
        ("accepted by the provider", test.is_valid),
        ("has credit", test.has_credit),
        ("may use voice", test.allows_voice),
    ];
    for (check, verdict) in checks {
        line(format!("{check:25} {}", verdict.map_or("unknown", |is_so| if is_so { "yes" } else { "no" })))?;
    }
    verdict(&test).map_or(Ok(()), |status| Err(Failure::new(status, test.detail)))
}

/// The exit code of a test that was not passed, or that came to no verdict.
fn verdict(test: &KeyTest) -> Option<u8> {
    let is_refused = [test.is_valid, test.has_credit, test.allows_voice].contains(&Some(false));
    (is_refused || test.is_valid.is_none()).then(|| test.code.map_or(OTHER, status))
}

fn tested(snapshot: &Snapshot, holder: Holder) -> Option<KeyTest> {
    snapshot.credentials.iter().find(|known| known.holder == holder)?.test.clone()
}

fn place(snapshot: &Snapshot, holder: Holder) -> Place {
    snapshot.credentials.iter().find(|known| known.holder == holder).map_or(Place::Unknown, |known| known.place)
}

async fn remove(holder: Holder, engine: &Handle) -> Result<(), Failure> {
    let mut events = engine.subscribe();
    engine.send(Command::DeleteKey { holder }).await?;
    let snapshot = wait(engine, &mut events, KEYCHAIN, |snapshot| place(snapshot, holder) != Place::Unknown).await?;
    match place(&snapshot, holder) {
        Place::Missing => line("There is no key in the keychain any more."),
        Place::Environment => line("Only the environment variable is left."),
        Place::NoKeychain => Err(Problem { code: Code::NoKeychain, detail: String::new() }.into()),
        Place::Locked => Err(Problem { code: Code::KeychainLocked, detail: String::new() }.into()),
        Place::Unknown | Place::Stored | Place::SessionOnly => {
            Err(Failure::new(OTHER, "The key could not be deleted."))
        }
    }
}

/// Waits until what the engine knows satisfies `is_enough`; a problem ends the wait as well.
async fn wait(
    engine: &Handle,
    events: &mut Receiver<Event>,
    limit: Duration,
    is_enough: impl Fn(&Snapshot) -> bool,
) -> Result<Snapshot, Failure> {
    let waiting = async {
        loop {
            let snapshot = engine.snapshot().await?;
            if is_enough(&snapshot) {
                return Ok(snapshot);
            }
            if let Ok(Event { change: Change::Problem(Some(problem)), .. }) = events.recv().await {
                return Err(problem.into());
            }
        }
    };
    tokio::time::timeout(limit, waiting).await.unwrap_or_else(|_| Err(Failure::other("There was no answer in time.")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::failure::{KEY, NETWORK, PROVIDER, USAGE};

    #[test]
    fn white_space_around_a_key_does_not_belong_to_it() {
        assert_eq!(trimmed("  sk-test\r\n".into()), "sk-test");
        assert_eq!(trimmed(" \n".into()), "");
    }

    #[test]
    fn a_text_that_is_no_key_is_a_question_of_usage() {
        let detail = "this is not a key: a key has no spaces".to_owned();
        let failure = no_key(Problem { code: Code::CredentialRefused, detail });
        assert_eq!(
            (failure.status, &*failure.words),
            (USAGE, "Nothing was kept: this is not a key: a key has no spaces.")
        );
        assert_eq!(no_key(Problem { code: Code::KeychainLocked, detail: String::new() }).status, KEY);
    }

    #[test]
    fn a_test_fails_by_what_it_found() {
        let test = |is_valid, has_credit, code| KeyTest { is_valid, has_credit, code, ..KeyTest::default() };
        assert_eq!(verdict(&test(Some(true), Some(true), None)), None);
        assert_eq!(verdict(&test(Some(true), Some(false), Some(Code::Quota))), Some(PROVIDER));
        assert_eq!(verdict(&test(Some(false), None, Some(Code::CredentialRefused))), Some(KEY));
        assert_eq!(verdict(&test(None, None, Some(Code::Offline))), Some(NETWORK));
        assert_eq!(verdict(&test(None, None, Some(Code::ProviderTrouble))), Some(PROVIDER));
        assert_eq!(verdict(&test(None, None, None)), Some(OTHER), "nobody can tell");
    }

    #[test]
    fn a_row_tells_the_place_and_the_variable() {
        let credential = Credential {
            holder: Holder::Openai,
            place: Place::Environment,
            variable: Some("OPENAI_API_KEY".into()),
            test: None,
        };
        assert_eq!(row(&credential), "openai      from the environment variable OPENAI_API_KEY");
    }
}
