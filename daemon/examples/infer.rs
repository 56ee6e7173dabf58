//! Loads a GGUF file and asks it one question, with nothing else of a node around it.
//!
//! ```text
//! cargo run --example infer -- FILE.gguf "What is the capital of France?"
//! ```

use anyhow::{Context, bail};
use polymath::inference::{Config, Request, Worker};
use polymath_swarm::task::TaskEvent;
use std::io::Write;
use std::time::Instant;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut args = std::env::args().skip(1);
    let (Some(file), Some(question)) = (args.next(), args.next()) else {
        bail!("usage: infer FILE.gguf QUESTION [MAX_TOKENS]");
    };
    let max_tokens = args.next().map_or(Ok(256), |n| n.parse()).context("MAX_TOKENS")?;
    let started = Instant::now();
    let worker = Worker::load(Config { model_path: file.into(), slots: 1, ..Config::default() }).await?;
    println!("{}: {:?}", worker.name(), worker.facts());
    println!("loaded in {:?}, probe: {:.0} tokens/s", started.elapsed(), worker.tokens_per_second());

    let started = Instant::now();
    let mut first = None;
    let mut answer = worker.generate(Request::question(question, max_tokens))?;
    while let Some(event) = answer.next().await {
        match event? {
            TaskEvent::Accepted { .. } => {}
            TaskEvent::Tokens { text, .. } => {
                first.get_or_insert_with(|| started.elapsed());
                print!("{text}");
                std::io::stdout().flush()?;
            }
            TaskEvent::Done { finish_reason, prompt_tokens, completion_tokens, .. } => {
                let took = started.elapsed();
                println!();
                println!(
                    "{finish_reason:?} after {completion_tokens} tokens (prompt {prompt_tokens}) in {took:?}, first \
                     after {first:?}: {:.0} tokens/s",
                    f64::from(completion_tokens) / took.as_secs_f64()
                );
            }
        }
    }
    Ok(())
}
