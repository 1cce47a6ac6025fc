"""The same work on many pieces, in as many processes as there are cores."""

import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Any, TypeVar

from tqdm import tqdm

from app.cores import usable_cores

T = TypeVar("T")


def spread(work: Callable[..., T], jobs: Sequence[tuple[Any, ...]], what: str) -> list[T]:
    """What `work` makes of each job, in their order; `what` is shown on the progress bar."""
    started_anew = multiprocessing.get_context("spawn")  # TensorFlow's threads would not survive a fork
    with ProcessPoolExecutor(min(usable_cores(), len(jobs)), mp_context=started_anew) as processes:
        made = [processes.submit(work, *job) for job in jobs]
        return [one.result() for one in tqdm(made, desc=what, leave=False, disable=None)]
