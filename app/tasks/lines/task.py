"""The lines task: which models it takes."""

import numpy as np

from app.errors import BundleError
from app.inference.bundle import Manifest
from app.inference.contract import ANY, Contract, Tensor
from app.inference.datatypes import BY_NAME
from app.inference.session import Session, Tensors
from app.tasks.lines.manifest import LinesManifest

STRIPS, COLUMNS = "strips", "columns"


class LineReader:
    """A line reader whose contract has been checked."""

    batched = True

    def __init__(self, session: Session, manifest: LinesManifest) -> None:
        """Raises BundleError where it breaks its contract."""
        self._session = session
        self._strip = manifest.strip
        classes = ["", *manifest.alphabet]
        self.labels = {COLUMNS: classes}
        self.contract = Contract(
            (Tensor(STRIPS, BY_NAME["UINT8"], (ANY, manifest.strip.height, ANY)),),
            (Tensor(COLUMNS, BY_NAME["FP32"], (ANY, ANY, len(classes))),),
        )
        found = Contract.of(session.inputs, session.outputs)
        if [one.name for one in (*found.inputs, *found.outputs)] != [STRIPS, COLUMNS]:
            raise BundleError(f"expected an input `{STRIPS}` and an output `{COLUMNS}`; the model has {found}")
        try:
            (columns,) = self.run(self.sample(2))
        except Exception as error:  # ONNX Runtime's exceptions share no base
            raise BundleError(f"ONNX Runtime cannot run the model: {error}") from error
        expected = (2, self._sample_width // manifest.column, len(classes))
        if columns.shape != expected or not np.allclose(columns.sum(axis=2), 1, atol=1e-3):
            raise BundleError(f"expected `{COLUMNS}` to be probabilities {expected}; the model gives {columns.shape}")

    @property
    def _sample_width(self) -> int:
        return 4 * self._strip.step

    def run(self, inputs: Tensors) -> Tensors:
        """Strips uint8 [N, height, W] -> probabilities float32 [N, W / column, classes]."""
        return self._session.run(inputs)

    def sample(self, rows: int) -> Tensors:
        """Bare paper."""
        return (np.zeros((rows, self._strip.height, self._sample_width), np.uint8),)

    def probe(self) -> Tensors:
        return self.sample(1)


class LinesTask:
    """Opens line readers."""

    manifest = LinesManifest
    any_size = False

    def open(self, manifest: Manifest, session: Session) -> LineReader:
        """Raises BundleError."""
        assert isinstance(manifest, LinesManifest)  # it was read as such
        return LineReader(session, manifest)
