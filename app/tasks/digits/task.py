"""The digits task: which models it takes, and the golden digits that they must read."""

import numpy as np

from app.errors import BundleError
from app.inference.bundle import Manifest
from app.inference.session import Session, Tensors
from app.tasks.digits.classifier import ENERGY, Classifier
from app.tasks.digits.manifest import DigitsManifest


class GoldenClassifier(Classifier):
    """A classifier that has read its golden digits."""

    def __init__(self, session: Session, manifest: DigitsManifest) -> None:
        """Raises BundleError where it breaks its contract or reads too few of them."""
        super().__init__(session, manifest.labels)
        golden = manifest.golden
        self._golden = golden.frames()
        scores = self.scores(self._golden)
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

    def probe(self) -> Tensors:
        return (self._golden[:1],)


class DigitsTask:
    """Opens digit models."""

    manifest = DigitsManifest

    def open(self, manifest: Manifest, session: Session) -> GoldenClassifier:
        """Raises BundleError."""
        assert isinstance(manifest, DigitsManifest)  # it was read as such
        return GoldenClassifier(session, manifest)
