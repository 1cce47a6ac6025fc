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

    def admit(self, caller: str) -> None:
        """Take a token for a request, before anything is done for it. Raises RateExceeded where there is none."""
        if self._rate is None:
            return
        tokens = self._take(caller, 1)
        if tokens < 0:
            self._take(caller, -1)
            raise RateExceeded(
                f"this caller may send {self._rate:g} images a second; wait for Retry-After",
                retry_after=-tokens / self._rate,
            )

    def charge(self, caller: str, images: int) -> None:
        """Take a token for each further image that an admitted request brought.

        A batch larger than the bucket leaves a debt, which the caller's next requests wait out: refused, it could
        never pass.
        """
        if self._rate is not None:
            self._take(caller, images)

    def _take(self, caller: str, tokens: float) -> float:
        """What is left in the caller's bucket; below 0 is debt."""
        assert self._rate is not None
        full, now = max(self._rate, 1.0), self._clock()
        left, when = self._buckets.pop(caller, (full, now))
        left = min(full, left + (now - when) * self._rate) - tokens
        self._buckets[caller] = (left, now)
        if len(self._buckets) > MOST_CALLERS:
            self._buckets.popitem(last=False)
        return left
