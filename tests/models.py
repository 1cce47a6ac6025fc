"""Small foreign models, made with onnx.helper: graphs alone, without a manifest."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def tensor(name: str, kind: int, shape: list[int | str | None]) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, shape)


def graph(
    nodes: list[onnx.NodeProto],
    inputs: list[onnx.ValueInfoProto],
    outputs: list[onnx.ValueInfoProto],
    weights: Sequence[onnx.TensorProto] = (),
) -> bytes:
    made = helper.make_graph(nodes, "g", inputs, outputs, weights)
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.checker.check_model(model)
    content: bytes = model.SerializeToString()
    return content


def add() -> bytes:
    """a + b, [N, 3] each."""
    ends = [tensor(name, TensorProto.FLOAT, ["n", 3]) for name in ("a", "b", "sum")]
    return graph([helper.make_node("Add", ["a", "b"], ["sum"])], ends[:2], ends[2:])


def centred() -> bytes:
    """x less its mean over the rows: they know of each other, though the axis has no size."""
    nodes = [
        helper.make_node("ReduceMean", ["x"], ["mean"], keepdims=1),
        helper.make_node("Sub", ["x", "mean"], ["y"]),
    ]
    return graph(nodes, [tensor("x", TensorProto.FLOAT, ["n", 2])], [tensor("y", TensorProto.FLOAT, ["n", 2])])


def doubled(kind: int = TensorProto.FLOAT) -> bytes:
    """x + x of any type with an addition, [N, W] with any W."""
    ends = [tensor(name, kind, ["n", "w"]) for name in ("x", "y")]
    return graph([helper.make_node("Add", ["x", "x"], ["y"])], ends[:1], ends[1:])


def grown() -> bytes:
    """x twice, one beside the other, [N, 2 W]."""
    x, y = (tensor(name, TensorProto.FLOAT, ["n", width]) for name, width in (("x", "w"), ("y", "twice")))
    return graph([helper.make_node("Concat", ["x", "x"], ["y"], axis=1)], [x], [y])


def same(kind: int) -> bytes:
    """x as it is, [N, 2]."""
    ends = [tensor(name, kind, ["n", 2]) for name in ("x", "y")]
    return graph([helper.make_node("Identity", ["x"], ["y"])], ends[:1], ends[1:])


def scaled() -> bytes:
    """x times a scalar."""
    shapes: dict[str, list[int | str | None]] = {"x": ["n"], "by": [], "y": ["n"]}
    ends = [tensor(name, TensorProto.FLOAT, shape) for name, shape in shapes.items()]
    return graph([helper.make_node("Mul", ["x", "by"], ["y"])], ends[:2], ends[2:])


def sequence() -> bytes:
    """What gives a sequence of tensors, which no request can be given."""
    x = tensor("x", TensorProto.FLOAT, ["n", 2])
    y = helper.make_tensor_sequence_value_info("y", TensorProto.FLOAT, None)
    return graph([helper.make_node("SequenceConstruct", ["x", "x"], ["y"])], [x], [y])


def chain(size: int) -> bytes:
    """x, [N, 1024], through matrices of so many bytes together."""
    side = 1024
    nodes, weights, last = [], [], "x"
    for layer in range(size // (4 * side**2)):
        weights.append(numpy_helper.from_array(np.full((side, side), layer, np.float32), f"w{layer}"))
        nodes.append(helper.make_node("MatMul", [last, f"w{layer}"], [f"y{layer}"]))
        last = f"y{layer}"
    ends = [tensor(name, TensorProto.FLOAT, ["n", side]) for name in ("x", last)]
    return graph(nodes, ends[:1], ends[1:], weights)


def total() -> bytes:
    """The sum of all rows: one row for however many."""
    x, y = (tensor(name, TensorProto.FLOAT, shape) for name, shape in (("x", ["n", 2]), ("y", [1, 2])))
    axes = helper.make_tensor("axes", TensorProto.INT64, [1], [0])
    nodes = [
        helper.make_node("Constant", [], ["axes"], value=axes),
        helper.make_node("ReduceSum", ["x", "axes"], ["y"], keepdims=1),
    ]
    return graph(nodes, [x], [y])


def put(models: Path, name: str, content: bytes, version: str = "1") -> Path:
    """Into a folder of models, alone."""
    folder = models / name / version
    folder.mkdir(parents=True)
    (folder / "model.onnx").write_bytes(content)
    return folder
