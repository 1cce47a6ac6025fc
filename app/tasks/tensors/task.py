"""The tensors task: any model whose graph takes and gives plain tensors."""

from app.errors import NotRunnable
from app.inference import elements
from app.inference.bundle import Manifest
from app.inference.contract import Contract
from app.inference.session import Session, Tensors
from app.tasks.tensors.described import contract_of
from app.tasks.tensors.manifest import TensorsManifest
from app.tasks.tensors.probing import Probed

LACKS_MEMORY = "Available memory of"  # in ONNX Runtime's own words, where an arena may grow no further
MOST_REASON = 300  # characters of ONNX Runtime's own words


class TensorsRunner:
    """A model as its graph has it."""

    def __init__(self, session: Session, manifest: TensorsManifest) -> None:
        """Raises BundleError where no request could ask it anything, or the manifest is of another graph."""
        self.contract = contract_of(Contract.of(session.inputs, session.outputs), manifest)
        self._probed = Probed(session, self.contract, manifest.batched)
        self.batched = self._probed.batched
        self.labels = manifest.labels
        self._session = session

    def run(self, inputs: Tensors) -> Tensors:
        """Raises NotRunnable: that ONNX Runtime fails on what its contract allows is mostly the inputs' fault."""
        try:
            return self._session.run(tuple([elements.aligned(one) for one in inputs]))
        except Exception as error:  # ONNX Runtime's exceptions share no base
            if LACKS_MEMORY in str(error):
                self._give_back()
                raise NotRunnable(
                    "a run on these inputs takes more memory than runs may (max_run_bytes); send less at a time"
                ) from error
            raise NotRunnable(f"the model does not run on these inputs: {str(error)[:MOST_REASON]}") from error

    def _give_back(self) -> None:
        """What a run that failed took: a session does so after one that did not."""
        if (inputs := self.probe()) is not None:
            self._session.run(inputs)

    def sample(self, rows: int) -> Tensors | None:
        return self._probed.sample(rows)

    def probe(self) -> Tensors | None:
        return self._probed.sample(1)


class TensorsTask:
    """Opens models of any kind."""

    manifest = TensorsManifest
    any_size = True

    def open(self, manifest: Manifest, session: Session) -> TensorsRunner:
        """Raises BundleError."""
        assert isinstance(manifest, TensorsManifest)  # it was read as such
        return TensorsRunner(session, manifest)
