//! Written requests to a server that nobody here wrote: aimock, which `scripts/setup test` installs.

#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "tests")]

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use gateway::Piece;
use protocol::chat::{Delta, Failure, FailureKind, Finish};
use serde_json::{Value, json};
use tokio::sync::watch;

use super::{Shelf, start};
use crate::config::{self, Settings};
use crate::credential::Credentials;
use crate::net::{Net, NetOptions};

const LIMIT: Duration = Duration::from_secs(60);
const KEY: &str = "sk-test-of-nobody";
const WORDS: &str = "Words of somebody else's server, in pieces: zażółć.";

fn tools() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/tools")
}

struct Foreign {
    child: Child,
    port: u16,
    folder: tempfile::TempDir,
}

impl Drop for Foreign {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Foreign {
    fn start() -> Self {
        let program = tools().join("aimock/dist/cli.js");
        assert!(program.exists(), "aimock is not installed: run scripts/setup test");
        let folder = tempfile::tempdir().unwrap();
        let fixtures = json!({ "fixtures": [
            { "match": { "userMessage": "Say something." }, "response": { "content": WORDS } },
            { "match": { "userMessage": "Be busy." }, "response": {
                "error": { "message": "Rate limited", "type": "rate_limit_error" }, "status": 429 } },
            { "match": { "userMessage": "Fail." }, "response": {
                "error": { "message": "Overloaded", "type": "server_error" }, "status": 503 } },
        ] });
        let file = folder.path().join("fixtures.json");
        std::fs::write(&file, fixtures.to_string()).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let child = Command::new("node")
            .arg(program)
            .args(["--port", &port.to_string(), "--strict", "--log-level", "silent", "--chunk-size", "7", "--fixtures"])
            .arg(file)
            .env("AIMOCK_API_KEYS", KEY)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let foreign = Self { child, port, folder };
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(begun.elapsed() < LIMIT, "aimock does not start");
            std::thread::sleep(Duration::from_millis(50));
        }
        foreign
    }

    /// Answer, end and failure of a question to this provider, as if it were there.
    async fn ask(&self, provider: &str, model: &str, words: &str, is_stream: bool, key: &'static str) -> Told {
        let at = |provider: &str, base: &str| json!({ "provider": provider, "url": format!("http://127.0.0.1:{}{base}", self.port) });
        let addresses: Value = [
            at("openai", "/v1"),
            at("perplexity", "/v1"),
            at("anthropic", "/v1"),
            at("google-ai-studio", "/v1beta"),
            at("custom", "/v1"),
        ]
        .into_iter()
        .collect();
        let chat = json!({ "provider": provider, "model": model, "addresses": addresses, "stand_in": false });
        let patch = json!({ "chat": chat, "limits": { "attempts": 1 } });
        let settings = config::merge(&Settings::default(), &patch).unwrap();
        let credentials = Credentials::without_keychain(move |_| Some(key.to_owned()));
        let shelf = Shelf::new(self.folder.path().join("sidetone.db"));
        let net = Net::new(NetOptions::default()).unwrap();
        let (_url, practice) = watch::channel(String::new());
        let (text, _, _terms) = start(&net, &credentials, shelf, practice, &settings);
        let mut question = crate::chat::question(&settings, "", words);
        question.is_stream = is_stream;
        let (mut pieces, mut said) = (text.ask(question), Vec::new());
        loop {
            match tokio::time::timeout(LIMIT, pieces.recv()).await.unwrap().unwrap() {
                Piece::Delta(Delta::Text(more)) => said.push(more),
                Piece::Receipt(receipt) => return Told { said, end: Ok(receipt.finish) },
                Piece::Failed(failure, _) => return Told { said, end: Err(failure) },
                Piece::Delta(_) | Piece::Progress(_) => {}
            }
        }
    }
}

#[derive(Debug)]
struct Told {
    said: Vec<String>,
    end: Result<Option<Finish>, Failure>,
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_of_somebody_else_s_is_understood_in_every_language() {
    if let Ok(why) = std::fs::read_to_string(tools().join("aimock/left-out")) {
        eprintln!("left out by scripts/setup: {why}");
        return;
    }
    let foreign = Foreign::start();
    let all = [
        ("openai", "gpt-6-luna"),
        ("custom", "some-model"),
        ("perplexity", "openai/gpt-6-luna"),
        ("anthropic", "claude-haiku-5-5"),
        ("google-ai-studio", "gemini-3.8-flash"),
    ];
    for (provider, model) in all {
        for is_stream in [true, false] {
            let told = foreign.ask(provider, model, "Say something.", is_stream, KEY).await;
            assert_eq!(told.said.concat(), WORDS, "{provider} {is_stream}: {told:?}");
            assert!(matches!(told.end, Ok(Some(Finish::Stop))), "{provider} {is_stream}: {told:?}");
            assert_eq!(told.said.len() > 3, is_stream, "{provider}: it comes in pieces");
        }
        for (words, key, kind) in [
            ("Be busy.", KEY, FailureKind::RateLimited),
            ("Fail.", KEY, FailureKind::Unavailable),
            ("Say something.", "sk-wrong", FailureKind::Credential),
        ] {
            let failure = foreign.ask(provider, model, words, true, key).await.end.unwrap_err();
            assert_eq!(failure.kind, kind, "{provider} {words}: {failure:?}");
        }
    }
}
