"""The shell for threads: it sends and waits, and knows nothing else. What to send and when stands in plans.py."""

from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import CancelledError
from threading import Event
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


class Client:
    """Talks to a digitserve service; safe to share between threads. A context manager; or call `close()`.

    `timeout` is in seconds, for each of connecting, sending and waiting for the answer. Failed connections,
    429 and 503 are tried again up to `retries` times, with jittered back-off, no sooner than `Retry-After`.
    `inject` is called with each request's headers, to add to them: `opentelemetry.propagate.inject` carries a trace on.
    `transport` is httpx's, or `digitserve_client.testing.FakeService` in tests.
    """

    def __init__(
        self,
        base_url: str = LOCAL,
        *,
        api_key: str | None = None,
        timeout: float = 10.0,
        retries: int = 3,
        inject: Inject | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """Raises ValueError for an address that is not http or https, a timeout of 0, or negative retries."""
        self._terms = Terms(timeout, retries, inject)
        self._limits: Limits | None = None
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

        A uint8 `[N, 28, 28]` array, or a list of such frames, goes fastest. As `predict_many` to its end, but that it
        raises all that `predict` does.
        """
        check_several(images)
        options = Options(model, version, deadline_ms, include_seen)
        return [one for block in self._blocks(images, bulk.predictions, options, strict=True) for one in block]

    def predict_many(
        self,
        images: Iterable[AnyImage] | Array,
        *,
        model: str | None = None,
        version: str | int | None = None,
        deadline_ms: float | None = None,
        include_seen: bool = False,
        at_once: int = AT_ONCE,
        patience: float = PATIENCE,
        progress: ShowProgress = None,
    ) -> Generator[Prediction | ItemError, None, None]:
        """An answer for each of any number of images, in order, as they come: `for one in client.predict_many(paths)`.

        Images go out in chunks that fit the service's limits, up to `at_once` under way, so that memory stays bounded,
        with an endless generator too. A chunk that fails is sent again while the service is away or busy, for up to
        `patience` seconds after its last answer; none is lost, and none is there twice. An image that cannot be read,
        here or there, or alone breaks the service while others pass, has an ItemError in its place. `progress` is
        called with a Progress, or is "tqdm" or "rich". `deadline_ms` is for all, from the first answer that is asked
        for. `images` are taken in the caller's own thread, between answers: where a source waits for its next image,
        answers wait too. AsyncClient gives them at once.

        Raises, after the answers before it, as `predict` does, but for files that cannot be read or are no picture.
        """
        check_several(images)
        options = Options(model, version, deadline_ms, include_seen)
        return self._counted(images, options, at_once, patience, progress)

    def probabilities(
        self,
        images: Iterable[AnyImage] | Array,
        *,
        model: str | None = None,
        version: str | int | None = None,
        deadline_ms: float | None = None,
        at_once: int = AT_ONCE,
        patience: float = PATIENCE,
        progress: ShowProgress = None,
    ) -> "NDArray[np.float32]":
        """The probabilities of all images, float32 `[N, 10]`; of an image that cannot be read, NaN. Needs NumPy.

        Of a uint8 `[N, 28, 28]` array this is the fastest way, one of `numpy.load(..., mmap_mode="r")` too. As
        `predict_many` in all else.
        """
        import numpy as np  # who wants its arrays has it

        check_several(images)
        options, rows = Options(model, version, deadline_ms), [np.empty((0, 10), np.float32)]
        with counting(progress, images) as tally:
            for block in self._blocks(images, bulk.probabilities, options, at_once, patience):
                rows.append(block)
                tally.add(len(block), int(np.isnan(block[:, 0]).sum()))
        return np.concatenate(rows)

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

    def limits(self) -> Limits:
        """What one request may hold, as the service said when it was first asked. Raises DigitserveError."""
        if self._limits is None:
            self._limits = self._run(plans.limits(self._terms))
        return self._limits

    def ready(self) -> bool:
        """Whether the service can predict now; False too when it cannot be reached. Never retries."""
        return self._run(plans.ready(self._terms))

    def wait_ready(self, seconds: float = 60.0) -> None:
        """Wait until the service can predict, for up to so many seconds. Raises DigitserveError: why it cannot."""
        self._run(plans.wait_ready(self._terms, seconds))

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    def _counted(
        self,
        images: Iterable[AnyImage] | Array,
        options: Options,
        at_once: int,
        patience: float,
        progress: ShowProgress,
    ) -> Generator[Prediction | ItemError, None, None]:
        with counting(progress, images) as tally:
            for block in self._blocks(images, bulk.predictions, options, at_once, patience):
                tally.add(len(block), failures(block))
                yield from block

    def _blocks(
        self,
        images: Iterable[AnyImage] | Array,
        plan: Callable[[Chunk[Held], Run], Plan[R]],
        options: Options,
        at_once: int = AT_ONCE,
        patience: float = PATIENCE,
        *,
        strict: bool = False,
    ) -> Iterator[R]:
        run, over = Run(options, self._terms, Size(), at_once, patience, strict), Event()
        if self._limits is None:
            self._limits = self._run(bulk.limits(run))
        run.size.limits = self._limits
        parts = chunks.cut(images, run.size, self._terms.clock)
        return many.in_order(parts, lambda chunk: self._run(plan(chunk, run), over), at_once, over)

    def _run(self, plan: Plan[R], over: Event | None = None) -> R:
        """What the plan comes to. Raises CancelledError once it is `over`, and nobody waits for it."""
        answer: object = None
        while True:
            try:
                step = plan.send(answer)
            except StopIteration as done:
                return cast(R, done.value)
            answer = self._carry_out(step, over)
            if over is not None and over.is_set():
                raise CancelledError

    def _carry_out(self, step: Prepare | Send | Sleep, over: Event | None) -> object:
        match step:
            case Prepare():
                return step.work()
            case Sleep():
                (over or Event()).wait(step.seconds)
            case Send():
                try:
                    return self._http.request(**step.call.arguments(), timeout=step.timeout)
                except httpx.HTTPError as error:
                    return error
        return None
