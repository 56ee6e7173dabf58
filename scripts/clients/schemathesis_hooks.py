"""What makes schemathesis get past the door: a model that exists and a question that it can answer.

A model's name drawn by chance is a 404, and a field that is refused on purpose a 400, so that hardly any request would
come as far as an expert. Three of four get the fields below; the rest stays as it was drawn. Loaded by the variable
SCHEMATHESIS_HOOKS. With WHOLE set nothing is streamed: the document's schema of a stream is that of the JSON in its
events, and schemathesis would hold the events themselves to it.
"""

import json
import os
import zlib

import schemathesis

QUESTION = "What is the chemical symbol for gold?"
MESSAGES = [{"role": "user", "content": QUESTION}]
GIVEN = {
    "/v1/chat/completions": {"model": "expert:chemistry", "messages": MESSAGES},
    "/v1/completions": {"model": "expert:chemistry", "prompt": QUESTION},
    "/v1/responses": {"model": "expert:chemistry", "input": QUESTION},
    "/v1/embeddings": {"model": "all-minilm-l6-v2", "input": QUESTION},
    "/v1/swarm/plan": {"prompt": QUESTION},
}
REFUSED = {
    "/v1/chat/completions": ["logit_bias", "audio", "functions", "function_call", "web_search_options", "modalities"],
    "/v1/completions": ["logit_bias", "echo", "suffix", "best_of"],
    "/v1/responses": ["previous_response_id", "conversation", "background", "prompt", "truncation"],
    "/v1/embeddings": ["dimensions", "encoding_format"],
}


@schemathesis.hook
def map_body(context, body):
    path = context.operation.path
    if path not in GIVEN or not isinstance(body, dict):
        return body
    if "WHOLE" in os.environ and "stream" in body:
        body = {**body, "stream": False}
    drawn = zlib.crc32(json.dumps(body, sort_keys=True, default=repr).encode())
    if drawn % 4 == 0:
        return body
    kept = {name: value for name, value in body.items() if name not in REFUSED.get(path, [])}
    if drawn % 4 == 1:
        # Tools and formats drawn by chance are mostly wrong; here they do not stand in the way of the rest.
        kept = {name: value for name, value in kept.items() if name not in ("tools", "tool_choice", "response_format", "text")}
    return {**kept, **GIVEN[path]}
