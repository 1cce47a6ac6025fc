"""The two shells: they send and wait, and know nothing else. What to send and when stands in plans.py."""

import asyncio
import time
from collections.abc import Iterable
from typing import Self, TypeVar, cast

import httpx

from digitserve_client import plans
from digitserve_client.arrays import Array
from digitserve_client.calls import LOCAL, Options, address, common_headers
from digitserve_client.images import AnyImage
from digitserve_client.plans import Plan, Prepare, Send, Sleep, Terms
from digitserve_client.results import Explanation, ItemError, Model, Number, Prediction

R = TypeVar("R")
# How many calls of one AsyncClient are under way. With httpx 0.28 a request costs 2 ms of CPU at 16 connections, 5 at
# 64, and more with each call in its queue, where calls run into the timeout besides.
AT_ONCE = 16


class Client:
    """Talks to a digitserve service; safe to share between threads. A context manager; or call `close()`.

    `timeout` is in seconds, for each of connecting, sending and waiting for the answer. Failed connections,
    429 and 503 are tried again up to `retries` times, with jittered back-off, no sooner than `Retry-After`.
    """

    def __init__(
        self,
        base_url: str = LOCAL,
        *,
        api_key: str | None = None,
        timeout: float = 10.0,
        retries: int = 3,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """Raises ValueError for an address that is not http or https, a timeout of 0, or negative retries."""
        self._terms = Terms(timeout, retries)
        self._http = httpx.Client(base_url=address(base_url), headers=common_headers(api_key), transport=transport)

    def predict(
        self,
        image: AnyImage,
        *,
        model: str | None = None,
        version: str | int | None = None,
        deadline_ms: float | None = None,
        include_seen: bool = False,
    ) -> Prediction:
        """Which digit `image` shows: a path, encoded bytes, an open binary file, an array or a Pillow image.

        A uint8 28x28 array (or a Pillow "L") is the model's own frame, 0 paper and 255 ink; uint8 arrays
        `[H, W]`, `[H, W, 3]` and `[H, W, 4]` are pictures. `deadline_ms` covers the whole call.

        Raises DigitserveError and its subclasses, ValueError for an array of another dtype or shape,
        TypeError for what is no image, OSError for a file that cannot be read.
        """
        options = Options(model, version, deadline_ms, include_seen)
        return self._run(plans.predict(image, options, self._terms))

    def predict_batch(
        self,
        images: Iterable[AnyImage] | Array,
        *,
        model: str | None = None,
        version: str | int | None = None,
        deadline_ms: float | None = None,
        include_seen: bool = False,
    ) -> list[Prediction | ItemError]:
        """One answer for each image, in order; what the service cannot read gets an ItemError in its place.

        A uint8 `[N, 28, 28]` array, or a list of such frames, goes fastest. Raises as `predict` does.
        """
        options = Options(model, version, deadline_ms, include_seen)
        return self._run(plans.predict_batch(images, options, self._terms))

    def explain(
        self,
        image: AnyImage,
        *,
        model: str | None = None,
        version: str | int | None = None,
        deadline_ms: float | None = None,
    ) -> Explanation:
        """Which digit `image` shows, and what in it speaks for that and for the runner-up. Raises as `predict` does."""
        return self._run(plans.explain(image, Options(model, version, deadline_ms), self._terms))

    def read(
        self,
        image: AnyImage,
        *,
        model: str | None = None,
        version: str | int | None = None,
        deadline_ms: float | None = None,
    ) -> list[Number]:
        """Every whole number in a photo or a scan, from top to bottom and left to right. Raises as `predict` does."""
        return self._run(plans.read(image, Options(model, version, deadline_ms), self._terms))

    def models(self) -> list[Model]:
        """The live models. Raises DigitserveError."""
        return self._run(plans.models(self._terms))

    def ready(self) -> bool:
        """Whether the service can predict now; False too when it cannot be reached. Never retries."""
        return self._run(plans.ready(self._terms))

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    def _run(self, plan: Plan[R]) -> R:
        answer: object = None
        while True:
            try:
                step = plan.send(answer)
            except StopIteration as done:
                return cast(R, done.value)
            answer = self._carry_out(step)

    def _carry_out(self, step: Prepare | Send | Sleep) -> object:
        match step:
            case Prepare():
                return step.work()
            case Sleep():
                time.sleep(step.seconds)
            case Send():
                try:
                    return self._http.request(**step.call.arguments(), timeout=step.timeout)
                except httpx.HTTPError as error:
                    return error
        return None


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
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """As Client."""
        self._terms = Terms(timeout, retries)
        self._slots = asyncio.Semaphore(AT_ONCE)
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
        images: Iterable[AnyImage] | Array,
        *,
        model: str | None = None,
        version: str | int | None = None,
        deadline_ms: float | None = None,
        include_seen: bool = False,
    ) -> list[Prediction | ItemError]:
        """As Client.predict_batch."""
        options = Options(model, version, deadline_ms, include_seen)
        return await self._run(plans.predict_batch(images, options, self._terms))

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

    async def ready(self) -> bool:
        """As Client.ready; it does not wait its turn."""
        return await self._drive(plans.ready(self._terms))

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *raised: object) -> None:
        await self.aclose()

    async def _run(self, plan: Plan[R]) -> R:
        async with self._slots:
            return await self._drive(plan)

    async def _drive(self, plan: Plan[R]) -> R:
        answer: object = None
        while True:
            try:
                step = plan.send(answer)
            except StopIteration as done:
                return cast(R, done.value)
            answer = await self._carry_out(step)

    async def _carry_out(self, step: Prepare | Send | Sleep) -> object:
        match step:
            case Prepare():
                return await asyncio.to_thread(step.work)
            case Sleep():
                await asyncio.sleep(step.seconds)
            case Send():
                try:
                    return await self._http.request(**step.call.arguments(), timeout=step.timeout)
                except httpx.HTTPError as error:
                    return error
        return None
