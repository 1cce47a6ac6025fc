"""What a model takes and gives: named tensors of a type and a shape, as its graph says."""

from collections.abc import Sequence
from typing import NamedTuple, Self

from app.errors import BundleError
from app.inference.datatypes import BY_ONNX, Datatype

ANY = -1  # in a shape: whatever size a request has


class TensorSpec(NamedTuple):
    """An input or output, as the model's graph has it."""

    name: str
    type: str
    """ONNX Runtime's word, as in `tensor(uint8)`."""
    shape: tuple[int | str | None, ...]


class Tensor(NamedTuple):
    """An input or an output."""

    name: str
    datatype: Datatype
    shape: tuple[int, ...]
    """ANY where requests may differ."""

    @classmethod
    def of(cls, spec: TensorSpec) -> Self:
        """Raises BundleError where it is no tensor that the protocol has a type for."""
        if spec.type not in BY_ONNX:
            raise BundleError(_advice(spec))
        shape = tuple(size if isinstance(size, int) and size >= 0 else ANY for size in spec.shape)
        return cls(spec.name, BY_ONNX[spec.type], shape)

    def allows(self, shape: Sequence[int]) -> bool:
        """Whether a tensor of that shape is one."""
        return len(shape) == len(self.shape) and all(
            own in (ANY, came) for own, came in zip(self.shape, shape, strict=True)
        )


class Contract(NamedTuple):
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]

    @classmethod
    def of(cls, inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec]) -> Self:
        """Raises BundleError where there are some that no request can bring or be given."""
        if not inputs:
            raise BundleError("the model has no inputs, so that no request could ask it anything")
        return cls(tuple(map(Tensor.of, inputs)), tuple(map(Tensor.of, outputs)))


def _advice(spec: TensorSpec) -> str:
    """Why such a model is not served, and what its maker can do."""
    what = f"`{spec.name}` is a {spec.type}, and only plain tensors are served"
    if spec.type.startswith(("seq(map", "map(")):
        return f"{what}; exported by skl2onnx, pass options={{id(model): {{'zipmap': False}}}} to convert_sklearn"
    if spec.type.startswith("seq("):
        return f"{what}; let the graph stack the sequence into one tensor (ConcatFromSequence)"
    if spec.type.startswith(("sparse", "optional")):
        return f"{what}; let the graph give a dense tensor that is always there"
    return f"{what} (of {', '.join(BY_ONNX)}); cast it in the graph"
