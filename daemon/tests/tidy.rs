//! Holds the house rules that no compiler knows: sizes, names, who may name a vendor, which way imports go.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};

/// Lines of a file without its tests.
const LINES_MAX: usize = 500;

/// Each vendor and the only place that may name it.
const VENDORS: [(&str, &str); 22] = [
    ("libp2p", "network/src"),
    ("libp2p_stream", "network/src"),
    ("llama_cpp_2", "src/inference"),
    ("minijinja", "src/inference"),
    ("ort", "src/embedding"),
    ("tokenizers", "src/embedding"),
    ("tonic", "src/api"),
    ("hyper_util", "src/api"),
    ("axum", "src/api"),
    ("tonic_health", "src/api"),
    ("tonic_reflection", "src/api"),
    ("tokio_rustls", "src/api"),
    ("governor", "src/api"),
    ("reedline", "src/cli"),
    ("rmcp", "src/cli"),
    ("utoipa", "src/api"),
    ("prometheus_client", "src/api"),
    ("redb", "src/store"),
    ("reqwest", "src/catalog"),
    ("toml_edit", "src/catalog"),
    ("opentelemetry", "src/telemetry"),
    ("opentelemetry_sdk", "src/telemetry"),
];

/// Each capability and what it must not import.
const FORBIDDEN_IMPORTS: [(&str, &[&str]); 9] = [
    (
        "inference",
        &["network", "embedding", "catalog", "coordinator", "owner", "api", "node", "cli", "config"],
    ),
    (
        "embedding",
        &["network", "inference", "catalog", "coordinator", "owner", "api", "node", "cli", "config"],
    ),
    (
        "catalog",
        &["network", "inference", "embedding", "coordinator", "owner", "api", "node", "cli", "config"],
    ),
    (
        "store",
        &[
            "network",
            "inference",
            "embedding",
            "catalog",
            "coordinator",
            "owner",
            "api",
            "node",
            "cli",
            "config",
        ],
    ),
    ("coordinator", &["owner", "api", "node", "cli", "config"]),
    ("owner", &["api", "node", "cli"]),
    ("api", &["node", "cli", "config"]),
    ("node", &["cli"]),
    (
        "telemetry",
        &["network", "inference", "embedding", "catalog", "coordinator", "owner", "api", "node", "cli"],
    ),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

fn rust_files(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, into);
        } else if path.extension().is_some_and(|e| e == "rs") {
            into.push(path);
        }
    }
}

/// Path relative to the daemon's folder, and the source without its tests.
fn sources() -> Vec<(String, String)> {
    let mut files = Vec::new();
    for folder in ["src", "network/src", "swarm/src", "wire/src", "fuzz/src", "fuzz/fuzz_targets"] {
        rust_files(&root().join(folder), &mut files);
    }
    assert!(files.len() > 20, "found only {} source files: the test looks in the wrong place", files.len());
    files
        .into_iter()
        .filter(|path| {
            path.file_stem().is_none_or(|s| s != "tests") && !path.to_string_lossy().contains("/tests/")
        })
        .map(|path| {
            let text = fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default().to_owned();
            (path.strip_prefix(root()).unwrap().to_string_lossy().into_owned(), code)
        })
        .collect()
}

fn code_lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim).filter(|l| !l.starts_with("//"))
}

/// Whether `line` names `word` as a path's beginning: `word::`, not `some_word::`.
fn names_path(line: &str, word: &str) -> bool {
    line.match_indices(&format!("{word}::")).any(|(at, _)| {
        !line[..at].chars().next_back().is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':')
    })
}

fn assert_none(rule: &str, found: &[String]) {
    assert!(found.is_empty(), "{rule}:\n  {}", found.join("\n  "));
}

#[test]
fn files_are_short() {
    let long: Vec<String> = sources()
        .iter()
        .map(|(path, text)| (path, text.lines().count()))
        .filter(|(_, lines)| *lines > LINES_MAX)
        .map(|(path, lines)| format!("{path}: {lines} lines"))
        .collect();
    assert_none("files over 500 lines without their tests", &long);
}

#[test]
fn files_have_meaning_in_their_names() {
    let banned = ["mod.rs", "utils.rs", "util.rs", "common.rs", "helpers.rs", "manager.rs", "misc.rs"];
    let found: Vec<String> = sources()
        .into_iter()
        .map(|(path, _)| path)
        .filter(|path| banned.iter().any(|b| path.rsplit('/').next() == Some(b)))
        .collect();
    assert_none("names that say nothing", &found);
}

#[test]
fn every_module_opens_with_its_essay() {
    let found: Vec<String> =
        sources().into_iter().filter(|(_, text)| !text.starts_with("//!")).map(|(path, _)| path).collect();
    assert_none("modules without `//!`", &found);
}

#[test]
fn each_vendor_is_named_in_one_room() {
    let mut found = Vec::new();
    for (path, text) in sources() {
        for (vendor, room) in VENDORS {
            let outside = !path.starts_with(room);
            if outside && code_lines(&text).any(|l| names_path(l, vendor)) {
                found.push(format!("{path} names {vendor}, which belongs to {room}"));
            }
        }
    }
    assert_none("vendors outside their room", &found);
}

