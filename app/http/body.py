"""A request's body: there already, or coming."""

import asyncio
from io import BytesIO
from typing import Protocol

from starlette.types import Receive

from app.errors import CallerGone, TooSlow
from app.http.exchange import Exchange
from app.http.limits import Limits


class Body(Protocol):
    async def read(self) -> bytes:
        """The whole of it. Raises TooLarge, QueueFull, TooSlow, CallerGone."""


class Arrived:
    """A body that came with its request's head."""

    def __init__(self, content: bytes, exchange: Exchange, limits: Limits) -> None:
        self._content = content
        self._exchange = exchange
        self._limits = limits

    async def read(self) -> bytes:
        self._limits.hold(self._exchange, len(self._content))
        self._exchange.lap("read")
        return self._content


class Arriving:
    """A body that comes as ASGI brings it. To be read in a task."""

    def __init__(self, receive: Receive, exchange: Exchange, limits: Limits) -> None:
        self._receive = receive
        self._exchange = exchange
        self._limits = limits

    async def read(self) -> bytes:
        body = BytesIO()  # grows as it comes: joined at its end, a large one would hold up the event loop
        more = True
        try:
            async with asyncio.timeout(self._limits.body_seconds):
                while more:
                    message = await self._receive()
                    if message["type"] == "http.disconnect":
                        raise CallerGone
                    chunk = message.get("body", b"")
                    self._limits.hold(self._exchange, len(chunk))
                    body.write(chunk)
                    more = message.get("more_body", False)
        except TimeoutError as error:
            raise TooSlow(f"the body did not arrive within {self._limits.body_seconds:g} s; send it again") from error
        self._exchange.lap("read")
        return body.getvalue()
