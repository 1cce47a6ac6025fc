"""The shell for asyncio: as `client`, with await."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Iterable
from contextlib import AbstractAsyncContextManager, aclosing, nullcontext
from typing import TYPE_CHECKING, Self, TypeVar, cast

import httpx

from digitserve_client import bulk, chunks, many, plans
from digitserve_client.arrays import Array
from digitserve_client.bulk import PATIENCE, Run
from digitserve_client.calls import LOCAL, Options, address, common_headers
from digitserve_client.chunks import Chunk, Held, Size
from digitserve_client.images import AnyImage, check_several
from digitserve_client.many import AT_ONCE
from digitserve_client.plans import Inject, Plan, Prepare, Send, Sleep, Terms
from digitserve_client.progress import ShowProgress, counting, failures
from digitserve_client.results import Explanation, ItemError, Limits, Model, Number, Prediction

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

R = TypeVar("R")
Several = Iterable[AnyImage] | AsyncIterable[AnyImage] | Array
# How many calls of one AsyncClient are under way. With httpx 0.28 a request costs 2 ms of CPU at 16 connections, 5 at
# 64, and more with each call in its queue, where calls run into the timeout besides.
CALLS_AT_ONCE = 16


class AsyncClient:
    """Client for asyncio: the same arguments, results and errors, to be awaited.

    Reading files and compressing pixels happen in a thread, so that the event loop goes on. Start as many calls
    at once as you like: sixteen go out at a time, and the others wait their turn.
    """

    def __init__(
        self,
        base_url: str = LOCAL,
        *,
        api_key: str | None = None,
        timeout: float = 10.0,
        retries: int = 3,
        inject: Inject | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """As Client."""
        self._terms = Terms(timeout, retries, inject)
        self._limits: Limits | None = None
        self._slots = asyncio.Semaphore(CALLS_AT_ONCE)
        self._http = httpx.AsyncClient(base_url=address(base_url), headers=common_headers(api_key), transport=transport)

    async def predict(
        self,
        image: AnyImage,
        *,
        model: str | None = None,
        version: str | int | None = None,
        deadline_ms: float | None = None,
        include_seen: bool = False,
    ) -> Prediction:
        """As Client.predict."""
        options = Options(model, version, deadline_ms, include_seen)
        return await self._run(plans.predict(image, options, self._terms))

    async def predict_batch(
        self,
        images: Several,
        *,
        model: str | None = None,
        version: str | int | None = None,
        deadline_ms: float | None = None,
        include_seen: bool = False,
    ) -> list[Prediction | ItemError]:
        """As Client.predict_batch."""
        check_several(images)
        options = Options(model, version, deadline_ms, include_seen)
        blocks = self._blocks(images, bulk.predictions, options, strict=True)
        return [one async for block in blocks for one in block]

    async def predict_many(
        self,
        images: Several,
        *,
        model: str | None = None,
        version: str | int | None = None,
        deadline_ms: float | None = None,
        include_seen: bool = False,
        at_once: int = AT_ONCE,
        patience: float = PATIENCE,
        progress: ShowProgress = None,
    ) -> AsyncGenerator[Prediction | ItemError, None]:
        """As Client.predict_many: `async for answer in client.predict_many(paths)`.

        An AsyncIterable of images is taken, too, and no image of it waits long for the next: it is for cameras and
        queues. Any other is iterated in a thread.
        """
        check_several(images)
        options = Options(model, version, deadline_ms, include_seen)
        with counting(progress, images) as tally:
            async with aclosing(self._blocks(images, bulk.predictions, options, at_once, patience)) as blocks:
                async for block in blocks:
                    tally.add(len(block), failures(block))
                    for one in block:
                        yield one

    async def probabilities(
        self,
        images: Several,
        *,
        model: str | None = None,
        version: str | int | None = None,
        deadline_ms: float | None = None,
        at_once: int = AT_ONCE,
        patience: float = PATIENCE,
        progress: ShowProgress = None,
    ) -> "NDArray[np.float32]":
        """As Client.probabilities."""
        import numpy as np  # who wants its arrays has it

        check_several(images)
        options, rows = Options(model, version, deadline_ms), [np.empty((0, 10), np.float32)]
        with counting(progress, images) as tally:
            async for block in self._blocks(images, bulk.probabilities, options, at_once, patience):
                rows.append(block)
                tally.add(len(block), int(np.isnan(block[:, 0]).sum()))
        return np.concatenate(rows)

    async def explain(
        self,
        image: AnyImage,
        *,
        model: str | None = None,
        version: str | int | None = None,
        deadline_ms: float | None = None,
    ) -> Explanation:
        """As Client.explain."""
        return await self._run(plans.explain(image, Options(model, version, deadline_ms), self._terms))

    async def read(
        self,
        image: AnyImage,
        *,
        model: str | None = None,
        version: str | int | None = None,
        deadline_ms: float | None = None,
    ) -> list[Number]:
        """As Client.read."""
        return await self._run(plans.read(image, Options(model, version, deadline_ms), self._terms))

    async def models(self) -> list[Model]:
        """As Client.models."""
        return await self._run(plans.models(self._terms))

    async def limits(self) -> Limits:
        """As Client.limits."""
        if self._limits is None:
            self._limits = await self._run(plans.limits(self._terms))
        return self._limits

    async def ready(self) -> bool:
        """As Client.ready; it does not wait its turn."""
        return await self._run(plans.ready(self._terms), nullcontext())

    async def wait_ready(self, seconds: float = 60.0) -> None:
        """As Client.wait_ready."""
        await self._run(plans.wait_ready(self._terms, seconds), nullcontext())

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *raised: object) -> None:
        await self.aclose()

    async def _blocks(
        self,
        images: Several,
        plan: Callable[[Chunk[Held], Run], Plan[R]],
        options: Options,
        at_once: int = AT_ONCE,
        patience: float = PATIENCE,
        *,
        strict: bool = False,
    ) -> AsyncGenerator[R, None]:
        run = Run(options, self._terms, Size(), at_once, patience, strict)
        if self._limits is None:
            self._limits = await self._run(bulk.limits(run))
        run.size.limits = self._limits
        parts = chunks.cut_async(images, run.size, self._terms.clock)
        async with aclosing(many.in_order_async(parts, lambda chunk: self._run(plan(chunk, run)), at_once)) as blocks:
            async for block in blocks:
                yield block

    async def _run(self, plan: Plan[R], turn: AbstractAsyncContextManager[None] | None = None) -> R:
        """What the plan comes to. It asks for a step only when it has its turn: a Send says how much time is left."""
        step: Prepare | Send | Sleep
        try:
            while True:
                async with turn or self._slots:
                    step = next(plan)
                    while not isinstance(step, Sleep):
                        step = plan.send(await self._carry_out(step))
                await asyncio.sleep(step.seconds)
        except StopIteration as done:
            return cast(R, done.value)

    async def _carry_out(self, step: Prepare | Send) -> object:
        if isinstance(step, Prepare):
            return await asyncio.to_thread(step.work)
        try:
            return await self._http.request(**step.call.arguments(), timeout=step.timeout)
        except httpx.HTTPError as error:
            return error
