//! The crates depend on each other and on the outside only as ARCHITECTURE.md says.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// What each crate may depend on, on every system together; a new dependency is a decision and is made here.
const ALLOWED: &[(&str, &[&str])] = &[
    (
        "crates/audio",
        &[
            "alsa",
            "cpal",
            "earshot",
            "hound",
            "ogg",
            "opus",
            "realfft",
            "rtrb",
            "rubato",
            "sonora",
            "sonora-aec3",
            "thiserror",
            "tracing",
            "wsola",
        ],
    ),
    ("crates/protocol", &["base64", "rubato", "serde", "serde_json", "thiserror", "tracing"]),
    (
        "crates/gateway",
        &[
            "backon",
            "blake3",
            "bytes",
            "fastrand",
            "futures-util",
            "hdrhistogram",
            "moka",
            "protocol",
            "ring",
            "base64",
            "secrecy",
            "serde",
            "serde_json",
            "sse-stream",
            "thiserror",
            "tokio",
            "tracing",
            "url",
        ],
    ),
    (
        "crates/store",
        &["base64", "rusqlite", "rusqlite_migration", "serde", "serde_json", "thiserror", "tokio", "tracing", "zip"],
    ),
    (
        "crates/engine",
        &[
            "audio",
            "backon",
            "axum",
            "base64",
            "bytes",
            "fastrand",
            "futures-util",
            "gateway",
            "hyper-util",
            "jiff",
            "keyring",
            "keyring-core",
            "protocol",
            "reqwest",
            "ring",
            "rmpv",
            "rustls",
            "secrecy",
            "secret-service",
            "serde",
            "serde_json",
            "store",
            "thiserror",
            "tokio",
            "tokio-tungstenite",
            "toml",
            "tracing",
            "tracing-appender",
            "tracing-subscriber",
            "url",
            "zbus-secret-service-keyring-store",
        ],
    ),
    (
        "crates/emulator",
        &[
            "anyhow",
            "axum",
            "base64",
            "fastrand",
            "futures-util",
            "jsonschema",
            "rmpv",
            "serde_json",
            "tokio",
            "tracing",
        ],
    ),
    (
        "src-tauri",
        &[
            "anyhow",
            "clap",
            "emulator",
            "engine",
            "futures-util",
            "gtk",
            "rpassword",
            "serde",
            "serde_json",
            "tauri",
            "tauri-plugin-dialog",
            "tauri-plugin-opener",
            "tauri-plugin-single-instance",
            "tokio",
            "tracing",
            "zbus",
        ],
    ),
];

/// Names from outside that only these files and folders may use.
const OWNERS: &[(&str, &[&str])] = &[
    ("cpal::", &["crates/audio/src"]),
    ("alsa::", &["crates/audio/src/device.rs"]),
    ("rubato::", &["crates/audio/src", "crates/protocol/src/pcm/rate.rs"]),
    ("wsola::", &["crates/audio/src/stretch.rs"]),
    ("reqwest::", &["crates/engine/src/net.rs", "crates/engine/src/net"]),
    ("tokio_tungstenite::", &["crates/engine/src/net.rs", "crates/engine/src/net"]),
    ("rmpv::", &["crates/engine/src/picture/line.rs", "crates/emulator/src/fal/socket.rs"]),
    ("keyring::", &["crates/engine/src/credential.rs", "crates/engine/src/credential"]),
    ("keyring_core::", &["crates/engine/src/credential.rs", "crates/engine/src/credential"]),
    ("tauri::", &["src-tauri"]),
    ("rusqlite", &["crates/store"]),
    (
        "Instant::now",
        &["crates/audio", "crates/engine", "crates/emulator", "crates/gateway", "crates/store", "src-tauri"],
    ),
    ("unsafe ", &[]),
];

fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn sources(folder: &str, extension: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut folders: Vec<PathBuf> = vec![project().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|found| found == extension) {
                let name = path.strip_prefix(project()).unwrap().to_string_lossy().replace('\\', "/");
                found.push((name, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    assert!(!found.is_empty(), "no .{extension} in {folder}");
    found
}

/// The part of a file before its unit tests, without comments.
fn code(text: &str) -> String {
    let body = text.split("#[cfg(test)]\n#[expect").next().unwrap_or(text);
    body.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

#[test]
fn each_crate_depends_only_on_what_it_may() {
    for (folder, allowed) in ALLOWED {
        let manifest: toml::Table =
            fs::read_to_string(project().join(folder).join("Cargo.toml")).unwrap().parse().unwrap();
        let mut used = BTreeSet::new();
        let mut take = |table: Option<&toml::Value>| {
            used.extend(table.and_then(toml::Value::as_table).into_iter().flat_map(|table| table.keys().cloned()));
        };
        take(manifest.get("dependencies"));
        for target in
            manifest.get("target").and_then(toml::Value::as_table).into_iter().flat_map(|table| table.values())
        {
            take(target.get("dependencies"));
        }
        let excess: Vec<_> = used.iter().filter(|name| !allowed.contains(&name.as_str())).collect();
        assert!(excess.is_empty(), "{folder} may not depend on {excess:?}");
        assert!(!used.is_empty(), "{folder} has no dependencies?");
    }
}

#[test]
fn what_belongs_to_one_place_is_used_only_there() {
    let folders =
        ["crates/audio/src", "crates/protocol/src", "crates/engine/src", "crates/emulator/src", "src-tauri/src"];
    for (name, text) in folders.iter().flat_map(|folder| sources(folder, "rs")) {
        let is_test = name.ends_with("tests.rs") || name.contains("/tests/");
        for (word, owners) in OWNERS {
            let is_owner = owners.iter().any(|owner| name == *owner || name.starts_with(&format!("{owner}/")));
            assert!(is_test || is_owner || !code(&text).contains(word), "{name} may not use {word}");
        }
    }
}

#[test]
fn one_file_of_the_page_talks_to_the_program() {
    for (name, text) in sources("ui", "js") {
        assert_eq!(name == "ui/ipc.js", text.contains("__TAURI__"), "{name}");
        assert!(!text.contains("innerHTML"), "{name} makes HTML out of text");
    }
}

#[test]
fn files_stay_small_enough_to_read() {
    let rust = ["crates", "src-tauri/src", "tests", "bench"].into_iter().flat_map(|folder| sources(folder, "rs"));
    for (name, text) in rust.chain(sources("ui", "js")) {
        let is_code = |line: &&str| !line.trim().is_empty() && !line.trim_start().starts_with("//");
        let lines = text.lines().filter(is_code).count();
        assert!(lines <= 500, "{name} has {lines} lines of code");
    }
}
