"""Warming a session up, and learning from it where its runs should happen."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from statistics import median
from time import perf_counter
from typing import NamedTuple

from app.inference.session import Tensors

TRIES = 3
# With a core to spare, a thread lets the event loop go on meanwhile, and pays once the hop is so small a part of a run.
HOP_SHARE = 0.1
# Without one, a thread only divides the same core: a run is on the event loop unless it holds that up for too long.
LONGEST_HOLD_SECONDS = 0.005
LONGEST_RUN_SECONDS = 0.5  # after which larger ones are not tried, so that a start does not take minutes


class WarmUp(NamedTuple):
    """What the warm-up measured, in seconds: medians, where a run may be inline."""

    run_seconds: dict[int, float]  # by rows in the run
    hop_seconds: float  # to a thread and back
    inline_rows: int  # the largest run that is better done on the event loop; 0: none


def warm_up(
    run: Callable[[Tensors], object], sample: Callable[[int], Tensors | None], max_batch_size: int, *, spare_core: bool
) -> WarmUp:
    """Run samples of 1, 2, 4, ... `max_batch_size` rows; once where smaller ones took too long for the event loop.

    `spare_core`: whether a thread has a core, or a GPU, for itself.
    """
    with ThreadPoolExecutor(1) as thread:
        hop_seconds = _median_seconds(lambda _: thread.submit(int).result(), None)
    longest = hop_seconds / HOP_SHARE if spare_core else LONGEST_HOLD_SECONDS
    run_seconds: dict[int, float] = {}
    for size in [*(2**power for power in range((max_batch_size - 1).bit_length())), max_batch_size]:
        inputs = sample(size)
        if inputs is None:
            break
        if any(seconds > LONGEST_RUN_SECONDS for seconds in run_seconds.values()):
            break
        beyond = any(
            seconds > longest for seconds in run_seconds.values()
        )  # how exactly need not be known, nor waited for
        run_seconds[size] = _seconds(run, inputs) if beyond else _median_seconds(run, inputs)
    inline = max((size for size, seconds in run_seconds.items() if seconds <= longest), default=0)
    return WarmUp(run_seconds, hop_seconds, inline)


def _median_seconds(work: Callable[..., object], argument: object) -> float:
    work(argument)  # the first of a size allocates
    return median(_seconds(work, argument) for _ in range(TRIES))


def _seconds(work: Callable[..., object], argument: object) -> float:
    started = perf_counter()
    work(argument)
    return perf_counter() - started
