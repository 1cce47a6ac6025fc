"""The one way of every request: admission, preparation, the batcher, conclusion."""

from collections.abc import AsyncIterator, Coroutine, Iterator
from typing import Any, Generic, Protocol, Self, TypeVar

from app.config import Settings
from app.errors import BatchTooLarge
from app.inference.session import Tensors
from app.serving.context import RequestContext
from app.serving.rate import Rate
from app.serving.repository import LiveModel, Repository


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


NOTHING: Tensors = ()
Request = TypeVar("Request", contravariant=True)
P = TypeVar("P", bound=Prepared)
S = TypeVar("S", bound=Sliceable)
Result = TypeVar("Result", covariant=True)


class Operation(Protocol[Request, P, Result]):
    """Something that a task does for a request. What may take long is not done on the event loop.

    Each step is a coroutine only where it has to wait: to make one costs a small image 1 % of its time.
    """

    def prepare(self, model: LiveModel, request: Request, context: RequestContext) -> P | Coroutine[Any, Any, P]:
        """Raises ServiceError."""

    def conclude(
        self, model: LiveModel, prepared: P, outputs: Tensors, context: RequestContext
    ) -> Result | Coroutine[Any, Any, Result]:
        """`outputs` are the model's for all rows of the inputs; none at all where there were no rows."""


class Service:
    """Knows no transport, no task and no picture: transports say how a request is read, tasks what is done with it."""

    def __init__(self, settings: Settings, repository: Repository) -> None:
        self._repository = repository
        self._most_rows = settings.max_batch_images
        self._rate = Rate(settings.rate_images_per_second)

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
        prepared = operation.prepare(model, request, context)
        if isinstance(prepared, Coroutine):
            prepared = await prepared
            context.check_deadline()
        if (rows := prepared.rows) > self._most_rows:
            raise BatchTooLarge(f"a request holds at most {self._most_rows:,} rows; {rows:,} came. Send several.")
        if prepared.images > 1:
            self._rate.charge(context.caller, prepared.images - 1)
        outputs = NOTHING
        if rows:
            done = await model.batcher.submit(prepared.inputs, context.deadline, context.is_gone, context.trace)
            context.ran(done.queued, done.ran, done.largest_run)
            outputs = done.outputs
        context.rows += rows
        result = operation.conclude(model, prepared, outputs, context)
        if isinstance(result, Coroutine):
            result = await result
        return result

    async def stream(
        self,
        operation: Operation[Request, S, Result],
        model: LiveModel,
        request: Request,
        context: RequestContext,
        rows: int,
    ) -> AsyncIterator[Result]:
        """The same, up to so many rows at a time, each an inference of its own."""
        prepared = operation.prepare(model, request, context)
        if isinstance(prepared, Coroutine):
            prepared = await prepared
        begun = _Begun(operation)
        for part in prepared.slices(rows):
            yield await self.infer(begun, model, part, context)


class _Begun(Generic[P, Result]):
    """An operation on what has been prepared."""

    def __init__(self, operation: Operation[Any, P, Result]) -> None:
        self.conclude = operation.conclude

    def prepare(self, _: LiveModel, prepared: P, __: RequestContext) -> P:
        return prepared
