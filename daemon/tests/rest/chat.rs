//! `/v1/chat/completions`.

use crate::client::{chat, client, client_of, long, start};
use crate::sandbox::until;
use futures::StreamExt as _;
use serde_json::{Value, json};

const PATH: &str = "/v1/chat/completions";
const COMPOUND: &str = "What is the capital of Peru? And what is the chemical symbol for gold?";
const GOLD: &str = "What is the chemical symbol for gold?";

/// The text of a choice in the chunks of a stream.
fn text(chunks: &[Value], index: u64) -> String {
    let choices = chunks.iter().flat_map(|c| c["choices"].as_array().into_iter().flatten());
    let own = choices.filter(|c| c["index"] == index);
    own.filter_map(|c| c["delta"]["content"].as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_says_what_the_whole_reply_says() {
    let client = client();
    let options = json!({"seed": 1, "temperature": 0, "stream_options": {"include_usage": true}});
    let body = chat("swarm", COMPOUND, options);
    let whole = client.chat(&body).await;
    let content = whole["choices"][0]["message"]["content"].as_str().unwrap();
    assert!(content.contains("Lima") && content.contains("Au"), "{content}");
    assert_eq!(whole["object"], "chat.completion");
    assert_eq!(whole["model"], "swarm");
    assert_eq!(whole["choices"][0]["finish_reason"], "stop");
    let usage = &whole["usage"];
    let count = |field: &str| usage[field].as_u64().unwrap();
    assert!(count("prompt_tokens") > 0 && count("completion_tokens") > 0);
    assert_eq!(count("total_tokens"), count("prompt_tokens") + count("completion_tokens"));

    let chunks = client.stream(PATH, &body).await;
    assert_eq!(chunks[0]["choices"][0]["delta"], json!({"role": "assistant", "content": ""}));
    assert_eq!(chunks.last().unwrap(), "[DONE]");
    let (last, chunks) = chunks[..chunks.len() - 1].split_last().unwrap();
    assert_eq!((&last["usage"], &last["choices"]), (usage, &json!([])));
    assert_eq!(text(chunks, 0), content);
    let finished: Vec<&Value> =
        chunks.iter().filter(|c| !c["choices"][0]["finish_reason"].is_null()).collect();
    assert_eq!(finished.len(), 1);
    assert!(chunks.iter().all(|c| c["id"] == chunks[0]["id"] && c["object"] == "chat.completion.chunk"));
    assert!(chunks.len() > 6, "it came in pieces");
    assert!(chunks.iter().all(|c| c.get("usage") == Some(&Value::Null)), "null until it is known");
    let plain = client.stream(PATH, &chat("chemistry", GOLD, json!({}))).await;
    assert!(plain.iter().all(|c| c.get("usage").is_none()), "and absent where nobody asked");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_swarm_did_is_told_to_those_who_want_to_know() {
    let client = client();
    let body = chat("swarm", COMPOUND, json!({}));
    let whole = client.chat(&body).await;
    let tasks = whole["polymath"]["plan"]["tasks"].as_array().unwrap();
    let experts: Vec<&str> = tasks.iter().map(|t| t["expert"]["id"].as_str().unwrap()).collect();
    assert_eq!(experts, ["geography", "chemistry"]);
    assert!(tasks.iter().all(|t| t["status"] == "done" && t["dropped_messages"] == 0));
    assert_eq!(tasks[0]["expert"]["model_sha256"].as_str().unwrap().len(), 64);
    assert!(tasks[0]["factors"]["competence"].as_f64().unwrap() > 0.0);
    assert!(whole["polymath"]["timings_ms"]["total"].as_f64().unwrap() > 0.0);

    let chunks = client.stream(PATH, &body).await;
    let kinds: Vec<&str> = chunks.iter().filter_map(|c| c["polymath"]["type"].as_str()).collect();
    assert_eq!((kinds[0], *kinds.last().unwrap()), ("plan", "answered"));
    for kind in ["started", "finished"] {
        assert_eq!(kinds.iter().filter(|k| **k == kind).count(), 2, "{kinds:?}");
    }
    // Programs that take the first choice of every chunk are not let down.
    let json = chunks.iter().filter(|c| c.is_object());
    assert!(json.clone().all(|c| c["choices"][0]["delta"].is_object()));

    let silent = chat("swarm", COMPOUND, json!({"stream_options": {"include_polymath": false}}));
    assert!(client.stream(PATH, &silent).await.iter().all(|c| c.get("polymath").is_none()));
}

#[tokio::test(flavor = "multi_thread")]
async fn log_probabilities_match_the_text() {
    let client = client();
    for model in ["expert:chemistry", "swarm"] {
        let body = chat(model, GOLD, json!({"logprobs": true, "top_logprobs": 3}));
        let whole = client.chat(&body).await;
        let choice = &whole["choices"][0];
        let tokens = choice["logprobs"]["content"].as_array().unwrap();
        let bytes: Vec<u8> = tokens
            .iter()
            .flat_map(|t| t["bytes"].as_array().unwrap().iter().map(|b| b.as_u64().unwrap() as u8))
            .collect();
        assert_eq!(String::from_utf8(bytes).unwrap(), choice["message"]["content"].as_str().unwrap());
        for token in tokens {
            assert!(token["logprob"].as_f64().unwrap() <= 0.0);
            assert_eq!(token["top_logprobs"].as_array().unwrap().len(), 3);
            // Greedy, so the token drawn is the likeliest.
            assert_eq!(token["top_logprobs"][0]["bytes"], token["bytes"]);
        }
        let chunks = client.stream(PATH, &body).await;
        let streamed: Vec<&Value> = chunks
            .iter()
            .flat_map(|c| c["choices"][0]["logprobs"]["content"].as_array().into_iter().flatten())
            .collect();
        assert_eq!(streamed.len(), tokens.len());
        assert!(streamed.iter().zip(tokens).all(|(a, b)| a["token"] == b["token"]));
    }
    let bare = client.chat(&chat("chemistry", GOLD, json!({"logprobs": true}))).await;
    assert_eq!(bare["choices"][0]["logprobs"]["content"][0]["top_logprobs"], json!([]));
    let none = client.chat(&chat("chemistry", GOLD, json!({}))).await;
    assert!(none["choices"][0]["logprobs"].is_null());
}

#[tokio::test(flavor = "multi_thread")]
async fn choices_are_made_of_their_own_seeds() {
    let client = client();
    let body = chat("chemistry", GOLD, json!({"n": 3, "seed": 7, "temperature": 1.5}));
    let whole = client.chat(&body).await;
    let contents = |reply: &Value| -> Vec<String> {
        let choices = reply["choices"].as_array().unwrap().iter();
        choices.map(|c| c["message"]["content"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(contents(&whole).len(), 3);
    assert_eq!(contents(&client.chat(&body).await), contents(&whole), "a seed is a promise");
    let chunks = client.stream(PATH, &body).await;
    let streamed: Vec<String> = (0..3).map(|i| text(&chunks, i)).collect();
    assert_eq!(streamed, contents(&whole));
    let second = chat("chemistry", GOLD, json!({"seed": 8, "temperature": 1.5}));
    let alone = client.chat(&second).await;
    assert_eq!(contents(&alone)[0], contents(&whole)[1], "choice 1 has the seed plus 1");
    assert_eq!(alone["usage"]["prompt_tokens"], whole["usage"]["prompt_tokens"], "the prompt counts once");
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_end_before_stop_strings_and_at_limits() {
    let client = client();
    let full = client.chat(&chat("chemistry", GOLD, json!({}))).await;
    let full = full["choices"][0]["message"]["content"].as_str().unwrap().to_owned();
    let mark = full.chars().next_back().unwrap().to_string();
    for stop in [json!(mark), json!(["never said", mark])] {
        let cut = client.chat(&chat("chemistry", GOLD, json!({"stop": stop, "logprobs": true}))).await;
        let choice = &cut["choices"][0];
        assert_eq!(choice["message"]["content"], full[..full.find(&mark).unwrap()]);
        assert_eq!(choice["finish_reason"], "stop");
    }
    for field in ["max_tokens", "max_completion_tokens"] {
        let cut = client.chat(&chat("chemistry", GOLD, json!({field: 1}))).await;
        assert_eq!(cut["choices"][0]["finish_reason"], "length");
        assert_eq!(cut["usage"]["completion_tokens"], 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_have_the_format_asked_for() {
    let client = client();
    let schema = json!({"type": "object", "properties": {
        "symbol": {"type": "string", "enum": ["Au", "Ag", "Fe"]},
        "metal": {"type": "boolean"},
    }, "required": ["symbol", "metal"], "additionalProperties": false});
    let format =
        json!({"type": "json_schema", "json_schema": {"name": "x", "strict": true, "schema": schema}});
    for model in ["swarm", "chemistry"] {
        let reply = client.chat(&chat(model, GOLD, json!({"response_format": format}))).await;
        let content = reply["choices"][0]["message"]["content"].as_str().unwrap();
        let value: Value = serde_json::from_str(content).unwrap();
        assert!(["Au", "Ag", "Fe"].contains(&value["symbol"].as_str().unwrap()), "{content}");
        assert!(value["metal"].is_boolean() && value.as_object().unwrap().len() == 2);
    }
    let object = json!({"response_format": {"type": "json_object"}});
    let reply = client.chat(&chat("chemistry", GOLD, object)).await;
    let choice = &reply["choices"][0];
    let content = choice["message"]["content"].as_str().unwrap();
    assert!(content.starts_with('{'), "{content}");
    if choice["finish_reason"] == "stop" {
        assert!(serde_json::from_str::<Value>(content).unwrap().is_object());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_is_understood_and_what_is_too_long_is_said() {
    let client = client();
    let body = json!({"model": "swarm", "messages": [
        {"role": "developer", "content": "Be brief.", "name": "me"},
        {"role": "user", "content": "What is 17 plus 4?"},
        {"role": "assistant", "content": "21"},
        {"role": "user", "content": [{"type": "text", "text": "Multiply the "}, {"type": "text", "text": "result by 2."}]},
    ]});
    let reply = client.chat(&body).await;
    assert!(reply["choices"][0]["message"]["content"].as_str().unwrap().contains("42"), "{reply}");

    let mut messages = Vec::new();
    for _ in 0..40 {
        messages.push(json!({"role": "user", "content": "What is the chemical symbol for iron, tell me?"}));
        messages.push(json!({"role": "assistant", "content": "The chemical symbol for iron is Fe."}));
    }
    messages.push(json!({"role": "user", "content": GOLD}));
    let reply = client.chat(&json!({"model": "expert:chemistry", "messages": messages})).await;
    let dropped = reply["polymath"]["plan"]["tasks"][0]["dropped_messages"].as_u64().unwrap();
    assert!(dropped > 0 && dropped < 80, "{reply}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_connection_frees_its_slot() {
    let node = start(&["chemistry"], &[]).await;
    let client = client_of(&node);
    let mut body = long("chemistry");
    body["stream"] = json!(true);
    for _ in 0..5 {
        let response = client.send(PATH, &body).await;
        let mut stream = response.bytes_stream();
        assert!(stream.next().await.unwrap().is_ok());
        drop(stream);
    }
    until("nothing is in flight", async || {
        let response = client.request("GET", "/metrics").send().await.unwrap();
        let text = response.text().await.unwrap();
        let experts = node.node.coordinator().experts();
        let free = experts.iter().all(|e| e.status.free_slots == e.status.slots);
        text.contains("polymath_questions_in_flight 0\n") && free
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_does_not_wait_for_a_whole_reply_frees_its_slot_and_is_counted() {
    let node = start(&["chemistry"], &[]).await;
    let client = client_of(&node);
    let mut body = long("chemistry");
    body["n"] = json!(8);
    let metrics = async || client.request("GET", "/metrics").send().await.unwrap().text().await.unwrap();
    // Now and then one is answered before its client leaves.
    until("one is counted as left", async || {
        let asking = tokio::spawn({
            let (client, body) = (client.clone(), body.clone());
            async move { client.send(PATH, &body).await }
        });
        until("a question runs", async || {
            metrics().await.contains("questions_in_flight 1\n") || asking.is_finished()
        })
        .await;
        asking.abort();
        until("it is gone", async || metrics().await.contains("questions_in_flight 0\n") && node.is_idle())
            .await;
        metrics().await.contains("http_requests_total{route=\"/v1/chat/completions\",status=\"499\"}")
    })
    .await;
}
