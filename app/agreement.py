"""What all workers serve, and how they come to serve something else: the parent's side of `app.serving.control`.

The worker that was asked prepares a change first, alone: so a model that is refused costs the others nothing, and one
that takes its process down takes one. Then all others prepare it. Only where each is ready to serve the very same is
each told to make the change; else each drops it. One that ends midway has not prepared. Whoever starts later is given
what is agreed by then, and is let in with nothing else.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

import structlog

from app.link import Worker
from app.serving.changes import Digests

log = structlog.get_logger()


@dataclass
class Attempt:
    """A change under way."""

    number: int
    asker: Worker
    action: str
    name: str
    due: float  # on the monotonic clock, to be prepared
    waiting: set[Worker] = field(default_factory=set)  # whose word it takes to go on
    digests: Digests | None = None  # what the asker has prepared, and all others must
    agreed: bool = False  # the first phase is over

    def tell(self, worker: Worker, say: str, **more: object) -> None:
        worker.tell(say=say, number=self.number, action=self.action, name=self.name, **more)


class Agreement:
    """Between the workers that serve. `served` is None until the first does."""

    def __init__(self, serving: Callable[[], list[Worker]], seconds: float) -> None:
        """Each has so many seconds to prepare."""
        self.served: Digests | None = None
        self._serving = serving
        self._seconds = seconds
        self._number = 0
        self._attempt: Attempt | None = None

    def admit(self, worker: Worker, served: Digests) -> bool:
        """Whether a worker may begin to serve this, of which it is told: what others serve, else what it has found.

        Where there was a change since it began it is told of that, and tries again.
        """
        if served == self.served or not self._serving():
            self.served = served
            worker.tell(say="welcome")
            return True
        agreed = self.served or {}
        if worker.wanted != agreed:
            worker.wanted = agreed
            worker.tell(say="changed", wanted=dict(agreed))
        else:
            differing = ", ".join(sorted({name for name, _ in served.items() ^ agreed.items()}))
            reason = (
                f"the workers that serve have other models than this one found on disk ({differing}); load the model, "
                "or restart the service, to serve what is there now"
            )
            worker.tell(say="refused", reason=reason)
        return False

    def joined(self, worker: Worker) -> None:
        """It serves what was agreed before a change: it is to follow."""
        attempt = self._attempt
        if attempt is not None and attempt.digests is not None and not attempt.agreed:
            attempt.waiting.add(worker)
            attempt.tell(worker, "prepare")

    def hear(self, worker: Worker, said: Mapping[str, Any]) -> None:
        """What a worker says of changes."""
        attempt = self._attempt
        if said["say"] == "ask":
            self._begin(worker, said["action"], said["name"])
        elif attempt is not None and said["number"] == attempt.number and worker in attempt.waiting:
            match said["say"]:
                case "prepared":
                    self._prepared(attempt, worker, said["digests"])
                case "refused":
                    self._drop(attempt, said["reason"], said["reasons"])
                case "made":
                    self._made(attempt, worker)

    def left(self, worker: Worker) -> None:
        """It has ended."""
        attempt = self._attempt
        if attempt is None:
            return
        if attempt.agreed:
            self._made(attempt, worker)  # it is replaced by one that begins with the new
        elif worker in attempt.waiting:
            self._drop(attempt, f"a worker ended while it was about to {attempt.action} {attempt.name}; try again")

    def tick(self) -> None:
        """Wait no longer than was said. Once agreed, a worker that stands still is killed, and so has left."""
        attempt = self._attempt
        if attempt is not None and not attempt.agreed and monotonic() > attempt.due:
            self._drop(attempt, f"a worker did not get ready for {attempt.name} within {self._seconds:g} s")

    def _begin(self, asker: Worker, action: str, name: str) -> None:
        if self._attempt is not None:
            asker.tell(say="answer", outcome="busy")
            return
        self._number += 1
        self._attempt = Attempt(self._number, asker, action, name, monotonic() + self._seconds, {asker})
        self._attempt.tell(asker, "prepare")

    def _prepared(self, attempt: Attempt, worker: Worker, digests: Digests) -> None:
        attempt.waiting.discard(worker)
        if attempt.digests is None:
            attempt.digests = digests
            attempt.waiting = {other for other in self._serving() if other is not worker}
            for other in attempt.waiting:
                attempt.tell(other, "prepare")
        elif attempt.digests != digests:
            self._drop(attempt, f"workers have read different files of {attempt.name}; load it once they are written")
            return
        if not attempt.waiting:
            self._agree(attempt, attempt.digests)

    def _agree(self, attempt: Attempt, digests: Digests) -> None:
        others = {label: digest for label, digest in (self.served or {}).items() if label.split("/")[0] != attempt.name}
        self.served = {**others, **digests}
        attempt.agreed = True
        attempt.waiting = set(self._serving())
        for worker in attempt.waiting:
            attempt.tell(worker, "make")

    def _made(self, attempt: Attempt, worker: Worker) -> None:
        attempt.waiting.discard(worker)
        if not attempt.waiting:
            self._attempt = None
            attempt.asker.tell(say="answer", outcome="done")
            log.info("all workers follow", action=attempt.action, model=attempt.name, live=[*(attempt.digests or {})])

    def _drop(self, attempt: Attempt, reason: str, reasons: Mapping[str, str] | None = None) -> None:
        self._attempt = None
        for worker in self._serving():
            attempt.tell(worker, "drop", reasons=reasons or {})
        attempt.asker.tell(say="answer", outcome="refused", reason=reason, reasons=reasons or {})
