"""Several things under way at a time, their answers in order: with threads for Client, with tasks for AsyncClient.

No more are held than are under way and wait behind the first: memory does not grow with what is asked.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from itertools import islice
from threading import Event
from typing import Any, TypeVar

from digitserve_client.chunks import Lull

AT_ONCE = 4  # chunks under way: enough for a few cores, and what a busy service does not refuse
BEHIND = 2  # things held, for each that is under way: one that is slow does not stop the others at once
R = TypeVar("R")
T = TypeVar("T")


def in_order(things: Iterator[T | Lull], ask: Callable[[T], R], at_once: int, over: Event) -> Iterator[R]:
    """What `ask` gives for each, called in threads. Ends with the first error: what came before it is given.

    Answers that are there wait for the next thing, or the next lull: it is taken here, in the caller's own thread.
    `over` is set when nobody waits for answers any more.
    """
    threads = ThreadPoolExecutor(at_once, "digitserve-client")
    waiting: deque[Future[R]] = deque()
    try:
        failed: Exception | None = None
        while True:
            try:
                thing = next(things, None)
            except Exception as error:  # what was sent before it is worth having
                thing, failed = None, error
            if thing is not None and thing is not Lull.NOW:
                waiting.append(threads.submit(copy_context().run, ask, thing))
            while waiting and (thing is None or len(waiting) >= BEHIND * at_once or waiting[0].done()):
                yield waiting.popleft().result()
            if failed is not None:
                raise failed
            if thing is None:
                return
    finally:
        over.set()
        threads.shutdown(cancel_futures=True)


async def in_order_async(
    things: AsyncGenerator[T, None], ask: Callable[[T], Coroutine[Any, Any, R]], at_once: int
) -> AsyncGenerator[R, None]:
    """The same with tasks; answers that are there do not wait for the next thing."""
    slots = asyncio.Semaphore(at_once)
    waiting: deque[asyncio.Task[R]] = deque()

    async def asked(thing: T) -> R:
        async with slots:
            return await ask(thing)

    async def taken() -> T | None:
        return await anext(things, None)

    coming: asyncio.Task[T | None] | None = asyncio.create_task(taken())
    failed: Exception | None = None
    try:
        while coming or waiting:
            first = [coming] if coming and len(waiting) < BEHIND * at_once else []
            await asyncio.wait([*first, *islice(waiting, 1)], return_when=asyncio.FIRST_COMPLETED)
            if waiting and waiting[0].done():
                yield await waiting.popleft()
            elif coming and coming.done():
                try:
                    thing = await coming
                except Exception as error:  # what was sent before it is worth having
                    thing, failed = None, error
                if thing is not None:
                    waiting.append(asyncio.create_task(asked(thing)))
                coming = asyncio.create_task(taken()) if thing is not None else None
        if failed is not None:
            raise failed
    finally:
        under_way = [*waiting, *([coming] if coming else [])]
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)
        await things.aclose()
