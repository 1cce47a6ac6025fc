"""The tensors task: any model whose graph takes and gives plain tensors."""

from app.inference.bundle import Manifest
from app.inference.contract import Contract
from app.inference.session import Session, Tensors
from app.tasks.tensors.manifest import TensorsManifest
from app.tasks.tensors.probing import Probed


class TensorsRunner:
    """A model as its graph has it."""

    def __init__(self, session: Session, manifest: TensorsManifest) -> None:
        """Raises BundleError where no request could ask it anything."""
        self.contract = Contract.of(session.inputs, session.outputs)
        self._probed = Probed(session, self.contract, manifest.batched)
        self.batched = self._probed.batched
        self.labels = manifest.labels
        self.run = session.run

    def sample(self, rows: int) -> Tensors:
        return self._probed.sample(rows)

    def probe(self) -> Tensors:
        return self._probed.sample(1)


class TensorsTask:
    """Opens models of any kind."""

    manifest = TensorsManifest

    def open(self, manifest: Manifest, session: Session) -> TensorsRunner:
        """Raises BundleError."""
        assert isinstance(manifest, TensorsManifest)  # it was read as such
        return TensorsRunner(session, manifest)
