//! Chat completions in OpenAI's form: a conversation, whole and then in pieces.
//!
//! `cargo run -p polymath-sdk --example openai_style`

use futures::StreamExt as _;
use polymath_sdk::{ChatCompletion, ChatCompletionRequest, ChatMessage, Error, PolymathClient};

/// The example itself; the test suite runs it against a real node.
pub async fn run(client: PolymathClient) -> Result<(ChatCompletion, String), Error> {
    let messages = [ChatMessage::user("What is the chemical symbol for gold?")];
    let request = ChatCompletionRequest {
        max_completion_tokens: Some(64),
        temperature: Some(0.0),
        ..ChatCompletionRequest::new("swarm", messages)
    };
    let whole = client.chat_completion(request.clone()).await?;
    println!("{} ({} tokens)", whole.text(), whole.usage.total_tokens());

    let mut pieces = client.chat_completion_stream(request);
    let mut text = String::new();
    while let Some(piece) = pieces.next().await {
        text.push_str(piece?.text());
    }
    println!("{text}");
    Ok((whole, text))
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    run(PolymathClient::local().await?).await.map(drop)
}
