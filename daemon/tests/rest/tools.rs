//! Functions. The bundled experts know none: what is tested is that a call always has the form and the schema.

use crate::client::{chat, client};
use serde_json::{Value, json};

const PATH: &str = "/v1/chat/completions";
const ASKED: &str = "What is the capital of Peru?";

fn tools() -> Value {
    let function = |name: &str, parameters: Value| json!({"type": "function", "function": {"name": name, "description": "Looks it up", "parameters": parameters}});
    json!([
        function(
            "weather",
            json!({"type": "object", "properties": {
            "city": {"type": "string", "enum": ["Lima", "Paris"]},
            "days": {"type": "integer", "minimum": 1, "maximum": 9},
        }, "required": ["city", "days"]})
        ),
        function(
            "clock",
            json!({"type": "object", "properties": {"utc": {"type": "boolean"}}, "required": ["utc"]})
        ),
    ])
}

fn check(call: &Value) {
    let arguments: Value = serde_json::from_str(call["function"]["arguments"].as_str().unwrap()).unwrap();
    match call["function"]["name"].as_str().unwrap() {
        "weather" => {
            assert!(["Lima", "Paris"].contains(&arguments["city"].as_str().unwrap()));
            assert!((1..=9).contains(&arguments["days"].as_u64().unwrap()));
            assert_eq!(arguments.as_object().unwrap().len(), 2);
        }
        "clock" => assert!(arguments["utc"].is_boolean()),
        other => panic!("no such function: {other}"),
    }
    assert_eq!(call["type"], "function");
    assert!(call["id"].as_str().unwrap().starts_with("call_"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_required_call_always_parses() {
    let client = client();
    for seed in 0..6 {
        let more = json!({"tools": tools(), "tool_choice": "required", "parallel_tool_calls": false,
            "seed": seed, "temperature": 1.0});
        let reply = client.chat(&chat("geography", ASKED, more)).await;
        let choice = &reply["choices"][0];
        assert_eq!(choice["finish_reason"], "tool_calls", "{reply}");
        assert!(choice["message"]["content"].is_null());
        let calls = choice["message"]["tool_calls"].as_array().unwrap();
        assert_eq!(calls.len(), 1);
        check(&calls[0]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_are_streamed() {
    let client = client();
    let named = json!({"type": "function", "function": {"name": "weather"}});
    let more = json!({"tools": tools(), "tool_choice": named, "parallel_tool_calls": false});
    let body = chat("swarm", ASKED, more);
    let whole = client.chat(&body).await;
    let call = &whole["choices"][0]["message"]["tool_calls"][0];
    assert_eq!(call["function"]["name"], "weather");
    check(call);

    let chunks = client.stream(PATH, &body).await;
    let deltas: Vec<&Value> =
        chunks.iter().map(|c| &c["choices"][0]["delta"]["tool_calls"][0]).filter(|d| d.is_object()).collect();
    assert!(deltas.iter().all(|d| d["index"] == 0));
    assert_eq!(deltas[0]["function"]["name"], "weather");
    assert!(deltas[0]["id"].as_str().unwrap().starts_with("call_"));
    assert!(deltas[1..].iter().all(|d| d.get("id").is_none() && d["function"].get("name").is_none()));
    assert!(deltas.len() > 2, "the arguments come as they are made");
    let arguments: String = deltas.iter().filter_map(|d| d["function"]["arguments"].as_str()).collect();
    assert_eq!(arguments, call["function"]["arguments"].as_str().unwrap());
    let finish = chunks.iter().filter_map(|c| c["choices"][0]["finish_reason"].as_str()).next();
    assert_eq!(finish, Some("tool_calls"));
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_may_be_left_to_the_expert_or_forbidden() {
    let client = client();
    let body = chat("geography", ASKED, json!({"tools": tools(), "max_tokens": 60}));
    let reply = client.chat(&body).await;
    let message = &reply["choices"][0]["message"];
    match message["tool_calls"].as_array() {
        Some(calls) if reply["choices"][0]["finish_reason"] == "tool_calls" => calls.iter().for_each(check),
        Some(_) => {}
        None => assert!(!message["content"].as_str().unwrap().contains("<tool_call>")),
    }
    let forbidden = chat("geography", ASKED, json!({"tools": tools(), "tool_choice": "none"}));
    let reply = client.chat(&forbidden).await;
    assert_eq!(reply["choices"][0]["message"]["content"].as_str().unwrap().matches("Lima").count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_functions_result_goes_back_into_the_conversation() {
    let client = client();
    let call = json!({"id": "call_1", "type": "function",
        "function": {"name": "clock", "arguments": "{\"utc\":true}"}});
    let body = json!({"model": "swarm", "max_tokens": 20, "tools": tools(), "tool_choice": "none", "messages": [
        {"role": "user", "content": ASKED},
        {"role": "assistant", "content": null, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": "12:00"},
    ], "n": 2});
    let reply = client.chat(&body).await;
    let task = &reply["polymath"]["plan"]["tasks"][0];
    assert_eq!(task["expert"]["id"], "geography", "it is routed by the user's words: {reply}");
    assert!(task["text"].as_str().unwrap().contains("<tool_response>"));
}
