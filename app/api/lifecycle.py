"""Leaving without losing a request: after SIGTERM the service goes on accepting for a while, sending callers away."""

import asyncio
import signal
import threading
from types import FrameType


class Lifecycle:
    """Whether the service is about to stop.

    While it drains, readiness fails, so that a load balancer looks elsewhere, and every answer says
    `Connection: close`, so that no caller writes its next request into a connection that is going away.
    """

    def __init__(self, drain_seconds: float) -> None:
        self.draining = False
        self._drain_seconds = drain_seconds

    def delay_sigterm(self) -> None:
        """Put the draining in front of the server's own handler for SIGTERM. Needs the running loop's main thread."""
        if threading.current_thread() is not threading.main_thread():
            return  # a server in a thread, as in tests, gets no signals
        loop = asyncio.get_running_loop()
        stop = signal.getsignal(signal.SIGTERM)

        def begin(number: int, frame: FrameType | None) -> None:
            if self.draining:
                self._hand_over(stop, number, frame)
                return
            self.draining = True
            loop.call_soon_threadsafe(loop.call_later, self._drain_seconds, self._hand_over, stop, number, frame)

        signal.signal(signal.SIGTERM, begin)

    def _hand_over(self, stop: object, number: int, frame: FrameType | None) -> None:
        if callable(stop):
            stop(number, frame)
