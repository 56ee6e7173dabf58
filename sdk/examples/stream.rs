//! Prints an answer while it is made, and what the swarm does meanwhile.
//!
//! `cargo run -p polymath-sdk --example stream -- "What is 17 times 4?"`

use futures::StreamExt as _;
use polymath_sdk::{Ask, Error, Event, PolymathClient};
use std::io::Write as _;
use std::time::Duration;

/// The example itself; the test suite runs it against a real node.
pub async fn run(client: PolymathClient, question: &str) -> Result<String, Error> {
    let ask = Ask { max_tokens: Some(256), deadline: Some(Duration::from_secs(60)), ..Ask::new(question) };
    let mut events = client.ask_stream(ask);
    let mut text = String::new();
    while let Some(event) = events.next().await {
        match event? {
            Event::Planned(plan) => eprintln!("{} tasks", plan.tasks.len()),
            Event::Started { id, expert, .. } => eprintln!("task {id} is with {}", expert.expert),
            Event::Delta { text: more } => {
                print!("{more}");
                // Nobody may be reading, which is no reason to stop.
                let _ = std::io::stdout().flush();
                text.push_str(&more);
            }
            Event::Finished(task) => eprintln!("task {} took {:.0} ms", task.id, task.total_ms),
            Event::Answered(answer) => println!("\n({} tokens)", answer.usage.total_tokens()),
            _ => {}
        }
    }
    Ok(text)
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let question = std::env::args().nth(1).unwrap_or_else(|| "What is 17 times 4?".to_owned());
    run(PolymathClient::local().await?, &question).await.map(drop)
}
