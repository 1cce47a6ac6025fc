"""How much a caller may ask for: a bucket of tokens for each."""

from collections import OrderedDict
from collections.abc import Callable
from time import monotonic

from app.errors import RateExceeded

MOST_CALLERS = 10_000  # remembered at a time; who is forgotten starts with a full bucket


class Buckets:
    """A bucket for each caller, which holds up to `full` tokens and is refilled at `per_second`."""

    def __init__(self, per_second: float, full: float, clock: Callable[[], float] = monotonic) -> None:
        self._per_second = per_second
        self._full = full
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # caller: (tokens, when)

    def take(self, caller: str, tokens: float) -> float:
        """What is left in the caller's bucket; below 0 is debt."""
        now = self._clock()
        left, when = self._buckets.pop(caller, (self._full, now))
        left = min(self._full, left + (now - when) * self._per_second) - tokens
        self._buckets[caller] = (left, now)
        if len(self._buckets) > MOST_CALLERS:
            self._buckets.popitem(last=False)
        return left

    def wait_seconds(self, caller: str) -> float:
        """How long until there is a whole token for the caller."""
        return max(0.0, 1 - self.take(caller, 0)) / self._per_second


class Rate:
    """How many images a caller may send: counted in images, not requests; a bucket holds one second's worth."""

    def __init__(self, images_per_second: float | None, clock: Callable[[], float] = monotonic) -> None:
        self._rate = images_per_second
        self._buckets = Buckets(images_per_second or 0.0, max(images_per_second or 0.0, 1.0), clock)

    def admit(self, caller: str) -> None:
        """Take a token for a request, before anything is done for it. Raises RateExceeded where there is none."""
        if self._rate is None:
            return
        if wait := self._buckets.wait_seconds(caller):
            raise RateExceeded(
                f"this caller may send {self._rate:g} images a second; wait for Retry-After", retry_after=wait
            )
        self._buckets.take(caller, 1)

    def charge(self, caller: str, images: int) -> None:
        """Take a token for each further image that an admitted request brought.

        A batch larger than the bucket leaves a debt, which the caller's next requests wait out: refused, it could
        never pass.
        """
        if self._rate is not None:
            self._buckets.take(caller, images)
