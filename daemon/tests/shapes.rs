//! Models of every shape that people bring: each is loaded, templated, streamed and scored. The files have
//! random weights; `models/shapes/make.py` makes them.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

use polymath::inference::{Config, Generation, Request, ScoreRequest, Worker};
use polymath_swarm::ledger::Priority;
use polymath_swarm::sampling::Settings;
use polymath_swarm::task::{FinishReason, Message, TaskEvent, TokenLogprobs};
use std::path::{Path, PathBuf};

/// How far log-probabilities may be apart that were computed in batches of other shapes. Random weights in half
/// precision amplify the last bits more than trained ones do.
const APART_MAX: f32 = 0.01;

fn shape(name: &str) -> PathBuf {
    let default = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/.build/shapes");
    let folder = std::env::var_os("POLYMATH_SHAPES").map_or(default, PathBuf::from);
    let file = folder.join(format!("{name}.gguf"));
    assert!(file.exists(), "{} is missing; make it: python models/shapes/make.py", file.display());
    file
}

fn messages() -> Vec<Message> {
    vec![Message { role: "user".into(), content: "What is the capital of France? Déjà vu 😀".into() }]
}

struct Answer {
    text: String,
    ids: Vec<u32>,
    logprobs: Vec<TokenLogprobs>,
    prompt_tokens: u32,
    finish_reason: FinishReason,
}

async fn read(mut generation: Generation) -> Answer {
    let accepted = generation.next().await.unwrap().unwrap();
    assert_eq!(accepted, TaskEvent::Accepted { queue_position: 0 });
    let (mut text, mut ids, mut logprobs) = (String::new(), Vec::new(), Vec::new());
    while let Some(event) = generation.next().await {
        match event.unwrap() {
            TaskEvent::Tokens { sequence, ids: new, text: more, logprobs: its } => {
                assert_eq!(sequence as usize, ids.len());
                text.push_str(&more);
                ids.extend(new);
                logprobs.extend(its);
            }
            TaskEvent::Done { finish_reason, prompt_tokens, completion_tokens, .. } => {
                assert_eq!(completion_tokens as usize, ids.len());
                return Answer { text, ids, logprobs, prompt_tokens, finish_reason };
            }
            TaskEvent::Accepted { .. } => panic!("accepted twice"),
        }
    }
    panic!("the answer has no end")
}

/// Loads the shape, checks its facts and its prompt, streams twice and scores what was streamed.
async fn works(name: &str, architecture: &str, quantisation: &str, prompt_starts: &str) {
    let worker =
        Worker::load(Config { model_path: shape(name), slots: 2, ..Config::default() }).await.unwrap();
    let facts = worker.facts();
    assert_eq!((facts.architecture.as_str(), facts.quantisation.as_str()), (architecture, quantisation));
    assert_eq!(worker.name(), format!("random {name}"));
    assert!(facts.parameters > 100_000 && worker.tokens_per_second() > 0.0);

    let prompt = worker.prompt(messages()).await.unwrap();
    assert!(prompt.text.starts_with(prompt_starts), "{:?}", prompt.text);
    assert!(prompt.text.contains("Déjà vu 😀"), "{:?}", prompt.text);

    let sampling = Settings { temperature: 0.7, top_k: 40, top_p: 0.95, ..Settings::default() };
    let request = Request {
        messages: messages(),
        sampling,
        seed: 11,
        max_tokens: 24,
        deadline: None,
        stop: Vec::new(),
        top_logprobs: 5,
        grammar: None,
        nonce: None,
        priority: Priority::default(),
        asker: None,
        continues: Vec::new(),
    };
    let answer = read(worker.generate(request.clone()).unwrap()).await;
    assert!(!answer.ids.is_empty(), "the random model ends at once: choose another seed");
    assert_eq!(answer.prompt_tokens as usize, prompt.ids.len());
    assert_eq!(answer.finish_reason == FinishReason::Length, answer.ids.len() == 24);
    let again = read(worker.generate(request).unwrap()).await;
    assert_eq!((&again.text, &again.ids), (&answer.text, &answer.ids), "the same seed says the same");

    let score = ScoreRequest {
        messages: messages(),
        ids: answer.ids,
        prompt_places: Vec::new(),
        top_logprobs: 5,
        sampler: None,
        stop: Vec::new(),
        deadline: None,
    };
    let scores = worker.score(score).await.unwrap().answer;
    assert_eq!(scores.len(), answer.logprobs.len());
    let mut worst = 0.0_f32;
    for (scored, streamed) in scores.iter().zip(&answer.logprobs) {
        worst = worst.max((scored.logprob - streamed.logprob).abs());
        assert_eq!(scored.top.len(), 5);
        worst = worst.max((scored.top[0].1 - streamed.top[0].1).abs());
    }
    println!("{name}: log-probabilities of scoring and streaming are at most {worst} apart");
    assert!(worst < APART_MAX, "{worst}");
    worker.stop().await;
}

#[tokio::test]
async fn the_shape_of_the_bundled_experts() {
    works("tiny", "llama", "F32", "<|im_start|>user\nWhat").await;
}

#[tokio::test]
async fn sentencepiece_with_scores_and_bytes() {
    works("sentencepiece", "llama", "F16", "<s>[INST] What").await;
}

#[tokio::test]
async fn a_vocabulary_of_150_000_tokens() {
    works("qwen", "qwen2", "F16", "<|im_start|>user\nWhat").await;
}

#[tokio::test]
async fn sliding_windows_and_tied_embeddings() {
    works("gemma", "gemma3", "F16", "<bos><start_of_turn>user\nWhat").await;
}

#[tokio::test]
async fn k_quants_without_a_template() {
    works("kquants", "llama", "Q4_K_M", "<|im_start|>user\nWhat").await;
}
