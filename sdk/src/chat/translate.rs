//! Chat completions over transports that do not speak OpenAI's language: the request as an [`Ask`], the answer as
//! a completion. What has no counterpart there is refused by name, never dropped.

use super::{
    ChatCompletion, ChatCompletionChunk, ChatCompletionRequest, ChatMessage, Choice, ChunkChoice, Content,
    Delta,
};
use crate::answer::{Answer, Event};
use crate::error::Error;
use crate::question::{Ask, Message};
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::time::{SystemTime, UNIX_EPOCH};

/// The request as a question.
pub(crate) fn ask(request: &ChatCompletionRequest, transport: &'static str) -> Result<Ask, Error> {
    let fix = "use the REST transport: builder().rest(\"http://127.0.0.1:8080\")";
    let wants = [
        ("tools in a chat completion", !request.tools.is_empty() || request.tool_choice.is_some()),
        ("response_format in a chat completion", request.response_format.is_some()),
        ("logprobs in a chat completion", request.logprobs == Some(true) || request.top_logprobs.is_some()),
        ("n in a chat completion", request.n.is_some_and(|n| n != 1)),
        ("an extra field of a chat completion", !request.extra.is_empty()),
    ];
    if let Some((what, _)) = wants.into_iter().find(|(_, wanted)| *wanted) {
        return Err(Error::Unsupported { what, transport, fix });
    }
    let message = |m: &ChatMessage| match (m.role.as_str(), &m.content) {
        ("developer" | "system", Some(_)) => Ok(Message::system(m.text())),
        ("user", Some(Content::Text(_))) => Ok(Message::user(m.text())),
        ("user", Some(Content::Parts(parts))) if parts.iter().all(|p| p.get("text").is_some()) => {
            Ok(Message::user(m.text()))
        }
        ("assistant", Some(_)) if m.tool_calls.is_empty() => Ok(Message::assistant(m.text())),
        _ => Err(Error::Unsupported { what: "a message that is not text", transport, fix }),
    };
    Ok(Ask {
        messages: request.messages.iter().map(message).collect::<Result<_, _>>()?,
        model: request.model.parse()?,
        max_tokens: request.max_completion_tokens.or(request.max_tokens),
        temperature: request.temperature,
        top_p: request.top_p,
        frequency_penalty: request.frequency_penalty,
        presence_penalty: request.presence_penalty,
        seed: request.seed,
        stop: request.stop.clone(),
        ..Ask::default()
    })
}

/// The answer as a completion.
pub(crate) fn completion(answer: Answer, model: String) -> ChatCompletion {
    let choice = Choice {
        message: ChatMessage::assistant(answer.text),
        finish_reason: Some(answer.finish_reason.as_str().to_owned()),
        ..Choice::default()
    };
    let Named { id, created } = Named::new();
    ChatCompletion { id, created, model, choices: vec![choice], usage: answer.usage, polymath: None }
}

/// An id and a time, as OpenAI's completions have them.
struct Named {
    id: String,
    created: u64,
}

impl Named {
    fn new() -> Self {
        let created = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        Self { id: format!("chatcmpl-{:016x}", RandomState::new().build_hasher().finish()), created }
    }
}

/// Turns events into pieces: the texts, and at the end the reason and the tokens.
pub(crate) fn pieces(model: String) -> impl FnMut(Event) -> Vec<ChatCompletionChunk> + Send {
    let Named { id, created } = Named::new();
    let mut role = Some("assistant".to_owned());
    move |event| {
        let piece = |choice| ChatCompletionChunk {
            id: id.clone(),
            created,
            model: model.clone(),
            choices: vec![choice],
            ..ChatCompletionChunk::default()
        };
        match event {
            Event::Delta { text } => {
                let delta = Delta { role: role.take(), content: Some(text), ..Delta::default() };
                vec![piece(ChunkChoice { delta, ..ChunkChoice::default() })]
            }
            Event::Answered(answer) => {
                let finish_reason = Some(answer.finish_reason.as_str().to_owned());
                let last = piece(ChunkChoice { finish_reason, ..ChunkChoice::default() });
                vec![ChatCompletionChunk { usage: Some(answer.usage), ..last }]
            }
            _ => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn request() -> ChatCompletionRequest {
        ChatCompletionRequest::new("swarm:2", [ChatMessage::system("s"), ChatMessage::user("q")])
    }

    #[test]
    fn what_can_be_said_is_said_and_the_rest_is_refused() {
        let said =
            ask(&ChatCompletionRequest { max_completion_tokens: Some(5), ..request() }, "gRPC").unwrap();
        assert_eq!((said.messages.len(), said.max_tokens), (2, Some(5)));
        assert_eq!(said.model.to_string(), "swarm:2");
        let refused = [
            ChatCompletionRequest { tools: vec![json!({})], ..request() },
            ChatCompletionRequest { n: Some(2), ..request() },
            ChatCompletionRequest { response_format: Some(json!({})), ..request() },
            ChatCompletionRequest { top_logprobs: Some(1), ..request() },
            ChatCompletionRequest { extra: [("x".to_owned(), json!(1))].into_iter().collect(), ..request() },
        ];
        for request in refused {
            let error = ask(&request, "gRPC").unwrap_err();
            assert!(matches!(error, Error::Unsupported { .. }), "{error}");
            assert!(error.to_string().contains("REST"), "{error}");
        }
        let image = json!({ "role": "user", "content": [{ "type": "image_url" }] });
        let messages = vec![serde_json::from_value(image).unwrap()];
        assert!(ask(&ChatCompletionRequest { messages, ..request() }, "gRPC").is_err());
    }

    #[test]
    fn openai_s_own_json_is_read() {
        let chunk = json!({
            "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "swarm",
            "system_fingerprint": "fp", "service_tier": null,
            "choices": [{ "index": 0, "delta": { "content": "Li", "tool_calls": null, "refusal": null },
                "logprobs": null, "finish_reason": null }],
        });
        let chunk: ChatCompletionChunk = serde_json::from_value(chunk).unwrap();
        assert_eq!(chunk.text(), "Li");
        let whole = json!({
            "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "swarm",
            "choices": [{ "index": 0, "message": { "role": "assistant", "content": null, "tool_calls": [
                { "id": "call_1", "type": "function", "function": { "name": "f", "arguments": "{}" } },
            ] }, "finish_reason": "tool_calls" }],
            "usage": { "prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7 },
        });
        let whole: ChatCompletion = serde_json::from_value(whole).unwrap();
        assert_eq!(whole.choices[0].message.tool_calls[0].function.name.as_deref(), Some("f"));
        assert_eq!((whole.usage.total_tokens(), whole.text()), (7, String::new()));
    }

    #[test]
    fn pieces_add_up() {
        let mut pieces = pieces("swarm".into());
        let first = pieces(Event::Delta { text: "Li".into() });
        assert_eq!(first[0].choices[0].delta.role.as_deref(), Some("assistant"));
        assert_eq!(pieces(Event::Delta { text: "ma".into() })[0].choices[0].delta.role, None);
        let last = pieces(Event::Answered(Answer::default()));
        assert_eq!(last[0].choices[0].finish_reason.as_deref(), Some("stop"));
        assert!(last[0].usage.is_some() && last[0].id == first[0].id);
    }
}
