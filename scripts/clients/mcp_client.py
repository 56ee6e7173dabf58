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


def check(holds, what):
    if not holds:
        raise SystemExit(f"FAIL {what}")
    print(f"ok   {what}")


async def ask(session):
    asked = await session.call_tool("ask_swarm", {"question": QUESTION})
    check(not asked.isError, "ask_swarm answers")
    answers = [task["answer"] for task in asked.structuredContent["tasks"]]
    check(answers == ["Au", "42"], f"each part is answered: {answers}")
    check(asked.content[0].text == asked.structuredContent["answer"], "the text is the answer")
    check(asked.structuredContent["usage"]["completion_tokens"] > 0, "tokens are counted")

    expert = {"question": "What is the chemical symbol for iron?", "model": "expert:chemistry"}
    asked = await session.call_tool("ask_swarm", expert)
    check(asked.structuredContent["answer"] == "Fe", "one expert can be asked")

    several = [session.call_tool("ask_swarm", {"question": f"What is {n} plus 1?"}) for n in range(10, 18)]
    results = await asyncio.gather(*several)
    check([r.structuredContent["answer"] for r in results] == [str(n + 1) for n in range(10, 18)], "eight at once")


async def refusals(session):
    cases = [
        ({"question": "hello", "model": "gpt-5"}, "invalid"),
        ({"question": "hello", "model": "expert:nobody"}, "unknown_expert"),
        ({"question": "Write a SQL query that joins two tables and groups by month"}, "no_expert"),
    ]
    for arguments, code in cases:
        refused = await session.call_tool("ask_swarm", arguments)
        found = refused.structuredContent["error"]["code"] if refused.isError else None
        check(found == code, f"{json.dumps(arguments)} is refused as {code}: {found}")


async def main(command, arguments):
    server = StdioServerParameters(command=command, args=[*arguments, "mcp"])
    async with stdio_client(server) as (read, write), ClientSession(read, write) as session:
        hello = await session.initialize()
        check(hello.serverInfo.name == "polymath", f"hello from {hello.serverInfo.name} {hello.serverInfo.version}")
        tools = (await session.list_tools()).tools
        check([tool.name for tool in tools] == TOOLS, f"the tools are {TOOLS}")
        check(all(tool.inputSchema["type"] == "object" and tool.description for tool in tools), "they have schemas")

        experts = (await session.call_tool("list_experts", {})).structuredContent["experts"]
        check({"chemistry", "arithmetic"} <= {expert["id"] for expert in experts}, "the experts are listed")
        plan = (await session.call_tool("plan_question", {"question": QUESTION})).structuredContent
        first = [task["candidates"][0]["expert"] for task in plan["tasks"]]
        check(first == ["chemistry", "arithmetic"], f"the plan has two tasks: {first}")
        await ask(session)
        await refusals(session)
    print("all is well")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        raise SystemExit(__doc__)
    asyncio.run(asyncio.wait_for(main(sys.argv[1], sys.argv[2:]), timeout=300))
