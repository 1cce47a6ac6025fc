"""The protocol's messages, made from open_inference.pb, which is the .proto compiled:

    cd app/grpc && python -m grpc_tools.protoc -I . --descriptor_set_out=open_inference.pb open_inference.proto

They are in a pool of their own, so that a client's messages of the same names can live in the same process.
"""

from pathlib import Path
from typing import Any

from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass

PACKAGE = "inference"
_COMPILED = Path(__file__).with_name("open_inference.pb")

_pool = DescriptorPool()
_files = FileDescriptorSet.FromString(_COMPILED.read_bytes()).file
for _file in _files:
    _pool.Add(_file)
MESSAGES = [one.name for _file in _files for one in _file.message_type]


def message(name: str) -> Any:
    """The class of a message."""
    return GetMessageClass(_pool.FindMessageTypeByName(f"{PACKAGE}.{name}"))
