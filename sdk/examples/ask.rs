//! Asks the swarm a question and shows who answered which part.
//!
//! `cargo run -p polymath-sdk --example ask -- "What is the capital of Peru? Spell it backwards."`

use polymath_sdk::{Answer, Error, PolymathClient};

/// The example itself; the test suite runs it against a real node.
pub async fn run(client: PolymathClient, question: &str) -> Result<Answer, Error> {
    let answer = client.ask(question).await?;
    println!("{}", answer.text);
    for task in &answer.tasks {
        let (expert, score) = task.expert.as_ref().map_or(("nobody", 0.0), |e| (e.expert.as_str(), e.score));
        println!("  {:?} -> {:?} by {expert} ({score:.2})", task.text, task.result());
    }
    println!("{} tokens in {:.0} ms", answer.usage.total_tokens(), answer.timings.total_ms);
    Ok(answer)
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let question =
        std::env::args().nth(1).unwrap_or_else(|| "What is the chemical symbol for gold?".to_owned());
    let client = PolymathClient::local().await?;
    run(client, &question).await.map(drop)
}
