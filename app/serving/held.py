"""What requests hold in memory: their bodies, and what is made of them."""

from collections.abc import Iterable

from app.config import Settings
from app.errors import QueueFull, TooLarge
from app.serving.context import RequestContext
from app.serving.tensors import Array


class HeldBytes:
    """Counted for each request and over all, on the event loop alone."""

    def __init__(self, settings: Settings) -> None:
        self._most_of_one = settings.max_body_bytes
        self._most = settings.max_held_bytes
        self._held = 0

    def check_announced(self, size: int) -> None:
        """Of a body that is to come. Raises TooLarge."""
        if size > self._most_of_one:
            raise self._too_large(f"{size:,} bytes were announced")

    def add_body(self, context: RequestContext, size: int) -> None:
        """Bytes of its body have come. Raises TooLarge, QueueFull."""
        context.sent_bytes += size
        if context.sent_bytes > self._most_of_one:
            raise self._too_large(f"more than {self._most_of_one:,} bytes came")
        self._add(context, size)

    def add_made(self, context: RequestContext, size: int) -> None:
        """The same of what is made of its body. Raises TooLarge, QueueFull."""
        if size > self._most_of_one:
            raise TooLarge(
                f"what is made of a request holds at most {self._most_of_one:,} bytes; this has {size:,}. "
                "Send less at a time."
            )
        self._add(context, size)

    def add_tensors(self, context: RequestContext, tensors: Iterable[Array]) -> None:
        """The same of inputs that were read, or outputs."""
        self.add_made(context, sum([values.nbytes for values in tensors]))

    def release(self, context: RequestContext) -> None:
        """At its end."""
        self._held -= context.held_bytes

    def _add(self, context: RequestContext, size: int) -> None:
        context.held_bytes += size
        self._held += size
        if self._held > self._most:
            raise QueueFull(
                f"requests whose bodies hold {self._most:,} bytes together are being answered; "
                "try again after Retry-After, or send less at a time",
                retry_after=1,
            )

    def _too_large(self, what_came: str) -> TooLarge:
        return TooLarge(f"a body holds at most {self._most_of_one:,} bytes; {what_came}. Send less at a time.")
