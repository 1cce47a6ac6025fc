"""gRPC calls on named tensors, and what comes back as HTTP would say it."""

from typing import Any

import grpc

from app.grpc.codec import CONTENTS, ModelInferRequest
from app.grpc.errors import PUSHBACK
from app.grpc.server import SERVICE
from benchmarks.attack.request import RPC, Answer, Message, Request
from benchmarks.attack.tensors import Entry, packed

INFER = f"/{SERVICE}/ModelInfer"
STATUS = {
    grpc.StatusCode.OK: 200,
    grpc.StatusCode.INVALID_ARGUMENT: 400,
    grpc.StatusCode.PERMISSION_DENIED: 403,
    grpc.StatusCode.NOT_FOUND: 404,
    grpc.StatusCode.FAILED_PRECONDITION: 409,
    grpc.StatusCode.RESOURCE_EXHAUSTED: 413,  # by gRPC itself; what is said here has a time to try again
    grpc.StatusCode.UNAVAILABLE: 503,
    grpc.StatusCode.DEADLINE_EXCEEDED: 504,
    grpc.StatusCode.UNIMPLEMENTED: 501,
}  # 500 for others
OPTIONS = [
    ("grpc.use_local_subchannel_pool", 1),  # a connection of its own
    ("grpc.max_receive_message_length", -1),
    ("grpc.enable_retries", 0),
]


def infer(model: str, document: Entry, data: bytes = b"", coding: str = "") -> Request:
    """Of what JSON would say, and the bytes after it. Raises ValueError, TypeError where no message can say so."""
    made = ModelInferRequest(model_name=model)
    at = 0
    for entry in document["inputs"]:
        tensor = made.inputs.add(name=entry["name"], datatype=entry["datatype"], shape=entry["shape"])
        size = entry.get("parameters", {}).get("binary_data_size")
        if size is not None:
            made.raw_input_contents.append(data[at : at + size])
            at += size
        elif values := entry.get("data"):
            field = CONTENTS.get(entry["datatype"], "fp32_contents")
            getattr(tensor.contents, field).extend(map(_value, values))
    for entry in document.get("outputs", []):
        wanted = made.outputs.add(name=entry["name"])
        if classes := entry.get("parameters", {}).get("classification"):
            wanted.parameters["classification"].int64_param = min(classes, 2**63 - 1)
    return Request(RPC, INFER, {}, packed(made.SerializeToString(), coding))


def ask(channel: grpc.Channel, sent: Message, within: float) -> Answer:
    """Raises OSError where the connection was lost, or nothing came in time."""
    try:
        return Answer(200, b"", channel.unary_unary(INFER)(bytes(sent), timeout=within))
    except grpc.RpcError as error:
        return _refused(error)


async def ask_alone(port: int, sent: Message) -> Answer:
    """Over a connection of its own. Raises OSError where it was lost."""
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", OPTIONS) as channel:
        try:
            return Answer(200, b"", await channel.unary_unary(INFER)(bytes(sent)))
        except grpc.aio.AioRpcError as error:
            return _refused(error)


def open_channel(port: int) -> grpc.Channel:
    return grpc.insecure_channel(f"127.0.0.1:{port}", OPTIONS)


def _refused(error: Any) -> Answer:
    code = error.code()
    again = any(name == PUSHBACK for name, _ in error.trailing_metadata() or ())
    if code is grpc.StatusCode.CANCELLED or (code is grpc.StatusCode.UNAVAILABLE and not again):
        raise ConnectionError(error.details())
    if again and code is grpc.StatusCode.RESOURCE_EXHAUSTED:
        return Answer(429, b"\r\nretry-after: 1")
    head = b"\r\nretry-after: 1" if again else b""
    return Answer(STATUS.get(code, 500), head, (error.details() or "").encode())


def _value(one: Any) -> Any:
    return one.encode() if isinstance(one, str) else one
