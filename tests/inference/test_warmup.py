"""Where runs happen: measured on real waits, not told."""

import time
from itertools import pairwise

import numpy as np
import pytest

from app.inference.session import Tensors
from app.inference.warmup import LONGEST_HOLD_SECONDS, warm_up


def rows(count: int) -> Tensors:
    return (np.zeros((count, 1)),)


def taking(seconds_per_image: float) -> object:
    def run(inputs: Tensors) -> None:
        until = time.perf_counter() + seconds_per_image * len(inputs[0])
        while time.perf_counter() < until:
            pass

    return run


def test_a_small_model_stays_on_the_event_loop_and_a_large_one_does_not() -> None:
    small = warm_up(taking(1e-6), rows, 64, spare_core=False)
    large = warm_up(taking(LONGEST_HOLD_SECONDS * 2), rows, 4, spare_core=False)
    assert small.inline_rows == 64
    assert large.inline_rows == 0


def test_with_a_core_to_spare_a_thread_pays_sooner() -> None:
    run = taking(1e-4)
    for _ in range(10):  # other processes may keep either of them waiting, which is measured too
        alone, spare = (warm_up(run, rows, 32, spare_core=spare_core) for spare_core in (False, True))
        if alone.inline_rows == 32 and spare.inline_rows < 32:
            break
    assert alone.inline_rows == 32
    assert spare.inline_rows < 32
    assert spare.run_seconds[32] > spare.hop_seconds * 10


@pytest.mark.parametrize("chunk", [1, 2, 3, 64, 100])
def test_every_size_up_to_the_chunk_is_warmed(chunk: int) -> None:
    sizes = list(warm_up(taking(0), rows, chunk, spare_core=False).run_seconds)
    assert sizes[0] == 1
    assert sizes[-1] == chunk
    assert all(larger <= 2 * smaller for smaller, larger in pairwise(sizes))


def test_what_is_too_long_for_the_event_loop_is_not_waited_for_again_and_again() -> None:
    runs: list[int] = []
    run = taking(LONGEST_HOLD_SECONDS / 3)

    def counted(inputs: Tensors) -> None:
        runs.append(len(inputs[0]))
        run(inputs)

    warmed = warm_up(counted, rows, 64, spare_core=False)
    assert warmed.inline_rows == 2
    assert [runs.count(size) for size in (8, 16, 32, 64)] == [1] * 4
    assert runs.count(1) > 2
