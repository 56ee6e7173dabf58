"""Whether the REST page says of every field that OpenAI's client can send what becomes of it.

    python scripts/clients/openai_fields.py docs/api/rest.md
"""

import sys

from openai.types import completion_create_params, embedding_create_params
from openai.types.chat import completion_create_params as chat_create_params
from openai.types.responses import response_create_params

PAGE = open(sys.argv[1], encoding="utf-8").read()
FORMS = {
    "/v1/chat/completions": chat_create_params.CompletionCreateParamsBase,
    "/v1/completions": completion_create_params.CompletionCreateParamsBase,
    "/v1/responses": response_create_params.ResponseCreateParamsBase,
    "/v1/embeddings": embedding_create_params.EmbeddingCreateParams,
}


def table(route):
    """The table whose head names the route."""
    _, found, rest = PAGE.partition(f"| field of `{route}` |")
    assert found, f"there is no table of the fields of {route}"
    return rest.partition("\n\n")[0]


missing = [
    f"{route}: {field}"
    for route, form in FORMS.items()
    for field in form.__annotations__
    if f"`{field}`" not in table(route) and f"`{field}." not in table(route)
]
assert not missing, missing
print("ok")
