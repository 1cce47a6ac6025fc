"""The lines task: which models it takes."""

import numpy as np

from app.errors import BundleError, NotRunnable
from app.inference.bundle import Manifest
from app.inference.contract import ANY
from app.inference.session import Session, Tensors
from app.tasks.lines.manifest import LinesManifest
from app.tasks.tensors.manifest import SaidTensor, TensorsManifest
from app.tasks.tensors.task import TensorsRunner

STRIPS, COLUMNS = "strips", "columns"
SAMPLE_STEPS = 4  # of the widths that strips have
AT_ONCE = 1_024  # pixels of strips side by side, for which a run takes 25 MB at most; more at once are no faster


class LineReader(TensorsRunner):
    """Strips uint8 [N, height, W] -> probabilities float32 [N, W / column, classes]."""

    def __init__(self, session: Session, manifest: LinesManifest) -> None:
        """Raises BundleError where it breaks its contract."""
        classes = ["", *manifest.alphabet]
        strips = SaidTensor(name=STRIPS, datatype="UINT8", shape=[ANY, manifest.strip.height, ANY])
        columns = SaidTensor(name=COLUMNS, datatype="FP32", shape=[ANY, ANY, len(classes)])
        of_all = manifest.model_dump(include={*Manifest.model_fields} - {"task"})
        told = TensorsManifest(**of_all, batched=True, inputs=[strips], outputs=[columns], labels={COLUMNS: classes})
        super().__init__(session, told)
        self._longest = manifest.strip.longest
        self._bare = (manifest.strip.height, SAMPLE_STEPS * manifest.strip.step)
        (found,) = self.run(self.sample(2))
        expected = (2, self._bare[1] // manifest.column, len(classes))
        if found.shape != expected or not np.allclose(found.sum(axis=2), 1, atol=1e-3):
            raise BundleError(f"expected `{COLUMNS}` to be probabilities {expected}; the model gives {found.shape}")

    def run(self, inputs: Tensors) -> Tensors:
        """Of many long strips, a few at a time. Raises NotRunnable."""
        (strips,) = inputs
        count, _, width = strips.shape
        if width > self._longest:
            raise NotRunnable(f"strips are {self._longest:,} pixels wide at most; these are {width:,}. Cut it up.")
        most = max(1, AT_ONCE // max(width, 1))
        if count <= most:
            return super().run(inputs)
        parts = [super(LineReader, self).run((strips[start : start + most],)) for start in range(0, count, most)]
        return (np.concatenate([columns for (columns,) in parts]),)

    def sample(self, rows: int) -> Tensors:
        """Bare paper."""
        return (np.zeros((rows, *self._bare), np.uint8),)

    def probe(self) -> Tensors:
        return self.sample(1)


class LinesTask:
    """Opens line readers."""

    manifest = LinesManifest
    any_size = False  # longer strips are refused, and many are run a few at a time

    def open(self, manifest: Manifest, session: Session) -> LineReader:
        """Raises BundleError."""
        assert isinstance(manifest, LinesManifest)  # it was read as such
        return LineReader(session, manifest)
