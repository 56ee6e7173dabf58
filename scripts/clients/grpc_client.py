"""grpcio against a node, knowing nothing of our types but what reflection tells.

    python scripts/clients/grpc_client.py 127.0.0.1:50051
"""

import sys

import grpc
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

channel = grpc.insecure_channel(sys.argv[1])
database = ProtoReflectionDescriptorDatabase(channel)
pool = DescriptorPool(database)


def method(service: str, name: str):
    """A callable for one method, its types read by reflection."""
    descriptor = pool.FindServiceByName(service).FindMethodByName(name)
    request, reply = GetMessageClass(descriptor.input_type), GetMessageClass(descriptor.output_type)
    make = channel.unary_stream if descriptor.server_streaming else channel.unary_unary
    call = make(f"/{service}/{name}", request_serializer=request.SerializeToString, response_deserializer=reply.FromString)
    return lambda timeout=60, **fields: call(request(**fields), timeout=timeout)


def main():
    services = set(database.get_services())
    assert {"polymath.v1.Node", "grpc.health.v1.Health"} <= services, services
    assert "polymath.v1.Control" not in services
    assert method("grpc.health.v1.Health", "Check")().status == 1
    assert method("polymath.v1.Node", "Health")().experts_known >= 1
    assert method("polymath.v1.Node", "ListExperts")().experts
    chat = method("polymath.v1.Node", "Chat")
    events = list(chat(prompt="What is the chemical symbol for gold?"))
    kinds = [event.WhichOneof("body") for event in events]
    assert kinds[0] == "planned" and kinds[-1] == "answer", kinds
    said = "".join(event.answering for event in events)
    assert said == events[-1].answer.text and "Au" in said, said
    slow = " ".join(f"What is {number} plus 25?" for number in range(40, 56))
    for fields, code in (
        ({"prompt": ""}, grpc.StatusCode.INVALID_ARGUMENT),
        ({"prompt": "x", "expert": "nobody"}, grpc.StatusCode.NOT_FOUND),
        ({"prompt": slow, "deadline_ms": 1}, grpc.StatusCode.DEADLINE_EXCEEDED),
    ):
        try:
            list(chat(**fields))
            raise AssertionError(f"{fields} was accepted")
        except grpc.RpcError as error:
            assert error.code() == code, (fields, error)
    cancelled = chat(prompt="What is the chemical symbol for gold?")
    next(cancelled)
    cancelled.cancel()
    print("ok")


main()
