"""The digits task: which models it takes, and the golden digits that they must read."""

import numpy as np

from app.errors import BundleError
from app.inference.bundle import Manifest
from app.inference.contract import ANY, Contract, Tensor
from app.inference.datatypes import BY_NAME
from app.inference.session import Session, Tensors
from app.tasks.digits.arrays import SIDE
from app.tasks.digits.classifier import DIGITS, ENERGY, Classifier
from app.tasks.digits.manifest import DigitsManifest

IMAGE = Tensor("image", BY_NAME["UINT8"], (ANY, SIDE, SIDE))
PROBABILITIES = Tensor("probabilities", BY_NAME["FP32"], (ANY, len(DIGITS)))
OF_ENERGY = Tensor("energy", BY_NAME["FP32"], (ANY,))


class GoldenClassifier(Classifier):
    """A classifier that has read its golden digits."""

    batched = True

    def __init__(self, session: Session, manifest: DigitsManifest) -> None:
        """Raises BundleError where it breaks its contract or reads too few of them."""
        super().__init__(session, manifest.labels)
        self.labels = {PROBABILITIES.name: list(DIGITS)}
        self._golden = manifest.golden.frames()
        scores = self.scores(self._golden)
        _check_golden(scores, manifest)
        gives_energy = not np.isnan(scores[:, ENERGY]).any()
        self.contract = Contract((IMAGE,), (PROBABILITIES, OF_ENERGY) if gives_energy else (PROBABILITIES,))

    def probe(self) -> Tensors:
        return (self._golden[:1],)


def _check_golden(scores: np.ndarray, manifest: DigitsManifest) -> None:
    golden = manifest.golden
    if manifest.thresholds.energy is not None and np.isnan(scores[:, ENERGY]).any():
        raise BundleError("the manifest has a threshold for the energy, but the model gives none")
    probabilities = scores[:, :ENERGY]
    if not np.allclose(sums := probabilities.sum(axis=1), 1, atol=1e-3):
        raise BundleError(f"the rows of `probabilities` must sum to 1; got {sums.tolist()}")
    right = int((probabilities.argmax(axis=1) == np.array(golden.digits)).sum())
    if right < golden.least_right:
        raise BundleError(
            f"the model reads only {right} of its {len(golden.digits)} golden digits right; "
            f"its manifest asks for {golden.least_right}"
        )


class DigitsTask:
    """Opens digit models."""

    manifest = DigitsManifest
    any_size = False

    def open(self, manifest: Manifest, session: Session) -> GoldenClassifier:
        """Raises BundleError."""
        assert isinstance(manifest, DigitsManifest)  # it was read as such
        return GoldenClassifier(session, manifest)
