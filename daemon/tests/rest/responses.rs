//! `/v1/responses`.

use crate::client::{client, cut_short, long};
use serde_json::{Value, json};

const PATH: &str = "/v1/responses";
const GOLD: &str = "What is the chemical symbol for gold?";

fn kinds(events: &[Value]) -> Vec<&str> {
    events.iter().filter_map(|e| e["type"].as_str()).filter(|k| *k != "polymath:event").collect()
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

/// What Open Responses wants of every response, by its schema `ResponseResource`.
const REQUIRED: [&str; 32] = [
    "id",
    "object",
    "created_at",
    "completed_at",
    "status",
    "incomplete_details",
    "model",
    "previous_response_id",
    "instructions",
    "output",
    "error",
    "tools",
    "tool_choice",
    "truncation",
    "parallel_tool_calls",
    "text",
    "top_p",
    "presence_penalty",
    "frequency_penalty",
    "top_logprobs",
    "temperature",
    "reasoning",
    "user",
    "usage",
    "max_output_tokens",
    "max_tool_calls",
    "store",
    "background",
    "service_tier",
    "metadata",
    "safety_identifier",
    "prompt_cache_key",
];

#[tokio::test(flavor = "multi_thread")]
async fn a_response_has_every_field_and_repeats_what_was_asked() {
    let client = client();
    let bare = client.post(PATH, &json!({"model": "chemistry", "input": GOLD})).await;
    for field in REQUIRED {
        assert!(bare.get(field).is_some(), "{field} is not in {bare}");
    }
    for number in ["temperature", "top_p", "presence_penalty", "frequency_penalty", "top_logprobs"] {
        assert!(bare[number].is_number(), "{number}: {}", bare[number]);
    }
    assert_eq!(bare["text"], json!({"format": {"type": "text"}}));
    assert_eq!((&bare["tool_choice"], &bare["metadata"]), (&json!("auto"), &json!({})));

    let schema = json!({"type": "object", "properties": {"metal": {"type": "boolean"}}, "required": ["metal"],
        "additionalProperties": false});
    let tool = json!({"type": "function", "name": "clock", "parameters": {"type": "object"}, "strict": null,
        "description": null});
    let asked = json!({
        "metadata": {"case": "7"}, "user": "me", "safety_identifier": "s", "prompt_cache_key": "k",
        "max_tool_calls": 3, "truncation": "disabled", "temperature": 0.5, "top_p": 0.5,
        "presence_penalty": 0.5, "frequency_penalty": 0.25, "top_logprobs": 2, "max_output_tokens": 60,
        "tools": [tool], "tool_choice": {"type": "function", "name": "clock"}, "parallel_tool_calls": false,
        "text": {"format": {"type": "json_schema", "name": "x", "description": "y", "schema": schema,
            "strict": true}, "verbosity": "low"},
    });
    let mut body = asked.clone();
    (body["model"], body["input"]) = (json!("chemistry"), json!(GOLD));
    let reply = client.post(PATH, &body).await;
    for (field, value) in asked.as_object().unwrap() {
        assert_eq!(&reply[field], value, "{field}");
    }
    let keys: serde_json::Map<String, Value> = (0..17).map(|i| (i.to_string(), json!("x"))).collect();
    for (field, value) in [
        ("metadata", json!(keys)),
        ("metadata", json!({"k": "x".repeat(513)})),
        ("metadata.k", json!({"k": 1})),
        ("truncation", json!("some")),
    ] {
        let name = field.split('.').next().unwrap();
        let (status, error) = client.fail(PATH, &json!({"model": "swarm", "input": GOLD, name: value})).await;
        assert_eq!((status, error["param"].as_str()), (400, Some(field)), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_that_is_too_long_is_shortened_openly_or_refused_as_asked() {
    let client = client();
    let mut input = Vec::new();
    for _ in 0..40 {
        input.push(json!({"role": "user", "content": "What is the chemical symbol for iron, tell me?"}));
        input.push(json!({"role": "assistant", "content": "The chemical symbol for iron is Fe."}));
    }
    input.push(json!({"role": "user", "content": GOLD}));
    let mut body = json!({"model": "chemistry", "input": input});
    let reply = client.post(PATH, &body).await;
    assert!(reply["polymath"]["plan"]["tasks"][0]["dropped_messages"].as_u64().unwrap() > 0, "{reply}");
    body["truncation"] = json!("disabled");
    let (status, error) = client.fail(PATH, &body).await;
    assert_eq!((status, &error["code"], &error["param"]), (400, &json!("too_long"), &json!("input")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_in_mid_stream_is_a_failed_response() {
    let schema = long("chemistry")["response_format"]["json_schema"]["schema"].clone();
    let format = json!({"type": "json_schema", "name": "x", "schema": schema});
    let events =
        cut_short(PATH, json!({"model": "chemistry", "input": GOLD, "text": {"format": format}})).await;
    let [.., failed, done] = &events[..] else { panic!("{events:?}") };
    assert_eq!((&failed["type"], done), (&json!("response.failed"), &json!("[DONE]")));
    assert_eq!(
        (&failed["response"]["status"], &failed["response"]["error"]["code"]),
        (&json!("failed"), &json!("unavailable"))
    );
    let items = failed["response"]["output"].as_array().unwrap();
    assert!(items.iter().all(|item| item["status"] == "incomplete"), "{failed}");
}
