"""Models loaded and unloaded while others are served: prepared aside, then made live in one step, in all workers.

A change has two phases. First it is prepared: on a thread the model's folder is read anew, and what is not live yet is
verified, opened, checked and warmed up. Then, where this went well in every worker, it is made by one assignment on
the event loop; else nothing has happened. Requests in flight end on what they were admitted to.
"""

import asyncio
from collections.abc import Iterable, Mapping

import structlog

from app.config import Settings
from app.errors import BadRequest, DefaultModelStays, ModelControlOff, ModelNotFound, ModelRefused
from app.serving.changes import Change, Digests, Siblings, in_progress
from app.serving.memory import give_back
from app.serving.repository import IndexEntry, Repository, Staged

log = structlog.get_logger()

MEANINGLESS = frozenset({"unload_dependents"})  # of parameters: no model here depends on another
FREED_AFTER = 1.0  # seconds after a change, when few requests, if any, still hold what is live no longer


class Control:
    """Changes to what is live. One at a time; all of it is called on the event loop."""

    def __init__(self, settings: Settings, repository: Repository, siblings: Siblings | None) -> None:
        """`siblings` are None where this is the only process."""
        self._repository = repository
        self._siblings = siblings
        self._default_model = settings.default_model
        self._allowed = settings.model_control or bool(settings.api_keys)  # whose rights are looked at before
        self._change: Change | None = None  # what is being prepared, or prepared
        self._staged: Staged = {}

    def check_allowed(self) -> None:
        """Raises ModelControlOff where nobody may load or unload."""
        if not self._allowed:
            raise ModelControlOff(
                "models are loaded and unloaded by callers whose API key has the right 'repository', or, where no keys "
                "are set, once the service was started with --model-control (DIGITSERVE_MODEL_CONTROL=true)"
            )

    async def index(self, *, ready: bool = False) -> list[IndexEntry]:
        """Every version on disk or live; only live ones where those that are `ready` are asked for."""
        entries = await asyncio.to_thread(self._repository.index)
        return [entry for entry in entries if entry["state"] == "READY" or not ready]

    async def load(self, name: str) -> None:
        """Serve what is in a model's folder now. Raises ModelControlOff, ModelNotFound, ModelRefused,
        ChangeInProgress.
        """
        self.check_allowed()
        if not await asyncio.to_thread(self._repository.is_on_disk, name):
            raise ModelNotFound(f"the models folder has no model called {name!r}; the index lists what it has")
        await self._agree(Change("load", name))

    async def unload(self, name: str) -> None:
        """Serve a model no longer. Raises ModelControlOff, ModelNotFound, DefaultModelStays, ChangeInProgress."""
        self.check_allowed()
        if name == self._default_model:
            raise DefaultModelStays(
                f"{name!r} answers requests that name no model, and readiness; to unload it, start the service with "
                "another DIGITSERVE_DEFAULT_MODEL"
            )
        self._repository.get(name)
        await self._agree(Change("unload", name))

    async def _agree(self, change: Change) -> None:
        if self._siblings is not None:
            await self._siblings.agree(change)
            return
        if self._change is not None:
            raise in_progress()
        try:
            await self.prepare(change)
        except BaseException as error:
            self.drop(change, error.reasons if isinstance(error, ModelRefused) else {})
            raise
        self.make()

    # As a Follower: the two phases

    async def prepare(self, change: Change) -> Digests:
        """What will be live of the model, by NAME/VERSION. Raises ModelRefused."""
        self._change, self._staged = change, {}
        if change.action == "unload":
            return {}
        try:
            staged, digests = await asyncio.to_thread(self._repository.stage, change.name)
        except ModelRefused:
            raise
        except Exception as error:  # a folder that goes away meanwhile
            raise ModelRefused(f"{change.name}: {type(error).__name__}: {error}", {}) from error
        if self._change is change:  # else it took too long, and was dropped
            self._staged = staged
        return digests

    def make(self) -> None:
        """Make the change that was prepared."""
        assert self._change is not None
        name, staged = self._change.name, self._staged
        self._end()
        self._repository.swap(name, staged)

    def drop(self, change: Change, reasons: Mapping[str, str]) -> None:
        """Leave all as it is; `reasons` are by version, to be remembered."""
        self._end()
        self._repository.refuse(change.name, reasons)
        log.warning("not changed", action=change.action, model=change.name, reasons=dict(reasons))

    def _end(self) -> None:
        self._change, self._staged = None, {}
        loop = asyncio.get_running_loop()
        loop.call_later(FREED_AFTER, loop.run_in_executor, None, give_back)


def check_parameters(names: Iterable[str]) -> None:
    """Of a load or an unload. Raises BadRequest."""
    if others := sorted({*names} - MEANINGLESS):
        raise BadRequest(
            f"a model is loaded as its folder has it; the parameter {others[0][:80]!r} is not taken: write files and "
            "manifest.json into the models folder, then load without it"
        )
