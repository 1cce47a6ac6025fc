"""The one way of every request: admission, preparation, the batcher, conclusion."""

from collections.abc import AsyncIterator, Iterator
from time import perf_counter
from typing import Protocol, Self, TypeVar

from app.config import Settings
from app.inference.session import Tensors
from app.serving.context import RequestContext
from app.serving.rate import Rate
from app.serving.repository import LiveModel, Repository
from app.telemetry.metrics import Metrics


class Prepared(Protocol):
    """A request as the model will see it."""

    @property
    def inputs(self) -> Tensors:
        """In the model's order."""

    @property
    def rows(self) -> int:
        """Of all inputs; where there are none, the model is not asked."""

    @property
    def images(self) -> int:
        """What counts against the caller's rate."""


class Sliceable(Prepared, Protocol):
    def slices(self, rows: int) -> Iterator[Self]:
        """The same in consecutive pieces of up to so many rows."""


Request = TypeVar("Request", contravariant=True)
P = TypeVar("P", bound=Prepared)
S = TypeVar("S", bound=Sliceable)
Result = TypeVar("Result", covariant=True)


class Operation(Protocol[Request, P, Result]):
    """Something that a task does for a request."""

    async def prepare(self, model: LiveModel, request: Request, context: RequestContext) -> P:
        """Raises ServiceError. What may take long is not done on the event loop."""

    async def conclude(self, model: LiveModel, prepared: P, outputs: Tensors, context: RequestContext) -> Result:
        """`outputs` are the model's for all rows of the inputs; none at all where there were no rows."""


class Service:
    """Knows no transport, no task and no picture: transports say how a request is read, tasks what is done with it."""

    def __init__(self, settings: Settings, repository: Repository, metrics: Metrics) -> None:
        self._repository = repository
        self._rate = Rate(settings.rate_images_per_second)
        self._metrics = metrics

    def admit(self, name: str | None, version: str | None, context: RequestContext, *, single: bool) -> LiveModel:
        """The live model that is asked for, chosen once, before a request's body is read, and kept to its end.

        `single`: whether the request brings one row. Raises RateExceeded, ModelNotFound, QueueFull.
        """
        self._rate.admit(context.caller)
        model = self._repository.get(name, version)
        context.model = model.label
        model.batcher.check_wait(single=single)
        return model

    async def infer(
        self, operation: Operation[Request, P, Result], model: LiveModel, request: Request, context: RequestContext
    ) -> Result:
        """Raises ServiceError, CallerGone, and what a model that breaks raises."""
        started = perf_counter()
        try:
            prepared = await operation.prepare(model, request, context)
            self._rate.charge(context.caller, prepared.images - 1)
            return await self._run(operation, model, prepared, context, started)
        except Exception:
            self._metrics.not_inferred(*model.names, perf_counter() - started)
            raise

    async def stream(
        self,
        operation: Operation[Request, S, Result],
        model: LiveModel,
        request: Request,
        context: RequestContext,
        rows: int,
    ) -> AsyncIterator[Result]:
        """The same, up to so many rows at a time."""
        prepared = await operation.prepare(model, request, context)
        self._rate.charge(context.caller, prepared.images - 1)
        for part in prepared.slices(rows):
            yield await self._run(operation, model, part, context, perf_counter())

    async def _run(
        self,
        operation: Operation[Request, P, Result],
        model: LiveModel,
        prepared: P,
        context: RequestContext,
        started: float,
    ) -> Result:
        outputs: Tensors = ()
        queued = ran = 0.0
        prepare_seconds = perf_counter() - started
        if prepared.rows:
            context.check_deadline()
            done = await model.batcher.submit(prepared.inputs, context.deadline, context.is_gone)
            outputs, queued, ran = done.outputs, done.queued, done.ran
            context.ran(queued, ran, done.largest_run)
        result = await operation.conclude(model, prepared, outputs, context)
        seconds = perf_counter() - started
        of_stages = seconds, queued, prepare_seconds, ran, seconds - queued - ran - prepare_seconds
        self._metrics.inferred(*model.names, prepared.images, of_stages)
        return result
