#!/usr/bin/env python3
"""Speaks to `daemon mcp` with the official Python client of the Model Context Protocol.

    mcp_client.py DAEMON [ARGUMENT...]

DAEMON is the program, ARGUMENTs come before `mcp` (--state-dir, --assets). Needs the package `mcp`. Exits with 0 if
the tools are there, answer, and refuse as they should; otherwise says what is wrong and exits with 1.
"""

import asyncio
import json
import sys

from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client

QUESTION = "What is the chemical symbol for gold? What is 17 plus 25?"
TOOLS = ["ask_swarm", "plan_question", "list_experts"]


def field(value, name):
    """The field by the name that this version of the package gives it: 1.x has camelCase, 2.x has snake_case."""
    head, *rest = name.split("_")
    return getattr(value, name if hasattr(value, name) else head + "".join(part.title() for part in rest))


def content(result):
    return field(result, "structured_content")


def check(holds, what):
    if not holds:
        raise SystemExit(f"FAIL {what}")
    print(f"ok   {what}")


async def ask(session):
    asked = await session.call_tool("ask_swarm", {"question": QUESTION})
    check(not field(asked, "is_error"), "ask_swarm answers")
    answers = [task["answer"] for task in content(asked)["tasks"]]
    check(answers == ["Au", "42"], f"each part is answered: {answers}")
    check(asked.content[0].text == content(asked)["answer"], "the text is the answer")
    check(content(asked)["usage"]["completion_tokens"] > 0, "tokens are counted")

    expert = {"question": "What is the chemical symbol for iron?", "model": "expert:chemistry"}
    asked = await session.call_tool("ask_swarm", expert)
    check(content(asked)["answer"] == "Fe", "one expert can be asked")

    several = [session.call_tool("ask_swarm", {"question": f"What is {n} plus 1?"}) for n in range(10, 18)]
    results = await asyncio.gather(*several)
    check([content(r)["answer"] for r in results] == [str(n + 1) for n in range(10, 18)], "eight at once")


async def refusals(session):
    cases = [
        ({"question": "hello", "model": "gpt-5"}, "invalid"),
        ({"question": "hello", "model": "expert:nobody"}, "unknown_expert"),
        ({"question": "Write a SQL query that joins two tables and groups by month"}, "no_expert"),
    ]
    for arguments, code in cases:
        refused = await session.call_tool("ask_swarm", arguments)
        found = content(refused)["error"]["code"] if field(refused, "is_error") else None
        check(found == code, f"{json.dumps(arguments)} is refused as {code}: {found}")


async def main(command, arguments):
    process = StdioServerParameters(command=command, args=[*arguments, "mcp"])
    async with stdio_client(process) as (read, write), ClientSession(read, write) as session:
        hello = await session.initialize()
        server = field(hello, "server_info")
        check(server.name == "polymath", f"hello from {server.name} {server.version}")
        tools = (await session.list_tools()).tools
        check([tool.name for tool in tools] == TOOLS, f"the tools are {TOOLS}")
        check(all(field(tool, "input_schema")["type"] == "object" and tool.description for tool in tools), "they have schemas")

        experts = content(await session.call_tool("list_experts", {}))["experts"]
        check({"chemistry", "arithmetic"} <= {expert["id"] for expert in experts}, "the experts are listed")
        plan = content(await session.call_tool("plan_question", {"question": QUESTION}))
        first = [task["candidates"][0]["expert"] for task in plan["tasks"]]
        check(first == ["chemistry", "arithmetic"], f"the plan has two tasks: {first}")
        await ask(session)
        await refusals(session)
    print("all is well")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        raise SystemExit(__doc__)
    asyncio.run(asyncio.wait_for(main(sys.argv[1], sys.argv[2:]), timeout=300))
