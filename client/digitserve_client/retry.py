"""When to try again, and after how long. Pure but for the clock that a deadline is given."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from digitserve_client.errors import DeadlineExceeded, DigitserveError

FIRST = 0.1  # seconds: the longest wait before the first retry; it doubles with each one
CEILING = 5.0  # seconds: where the doubling ends
LONGEST = 30.0  # seconds: when a service asks for more patience than this, the caller is told instead


def delay(attempt: int, retry_after: float | None, random: float) -> float:
    """Seconds to wait after the failed `attempt` (0, 1, ...); `random` is in 0..1.

    Exponential back-off with full jitter, on top of what the service asked for: a crowd that was sent away
    together does not come back together. https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
    """
    longest = min(CEILING, FIRST * 2.0 ** min(attempt, 16))
    return (retry_after or 0.0) + random * longest


def wait_after(error: DigitserveError, attempt: int, retries: int, left: float, random: float) -> float | None:
    """Seconds to wait before another try, None for no other try; `left` is the deadline's, in seconds."""
    if not error.retryable or attempt >= retries:
        return None
    wait = delay(attempt, error.retry_after, random)
    return wait if wait <= LONGEST and wait < left else None


@dataclass(frozen=True, slots=True)
class Deadline:
    """A moment on `clock`, in seconds; infinity when there is none."""

    ends: float
    clock: Callable[[], float]

    @classmethod
    def after(cls, milliseconds: float | None, clock: Callable[[], float]) -> "Deadline":
        """The moment so many milliseconds from now."""
        return cls(math.inf if milliseconds is None else clock() + milliseconds / 1000, clock)

    def left(self) -> float:
        """Seconds left, more than none. Raises DeadlineExceeded."""
        left = self.ends - self.clock()
        if left <= 0:
            raise DeadlineExceeded("the deadline passed before the request was sent; allow more time")
        return left
