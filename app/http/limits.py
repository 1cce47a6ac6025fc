"""What a request may be and who may send it, decided before its body is held."""

from app.config import Right, Settings
from app.errors import BadRequest
from app.http.exchange import Exchange
from app.http.guard import Guard
from app.serving.held import HeldBytes
from app.serving.keys import Keys


class Limits:
    """Who sent it, body size, deadline; raises ServiceError, which `Front` renders."""

    def __init__(self, settings: Settings, keys: Keys, held: HeldBytes) -> None:
        self._guard = Guard(keys)
        self._held = held
        self.body_seconds = settings.body_seconds
        self._deadline_seconds = settings.deadline_seconds

    def admit(self, exchange: Exchange, right: Right | None) -> None:
        """What can be said of a request before its body is read.

        `right` is what its route needs; None where that is open to all.
        """
        self._guard.check(exchange, right)
        if length := exchange.headers.get(b"content-length"):
            self._check_length(length)
        exchange.set_deadline(self._deadline_seconds)

    def _check_length(self, length: bytes) -> None:
        if not length.isdigit():
            raise BadRequest(f"Content-Length is a number of bytes; got {length.decode('latin-1')!r}")
        self._held.check_announced(int(length))
