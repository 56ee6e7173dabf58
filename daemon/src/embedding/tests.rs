//! With the real runtime and encoder. What is missing makes these fail and say which command brings it.

use super::*;
use serde_json::Value;

/// Least cosine of an int8 vector to its fp32 reference. The worst is a text of one word (0.9895); a wrong mask,
/// position or tokeniser gives 0.9 and less.
const COSINE_MIN: f32 = 0.985;
/// Mean over the golden texts.
const COSINE_MEAN_MIN: f32 = 0.995;

pub(super) fn config() -> Config {
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models");
    let assets = std::env::var_os("POLYMATH_ASSETS").map_or_else(|| models.join(".build"), PathBuf::from);
    let config = Config::from_assets(&assets, &models.join("encoder/codebook.bin"));
    for path in [&config.encoder_dir, &config.runtime_library] {
        assert!(
            path.exists(),
            "{} is missing: run scripts/setup (or scripts/setup-assets.py)",
            path.display()
        );
    }
    config
}

/// A copy of the encoder's folder with `encoder.toml` edited.
fn edited(edit: impl Fn(String) -> String) -> (tempfile::TempDir, Config) {
    let mut config = config();
    let folder = tempfile::tempdir().unwrap();
    for name in ["encoder.onnx", "tokenizer.json"] {
        std::fs::copy(config.encoder_dir.join(name), folder.path().join(name)).unwrap();
    }
    let manifest = std::fs::read_to_string(config.encoder_dir.join("encoder.toml")).unwrap();
    let changed = edit(manifest.clone());
    assert_ne!(manifest, changed, "the edit must change something");
    std::fs::write(folder.path().join("encoder.toml"), changed).unwrap();
    config.encoder_dir = folder.path().to_path_buf();
    (folder, config)
}

fn golden() -> Vec<Value> {
    let text = include_str!("../../../models/encoder/golden.json");
    serde_json::from_str(text).unwrap()
}

fn texts(count: usize) -> Vec<String> {
    (0..count).map(|i| format!("Question {i}: how many {} are there?", "very ".repeat(i % 7))).collect()
}

async fn one(encoder: &Encoder, text: &str) -> Embedding {
    encoder.embed(vec![text.to_owned()]).await.unwrap().remove(0)
}

#[tokio::test]
async fn vectors_are_near_the_reference() {
    let encoder = Encoder::open(config()).await.unwrap();
    assert_eq!(encoder.dimension(), 384);
    let mut cosines = Vec::new();
    for case in golden() {
        let text = case["text"].as_str().unwrap();
        let reference: Vec<f32> =
            case["vector"].as_array().unwrap().iter().map(|v| v.as_f64().unwrap() as f32).collect();
        let cosine = one(&encoder, text).await.similarity(&Embedding::new(&reference).unwrap());
        assert!(cosine >= COSINE_MIN, "{text:?}: cosine {cosine}");
        cosines.push(cosine);
    }
    let mean = cosines.iter().sum::<f32>() / cosines.len() as f32;
    assert!(mean >= COSINE_MEAN_MIN, "mean cosine {mean}");
}

