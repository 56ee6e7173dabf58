"""The official OpenAI Python client against a node: everything that it is used for, and how it fails.

    python scripts/clients/openai_python.py http://127.0.0.1:8080/v1
"""

import asyncio
import json
import sys
from typing import Literal

import openai
from openai import AsyncOpenAI, OpenAI
from pydantic import BaseModel

URL = sys.argv[1]
MODEL = "expert:chemistry"
QUESTION = [{"role": "user", "content": "What is the chemical symbol for gold?"}]
SLOW = "expert:arithmetic"  # a token every 200 ms
SUM = [{"role": "user", "content": "What is 17 plus 25?"}]
COMPOUND = [{"role": "user", "content": "What is the chemical symbol for iron? What is 17 plus 25?"}]
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {
            "type": "object",
            "properties": {"city": {"enum": ["Paris", "Oslo"]}, "days": {"enum": [1, 2, 3]}},
            "required": ["city", "days"],
            "additionalProperties": False,
        },
    },
}
client = OpenAI(base_url=URL, api_key="none", max_retries=0)


def chat():
    reply = client.chat.completions.create(model="swarm", messages=QUESTION, temperature=0)
    assert "Au" in reply.choices[0].message.content, reply
    assert reply.choices[0].finish_reason == "stop" and reply.object == "chat.completion"
    assert reply.usage.total_tokens == reply.usage.prompt_tokens + reply.usage.completion_tokens > 0
    assert reply.model_extra["polymath"]["plan"]["tasks"][0]["expert"]["id"] == "chemistry"
    both = client.chat.completions.create(model="swarm", messages=COMPOUND).choices[0].message.content
    assert "Fe" in both and "42" in both, both


def stream():
    options = {"include_usage": True}
    with client.chat.completions.create(model=MODEL, messages=QUESTION, stream=True, stream_options=options) as chunks:
        chunks = list(chunks)
    text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    whole = client.chat.completions.create(model=MODEL, messages=QUESTION)
    assert text == whole.choices[0].message.content, (text, whole)
    assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] == "stop"
    assert [c for c in chunks if c.usage][-1].usage == whole.usage
    assert chunks[0].choices == [] or chunks[0].choices[0].delta.role == "assistant"


def conversation():
    turns = [*QUESTION, {"role": "assistant", "content": "Au"}, {"role": "user", "content": "How many letters does it have?"}]
    reply = client.chat.completions.create(model="swarm", messages=turns)
    assert "Au" in reply.model_extra["polymath"]["plan"]["tasks"][0]["text"], reply


def choices():
    reply = client.chat.completions.create(model=MODEL, messages=QUESTION, n=3, seed=7, temperature=1.0, max_tokens=8)
    assert [c.index for c in reply.choices] == [0, 1, 2], reply
    again = client.chat.completions.create(model=MODEL, messages=QUESTION, n=3, seed=7, temperature=1.0, max_tokens=8)
    assert [c.message.content for c in again.choices] == [c.message.content for c in reply.choices]


def limits():
    reply = client.chat.completions.create(model=MODEL, messages=QUESTION, max_completion_tokens=1)
    assert reply.choices[0].finish_reason == "length" and reply.usage.completion_tokens == 1, reply
    whole = client.chat.completions.create(model=MODEL, messages=QUESTION).choices[0].message.content
    cut = client.chat.completions.create(model=MODEL, messages=QUESTION, stop=[whole[-1]])
    assert whole[-1] not in cut.choices[0].message.content and cut.choices[0].finish_reason == "stop"


def log_probabilities():
    reply = client.chat.completions.create(model=MODEL, messages=QUESTION, logprobs=True, top_logprobs=3)
    tokens = reply.choices[0].logprobs.content
    assert bytes(b for t in tokens for b in t.bytes).decode() == reply.choices[0].message.content
    for token in tokens:
        assert token.logprob <= 0 and len(token.top_logprobs) == 3
        assert token.top_logprobs[0].logprob >= token.top_logprobs[2].logprob


class Element(BaseModel):
    metal: bool
    period: Literal[1, 2, 3]


def structured_output():
    parsed = client.chat.completions.parse(model=MODEL, messages=QUESTION, response_format=Element, max_tokens=60)
    assert isinstance(parsed.choices[0].message.parsed, Element), parsed
    reply = client.chat.completions.create(
        model=MODEL,
        messages=QUESTION,
        response_format={
            "type": "json_schema",
            "json_schema": {"name": "x", "schema": {"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"], "additionalProperties": False}},
        },
    )
    assert isinstance(json.loads(reply.choices[0].message.content)["ok"], bool), reply


