"""The link between a worker and the parent of all: a pair of sockets, on which each message is a JSON object.

A worker says first what it is about to serve, and waits for consent; from then on it sends a beat a second, which is no
more than a dot. What follows is about changes to what all serve: `app.agreement` is the parent's side of them.
"""

import asyncio
import json
import os
import signal
import socket
from contextlib import suppress
from dataclasses import dataclass, field
from mmap import mmap
from time import monotonic
from typing import Any

import structlog

from app.errors import ModelRefused, StartError
from app.http.lifecycle import shut_door
from app.serving.changes import Change, Digests, Follower, in_progress

log = structlog.get_logger()

BEAT_SECONDS = 1.0
BEAT = b"."
MESSAGE_BYTES = 1 << 16


@dataclass(eq=False)
class Worker:
    """The parent's end, and what it knows of the worker."""

    line: socket.socket
    wanted: Digests | None  # what it was told to serve
    started: float = field(default_factory=monotonic)
    serving_since: float | None = None  # None until it was let in
    silent: int = 0  # ticks of the parent since its last beat

    @property
    def serves(self) -> bool:
        return self.serving_since is not None

    def tell(self, **message: object) -> None:
        with suppress(OSError):  # it has ended, which will be seen
            self.line.send(json.dumps(message).encode())


class ParentLink:
    """A worker's end. `app.http.lifecycle.Parent`, as seen from a worker."""

    def __init__(self, end: socket.socket, all_end: mmap, listener: socket.socket, wanted: Digests | None) -> None:
        """`all_end` is one byte that parent and workers share, and not 0 once all of them are to end. `wanted` is what
        the others serve.
        """
        self.wanted = wanted
        self._end = end
        self._all_end = all_end
        self._listener = listener
        self._answer: asyncio.Future[dict[str, Any]] | None = None  # to what this worker has asked
        self._preparing: set[asyncio.Task[None]] = set()

    def join(self, served: Digests, follower: Follower) -> bool:
        """Say what this worker is about to serve, wait for consent, and beat from then on. On the event loop.

        False where something else is `wanted` by now. Raises StartError where the workers that serve have other files.
        """
        self._end.sendall(json.dumps(served).encode())
        answer = json.loads(self._end.recv(MESSAGE_BYTES))
        if answer["say"] == "refused":
            raise StartError(answer["reason"])
        if answer["say"] == "changed":
            self.wanted = answer["wanted"]
            return False
        self._end.setblocking(False)
        loop = asyncio.get_running_loop()
        loop.add_reader(self._end, self._hear, loop, follower)
        self._beat(loop)
        return True

    def shut_door(self) -> None:
        """Where all workers end: the first to come here lets no new connection begin."""
        if self._all_end[0]:
            shut_door(self._listener)

    async def agree(self, change: Change) -> None:
        """Have all workers make a change. Raises ModelRefused, ChangeInProgress."""
        if self._answer is not None:
            raise in_progress()
        self._answer = asyncio.get_running_loop().create_future()
        self._tell(say="ask", action=change.action, name=change.name)
        answer = await asyncio.shield(self._answer)  # who hangs up does not end what he has begun
        if answer["outcome"] == "busy":
            raise in_progress()
        if answer["outcome"] == "refused":
            raise ModelRefused(answer["reason"], answer["reasons"])

    def _hear(self, loop: asyncio.AbstractEventLoop, follower: Follower) -> None:
        """Take in what the parent says."""
        try:
            message = self._end.recv(MESSAGE_BYTES)
        except BlockingIOError:
            return
        except OSError:
            message = b""
        if not message:
            loop.remove_reader(self._end)  # it has ended, of which the kernel tells
            return
        said = json.loads(message)
        if said["say"] == "answer":
            assert self._answer is not None
            self._answer.set_result(said)
            self._answer = None
            return
        change = Change(said["action"], said["name"])
        match said["say"]:
            case "prepare":
                task = loop.create_task(self._prepare(follower, said["number"], change))
                self._preparing.add(task)
                task.add_done_callback(self._preparing.discard)
            case "make":
                self._make(follower, said["number"])
            case "drop":
                follower.drop(change, said["reasons"])

    async def _prepare(self, follower: Follower, number: int, change: Change) -> None:
        try:
            digests = await follower.prepare(change)
        except ModelRefused as error:
            self._tell(say="refused", number=number, reason=error.detail, reasons=dict(error.reasons))
        else:
            self._tell(say="prepared", number=number, digests=dict(digests))

    def _make(self, follower: Follower, number: int) -> None:
        try:
            follower.make()
        except Exception:  # drained, it is replaced by one that begins with what is agreed
            log.critical("a change that was agreed could not be made", exc_info=True)
            os.kill(os.getpid(), signal.SIGTERM)
        else:
            self._tell(say="made", number=number)

    def _tell(self, **message: object) -> None:
        with suppress(OSError):  # a parent that has ended, of which the kernel tells
            self._end.send(json.dumps(message).encode())

    def _beat(self, loop: asyncio.AbstractEventLoop) -> None:
        with suppress(OSError):  # a parent that does not listen now; whether it is gone, the kernel tells
            self._end.send(BEAT)
        loop.call_later(BEAT_SECONDS, self._beat, loop)
