"""The `websockets` package against a node: two chats at once, cancel, resume.

    python scripts/clients/ws_client.py ws://127.0.0.1:8081/ws/chat
"""

import asyncio
import json
import sys

import websockets

URL = sys.argv[1]


async def receive(socket):
    return json.loads(await asyncio.wait_for(socket.recv(), 60))


async def main():
    async with websockets.connect(URL) as socket:
        hello = await receive(socket)
        assert hello["type"] == "hello" and hello["session"], hello
        for name, prompt in (("a", "What is the chemical symbol for gold?"), ("b", "What is 17 plus 25?")):
            await socket.send(json.dumps({"type": "chat", "id": name, "prompt": prompt}))
        texts, numbers, answers = {"a": "", "b": ""}, {"a": [], "b": []}, {}
        while len(answers) < 2:
            event = await receive(socket)
            if event.get("id") not in texts:
                continue
            numbers[event["id"]].append(event["seq"])
            if event["type"] == "delta":
                texts[event["id"]] += event["text"]
            if event["type"] == "answer":
                answers[event["id"]] = event["text"]
            assert event["type"] != "error", event
        assert texts == answers and "Au" in answers["a"] and "42" in answers["b"], (texts, answers)
        assert all(n == sorted(set(n)) for n in numbers.values()), numbers
        await socket.send("no json")
        assert (await receive(socket))["type"] == "error"
        await socket.send(json.dumps({"type": "ping"}))
        assert (await receive(socket))["type"] == "pong"
    print("ok")


asyncio.run(main())
