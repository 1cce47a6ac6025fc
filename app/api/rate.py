"""How many images a caller may send: a token bucket for each, counted in images, not requests."""

from collections import OrderedDict
from collections.abc import Callable
from time import monotonic

from app.errors import RateExceeded

MOST_CALLERS = 10_000  # remembered at a time; who is forgotten starts with a full bucket


class Rate:
    """Callers' buckets, refilled at `images_per_second`, holding one second's worth."""

    def __init__(self, images_per_second: float | None, clock: Callable[[], float] = monotonic) -> None:
        self._rate = images_per_second
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # caller: (tokens, when)

    def charge(self, caller: str, images: int) -> None:
        """Take `images` tokens. Raises RateExceeded where the caller is in debt.

        A batch larger than the bucket passes once and leaves a debt: refused, it could never pass.
        """
        if self._rate is None:
            return
        now = self._clock()
        tokens, when = self._buckets.pop(caller, (self._rate, now))
        tokens = min(max(self._rate, 1.0), tokens + (now - when) * self._rate)
        if tokens < 1:
            self._buckets[caller] = (tokens, now)
            raise RateExceeded(
                f"this caller may send {self._rate:g} images a second; wait for Retry-After",
                retry_after=(1 - tokens) / self._rate,
            )
        self._buckets[caller] = (tokens - images, now)
        if len(self._buckets) > MOST_CALLERS:
            self._buckets.popitem(last=False)