def tools():
    for choice in ("required", {"type": "function", "function": {"name": "get_weather"}}):
        reply = client.chat.completions.create(model=MODEL, messages=QUESTION, tools=[WEATHER], tool_choice=choice)
        message = reply.choices[0].message
        assert reply.choices[0].finish_reason == "tool_calls", reply
        arguments = json.loads(message.tool_calls[0].function.arguments)
        assert message.tool_calls[0].function.name == "get_weather" and arguments["city"] in ("Paris", "Oslo")
    chunks = list(
        client.chat.completions.create(model=MODEL, messages=QUESTION, tools=[WEATHER], tool_choice="required", stream=True)
    )
    calls = [call for c in chunks if c.choices for call in c.choices[0].delta.tool_calls or []]
    assert calls[0].function.name == "get_weather" and calls[0].id
    json.loads("".join(call.function.arguments or "" for call in calls if call.index == 0))
    answered = [
        *QUESTION,
        {"role": "assistant", "content": None, "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "get_weather", "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": "c1", "content": "sunny"},
    ]
    assert client.chat.completions.create(model=MODEL, messages=answered, max_tokens=4).choices


def responses():
    reply = client.responses.create(model="swarm", input="What is the chemical symbol for gold?")
    assert "Au" in reply.output_text and reply.status == "completed", reply
    assert reply.usage.total_tokens == reply.usage.input_tokens + reply.usage.output_tokens
    with client.responses.create(model=MODEL, input="What is the chemical symbol for gold?", stream=True) as events:
        events = list(events)
    names = [e.type for e in events]
    assert names[0] == "response.created" and names[-1] == "response.completed", names
    text = "".join(e.delta for e in events if e.type == "response.output_text.delta")
    assert text == events[-1].response.output_text and "Au" in text
    numbers = [e.sequence_number for e in events]
    assert numbers == sorted(set(numbers))


    whole = client.responses.create(model=MODEL, input="What is the chemical symbol for gold?", metadata={"case": "1"})
    assert whole.metadata == {"case": "1"} and whole.temperature is not None and whole.text.format.type == "text"
    with client.responses.stream(model=MODEL, input="What is the chemical symbol for gold?") as events:
        for _ in events:
            pass
        assert events.get_final_response().output_text == whole.output_text
    parsed = client.responses.parse(model=MODEL, input="What is gold?", text_format=Element, max_output_tokens=60)
    assert isinstance(parsed.output_parsed, Element), parsed


def completions():
    reply = client.completions.create(model=MODEL, prompt="What is the chemical symbol for gold?")
    assert "Au" in reply.choices[0].text, reply


def embeddings():
    reply = client.embeddings.create(model="all-minilm-l6-v2", input=["gold", "Au"])
    assert len(reply.data) == 2 and len(reply.data[0].embedding) == 384
    assert abs(sum(x * x for x in reply.data[0].embedding) - 1) < 1e-3


def models():
    names = {m.id for m in client.models.list()}
    assert {"swarm", "expert:chemistry"} <= names, names
    assert client.models.retrieve("swarm").id == "swarm"


def errors():
    def fails(kind, **call):
        try:
            client.chat.completions.create(**{"model": MODEL, "messages": QUESTION, **call})
        except kind as error:
            return error
        raise AssertionError(f"{call} was accepted")

    assert fails(openai.NotFoundError, model="gpt-5").code == "unknown_expert"
    assert fails(openai.BadRequestError, temperature=9).param == "temperature"
    assert fails(openai.BadRequestError, messages=[]).param == "messages"
    assert fails(openai.BadRequestError, messages=[{"role": "user", "content": "x " * 100_000}]).body["message"]
    long = "What is the chemical symbol for gold? " * 200
    assert fails(openai.BadRequestError, messages=[{"role": "user", "content": long}]).code == "too_long"
    schema = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": 7}}}
    error = fails(openai.UnprocessableEntityError, response_format=schema)
    assert error.code == "refused" and error.param == "response_format", error
    large = [{"role": "user", "content": "x" * 5_000_000}]
    assert fails(openai.APIStatusError, messages=large).status_code == 413
    nobody = [{"role": "user", "content": "Write a SQL query that joins two tables and groups by month"}]
    error = fails(openai.InternalServerError, model="swarm", messages=nobody)
    assert error.status_code == 503 and error.code == "no_expert" and error.request_id, error
    try:
        client.with_options(timeout=0.05).chat.completions.create(model=SLOW, messages=SUM)
        raise AssertionError("no time-out")
    except openai.APITimeoutError:
        pass


async def retries():
    """More at once than the node takes: it says when to come back, and the client does."""
    statuses = []

    async def note(response):
        statuses.append(response.status_code)

    http = openai.DefaultAsyncHttpxClient(event_hooks={"response": [note]})
    many = AsyncOpenAI(base_url=URL, api_key="none", max_retries=60, http_client=http)
    text = {"type": "string", "minLength": 120, "maxLength": 140}
    schema = {"type": "object", "properties": {"a": text}, "required": ["a"], "additionalProperties": False}
    format = {"type": "json_schema", "json_schema": {"name": "long", "schema": schema}}
    asked = {"model": MODEL, "messages": QUESTION, "n": 8, "response_format": format}
    replies = await asyncio.gather(*(many.chat.completions.create(**asked) for _ in range(14)))
    assert all(len(reply.choices) == 8 for reply in replies)
    assert set(statuses) == {200, 503} and statuses.count(200) == 14, statuses
    # Nobody fits, and nobody will within a second: one try, however many are allowed.
    statuses.clear()
    nobody = [{"role": "user", "content": "Write a SQL query that joins two tables and groups by month"}]
    try:
        await many.chat.completions.create(model="swarm", messages=nobody)
        raise AssertionError("somebody fits")
    except openai.InternalServerError as error:
        assert error.code == "no_expert" and statuses == [503], (error, statuses)
    await many.close()


async def concurrent():
    many = AsyncOpenAI(base_url=URL, api_key="none", max_retries=5)
    replies = await asyncio.gather(
        *(many.chat.completions.create(model=MODEL, messages=QUESTION) for _ in range(24))
    )
    assert len({r.choices[0].message.content for r in replies}) == 1
    stream = await many.chat.completions.create(model=MODEL, messages=QUESTION, stream=True)
    async for _ in stream:
        break
    await stream.close()
    await many.close()


def main():
    for step in (
        chat, stream, conversation, choices, limits, log_probabilities, structured_output, tools, responses, completions,
        embeddings, models, errors,
    ):
        step()
        print(f"ok {step.__name__}", flush=True)
    asyncio.run(concurrent())
    print("ok concurrent")
    asyncio.run(retries())
    print("ok retries")


main()