#[test]
fn generated_types_stay_at_the_edge() {
    let rooms = ["src/api", "network/src", "src/cli", "wire/src", "fuzz/src"];
    let found: Vec<String> = sources()
        .into_iter()
        .filter(|(path, text)| {
            !rooms.iter().any(|r| path.starts_with(r))
                && code_lines(text).any(|l| names_path(l, "polymath_proto"))
        })
        .map(|(path, _)| path)
        .collect();
    assert_none(
        "generated protobuf types beyond api, network, the decoders and the commands that speak to the api",
        &found,
    );
}

#[test]
fn imports_go_one_way() {
    let mut found = Vec::new();
    for (path, text) in sources() {
        for (capability, forbidden) in FORBIDDEN_IMPORTS {
            let inside =
                path == format!("src/{capability}.rs") || path.starts_with(&format!("src/{capability}/"));
            for other in forbidden {
                let import = format!("crate::{other}");
                if inside
                    && code_lines(&text).any(|l| names_path(l, &import) || l.contains(&format!("{import};")))
                {
                    found.push(format!("{path} imports {other}"));
                }
            }
        }
    }
    assert_none("imports against the direction main → cli → node → api → coordinator → capabilities", &found);
}

#[test]
fn the_network_stands_on_policy_and_decoders_alone() {
    let manifest = fs::read_to_string(root().join("network/Cargo.toml")).unwrap();
    let ours: Vec<&str> = manifest.lines().filter(|l| l.starts_with("polymath-")).collect();
    let below =
        ["polymath-swarm", "polymath-proto", "polymath-wire"].map(|name| format!("{name}.workspace = true"));
    assert_eq!(ours, below, "the network depends on what stands above it");
}

#[test]
fn the_sdk_stands_on_the_wire_format_alone() {
    let sdk = root().join("../sdk");
    let manifest = fs::read_to_string(sdk.join("Cargo.toml")).unwrap();
    let ours: Vec<&str> = manifest.lines().filter(|l| l.starts_with("polymath-")).collect();
    assert_eq!(
        ours,
        ["polymath-proto.workspace = true"],
        "the SDK depends on more of ours than the wire format"
    );
    let mut files = Vec::new();
    rust_files(&sdk.join("src"), &mut files);
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
        assert!(text.starts_with("//!"), "{} does not say what it is", file.display());
        assert!(code.lines().count() <= LINES_MAX, "{} is long", file.display());
    }
}

#[test]
fn the_policy_crate_does_no_io() {
    let banned = [
        "std::fs",
        "std::net",
        "std::time::Instant",
        "std::time::SystemTime",
        "std::thread",
        "tokio",
        "rand",
    ];
    // Draws from a generator that is given its seed; even there, nothing may come from the system.
    let seeded = "swarm/src/score/experience.rs";
    let entropy =
        ["rand::rng()", "rand::random", "make_rng", "prelude", "OsRng", "SysRng", "ThreadRng", "os_rng"];
    let mut found = Vec::new();
    for (path, text) in sources().into_iter().filter(|(path, _)| path.starts_with("swarm/")) {
        let drawn =
            entropy.into_iter().filter(|word| path == seeded && code_lines(&text).any(|l| l.contains(word)));
        found.extend(drawn.map(|word| format!("{path} names {word}")));
        for word in banned.into_iter().filter(|word| path != seeded || *word != "rand") {
            if code_lines(&text).any(|l| names_path(l, word) || l.contains(&format!("use {word};"))) {
                found.push(format!("{path} names {word}"));
            }
        }
    }
    assert_none("I/O, clocks or entropy in the policy crate", &found);
}

#[test]
fn the_decoders_do_no_io() {
    let banned = [
        "std::fs",
        "std::net",
        "std::io",
        "std::time",
        "std::thread",
        "tokio",
        "futures",
        "libp2p",
        "tonic",
        "rand",
    ];
    let mut found = Vec::new();
    for (path, text) in sources().into_iter().filter(|(path, _)| path.starts_with("wire/")) {
        for word in banned {
            if code_lines(&text).any(|l| names_path(l, word) || l.contains(&format!("use {word};"))) {
                found.push(format!("{path} names {word}"));
            }
        }
    }
    let manifest = fs::read_to_string(root().join("wire/Cargo.toml")).unwrap();
    let heavy = ["tokio", "libp2p", "tonic", "futures"];
    found.extend(heavy.into_iter().filter(|h| manifest.lines().any(|l| l.starts_with(h))).map(String::from));
    assert_none("I/O, clocks or heavy dependencies in the decoders of network input", &found);
}

#[test]
fn nothing_is_left_for_later_in_code() {
    let marks = ["todo!(", "unimplemented!(", "#[ignore", "unbounded_channel("];
    let mut found = Vec::new();
    for (path, text) in sources() {
        for mark in marks {
            if code_lines(&text).any(|l| l.contains(mark)) {
                found.push(format!("{path}: {mark}"));
            }
        }
    }
    assert_none("unfinished code", &found);
}
