//! The command line: a call from file to file, and exit codes that tell why something failed.
#![cfg(target_os = "linux")]

use std::io::Write as _;

use emulator::{Emulator, FaultKind, Keys, Script, Verdict};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tests::{Keychain, Outcome, Sound, Stage, project};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;

fn question() -> String {
    project().join("tests/fixtures/question.wav").to_string_lossy().into_owned()
}

async fn call(stage: &Stage, script: Script, arguments: &[&str]) -> Outcome {
    let server = Emulator::start(script).await.unwrap();
    let endpoint = server.base_url().replacen("http", "ws", 1);
    let mut all = vec!["call", "--provider", "openai", "--endpoint", &endpoint, "--text", "hello", "--timeout", "40"];
    all.extend(arguments);
    stage.run(&all).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spoken_turn_goes_from_file_to_file() {
    let stage = Stage::new();
    let answer = stage.path("answer.wav");
    let path = answer.to_string_lossy().into_owned();
    let outcome = stage.run(&["call", "--provider", "practice", "--input", &question(), "--output", &path]).await;
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert!(outcome.output.contains("I heard"), "{outcome:?}");
    let (_, share) = Sound::read(&answer).find(&Sound::fixture("question.wav")).unwrap();
    assert!(share > 0.9, "only {share:.2} of the words come back");
    let ledger = stage.run(&["usage", "--csv"]).await;
    let rows: Vec<&str> = ledger.output.lines().filter(|line| line.contains(",voice,")).collect();
    assert!(
        matches!(&*rows, [row] if row.contains(",practice,practice,direct,")),
        "one row for the answer: {ledger:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_microphone_call_needs_no_commit() {
    let stage = Stage::new();
    let arguments =
        ["call", "--provider", "practice", "--mode", "open", "--input", &question(), "--timeout", "30", "--json"];
    let outcome = stage.run(&arguments).await;
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    let lines = outcome.json_lines();
    assert!(
        lines.iter().any(|line| line["data"]["item"]["text"].as_str().is_some_and(|text| text.contains("I heard")))
    );
    assert!(lines.windows(2).all(|pair| pair[0]["seq"].as_u64() < pair[1]["seq"].as_u64()), "events come in order");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_exit_code_tells_what_went_wrong() {
    let stage = Stage::new().with_env("OPENAI_API_KEY", "sk-test-exit-codes");
    let usage = stage.run(&["call", "--mode", "sideways"]).await;
    assert_eq!(usage.code, Some(2), "{usage:?}");
    let endpoint_without_url = stage.run(&["call", "--endpoint", "nonsense", "--text", "hello"]).await;
    assert_eq!(endpoint_without_url.code, Some(2), "{endpoint_without_url:?}");
    let fine = call(&stage, Script::default(), &[]).await;
    assert_eq!(fine.code, Some(0), "{fine:?}");
    let provider = call(&stage, Script::default().fault(FaultKind::InvalidModel), &[]).await;
    assert_eq!(provider.code, Some(6), "{provider:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_cannot_be_reached_ends_with_4() {
    let stage = Stage::new();
    // All tries, with their growing pauses, take half a minute.
    let outcome = stage.run(&["call", "--endpoint", "ws://127.0.0.1:9/v1", "--text", "hello", "--timeout", "50"]).await;
    assert_eq!(outcome.code, Some(4), "{outcome:?}");
    assert!(outcome.errors.contains("6 of 6"), "{outcome:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_may_be_longer_than_the_time_for_its_answer() {
    let stage = Stage::new();
    let (file, question) = (stage.path("long.wav"), Sound::fixture("question.wav"));
    (0..4).fold(question.clone(), |all, _| all.then(&question)).write(&file);
    let file = file.to_string_lossy().into_owned();
    let outcome = stage.run(&["call", "--provider", "practice", "--input", &file, "--timeout", "6"]).await;
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert!(outcome.output.contains("I heard"), "{outcome:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_had_no_answer_is_told_with_what_becomes_of_it() {
    let server = Emulator::start(Script::default().fault(FaultKind::Silent)).await.unwrap();
    let endpoint = server.base_url().replacen("http", "ws", 1);
    let question = question();
    let arguments = ["call", "--endpoint", &endpoint, "--input", &question, "--timeout", "3"];
    let with_keychain = Stage::new().with_keychain(Keychain::Unlocked);
    for (stage, fate) in [(&with_keychain, "kept: Sidetone's window"), (&Stage::new(), "not kept: no keychain")] {
        let outcome = stage.run(&arguments).await;
        assert_eq!(outcome.code, Some(6), "{outcome:?}");
        assert!(outcome.output.contains("s of speech, ") && outcome.output.contains(fate), "{fate}: {outcome:?}");
        assert!(outcome.errors.contains("There was no answer within 3 s."), "{outcome:?}");
    }
    let next = with_keychain.run(&["call", "--provider", "practice", "--text", "hello"]).await;
    assert_eq!(next.code, Some(0), "{next:?}");
    assert!(next.errors.contains("One question of an earlier call is kept"), "{next:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn why_no_answer_came_is_told_while_it_is_tried_again_and_at_the_end() {
    let script = Script::default().fault(emulator::Fault::new(FaultKind::BadGateway).always());
    let server = Emulator::start(script).await.unwrap();
    let endpoint = server.base_url().replacen("http", "ws", 1);
    let outcome = Stage::new().run(&["call", "--endpoint", &endpoint, "--text", "hello", "--timeout", "3"]).await;
    assert_eq!(outcome.code, Some(6), "{outcome:?}");
    let is_told = |line: &&str| line.contains("reconnecting (1 of 6): ") && line.contains("HTTP 502");
    assert!(outcome.errors.lines().any(|line| is_told(&line)), "{outcome:?}");
    assert!(outcome.errors.contains("There was no answer within 3 s. The provider has trouble."), "{outcome:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_without_a_sound_is_not_blamed_on_the_provider() {
    let stage = Stage::new();
    let file = stage.path("silence.wav");
    Sound::silence(1_000, 24_000).write(&file);
    let file = file.to_string_lossy().into_owned();
    let arguments = ["call", "--provider", "practice", "--mode", "open", "--input", &file, "--timeout", "3"];
    let outcome = stage.run(&arguments).await;
    assert_eq!(outcome.code, Some(5), "{outcome:?}");
    assert!(outcome.errors.contains("Nothing was heard"), "{outcome:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_missing_is_named() {
    let script = Script { keys: Keys { required: true, ..Keys::default() }, ..Script::default() };
    let server = Emulator::start(script).await.unwrap();
    let stage = Stage::new();
    let own = stage.run(&["call", "--endpoint", &server.base_url(), "--text", "hello", "--timeout", "30"]).await;
    assert_eq!(own.code, Some(3), "{own:?}");
    assert!(own.errors.contains("sidetone keys set endpoint"), "{own:?}");
    let words = stage.run_with_input(&["keys", "set", "endpoint"], "two words").await;
    assert_eq!(words.code, Some(2), "{words:?}");
    assert!(words.errors.contains("a key has no spaces"), "{words:?}");
    let gateway = stage.run(&["call", "--route", "gateway", "--text", "hello"]).await;
    assert_eq!(gateway.code, Some(2), "{gateway:?}");
    assert!(gateway.errors.contains("gateway_id"), "{gateway:?}");
    let nothing = stage.run(&["call", "--text", " "]).await;
    assert_eq!(nothing.code, Some(2), "{nothing:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_said_into_an_open_microphone_without_a_connection_is_kept() {
    let stage = Stage::new();
    let question = question();
    let (nobody, open) = (["--endpoint", "ws://127.0.0.1:9/v1"], ["--mode", "open", "--input", &question]);
    let outcome = stage.run(&[&["call", "--json", "--timeout", "50"][..], &nobody, &open].concat()).await;
    assert_eq!(outcome.code, Some(4), "{outcome:?}");
    let events = outcome.json_lines();
    let kept = events.iter().find(|event| event["data"]["item"]["delivery"] == "kept");
    let kept = &kept.unwrap_or_else(|| panic!("{outcome:?}"))["data"]["item"];
    assert_eq!((kept["role"].as_str(), kept["kind"].as_str()), (Some("user"), Some("spoken")));
    assert!(kept["duration_ms"].as_u64().unwrap() > 500, "{kept}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_live_call_without_devices_ends_with_5() {
    let stage = Stage::new();
    let outcome = stage.run(&["call", "--provider", "practice"]).await;
    assert_eq!(outcome.code, Some(5), "{outcome:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_are_missing_or_refused_end_with_3() {
    let known = vec![("sk-test-wrong".into(), Verdict::Wrong), ("sk-test-no-voice".into(), Verdict::NoVoice)];
    let script = Script { keys: Keys { required: true, known, only_known: false }, ..Script::default() };
    let server = Emulator::start(script).await.unwrap();
    let settings = format!("[providers.openai]\nbase_url = '{}'", server.base_url());
    let arguments = ["call", "--provider", "openai", "--text", "hello", "--timeout", "30"];
    for key in ["", "sk-test-wrong", "sk-test-no-voice"] {
        let stage = Stage::new().with_settings(&settings).with_env("OPENAI_API_KEY", key);
        let outcome = stage.run(&arguments).await;
        assert_eq!(outcome.code, Some(3), "{key:?}: {outcome:?}");
        assert!(key.is_empty() || !outcome.errors.contains(key), "{outcome:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_key_of_openai_is_never_sent_to_another_server() {
    let server = Emulator::start(Script::default()).await.unwrap();
    let stage = Stage::new().with_env("OPENAI_API_KEY", "sk-test-not-for-others");
    let endpoint = server.base_url();
    let outcome = stage.run(&["call", "--endpoint", &endpoint, "--text", "hello", "--timeout", "30"]).await;
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert!(server.record().connections.iter().all(|connection| connection.credentials.is_empty()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_live_call_ends_well_at_ctrl_c() {
    let stage = Stage::new().with_sound_card();
    let mut running = stage.start(&["call", "--provider", "practice", "--mode", "open", "--json"]);
    running.line("a live call", |line| line.contains("\"live\"")).await;
    let recording = stage.card().record().await;
    stage.card().say(&Sound::fixture("question.wav")).await;
    running.line("the answer", |line| line.contains("I heard")).await;
    recording.until_heard(&Sound::fixture("question.wav")).await;
    running.interrupt();
    let outcome = running.finish().await;
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn emulate_serves_a_call() {
    let stage = Stage::new();
    let mut server = stage.start(&["emulate", "--fault", "delay"]);
    let url = server.line("its address", |line| line.starts_with("http")).await;
    let outcome = stage.run(&["call", "--endpoint", &url, "--text", "hello", "--timeout", "30"]).await;
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert!(outcome.output.contains("You wrote: “hello”"), "{outcome:?}");
    server.interrupt();
    assert_eq!(server.finish().await.code, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn emulate_serves_the_other_voices_with_the_lines_it_prints() {
    let stage = Stage::new();
    let mut server = stage.start(&["emulate"]);
    let is_bare = |line: &str| line.starts_with("http") && line.matches('/').count() == 2;
    let voices = server.line("the address of the other voices", is_bare).await;
    let settings = format!("[providers.google]\nbase_url = \"{voices}\"");
    let caller = Stage::new().with_env("GEMINI_API_KEY", "any").with_settings(&settings);
    let outcome = caller.run(&["call", "--provider", "google", "--text", "hello", "--timeout", "30"]).await;
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    server.interrupt();
    let told = server.finish().await;
    assert!(told.code == Some(0) && told.errors.contains(&settings), "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn emulate_answers_in_writing_and_says_what_is_wrong_with_a_request() {
    let stage = Stage::new();
    let mut server = stage.start(&["emulate"]);
    let text = server.line("the address for text", |line| line.ends_with("/openai/v1")).await;
    let nowhere = text.replace("/openai/v1", "/custom/nowhere");
    let asking = Stage::new()
        .with_env("OPENAI_BASE_URL", &text)
        .with_env("OPENAI_API_KEY", "any")
        .with_settings(&format!("[custom]\nbase_url = '{nowhere}'\n[limits]\nattempts = 1"));
    let good = asking.run(&["ask", "--provider", "openai", "hello"]).await;
    assert_eq!(good.code, Some(0), "{good:?}");
    assert!(good.output.contains("You wrote: “hello”"), "{good:?}");
    let lost = asking.run(&["ask", "--provider", "custom", "--model", "any", "hello"]).await;
    assert_ne!(lost.code, Some(0), "{lost:?}");
    server.interrupt();
    let told = server.finish().await;
    assert_eq!(told.code, Some(0), "{told:?}");
    for words in [&format!("OPENAI_BASE_URL={text} OPENAI_API_KEY=any"), "Request 1: there is nothing at this address"]
    {
        assert!(told.errors.contains(words), "{words}: {told:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn emulate_says_what_is_wrong_whichever_of_its_servers_it_came_to() {
    let stage = Stage::new();
    let mut server = stage.start(&["emulate"]);
    let realtime = server.line("the address for OpenAI Realtime", |line| line.ends_with("/v1")).await;
    let is_bare = |line: &str| line.starts_with("http") && line.matches('/').count() == 2;
    let voices = server.line("the address of the other voices", is_bare).await;
    let pictures = server.line("the address for pictures", is_bare).await;
    let url = realtime.replacen("http", "ws", 1) + "/realtime?model=any";
    let (mut socket, _) = tokio_tungstenite::connect_async(url).await.unwrap();
    socket.send(Message::text("nonsense")).await.unwrap();
    while !socket.next().await.unwrap().unwrap().to_text().unwrap().contains("\"error\"") {}
    for address in [format!("{voices}/v1/audio/speech"), format!("{pictures}/nonsense")] {
        post_nothing(&address).await;
    }
    server.interrupt();
    let told = server.finish().await;
    assert_eq!(told.code, Some(0), "{told:?}");
    for whose in ["OpenAI Realtime, connection 0: text that is not JSON", "Voices, connection 0: ", "Pictures: POST /n"]
    {
        assert!(told.errors.contains(whose), "{whose}: {told:?}");
    }
}

/// An HTTP request without a body; returns when it is answered.
async fn post_nothing(url: &str) {
    let url = url::Url::parse(url).unwrap();
    let mut socket = TcpStream::connect(url.socket_addrs(|| None).unwrap()[0]).await.unwrap();
    let request = format!("POST {} HTTP/1.0\r\ncontent-type: application/json\r\n\r\n", url.path());
    socket.write_all(request.as_bytes()).await.unwrap();
    socket.read_to_end(&mut Vec::new()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_came_before_a_stream_broke_is_told_with_the_failure_and_the_whole_ledger_is_exported() {
    let stage = Stage::new();
    let mut server = stage.start(&["emulate", "--text-fault", "cut-mid-stream@openai"]);
    let text = server.line("the address for text", |line| line.ends_with("/openai/v1")).await;
    let gateway = text.replace("/openai/v1", "/gateway/v1");
    let asking = Stage::new()
        .with_env("OPENAI_BASE_URL", &text)
        .with_env("OPENAI_API_KEY", "any")
        .with_env("CF_AIG_TOKEN", "any")
        .with_settings(&format!("[gateway]\nbase_url = '{gateway}'\naccount_id = 'a'\ngateway_id = 'g'"));
    let broken = asking.run(&["ask", "--json", "--provider", "openai", "hello"]).await;
    assert_eq!(broken.code, Some(6), "{broken:?}");
    let object: Value = serde_json::from_str(broken.output.trim()).unwrap();
    assert_eq!(object["failure"]["kind"], "broken", "{object}");
    assert!(!object["text"].as_str().unwrap().is_empty(), "{object}");
    assert!(object["receipt"]["tokens"]["output"].as_u64().unwrap() > 0, "{object}");
    let stored = asking.run(&["ask", "--provider", "grok", "--model", "any", "--route", "stored-key", "hello"]).await;
    assert_eq!(stored.code, Some(0), "{stored:?}");
    let routed = asking.run(&["ask", "--model", "dynamic/demo", "hello"]).await;
    assert_eq!(routed.code, Some(0), "{routed:?}");
    assert!(routed.errors.contains("It cost $"), "{routed:?}");
    let table = asking.run(&["export", "--format", "csv"]).await;
    assert_eq!(table.output.lines().count(), 4, "a line for each request: {table:?}");
    server.interrupt();
    assert_eq!(server.finish().await.code, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_of_chatgpt_is_imported_as_it_comes() {
    let message = json!({ "author": { "role": "user" }, "content": { "content_type": "text", "parts": ["Whence?"] } });
    let chats = json!([{ "title": "From elsewhere", "conversation_id": "c", "create_time": 1_700_000_000.0,
        "current_node": "a", "mapping": { "a": { "id": "a", "parent": null, "children": [], "message": message } } }]);
    let stage = Stage::new();
    let file = stage.path("export.zip");
    let mut zip = zip::ZipWriter::new(std::fs::File::create(&file).unwrap());
    zip.start_file("conversations-000.json", zip::write::SimpleFileOptions::default()).unwrap();
    zip.write_all(chats.to_string().as_bytes()).unwrap();
    zip.finish().unwrap();
    let file = file.to_string_lossy().into_owned();
    for words in ["1 conversation with 1 message\n", "0 conversations with 0 messages\n1 known already\n"] {
        let outcome = stage.run(&["import", &file]).await;
        assert_eq!((outcome.code, outcome.output.as_str()), (Some(0), words), "{outcome:?}");
    }
    let list = stage.run(&["export", "--list"]).await;
    assert!(list.output.contains("From elsewhere"), "{list:?}");
    let other = stage.settings_file().to_string_lossy().into_owned();
    let refused = stage.run(&["import", &other]).await;
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.errors.contains("this is no export of conversations"), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn version_and_help_are_there() {
    let stage = Stage::new();
    let version = stage.run(&["--version"]).await;
    assert_eq!((version.code, version.output.trim()), (Some(0), concat!("sidetone ", env!("CARGO_PKG_VERSION"))));
    let help = stage.run(&["--help"]).await;
    assert_eq!(help.code, Some(0));
    for command in
        ["call", "ask", "models", "usage", "export", "import", "serve", "devices", "doctor", "keys", "emulate"]
    {
        assert!(help.output.contains(command), "{}", help.output);
    }
}
