//! `/v1/responses`.

use crate::client::client;
use serde_json::{Value, json};

const PATH: &str = "/v1/responses";
const GOLD: &str = "What is the chemical symbol for gold?";

fn kinds(events: &[Value]) -> Vec<&str> {
    events.iter().filter_map(|e| e["type"].as_str()).filter(|k| *k != "response.polymath").collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn events_come_in_order_and_add_up_to_the_response() {
    let client = client();
    let body = json!({"model": "swarm", "input": GOLD, "instructions": "Be brief.", "store": true});
    let whole = client.post(PATH, &body).await;
    assert_eq!((&whole["object"], &whole["status"]), (&json!("response"), &json!("completed")));
    assert_eq!((&whole["store"], &whole["error"]), (&json!(false), &Value::Null));
    let item = &whole["output"][0];
    assert_eq!(
        (&item["type"], &item["role"], &item["status"]),
        (&json!("message"), &json!("assistant"), &json!("completed"))
    );
    let text = item["content"][0]["text"].as_str().unwrap();
    assert!(text.contains("Au"), "{text}");
    assert!(whole["usage"]["output_tokens"].as_u64().unwrap() > 0);
    assert_eq!(whole["polymath"]["plan"]["tasks"][0]["expert"]["id"], "chemistry");

    let events = client.stream(PATH, &body).await;
    assert_eq!(events.last().unwrap(), "[DONE]");
    let events = &events[..events.len() - 1];
    let mut kinds = kinds(events);
    kinds.dedup();
    assert_eq!(
        kinds,
        [
            "response.created",
            "response.in_progress",
            "response.output_item.added",
            "response.content_part.added",
            "response.output_text.delta",
            "response.output_text.done",
            "response.content_part.done",
            "response.output_item.done",
            "response.completed",
        ]
    );
    let numbers: Vec<u64> = events.iter().map(|e| e["sequence_number"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (0..numbers.len() as u64).collect::<Vec<_>>());
    let deltas = events.iter().filter(|e| e["type"] == "response.output_text.delta");
    let streamed: String = deltas.filter_map(|e| e["delta"].as_str()).collect();
    assert_eq!(streamed, text);
    let last = &events.last().unwrap()["response"];
    assert_eq!((&last["status"], &last["usage"]), (&json!("completed"), &whole["usage"]));
    assert_eq!(last["output"][0]["content"], whole["output"][0]["content"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_are_items() {
    let client = client();
    let parameters = json!({"type": "object", "properties": {"utc": {"type": "boolean"}}, "required": ["utc"],
        "additionalProperties": false});
    let body = json!({"model": "chemistry", "input": GOLD, "tool_choice": "required", "parallel_tool_calls": false,
        "tools": [{"type": "function", "name": "clock", "parameters": parameters, "strict": true}]});
    let whole = client.post(PATH, &body).await;
    let call = &whole["output"][0];
    assert_eq!((&call["type"], &call["name"]), (&json!("function_call"), &json!("clock")));
    let arguments: Value = serde_json::from_str(call["arguments"].as_str().unwrap()).unwrap();
    assert!(arguments["utc"].is_boolean());

    let events = client.stream(PATH, &body).await;
    let mut kinds = kinds(&events);
    kinds.dedup();
    assert_eq!(
        kinds,
        [
            "response.created",
            "response.in_progress",
            "response.output_item.added",
            "response.function_call_arguments.delta",
            "response.function_call_arguments.done",
            "response.output_item.done",
            "response.completed",
        ]
    );

    let input = json!([
        {"role": "user", "content": GOLD},
        {"type": "function_call", "call_id": call["call_id"], "name": "clock", "arguments": call["arguments"]},
        {"type": "function_call_output", "call_id": call["call_id"], "output": "12:00"},
    ]);
    let next = client.post(PATH, &json!({"model": "chemistry", "input": input})).await;
    assert_eq!(next["status"], "completed");
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_formats_and_faults_are_told() {
    let client = client();
    let cut = client.post(PATH, &json!({"model": "chemistry", "input": GOLD, "max_output_tokens": 1})).await;
    assert_eq!(cut["status"], "incomplete");
    assert_eq!(cut["incomplete_details"]["reason"], "max_output_tokens");
    let schema = json!({"type": "object", "properties": {"metal": {"type": "boolean"}}, "required": ["metal"],
        "additionalProperties": false});
    let format = json!({"format": {"type": "json_schema", "name": "x", "schema": schema, "strict": true}});
    let reply = client.post(PATH, &json!({"model": "swarm", "input": GOLD, "text": format})).await;
    let text = reply["output"][0]["content"][0]["text"].as_str().unwrap();
    assert!(serde_json::from_str::<Value>(text).unwrap()["metal"].is_boolean());

    for (body, status, param) in [
        (
            json!({"model": "swarm", "input": GOLD, "previous_response_id": "resp_1"}),
            400,
            "previous_response_id",
        ),
        (json!({"model": "swarm", "input": ""}), 400, "input"),
        (json!({"model": "swarm", "input": []}), 400, "input"),
        (json!({"model": "swarm"}), 400, "input"),
        (json!({"model": "nobody", "input": GOLD}), 404, "model"),
        (json!({"model": "swarm", "input": GOLD, "max_output_tokens": 0}), 400, "max_output_tokens"),
    ] {
        let (found, error) = client.fail(PATH, &body).await;
        assert_eq!((found, error["param"].as_str()), (status, Some(param)), "{error}");
    }
}
