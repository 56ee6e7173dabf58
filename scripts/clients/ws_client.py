"""The `websockets` package against a node: two chats at once, hostile text, cancel, resume.

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
    await cancel()
    await resume()
    print("ok")


def endless(name):
    """A chat whose grammar never lets its answer end."""
    options = {"grammar": "start: /[a-z ]+[0-9]/", "max_tokens": 10_000}
    return json.dumps({"type": "chat", "id": name, "prompt": "gold", "model": "expert:chemistry", "options": options})


async def cancel():
    async with websockets.connect(URL) as socket:
        assert (await receive(socket))["type"] == "hello"
        names = [f"c{n}" for n in range(8)]
        for name in names:
            await socket.send(endless(name))
        for name in names:
            await socket.send(json.dumps({"type": "cancel", "id": name}))
        ends = {}
        while len(ends) < len(names):
            event = await receive(socket)
            if event["type"] in ("answer", "error"):
                ends[event["id"]] = event
        assert any(event.get("code") == "cancelled" for event in ends.values()), ends


async def resume():
    async with websockets.connect(URL) as socket:
        session = (await receive(socket))["session"]
        await socket.send(endless("r"))
        events = [await receive(socket) for _ in range(3)]
        # No goodbye: the connection just ends.
        socket.transport.abort()
    async with websockets.connect(URL) as socket:
        assert (await receive(socket))["type"] == "hello"
        await socket.send(json.dumps({"type": "resume", "session": session, "id": "r", "after": events[-1]["seq"]}))
        while events[-1]["type"] not in ("answer", "error"):
            events.append(await receive(socket))
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1)), events
    text = "".join(event["text"] for event in events if event["type"] == "delta")
    assert events[-1]["type"] == "answer" and events[-1]["text"] == text, events[-1]


asyncio.run(main())
