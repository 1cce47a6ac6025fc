"""A request's body as ASGI brings it."""

import asyncio
from io import BytesIO

from starlette.types import Receive

from app.errors import CallerGone, TooSlow
from app.http.exchange import Exchange
from app.http.limits import Limits
from app.serving.held import HeldBytes


async def read_body(receive: Receive, exchange: Exchange, limits: Limits, held: HeldBytes) -> bytes:
    """The whole of it. Raises TooLarge, QueueFull, TooSlow, CallerGone."""
    body = BytesIO()  # grows as it comes: joined at its end, a large one would hold up the event loop
    more = True
    try:
        async with asyncio.timeout(limits.body_seconds):
            while more:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise CallerGone
                chunk = message.get("body", b"")
                held.add_body(exchange, len(chunk))
                body.write(chunk)
                more = message.get("more_body", False)
    except TimeoutError as error:
        raise TooSlow(f"the body did not arrive within {limits.body_seconds:g} s; send it again") from error
    return body.getvalue()
