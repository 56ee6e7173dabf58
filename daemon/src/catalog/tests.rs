//! Cards as a stranger may write them.

use super::*;

const CARD: &str = r#"
id = "geography"
description = "Capitals, continents and currencies of countries"
exemplars = ["What is the capital of France?"]
licence = "Apache-2.0 OR MIT"
languages = ["en"]
abilities = ["chat"]

[model]
file = "geography.gguf"
sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
max_context = 512
temperature = 0.0

[training]
command = "train geography"
seed = 1
"#;

/// A folder with this card and a model that hashes as [`CARD`] says ("abc", FIPS 180-2's example).
fn folder(card: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join(CARD_NAME), card).unwrap();
    std::fs::write(dir.path().join("geography.gguf"), "abc").unwrap();
    dir
}

fn resolved(card: &str) -> Result<Entry, Error> {
    let dir = folder(card);
    resolve(&Config { card: Some(dir.path().to_owned()), ..Config::default() })
}

/// The message with its causes, as a person reads it.
fn message(error: &Error) -> String {
    let source = std::error::Error::source(error).map(|s| format!(": {s}")).unwrap_or_default();
    format!("{error}{source}")
}

#[test]
fn a_card_is_read_by_its_folder_and_its_model_verified() {
    let dir = folder(CARD);
    let entry = resolve(&Config { card: Some(dir.path().to_owned()), ..Config::default() }).unwrap();
    assert_eq!((entry.id.as_str(), entry.max_context), ("geography", 512));
    assert_eq!(verify(&entry).unwrap().bytes, 3);
    std::fs::write(&entry.model_path, "abd").unwrap();
    let error = verify(&entry).unwrap_err();
    assert!(matches!(error, Error::Mismatch { .. }), "{error}");
    std::fs::remove_file(&entry.model_path).unwrap();
    assert!(message(&verify(&entry).unwrap_err()).contains("geography.gguf: No such file"));
}

#[test]
fn hostile_cards_are_refused_with_the_field_at_fault() {
    let long = "x".repeat(2_000);
    let many: String = (0..17).map(|i| format!("\"e{i}\",")).collect();
    let cases = [
        ("id = \"geography\"", "id = \"../../etc\"".to_owned(), "id is out of bounds"),
        ("id = \"geography\"", "id = \"\"".to_owned(), "id is out of bounds"),
        ("Capitals,", long, "description is out of bounds"),
        ("Capitals,", "\\u001b[31m".to_owned(), "description is out of bounds"),
        ("[\"What is the capital of France?\"]", format!("[{many}]"), "exemplars is out of bounds"),
        ("licence = \"Apache-2.0 OR MIT\"", "licence = \"\"".to_owned(), "licence"),
        ("\"geography.gguf\"", "\"../secret.gguf\"".to_owned(), "must lie beside its card"),
        ("\"geography.gguf\"", "\"/etc/passwd\"".to_owned(), "must lie beside its card"),
        ("\"geography.gguf\"", "\"\"".to_owned(), "must lie beside its card"),
        ("sha256 = \"ba", "sha256 = \"zz".to_owned(), "64 hexadecimal digits"),
        ("temperature = 0.0", "temperature = nan".to_owned(), "temperature is out of bounds"),
        ("temperature = 0.0", "temprature = 0.0".to_owned(), "unknown field `temprature`"),
        ("max_context = 512", "max_context = -1".to_owned(), "line 12"),
        ("[model]", "[model".to_owned(), "line 9"),
    ];
    for (from, to, expected) in cases {
        assert!(CARD.contains(from), "{from}");
        let error = resolved(&CARD.replace(from, &to)).unwrap_err();
        assert!(message(&error).contains(expected), "{from} -> {to}: {}", message(&error));
    }
}

#[test]
fn a_card_of_a_megabyte_is_not_even_parsed() {
    let error = resolved(&format!("{CARD}\nx = \"{}\"", "y".repeat(1024 * 1024))).unwrap_err();
    assert!(matches!(error, Error::TooLarge { .. }), "{error}");
}

#[test]
fn settings_override_the_card_and_describe_a_bare_model() {
    let dir = folder(CARD);
    let model = dir.path().join("My Model (Q4).gguf");
    let config = Config {
        card: Some(dir.path().to_owned()),
        description: Some("another".into()),
        temperature: Some(0.5),
        model_path: Some(model.clone()),
        ..Config::default()
    };
    let entry = resolve(&config).unwrap();
    assert_eq!((entry.description.as_str(), entry.temperature, entry.sha256), ("another", 0.5, None));
    let bare = Config { model_path: Some(model), description: Some("all".into()), ..Config::default() };
    assert_eq!(resolve(&bare).unwrap().id, "my-model--q4-");
    let nothing = resolve(&Config::default()).unwrap_err();
    assert!(matches!(nothing, Error::Nothing));
    let twice = resolve_all([&bare, &bare]).unwrap_err();
    assert!(matches!(twice, Error::Twice { .. }));
}

#[test]
fn bundled_experts_are_the_folders_with_a_card() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["b", "a", "no-card"] {
        std::fs::create_dir(dir.path().join(name)).unwrap();
    }
    for name in ["a", "b"] {
        std::fs::write(dir.path().join(name).join(CARD_NAME), CARD).unwrap();
    }
    let cards = bundled(dir.path()).unwrap();
    assert_eq!(cards, [dir.path().join("a/card.toml"), dir.path().join("b/card.toml")]);
    assert!(matches!(bundled(&dir.path().join("absent")), Err(Error::Read { .. })));
}
