"""The official OpenAI Python client against a node with keys: who comes in, and how the others are told.

    python scripts/clients/openai_keys.py http://127.0.0.1:8080/v1 CHAT_KEY READ_KEY

CHAT_KEY may ask twice a minute; READ_KEY may only look.
"""

import sys

import openai
from openai import OpenAI

URL, CHAT_KEY, READ_KEY = sys.argv[1:4]
ASKED = {"model": "expert:chemistry", "messages": [{"role": "user", "content": "What is the chemical symbol for gold?"}]}


def client(key):
    return OpenAI(base_url=URL, api_key=key, max_retries=0)


def refused(kind, call):
    try:
        call()
    except kind as error:
        assert error.request_id, error
        return error
    raise AssertionError(f"no {kind.__name__}")


def main():
    ask = lambda key: client(key).chat.completions.create(**ASKED)
    for stranger in ("none", "sk-1", CHAT_KEY[:-1]):
        error = refused(openai.AuthenticationError, lambda: ask(stranger))
        assert error.status_code == 401 and error.code == "unauthorized", error
    assert refused(openai.PermissionDeniedError, lambda: ask(READ_KEY)).code == "forbidden"
    assert client(READ_KEY).models.retrieve("swarm").id == "swarm"
    assert "Au" in ask(CHAT_KEY).choices[0].message.content
    ask(CHAT_KEY)
    error = refused(openai.RateLimitError, lambda: ask(CHAT_KEY))
    assert error.status_code == 429 and error.code == "rate_limited", error
    assert 1 <= int(error.response.headers["retry-after"]) <= 60, error.response.headers
    print("ok")


main()