#[tokio::test]
async fn company_does_not_change_a_vector() {
    let encoder = Encoder::open(Config { cache_entries: 0, ..config() }).await.unwrap();
    let mut together: Vec<String> =
        golden().iter().map(|case| case["text"].as_str().unwrap().to_owned()).collect();
    together.extend(texts(30));
    let vectors = encoder.embed(together.clone()).await.unwrap();
    assert_eq!(vectors.len(), together.len());
    for (text, vector) in together.iter().zip(&vectors) {
        let alone = one(&encoder, text).await;
        assert!(alone.similarity(vector) > 0.999_99, "{text:?}: {}", alone.similarity(vector));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_callers_get_each_their_own() {
    let encoder = Encoder::open(config()).await.unwrap();
    let expected = encoder.embed(texts(40)).await.unwrap();
    let callers = (0..20).map(|caller| {
        let encoder = encoder.clone();
        // Neighbours overlap, so that cached, shared and new texts mix.
        tokio::spawn(async move { encoder.embed(texts(40)[caller..caller + 20].to_vec()).await.unwrap() })
    });
    for (caller, vectors) in futures::future::join_all(callers).await.into_iter().enumerate() {
        for (vector, expected) in vectors.unwrap().iter().zip(&expected[caller..]) {
            assert!(vector.similarity(expected) > 0.999_99);
        }
    }
}

#[tokio::test]
async fn odd_requests_are_served_or_refused() {
    let encoder = Encoder::open(config()).await.unwrap();
    assert_eq!(encoder.embed(Vec::new()).await.unwrap(), []);
    let odd = vec![
        String::new(),
        "\u{0}\u{202e}".to_owned(),
        "🙂".repeat(100_000),
        "same".to_owned(),
        "same".to_owned(),
    ];
    let vectors = encoder.embed(odd).await.unwrap();
    assert_eq!(vectors.len(), 5);
    assert_eq!(vectors[3], vectors[4]);
    assert!(matches!(encoder.embed(texts(TEXTS_MAX + 1)).await, Err(Error::TooMany(65))));
    drop(Box::pin(encoder.embed(texts(3))));
    one(&encoder, "still there").await;
}

#[tokio::test]
async fn missing_files_are_named_with_the_command_that_brings_them() {
    let nowhere = PathBuf::from("/nonexistent/polymath");
    for config in [
        Config { encoder_dir: nowhere.clone(), ..config() },
        Config { runtime_library: nowhere.clone(), ..config() },
        Config { codebook: nowhere, ..config() },
    ] {
        let text = Encoder::open(config).await.unwrap_err().to_string();
        assert!(text.contains("/nonexistent/polymath") && text.contains("scripts/setup"), "{text}");
    }
}

#[tokio::test]
async fn faulty_files_are_named_with_the_fault() {
    let (_folder, typo) = edited(|text| text.replace("max_tokens", "max_token"));
    let error = Encoder::open(typo).await.unwrap_err().to_string();
    assert!(error.contains("encoder.toml") && error.contains("max_token"), "{error}");

    let (_folder, huge) = edited(|text| text.replace("max_tokens = 256", "max_tokens = 100000"));
    assert!(matches!(Encoder::open(huge).await, Err(Error::Manifest { .. })));

    let (folder, altered) = edited(|text| text + "# other\n");
    std::fs::write(folder.path().join("tokenizer.json"), "{}").unwrap();
    let error = Encoder::open(altered).await.unwrap_err();
    assert!(matches!(&error, Error::Altered { path } if path.ends_with("tokenizer.json")), "{error}");

    // The graph pools inside, so its output has not the shape that this promises.
    let (_folder, pooling) = edited(|text| text.replace("\"inside\"", "\"mean\""));
    let error = Encoder::open(pooling).await.unwrap_err();
    assert!(matches!(&error, Error::Load { source, .. } if source.to_string().contains("shape")), "{error}");

    let other = tempfile::NamedTempFile::new().unwrap();
    let centre = Embedding::new(&[1.0, 2.0]).unwrap();
    std::fs::write(other.path(), Codebook::from_centres(&[centre]).unwrap().to_bytes()).unwrap();
    let config_of = |path: &Path| Config { codebook: path.to_path_buf(), ..config() };
    let error = Encoder::open(config_of(other.path())).await.unwrap_err();
    assert!(matches!(error, Error::OtherDimension { codebook: 2, encoder: 384 }), "{error}");
    std::fs::write(other.path(), "garbage").unwrap();
    assert!(matches!(Encoder::open(config_of(other.path())).await, Err(Error::Codebook { .. })));
}

#[tokio::test]
async fn another_encoder_is_another_space() {
    let first = Encoder::open(config()).await.unwrap();
    let again = Encoder::open(config()).await.unwrap();
    assert_eq!(first.space(), again.space());

    let folder = config().encoder_dir.with_file_name("encoder-cls");
    assert!(
        folder.exists(),
        "{} is missing: run scripts/setup (or scripts/setup-assets.py)",
        folder.display()
    );
    let cls = Encoder::open(Config { encoder_dir: folder, ..config() }).await.unwrap();
    assert_ne!(cls.space(), first.space());
    let text = "What is the capital of France?";
    assert!(one(&cls, text).await.similarity(&one(&first, text).await) < 0.9);

    // The same graph, cut elsewhere, is another space too.
    let (_folder, shorter) = edited(|text| text.replace("max_tokens = 256", "max_tokens = 64"));
    assert_ne!(Encoder::open(shorter).await.unwrap().space(), first.space());
}
