"""A change to what is live, and who takes part in it. Imports nothing large: the parent of all workers needs it."""

from collections.abc import Mapping
from typing import Literal, NamedTuple, Protocol

from app.errors import ChangeInProgress

Digests = Mapping[str, str]
"""By NAME/VERSION, of the manifest, which has the model's own: what makes two processes answer alike."""


class Change(NamedTuple):
    action: Literal["load", "unload"]
    name: str


class Siblings(Protocol):
    """All workers, reached through their parent."""

    async def agree(self, change: Change) -> None:
        """Let each of them, this one too, prepare a change and make it. Raises ModelRefused, ChangeInProgress."""


class Follower(Protocol):
    """One worker, told to change. On the event loop."""

    async def prepare(self, change: Change) -> Digests:
        """Get ready, and say what will be live of the model. Raises ModelRefused."""

    def make(self) -> None:
        """Make the change that was prepared."""

    def drop(self, change: Change, reasons: Mapping[str, str]) -> None:
        """Leave all as it is; `reasons` are by version, to be remembered."""


def in_progress() -> ChangeInProgress:
    return ChangeInProgress("another model is being loaded or unloaded; one at a time. Try again.", retry_after=1)
