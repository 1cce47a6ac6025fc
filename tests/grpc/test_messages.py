"""Our messages against Triton's own, as its client brings them: the same names, numbers and types."""

from collections.abc import Iterator
from typing import Any

import pytest

from app.grpc.messages import MESSAGES, message

service = pytest.importorskip("tritonclient.grpc.service_pb2")
config = pytest.importorskip("tritonclient.grpc.model_config_pb2")


def fields(kind: Any) -> Iterator[tuple[str, str, int, int]]:
    """Of a message's descriptor, and of those within it."""
    yield from ((kind.full_name, one.name, one.number, one.type) for one in kind.fields)
    for nested in kind.nested_types:
        yield from fields(nested)


@pytest.mark.parametrize("name", MESSAGES)
def test_messages_are_tritons(name: str) -> None:
    theirs = getattr(service, name, None) or getattr(config, name)
    assert {*fields(message(name).DESCRIPTOR)} <= {*fields(theirs.DESCRIPTOR)}


def test_types_of_tensors_are_tritons() -> None:
    kind = next(one.enum_type for one in message("ModelInput").DESCRIPTOR.fields if one.name == "data_type")
    assert {one.name: one.number for one in kind.values} == dict(config.DataType.items())
