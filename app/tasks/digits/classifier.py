"""A digit model: its contract, checked, and its answers in one form whatever its columns are."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from app.errors import BundleError
from app.inference.session import Session, Tensors
from app.tasks.digits.arrays import SIDE, Frames

Probabilities = NDArray[np.float32]  # [N, 10]
Scores = NDArray[np.float32]  # [N, 11]: ten probabilities, and the energy, which is NaN where the model gives none
ENERGY = 10  # its column
NO_SCORES: Scores = np.empty((0, ENERGY + 1), np.float32)
DIGITS = tuple("0123456789")

OUTPUTS = {"probabilities": ("tensor(float)", 2), "energy": ("tensor(float)", 1)}
SHAPES_OF_TWO = {"probabilities": (2, ENERGY), "energy": (2,)}  # images


class Classifier:
    """`scores(frames)` of one opened model, whose graph has been checked. Thread-safe as the session is."""

    def __init__(self, session: Session, labels: Sequence[str] = DIGITS) -> None:
        """`labels` are the digits that its columns stand for. Raises BundleError where it breaks the contract."""
        _check_contract(session)
        self.session = session
        # Which digits the model's columns are; where they stand in order, as nearly always, copying them is quicker.
        self._digits = slice(ENERGY) if tuple(labels) == DIGITS else np.array(labels, np.intp)
        places = {spec.name: place for place, spec in enumerate(session.outputs)}
        self._probabilities, self._energy = places["probabilities"], places.get("energy")

    def scores(self, frames: Frames) -> Scores:
        """uint8 [N, 28, 28] -> float32 [N, 11]: the probabilities of 0 to 9, which sum to 1, and the energy."""
        outputs = self.session.run((frames,))
        scores = np.empty((len(frames), ENERGY + 1), np.float32)
        scores[:, self._digits] = outputs[self._probabilities]
        scores[:, ENERGY] = np.nan if self._energy is None else outputs[self._energy]
        return scores

    def run(self, inputs: Tensors) -> Tensors:
        """The same for a batcher."""
        return (self.scores(inputs[0]),)

    def sample(self, rows: int) -> Tensors:
        """Blank frames."""
        return (np.zeros((rows, SIDE, SIDE), np.uint8),)


def _check_contract(session: Session) -> None:
    inputs = {name: (kind, len(shape)) for name, kind, shape in session.inputs}
    outputs = {name: (kind, len(shape)) for name, kind, shape in session.outputs}
    if inputs != {"image": ("tensor(uint8)", 3)}:
        raise BundleError(f"expected one input `image`, uint8 [N, {SIDE}, {SIDE}]; the model has {inputs}")
    if outputs.get("probabilities") != OUTPUTS["probabilities"]:
        raise BundleError(f"expected an output `probabilities`, float32 [N, 10]; the model has {outputs}")
    if "energy" in outputs and outputs["energy"] != OUTPUTS["energy"]:
        raise BundleError(f"expected the output `energy` to be float32 [N]; the model has {outputs}")
    try:
        answers = session.run((np.zeros((2, SIDE, SIDE), np.uint8),))
    except Exception as error:  # as where it is opened
        raise BundleError(f"ONNX Runtime cannot run the model: {error}") from error
    for spec, answer in zip(session.outputs, answers, strict=True):
        expected = SHAPES_OF_TWO.get(spec.name, answer.shape)
        if answer.shape != expected:
            raise BundleError(f"expected `{spec.name}` of two images to be {expected}; the model gives {answer.shape}")


def opened(model: bytes, labels: Sequence[str] = DIGITS) -> Classifier:
    """A digit model, on one thread of the CPU, as training looks at one. Raises BundleError."""
    return Classifier(Session(model), labels)
