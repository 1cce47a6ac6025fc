"""What the client logs of tries that failed -> a line on stderr now and then: nobody waits without knowing why."""

import logging
import sys
import time

EVERY = 10.0  # seconds between two lines


class Notices(logging.Handler):
    """Tells the first of what is logged, and no more than one line in so many seconds."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self._next = 0.0

    def emit(self, record: logging.LogRecord) -> None:
        now = time.monotonic()
        if now >= self._next:
            self._next = now + EVERY
            print(f"digitserve-client: {record.getMessage()}", file=sys.stderr, flush=True)


def tell() -> None:
    """From now on."""
    log = logging.getLogger("digitserve_client")
    log.setLevel(logging.INFO)
    log.addHandler(Notices())
