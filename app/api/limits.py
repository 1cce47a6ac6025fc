"""What a request may be and who may send it, decided before its body is held."""

import hmac

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.exchange import Exchange
from app.config import ApiKey, Right, Settings
from app.errors import BadRequest, Forbidden, QueueFull, TooLarge, Unauthorized

# The page, the documentation and the probes are open: they show nothing that a key protects.
PROTECTED = (("/v1/", Right.PREDICT), ("/metrics", Right.METRICS))


class Limits:
    """ASGI middleware: API key, body size, deadline. Raises ServiceError; `Observe`, outside, answers."""

    def __init__(self, app: ASGIApp, *, settings: Settings) -> None:
        self._app = app
        self._keys = settings.api_keys
        self._max_body_bytes = settings.max_body_bytes
        self._max_held_bytes = settings.max_held_bytes
        self._held_bytes = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            exchange: Exchange = scope["exchange"]
            if self._keys:
                self._check_key(scope["path"], exchange)
            self._check_length(exchange)
            exchange.set_deadline()
            await self._app_holding_a_body(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _check_key(self, path: str, exchange: Exchange) -> None:
        needed = next((right for prefix, right in PROTECTED if path.startswith(prefix)), None)
        if needed is None:
            return
        key = self._find_key(_sent_key(exchange))
        if key is None:
            raise Unauthorized(
                "this path needs an API key that the service knows; "
                "send it as `Authorization: Bearer KEY` or `X-API-Key: KEY`"
            )
        if needed not in key.rights:
            rights = ", ".join(sorted(key.rights))
            raise Forbidden(f"this path needs the right {needed.value!r}; the key that came has: {rights}")
        exchange.caller = f"key {self._keys.index(key)}"

    def _find_key(self, sent: str) -> ApiKey | None:
        # Every key is compared, each in constant time, so that timing tells nothing of them.
        matching = [
            key for key in self._keys if hmac.compare_digest(key.key.get_secret_value().encode(), sent.encode())
        ]
        return matching[0] if matching else None

    def _check_length(self, exchange: Exchange) -> None:
        length = exchange.header(b"content-length")
        if not length:
            return
        if not length.isdecimal():
            raise BadRequest(f"Content-Length is a number of bytes; got {length!r}")
        if int(length) > self._max_body_bytes:
            raise self._too_large(f"{int(length):,} bytes were announced")

    async def _app_holding_a_body(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The body is counted as it comes, alone and together with all others that are held."""
        received = 0

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            more = len(message.get("body", b""))
            received += more
            self._held_bytes += more
            if received > self._max_body_bytes:
                raise self._too_large(f"more than {self._max_body_bytes:,} bytes came")
            if more and self._held_bytes > self._max_held_bytes:
                raise QueueFull(
                    f"requests whose bodies hold {self._max_held_bytes:,} bytes together are being answered; "
                    "try again after Retry-After, or send less at a time",
                    retry_after=1,
                )
            return message

        try:
            await self._app(scope, counted, send)
        finally:
            self._held_bytes -= received

    def _too_large(self, what_came: str) -> TooLarge:
        return TooLarge(f"a body holds at most {self._max_body_bytes:,} bytes; {what_came}. Send less at a time.")


def _sent_key(exchange: Exchange) -> str:
    scheme, _, credentials = exchange.header(b"authorization").partition(" ")
    return credentials.strip() if scheme.lower() == "bearer" else exchange.header(b"x-api-key")
