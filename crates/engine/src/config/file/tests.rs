//! Settings files, good and broken.

#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::api::Way;
use crate::api::{Mode, Provider, Route};
use crate::config::{ModelPrice, ProviderRequests, ProviderTerms, Theme};

fn changed() -> Settings {
    let mut settings = Settings::default();
    settings.call.provider = Provider::Openai;
    settings.call.route = Route::Gateway;
    settings.voice.instructions = "Be brief.\nSay \"hello\" = 'hallo' \\ [x]\n\n# no comment\n".into();
    settings.voice.patience = 0.3;
    settings.gateway.account_id = "abc".into();
    settings.appearance.theme = Theme::Dark;
    settings
}

#[test]
fn what_is_saved_is_loaded() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep/er/settings.toml");
    save(&path, &changed()).unwrap();
    assert_eq!(load(&path), Loaded { settings: changed(), damage: Vec::new(), unknown: Vec::new() });
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.starts_with("# Settings of Sidetone."), "{text}");
    assert!(text.contains("[providers.openai]\nbase_url = \"https://api.openai.com/v1\""), "{text}");
    assert!(text.contains("patience = 0.3\n"), "{text}");
    let files = fs::read_dir(path.parent().unwrap()).unwrap().count();
    assert_eq!(files, 1, "no temporary file is left");
}

#[test]
fn prices_are_written_as_people_write_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("settings.toml");
    let mut settings = Settings::default();
    settings.chat.prices = vec![ModelPrice::of_text("groq", "m", 0.3, 2.5)];
    settings.chat.terms = [Some(Way::Gateway), None]
        .map(|way| ProviderTerms { provider: "groq".into(), way, requests_per_minute: 5 })
        .into();
    settings.gateway.providers = vec![ProviderRequests { provider: "groq".into(), ..ProviderRequests::default() }];
    save(&path, &settings).unwrap();
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains("[[chat.prices]]\n") && text.contains("input = 0.3\n"), "{text}");
    assert_eq!(load(&path).settings, settings);
}

#[test]
fn a_broken_price_costs_its_row_and_what_a_row_does_not_name_is_as_listed() {
    let row = |words: &str| format!("[[chat.prices]]\nprovider = \"openai\"\n{words}\n");
    let rows = ["model = \"a\"\ninput = 1", "input = 2", "model = \"b\"\nper_minute = 0.05"].map(row).concat();
    let Loaded { settings, damage, .. } = parse(&rows);
    assert_eq!(damage, ["row 2 of chat.prices was left out: missing field `model`"]);
    let rates = |price: &ModelPrice| (price.model.clone(), price.input, price.cached, price.output, price.per_minute);
    let rates: Vec<_> = settings.chat.prices.iter().map(rates).collect();
    assert_eq!(rates, [("a".into(), 1.0, -1.0, -1.0, -1.0), ("b".into(), -1.0, -1.0, -1.0, 0.05)]);
}

#[cfg(unix)]
#[test]
fn the_file_is_private_and_a_link_stays_a_link() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let (real, link) = (folder.path().join("real.toml"), folder.path().join("settings.toml"));
    fs::write(&real, "").unwrap();
    fs::set_permissions(&real, fs::Permissions::from_mode(0o644)).unwrap();
    std::os::unix::fs::symlink(&real, &link).unwrap();
    save(&link, &changed()).unwrap();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(fs::metadata(&real).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(load(&link).settings, changed());
}

#[test]
fn a_missing_file_means_the_defaults() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(load(&folder.path().join("settings.toml")), Loaded::default());
}

#[test]
fn fields_of_a_newer_version_survive_loading_and_saving() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("settings.toml");
    fs::write(&path, "future = 1\n[call]\nmode = \"open\"\nlater = [1, 2]\n[plans]\nday = 2.5\n").unwrap();
    let loaded = load(&path);
    assert_eq!((loaded.settings.call.mode, loaded.damage.len()), (Mode::Open, 0));
    save(&path, &changed()).unwrap();
    let table: Table = fs::read_to_string(&path).unwrap().parse().unwrap();
    assert_eq!(table["future"], Value::Integer(1));
    assert_eq!(table["call"]["later"].as_array().unwrap().len(), 2);
    assert_eq!(table["plans"]["day"], Value::Float(2.5));
    assert_eq!(load(&path).settings, changed());
}

