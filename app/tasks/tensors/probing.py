"""Whether rows of requests may be run together: found by trying, not by the names of axes.

A model is batched where all of its inputs have a first axis of any size, and each row of a run of two and of three
comes out as it does alone. So one whose rows know of each other (a normalisation over the batch, a state) is not.
"""

from collections.abc import Iterator
from itertools import product

import numpy as np
from numpy.typing import NDArray

from app.errors import BundleError
from app.inference.contract import ANY, Contract, Tensor
from app.inference.datatypes import BYTES
from app.inference.session import Session, Tensors

SIZES = (1, 8, 32, 48, 64, 128, 224, 256, 512)  # for axes of any size, until the model runs
LARGEST = 100, 1  # whole numbers: those of small vocabularies and flags are tried when larger ones fail
RELATIVE, ABSOLUTE = 1e-3, 1e-4  # by how much a row may differ: sums are formed in another order
ROWS = (2, 3)


class Probed:
    """What trying has shown."""

    def __init__(self, session: Session, contract: Contract, batched: bool | None) -> None:
        """`batched` is what the manifest says, where it does. Raises BundleError where rows cannot even be cut."""
        self._contract = contract
        self._found = next((tried for tried in product(LARGEST, SIZES) if _runs(session, self._made(1, *tried))), None)
        """The largest whole number, and the size of axes of any size, with which the model runs."""
        self.batched = self._is_batched(session) if batched is None else batched
        if batched and (sample := self.sample(ROWS[0])) is not None and not _gives_rows(session, sample):
            raise BundleError("the manifest says batched, but the outputs do not have the rows that the inputs have")

    def sample(self, rows: int) -> Tensors | None:
        """Inputs of so many rows that differ; None where the model ran on none of those that were tried."""
        return None if self._found is None else self._made(rows, *self._found)

    def _made(self, rows: int, largest: int, size: int) -> Tensors:
        random = np.random.default_rng(0)
        tensors = self._contract.inputs
        return tuple(_values(tensor, tuple(_shape(tensor, rows, size)), largest, random) for tensor in tensors)

    def _is_batched(self, session: Session) -> bool:
        any_rows = all(tensor.shape[:1] == (ANY,) for tensor in self._contract.inputs)
        samples = [self.sample(rows) for rows in ROWS]
        return any_rows and all(inputs is not None and _row_by_row(session, inputs) for inputs in samples)


def _runs(session: Session, inputs: Tensors) -> bool:
    try:
        session.run(inputs)
    except Exception:  # whatever it is, ONNX Runtime's exceptions share no base
        return False
    return True


def _gives_rows(session: Session, inputs: Tensors) -> bool:
    """Whether there is a row of every output for each row of the inputs."""
    try:
        return all(output.shape[:1] == inputs[0].shape[:1] for output in session.run(inputs))
    except Exception:  # as above
        return False


def _row_by_row(session: Session, inputs: Tensors) -> bool:
    """Whether each row comes out of a run as it does alone."""
    rows = len(inputs[0])
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


def _values(tensor: Tensor, size: tuple[int, ...], largest: int, random: np.random.Generator) -> NDArray[np.generic]:
    """Fractions from 0 to 1, whole numbers up to the `largest`, and texts of a letter."""
    if tensor.datatype.name == BYTES:
        letters = np.array([*"abcdefgh"], np.object_)
        return np.asarray(random.choice(letters, size), np.object_)
    if tensor.datatype.numpy.kind == "f":
        return random.random(size).astype(tensor.datatype.numpy)
    return random.integers(0, min(largest, _most(tensor)) + 1, size).astype(tensor.datatype.numpy)


def _most(tensor: Tensor) -> int:
    """The largest of its type."""
    return 1 if tensor.datatype.name == "BOOL" else int(np.iinfo(tensor.datatype.numpy).max)
