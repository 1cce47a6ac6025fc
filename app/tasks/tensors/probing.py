"""Whether rows of requests may be run together: found by trying, not by the names of axes.

A model is batched where all of its inputs have a first axis of any size, and each row of a run of two and of three
comes out as it does alone. So one whose rows know of each other (a normalisation over the batch, a state) is not.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from app.inference.contract import ANY, Contract, Tensor
from app.inference.datatypes import BYTES
from app.inference.session import Session, Tensors

SIZES = (1, 8, 32, 48, 64, 128, 224, 256, 512)  # for axes of any size, until the model runs
RELATIVE, ABSOLUTE = 1e-3, 1e-4  # by how much a row may differ: sums are formed in another order
ROWS = (2, 3)


class Probed:
    """What trying has shown."""

    def __init__(self, session: Session, contract: Contract, batched: bool | None) -> None:
        """`batched` is what the manifest says, where it does."""
        self._contract = contract
        self.size = next((size for size in SIZES if _runs(session, self._made(1, size))), None)
        """Of axes of any size, at which the model runs; None where none of those that were tried does."""
        self.batched = self._is_batched(session) if batched is None else batched

    def sample(self, rows: int) -> Tensors:
        """Inputs of so many rows that differ."""
        return self._made(rows, self.size or SIZES[0])

    def _made(self, rows: int, size: int) -> Tensors:
        random = np.random.default_rng(0)
        return tuple(_values(tensor, _shape(tensor, rows, size), random) for tensor in self._contract.inputs)

    def _is_batched(self, session: Session) -> bool:
        any_rows = all(tensor.shape[:1] == (ANY,) for tensor in self._contract.inputs)
        if not any_rows or self.size is None:
            return False
        return all(_row_by_row(session, self.sample(rows), rows) for rows in ROWS)


def _runs(session: Session, inputs: Tensors) -> bool:
    try:
        session.run(inputs)
    except Exception:  # whatever it is, ONNX Runtime's exceptions share no base
        return False
    return True


def _row_by_row(session: Session, inputs: Tensors, rows: int) -> bool:
    """Whether each row comes out of a run as it does alone."""
    try:
        together = session.run(inputs)
        alone = [session.run(tuple(tensor[row : row + 1] for tensor in inputs)) for row in range(rows)]
    except Exception:  # as above
        return False
    return all(
        output.shape[:1] == (rows,) and all(_same(output[row : row + 1], one[place]) for row, one in enumerate(alone))
        for place, output in enumerate(together)
    )


def _same(one: NDArray[np.generic], other: NDArray[np.generic]) -> bool:
    if one.shape != other.shape:
        return False
    if one.dtype.kind == "f":
        return bool(np.allclose(one, other, RELATIVE, ABSOLUTE, equal_nan=True))
    return bool((one == other).all())


def _shape(tensor: Tensor, rows: int, size: int) -> Iterator[int]:
    for axis, own in enumerate(tensor.shape):
        yield own if own != ANY else rows if axis == 0 else size


def _values(tensor: Tensor, shape: Iterator[int], random: np.random.Generator) -> NDArray[np.generic]:
    """Small ones, which are as good as any for most models: numbers from 0 to 1, and texts of a letter."""
    size = tuple(shape)
    if tensor.datatype.name == BYTES:
        letters = np.array([*"abcdefgh"], np.object_)
        return np.asarray(random.choice(letters, size), np.object_)
    if tensor.datatype.numpy.kind == "f":
        return random.random(size).astype(tensor.datatype.numpy)
    return random.integers(0, 2, size).astype(tensor.datatype.numpy)
