"""What a caller sends, and what comes back."""

from typing import NamedTuple

CUT_OFF = 0  # in place of a status
RPC = "RPC"  # in place of a method: a call over gRPC


class Message(bytes):
    """What a call over gRPC sends, in place of what goes over HTTP."""


class Request(NamedTuple):
    """One request, as a caller makes it up."""

    method: str
    target: str  # path and query
    headers: dict[str, str]
    body: bytes

    def wire(self) -> bytes:
        """What is sent; a Message where that is for a call over gRPC."""
        if self.method == RPC:
            return Message(self.body)
        lines = [f"{self.method} {self.target} HTTP/1.1", "Host: 127.0.0.1"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        if self.method not in ("GET", "HEAD"):
            lines.append(f"Content-Length: {len(self.body)}")
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + self.body


class Answer(NamedTuple):
    """What came back; status 0 where the connection was cut off, or nothing came in time."""

    status: int
    head: bytes = b""
    body: bytes = b""
