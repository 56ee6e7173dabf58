"""Official clients over TLS: grpcio, `websockets` and OpenAI's, each trusting one certificate and no other.

    python scripts/clients/tls_client.py CERTIFICATE REST_PORT GRPC_PORT WS_PORT
"""

import asyncio
import json
import ssl
import sys

import grpc
import websockets
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from openai import APIConnectionError, DefaultHttpxClient, OpenAI

CERTIFICATE = open(sys.argv[1], "rb").read()
REST, GRPC, WS = sys.argv[2:5]
QUESTION = "What is the chemical symbol for gold?"
trusting = ssl.create_default_context(cadata=CERTIFICATE.decode())


def over_rest():
    def ask(context):
        http = DefaultHttpxClient(verify=context)
        client = OpenAI(base_url=f"https://localhost:{REST}/v1", api_key="none", http_client=http, max_retries=0)
        messages = [{"role": "user", "content": QUESTION}]
        return client.chat.completions.create(model="swarm", messages=messages).choices[0].message.content

    assert "Au" in ask(trusting)
    try:
        ask(ssl.create_default_context())
        raise AssertionError("a certificate that nobody vouches for was trusted")
    except APIConnectionError:
        pass


def over_grpc():
    channel = grpc.secure_channel(f"localhost:{GRPC}", grpc.ssl_channel_credentials(CERTIFICATE))
    pool = DescriptorPool(ProtoReflectionDescriptorDatabase(channel))
    chat = pool.FindServiceByName("polymath.v1.Node").FindMethodByName("Chat")
    request, event = GetMessageClass(chat.input_type), GetMessageClass(chat.output_type)
    call = channel.unary_stream("/polymath.v1.Node/Chat", request.SerializeToString, event.FromString)
    assert "Au" in "".join(event.answering for event in call(request(prompt=QUESTION), timeout=60))


async def over_web_socket():
    async with websockets.connect(f"wss://localhost:{WS}/ws/chat", ssl=trusting) as socket:
        assert json.loads(await socket.recv())["type"] == "hello"
        await socket.send(json.dumps({"type": "chat", "id": "a", "prompt": QUESTION}))
        while (event := json.loads(await socket.recv()))["type"] not in ("answer", "error"):
            pass
        assert "Au" in event["text"], event


over_rest()
over_grpc()
asyncio.run(over_web_socket())
print("ok")
