"""What a request may be and who may send it, decided before its body is held."""

from app.config import Right, Settings
from app.errors import BadRequest, QueueFull, TooLarge
from app.http.exchange import Exchange
from app.http.guard import Guard
from app.serving.keys import Keys


class Limits:
    """Who sent it, body size, deadline; raises ServiceError, which `Front` renders."""

    def __init__(self, settings: Settings, keys: Keys) -> None:
        self._guard = Guard(keys)
        self._max_body_bytes = settings.max_body_bytes
        self._max_held_bytes = settings.max_held_bytes
        self.body_seconds = settings.body_seconds
        self._deadline_seconds = settings.deadline_seconds
        self._held_bytes = 0

    def admit(self, exchange: Exchange, right: Right | None) -> None:
        """What can be said of a request before its body is read. `release` is to be called in the end.

        `right` is what its route needs; None where that is open to all.
        """
        self._guard.check(exchange, right)
        if length := exchange.headers.get(b"content-length"):
            self._check_length(length)
        exchange.set_deadline(self._deadline_seconds)

    def release(self, exchange: Exchange) -> None:
        self._held_bytes -= exchange.held_bytes

    def hold(self, exchange: Exchange, size: int) -> None:
        """Count bytes of its body, with the rest of it and with all that are held. Raises TooLarge, QueueFull."""
        if exchange.held_bytes + size > self._max_body_bytes:
            raise self._too_large(f"more than {self._max_body_bytes:,} bytes came")
        self._count(exchange, size)

    def hold_made(self, exchange: Exchange, size: int) -> None:
        """The same of what is made of its body: unpacked bytes, tensors, outputs."""
        if size > self._max_body_bytes:
            raise TooLarge(
                f"what is made of a request holds at most {self._max_body_bytes:,} bytes; this has {size:,}. "
                "Send less at a time."
            )
        self._count(exchange, size)

    def _count(self, exchange: Exchange, size: int) -> None:
        exchange.held_bytes += size
        self._held_bytes += size
        if self._held_bytes > self._max_held_bytes:
            raise QueueFull(
                f"requests whose bodies hold {self._max_held_bytes:,} bytes together are being answered; "
                "try again after Retry-After, or send less at a time",
                retry_after=1,
            )

    def _check_length(self, length: bytes) -> None:
        if not length.isdigit():
            raise BadRequest(f"Content-Length is a number of bytes; got {length.decode('latin-1')!r}")
        if int(length) > self._max_body_bytes:
            raise self._too_large(f"{int(length):,} bytes were announced")

    def _too_large(self, what_came: str) -> TooLarge:
        return TooLarge(f"a body holds at most {self._max_body_bytes:,} bytes; {what_came}. Send less at a time.")
