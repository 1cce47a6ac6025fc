"""How much work one request may make, so that a few bytes cannot buy much of it.

Every step whose work an outsider can choose (parsing, unpacking, decoding, looking at parts, cutting numbers) charges
what it is about to cost, estimated from what is known already: bytes, pixels by a header, parts counted. What is over
the budget is refused before it is done. Estimates are in seconds of one core, measured on an ordinary server; they
bound what a step takes, so that tests compare them with what it really takes.
"""

import math

from app.errors import TooMuchWork

SECONDS_A_KB = 0.05  # of the request's body: ten times what a drawing takes
LEAST_SECONDS, MOST_SECONDS = 0.005, 1.0  # whatever the body's size
# A batch of more than 100 KB may take longer: five times what photos take.
BATCH_SECONDS_A_KB, BATCH_MOST_SECONDS = 0.01, 10.0


class Budget:
    """What is left of one request's work, in seconds of one core."""

    __slots__ = ("left", "refused", "whole")

    def __init__(self, seconds: float) -> None:
        self.whole = self.left = seconds
        self.refused = 0.0  # seconds of what was refused

    def charge(self, seconds: float, work: str, *figures: object) -> None:
        """Count what `work` is about to cost. Raises TooMuchWork where that is more than is left.

        `work` says in a caller's words what it is, as in "looking at {:,}x{:,} pixels", of whatever `figures`.
        """
        if seconds > self.left:
            self.refused = seconds
            raise TooMuchWork(
                f"{work.format(*figures)} would take about {seconds * 1e3:,.0f} ms, and {self.left * 1e3:,.0f} ms "
                f"are left of the {self.whole * 1e3:,.0f} ms that a body of this size may take. "
                "Send it plainer or smaller, or send fewer at a time."
            )
        self.left -= seconds


def allowed_seconds(body_bytes: int, *, many: bool = False) -> float:
    """Of one core, for a body of that size, which holds one picture or `many`: rises with it, between two limits."""
    size = body_bytes / 1024
    most = min(max(MOST_SECONDS, BATCH_SECONDS_A_KB * size), BATCH_MOST_SECONDS) if many else MOST_SECONDS
    return min(max(LEAST_SECONDS, SECONDS_A_KB * size), most)


UNLIMITED = Budget(math.inf)  # of work that nobody outside has chosen: a training's, a test's
