"""Slices of submissions -> the inputs of one run, and its outputs -> those who submitted them."""

from collections.abc import Callable
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.errors import ServiceError
from app.inference.session import Tensors
from app.serving.submission import Submission

Run = Callable[[Tensors], Tensors]
Slice = tuple[Submission, int, int]  # rows start..stop of a submission
Outcome = tuple[Tensors | Exception, float, float]  # result, seconds that it took, when it was there


def timed(run: Run, slices: list[Slice]) -> Outcome:
    """One run of them all. What it raises is its result: those who wait for it must learn of it."""
    started = perf_counter()
    try:
        result = run(_gather(slices))
    except Exception as error:
        finished = perf_counter()
        # By its traceback it would hold this frame, the inputs in it, and through the thread's frames itself.
        kept = error.bare() if isinstance(error, ServiceError) else error
        return kept, finished - started, finished
    finished = perf_counter()
    return result, finished - started, finished


def _gather(slices: list[Slice]) -> Tensors:
    if len(slices) == 1:
        submission, start, stop = slices[0]
        whole = stop - start == submission.rows
        return submission.inputs if whole else tuple(tensor[start:stop] for tensor in submission.inputs)
    return tuple([np.concatenate([_rows(*one, place) for one in slices]) for place in range(len(slices[0][0].inputs))])


def _rows(submission: Submission, start: int, stop: int, place: int) -> NDArray[Any]:
    """Of one of its inputs."""
    tensor = submission.inputs[place]
    return tensor if stop - start == submission.rows else tensor[start:stop]


def deliver(
    submission: Submission, start: int, stop: int, result: Tensors | Exception, row: int, *, alone: bool
) -> None:
    """`result` has the submission's rows start..stop from its own `row` on; nothing else and all of them if `alone`."""
    if isinstance(result, Exception):
        submission.finish(result)
        return
    rows = stop - start
    if alone:
        submission.outputs = result
    elif rows == submission.rows:  # all in one run, as every single image: nothing is copied
        submission.outputs = tuple([tensor[row : row + rows] for tensor in result])
    else:
        if not start:
            submission.outputs = tuple(
                np.empty((submission.rows, *tensor.shape[1:]), tensor.dtype) for tensor in result
            )
        for whole, tensor in zip(submission.outputs, result, strict=True):
            whole[start:stop] = tensor[row : row + rows]
    if stop == submission.rows:
        submission.finish()
