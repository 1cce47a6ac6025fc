"""What the service asks of the server below ASGI. `app.server.Http` offers it; under another server nothing is lost
but speed, and the sight of callers who hang up."""

from collections.abc import Sequence
from typing import Protocol

from starlette.types import Scope

from app.serving.context import IsGone, never

Headers = Sequence[tuple[bytes, bytes]]
IS_GONE = "digitserve.is_gone"  # among the scope's extensions: whether the caller has hung up


class Wire(Protocol):
    """A request that has arrived whole, and the way back to its caller."""

    scope: Scope
    body: bytes

    def is_gone(self) -> bool:
        """Whether the caller has hung up."""

    def respond(self, status: int, headers: Headers, body: bytes, *, close: bool) -> None:
        """Send the whole answer in one write; with `close` the connection's last."""


def is_gone_of(scope: Scope) -> IsGone:
    extensions: dict[str, IsGone] = scope.get("extensions", {})
    return extensions.get(IS_GONE, never)
