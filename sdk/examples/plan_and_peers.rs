//! Who is there, and how a question would be cut, without asking anyone.
//!
//! `cargo run -p polymath-sdk --example plan_and_peers`

use polymath_sdk::{Error, Expert, Plan, PolymathClient};

/// The example itself; the test suite runs it against a real node.
pub async fn run(client: PolymathClient, question: &str) -> Result<(Plan, Vec<Expert>), Error> {
    let health = client.health().await?;
    println!("{} runs version {}", health.name, health.version);
    for peer in client.peers().await? {
        println!("peer {} hosts {:?}", peer.peer_id, peer.experts);
    }
    let experts = client.experts().await?;
    for expert in &experts {
        println!(
            "{}: {} ({} of {} slots free)",
            expert.id, expert.description, expert.free_slots, expert.slots
        );
    }
    let plan = client.plan(question).await?;
    for task in &plan.tasks {
        let candidates: Vec<String> =
            task.candidates.iter().map(|c| format!("{} {:.2}", c.expert, c.score)).collect();
        println!("{}. {:?} after {:?}: {}", task.id, task.text, task.depends_on, candidates.join(", "));
    }
    Ok((plan, experts))
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let question = "What is the chemical symbol for gold? What is 17 times 4?";
    run(PolymathClient::local().await?, question).await.map(drop)
}