/// What a broken file still gives: provider, instructions, gateway name; and how many complaints.
#[test]
fn a_broken_file_costs_only_what_is_broken() {
    let table: [(&str, &str, &str, &str, usize); 14] = [
        (
            "[call]\nprovider = \"openai\"\n[voice]\ninstructions = \"a\"\n[gateway]\ngateway_id = \"g\"",
            "openai",
            "a",
            "g",
            0,
        ),
        (
            "[call]\nprovider = \"nobody\"\n[voice]\ninstructions = \"a\"\n[gateway]\ngateway_id = \"g\"",
            "practice",
            "a",
            "g",
            1,
        ),
        (
            "[call]\nprovider = \"openai\"\n[voice]\ninstructions = 5\npatience = \"x\"\n[gateway]\ngateway_id = \"g\"",
            "openai",
            "",
            "g",
            2,
        ),
        (
            "[call]\nprovider = \"openai\"\n[voice]\ninstructions = \"a\n[gateway]\ngateway_id = \"g\"",
            "openai",
            "",
            "g",
            1,
        ),
        (
            "[call\nprovider = \"openai\"\n[voice]\ninstructions = \"a\"\n[gateway]\ngateway_id = \"g\"",
            "practice",
            "a",
            "g",
            1,
        ),
        (
            "[call]\nprovider = \"openai\"\n<<<<<<< HEAD\n[voice]\ninstructions = \"a\"\n=======\n[gateway]\ngateway_id = \"g\"",
            "openai",
            "a",
            "g",
            2,
        ),
        (
            "[call]\nprovider = \"openai\"\nprovider = \"practice\"\n[voice]\ninstructions = \"a\"\n",
            "practice",
            "a",
            "",
            0,
        ),
        (
            "[call]\nprovider = \"openai\"\n[voice]\ninstructions = \"\"\"\na\nb\"\"\"\n]\n[gateway]\ngateway_id = \"g\"",
            "openai",
            "a\nb",
            "g",
            1,
        ),
        (
            "[call]\nprovider = \"openai\"\n[voice]\ninstructions = \"\"\"\na\nb\n[gateway]\ngateway_id = \"g\"",
            "openai",
            "",
            "g",
            3,
        ),
        ("call = 3\nvoice = []\n[gateway]\ngateway_id = \"g\"", "practice", "", "g", 2),
        (
            "[call]\nprovider = \"openai\"\n[[voice]]\ninstructions = \"a\"\n[gateway]\ngateway_id = \"g\"",
            "openai",
            "",
            "g",
            1,
        ),
        ("\u{0}\u{1}\u{fffd}", "practice", "", "", 1),
        ("", "practice", "", "", 0),
        ("[call]\nprovider = \"openai\"\n[gatew", "openai", "", "", 1),
    ];
    for (text, provider, instructions, gateway, complaints) in table {
        let Loaded { settings, damage, .. } = parse(text);
        let found = serde_json::to_value(settings.call.provider).unwrap();
        assert_eq!(found, provider, "{text}\n{damage:?}");
        assert_eq!(settings.voice.instructions, instructions, "{text}\n{damage:?}");
        assert_eq!(settings.gateway.gateway_id, gateway, "{text}\n{damage:?}");
        assert_eq!(damage.len(), complaints, "{text}\n{damage:?}");
    }
}

#[test]
fn complaints_name_the_field_or_the_line() {
    let damage = parse("[call]\nroute = \"up\"\n").damage;
    assert!(damage[0].starts_with("call.route was left out: unknown variant `up`"), "{damage:?}");
    let damage = parse("[call]\nroute = \"direct\"\n???\n").damage;
    assert_eq!(damage, ["line 3 is unreadable and was left out"]);
}

#[test]
fn numbers_out_of_range_are_brought_into_it() {
    for (text, patience) in [("7", 1.0), ("-1", 0.0), ("0.25", 0.25), ("inf", 1.0), ("nan", 0.5), ("1e300", 1.0)] {
        let loaded = parse(&format!("[voice]\npatience = {text}\n"));
        assert_eq!(loaded.settings.voice.patience, patience, "{text}");
        assert!(loaded.damage.is_empty(), "{:?}", loaded.damage);
    }
}

#[test]
fn a_broken_file_is_kept_beside_and_saving_does_not_touch_that_copy() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("settings.toml");
    let broken = b"[call]\nprovider = \"openai\"\nroute = \xff\xfe\n[voice]\nlanguage = \"de\"\n";
    fs::write(&path, broken).unwrap();
    let loaded = load(&path);
    assert_eq!(loaded.damage.len(), 1, "{:?}", loaded.damage);
    assert_eq!((loaded.settings.call.provider, &*loaded.settings.voice.language), (Provider::Openai, "de"));
    save(&path, &loaded.settings).unwrap();
    assert_eq!(load(&path), Loaded { settings: loaded.settings, damage: Vec::new(), unknown: Vec::new() });
    assert_eq!(fs::read(folder.path().join("settings.toml.bak")).unwrap(), broken);
}

#[test]
fn a_folder_in_the_place_of_the_file_is_no_panic() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(load(folder.path()).damage.len(), 1);
    assert!(save(folder.path(), &Settings::default()).is_err());
}

#[test]
fn a_good_file_that_was_cut_anywhere_still_loads() {
    let text = toml::to_string_pretty(&changed()).unwrap();
    // Every third place: each loads the whole file before it, and no word of it is shorter.
    for (end, _) in text.char_indices().step_by(3) {
        let settings = parse(&text[..end]).settings;
        // What stands before the cut is whole.
        if end > text.find("[voice]").unwrap() {
            assert_eq!(settings.call.provider, Provider::Openai);
        }
    }
}

#[test]
fn fields_that_nobody_knows_are_named() {
    let text =
        "stray = 1\n[call]\nprovder = 'openai'\nmode = 'open'\n[providers.openai]\nmodle = 'x'\n[nowhere]\na = 1";
    let loaded = parse(text);
    assert_eq!(loaded.unknown, ["call.provder", "nowhere", "providers.openai.modle", "stray"]);
    assert_eq!((loaded.settings.call.mode, loaded.damage), (Mode::Open, Vec::<String>::new()));
    let whole = toml::to_string(&changed()).unwrap();
    assert_eq!(parse(&whole).unknown, Vec::<String>::new(), "all that is written is known");
}

#[cfg(unix)]
#[test]
fn a_file_that_stays_broken_is_copied_once() {
    use std::os::unix::fs::MetadataExt as _;
    let folder = tempfile::tempdir().unwrap();
    let (path, copy) = (folder.path().join("settings.toml"), folder.path().join("settings.toml.bak"));
    let load_and_look = || {
        assert!(!load(&path).damage.is_empty());
        fs::metadata(&copy).unwrap().ino()
    };
    fs::write(&path, "[call]\nmode = 7\n").unwrap();
    let first = load_and_look();
    assert_eq!(load_and_look(), first);
    fs::write(&path, "[call]\nmode = 8\n").unwrap();
    load_and_look();
    assert_eq!(fs::read_to_string(&copy).unwrap(), "[call]\nmode = 8\n");
}
