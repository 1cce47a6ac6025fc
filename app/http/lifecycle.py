"""Leaving without losing a request: after SIGTERM the service goes on answering for a while, sending callers away."""

import asyncio
import contextlib
import ctypes
import signal
import socket
import struct
import threading
from types import FrameType
from typing import Protocol

from app.serving.changes import Digests, Follower, Siblings

LAST_ACCEPTS_SECONDS = 0.2  # for what connected before the door was shut to be accepted and to send its request
ORPHANED = signal.SIGUSR1  # to a worker whose parent was killed; until it is handled, it ends the process
ORPHAN_SECONDS = 1.0  # for such a worker to finish what is in flight, for its port is wanted
SO_ATTACH_FILTER = 26  # of Linux' asm-generic/socket.h; Python has no name for it


class Parent(Siblings, Protocol):
    """What a worker asks of the parent of all workers."""

    @property
    def wanted(self) -> Digests | None:
        """What is to be served, as the others do; None where that is not known yet."""

    def join(self, served: Digests, follower: Follower) -> bool:
        """Begin to serve these models, and let `follower` take part in changes. False where others are `wanted` by now.

        Raises StartError where this must not be.
        """

    def shut_door(self) -> None:
        """Where all workers end, let no new connection begin."""


class Lifecycle:
    """Whether the service is about to stop.

    While it drains, readiness fails, so that a load balancer looks elsewhere, and every answer says
    `Connection: close`, so that no caller writes its next request into a connection that is going away.
    Then the door is shut, where all workers end; those already inside are let finish, and the server's own handler
    takes over.
    """

    def __init__(self, drain_seconds: float, parent: Parent | None = None) -> None:
        self.draining = False
        self._drain_seconds = drain_seconds
        self._parent = parent

    def handle_signals(self) -> None:
        """Put the draining in front of the server's own handler for SIGTERM. Needs the running loop's main thread."""
        if threading.current_thread() is not threading.main_thread():
            return  # a server in a thread, as in tests, gets no signals
        loop = asyncio.get_running_loop()
        stop = signal.getsignal(signal.SIGTERM)

        def begin(number: int, frame: FrameType | None) -> None:
            if self.draining:  # asked twice: at once
                hand_over(number, frame)
                return
            self.draining = True
            loop.call_soon_threadsafe(loop.call_later, self._drain_seconds, last_accepts, number, frame)

        def last_accepts(number: int, frame: FrameType | None) -> None:
            if self._parent is not None:
                self._parent.shut_door()
            loop.call_later(LAST_ACCEPTS_SECONDS, hand_over, number, frame)

        def be_quick(_: int, frame: FrameType | None) -> None:
            signal.setitimer(signal.ITIMER_REAL, ORPHAN_SECONDS)  # then SIGALRM ends the process
            self.draining = True
            hand_over(signal.SIGTERM, frame)

        def hand_over(number: int, frame: FrameType | None) -> None:
            if callable(stop):
                stop(number, frame)

        signal.signal(signal.SIGTERM, begin)
        signal.signal(ORPHANED, be_quick)


def shut_door(listener: socket.socket) -> None:
    """Let no new connection begin, while those that the kernel has completed can still be accepted.

    Closing a listening socket resets what waits in its queue. A filter that drops every packet does not: callers'
    SYNs stay unanswered until the socket closes, and are then refused, so nothing is ever half accepted.
    Source: Linux Documentation/networking/filter.rst (`ret 0` drops). Where the kernel refuses, nothing happens.
    """
    drop_all = ctypes.create_string_buffer(struct.pack("HBBI", 0x06, 0, 0, 0))  # BPF_RET | BPF_K, 0 bytes kept
    program = struct.pack("HP", 1, ctypes.addressof(drop_all))
    with contextlib.suppress(OSError):  # a sandbox may forbid it, and the end must come all the same
        listener.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, program)
