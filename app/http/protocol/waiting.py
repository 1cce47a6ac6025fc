"""How long a connection waits for its caller: to send what is to come, and to read what it is sent."""

import asyncio
from enum import IntEnum
from math import inf
from typing import Any, NamedTuple


class Bounds(NamedTuple):
    """Of a connection; times are in seconds."""

    head_seconds: float  # from its first moment, or a further head's first byte, to the head's end
    keep_alive_seconds: float  # from an answer to the next head's first byte
    write_seconds: float  # in which a caller reads nothing of what it is sent
    most_connections: int | None  # of one process at a time; None: as its file descriptors allow


class Waits(IntEnum):
    """What a connection waits for. Where room is needed, the first are closed first; the last never are."""

    END = 0  # its caller has the last answer
    FIRST_HEAD = 1
    HEAD = 2  # of a further request
    BODY = 3
    ANSWER = 4


class Waiting(asyncio.Protocol):
    """The half of a connection that writes and has its time watched: at `deadline`, `_is_late` says if it is over."""

    def __init__(self, bounds: Bounds, loop: asyncio.AbstractEventLoop) -> None:
        self._bounds = bounds
        self._loop = loop
        self._transport: Any = None  # asyncio.Transport
        self._written = 0  # bytes
        self._sent = self._sent_at = 0.0  # how many of them had been sent, when it was last looked at
        self._writable: asyncio.Future[None] | None = None  # while the caller does not read
        self._allowed = inf  # seconds
        self.waits = Waits.FIRST_HEAD
        self.since = 0.0  # on the loop's clock
        self.deadline = inf

    def is_gone(self) -> bool:
        """Whether the caller has hung up."""
        return bool(self._transport.is_closing())

    def write(self, data: bytes) -> None:
        if not self._transport.is_closing():
            self._written += len(data)
            self._transport.write(data)

    def abort(self) -> None:
        self._transport.abort()

    def _wait(self, waits: Waits, seconds: float) -> None:
        """For so long, from now on."""
        self.waits, self._allowed = waits, seconds
        self.since = self._loop.time()
        self.deadline = self.since + seconds
        if self._writable is not None:
            self.deadline = min(self.deadline, self.since + self._bounds.write_seconds)

    def _is_late(self, now: float) -> bool:
        """Whether what is waited for is overdue, now that the deadline has passed. Where it is not, there is another:
        so it is for the caller of a long answer, who has time as long as it reads.
        """
        if unsent := self._transport.get_write_buffer_size():
            self.deadline = self._unread_until(now, self._written - unsent)
        else:
            self.deadline = self.since + self._allowed
        return now >= self.deadline

    def _unread_until(self, now: float, sent: int) -> float:
        """When nothing will have been read for too long. `sent` is all that has been sent, in bytes."""
        if sent > self._sent:
            self._sent, self._sent_at = sent, now
        return self._sent_at + self._bounds.write_seconds

    def pause_writing(self) -> None:
        self._writable = self._loop.create_future()
        self._sent = self._written - self._transport.get_write_buffer_size()
        self._sent_at = self._loop.time()
        self.deadline = min(self.deadline, self._sent_at + self._bounds.write_seconds)

    def resume_writing(self) -> None:
        writable, self._writable = self._writable, None
        if writable is not None and not writable.done():
            writable.set_result(None)

    async def until_writable(self) -> None:
        if self._writable is not None:
            await self._writable
