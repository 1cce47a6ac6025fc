"""What lies below ASGI, where the server tells of it in the scope's extensions, as `app.server.Http` does."""

from collections.abc import Sequence
from typing import Protocol

Headers = Sequence[tuple[bytes, bytes]]


class Wire(Protocol):
    """The connection that one request came in on."""

    def body_is_here(self) -> bool:
        """Whether the whole body has arrived, so that one `receive` gives it without waiting."""

    def is_gone(self) -> bool:
        """Whether the caller has hung up."""

    def respond(self, status: int, headers: Headers, body: bytes) -> bool:
        """Send a whole answer in one write; False, with nothing sent, where only ASGI's own messages will do."""


class UnknownWire:
    """Under another server: nothing is known, so everything goes the ordinary way."""

    def body_is_here(self) -> bool:
        return False

    def is_gone(self) -> bool:
        return False

    def respond(self, status: int, headers: Headers, body: bytes) -> bool:  # noqa: ARG002 - as Wire has it
        return False


UNKNOWN = UnknownWire()
