"""A foreign model's manifest against its graph: what it may say, and what it says when all is written out."""

from collections.abc import Sequence

from app.errors import BundleError
from app.inference.contract import ANY, Contract, Tensor
from app.serving.repository import Runner
from app.tasks.tensors.manifest import SaidTensor, TensorsManifest


def contract_of(graph: Contract, manifest: TensorsManifest) -> Contract:
    """The graph's contract, with the sizes that the manifest says. Raises BundleError where they are of another."""
    contract = Contract(
        tuple(_said(graph.inputs, manifest.inputs, "inputs")), tuple(_said(graph.outputs, manifest.outputs, "outputs"))
    )
    known = [tensor.name for tensor in contract.outputs]
    if unknown := manifest.labels.keys() - known:
        raise BundleError(f"the manifest has labels for {', '.join(sorted(unknown))}; the outputs are {known}")
    if manifest.batched and (fixed := [one.name for one in contract.inputs if one.shape[:1] != (ANY,)]):
        raise BundleError(f"the manifest says batched, but the first axes of {fixed} are not of any size")
    return contract


def _said(tensors: Sequence[Tensor], said: Sequence[SaidTensor] | None, what: str) -> Sequence[Tensor]:
    if said is None:
        return tensors
    if (named := [one.name for one in said]) != (found := [tensor.name for tensor in tensors]):
        raise BundleError(f"the manifest says that the {what} are {named}; in the graph they are {found}")
    return [_narrowed(tensor, one) for tensor, one in zip(tensors, said, strict=True)]


def _narrowed(tensor: Tensor, said: SaidTensor) -> Tensor:
    own = _say(tensor)
    if said.datatype != own.datatype or not tensor.allows(said.shape) or any(size < ANY for size in said.shape):
        raise BundleError(
            f"the manifest says that `{tensor.name}` is {said.datatype} {said.shape}; in the graph it is "
            f"{own.datatype} {own.shape}, of which only {ANY} may be given a size"
        )
    return tensor._replace(shape=tuple(said.shape))


def described(manifest: TensorsManifest, runner: Runner) -> TensorsManifest:
    """The manifest with all that was found out of the model, as it was opened."""
    inputs, outputs = ([_say(tensor) for tensor in tensors] for tensors in runner.contract)
    labels = {tensor.name: runner.labels.get(tensor.name, []) for tensor in runner.contract.outputs}
    return manifest.model_copy(
        update={"batched": runner.batched, "inputs": inputs, "outputs": outputs, "labels": labels}
    )


def _say(tensor: Tensor) -> SaidTensor:
    return SaidTensor(name=tensor.name, datatype=tensor.datatype.name, shape=list(tensor.shape))
