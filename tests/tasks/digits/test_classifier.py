"""A digit model keeps its contract, or is not opened."""

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper

from app.errors import BundleError
from app.inference.session import CPU
from app.tasks.digits.classifier import opened
from app.tasks.digits.manifest import read_bundle
from tests.conftest import DIGITS, MLP

Digits = NDArray[np.uint8]


@pytest.fixture
def model() -> bytes:
    return read_bundle(DIGITS).model


def graph(input_type: int = TensorProto.UINT8, output: str = "probabilities") -> bytes:
    """A model that is valid ONNX and nothing more."""
    image = helper.make_tensor_value_info("image", input_type, [None, 28, 28])
    result = helper.make_tensor_value_info(output, TensorProto.FLOAT, [None, 10])
    shape = helper.make_tensor("shape", TensorProto.INT64, [2], [-1, 784])
    ends = [
        helper.make_tensor(name, TensorProto.INT64, [1], [value]) for name, value in (("a", 0), ("b", 10), ("c", 1))
    ]
    nodes = [
        helper.make_node("Cast", ["image"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("Reshape", ["float", "shape"], ["flat"]),
        helper.make_node("Slice", ["flat", "a", "b", "c"], [output]),
    ]
    built = helper.make_graph(nodes, "g", [image], [result], [shape, *ends])
    return helper.make_model(built, opset_imports=[helper.make_opsetid("", 18)], ir_version=10).SerializeToString()


@pytest.mark.parametrize("images", [1, 2, 7, 64])
def test_probabilities(model: bytes, digits: Digits, images: int) -> None:
    rows = opened(model).scores(np.resize(digits, (images, 28, 28)))
    assert rows.shape == (images, 11)
    assert rows.dtype == np.float32
    assert np.allclose(rows[:, :10].sum(axis=1), 1, atol=1e-5)
    assert rows[:, :10].argmax(axis=1).tolist() == [place % 10 for place in range(images)]


def test_a_batch_reads_as_its_images_do_alone(model: bytes, digits: Digits) -> None:
    session = opened(model)
    alone = np.concatenate([session.scores(digits[place : place + 1]) for place in range(10)])
    assert np.allclose(session.scores(digits), alone, atol=1e-6, equal_nan=True)


def test_a_model_of_other_columns() -> None:
    proto = onnx.load_from_string(graph())
    next(one for one in proto.graph.initializer if one.name == "b").CopyFrom(
        helper.make_tensor("b", TensorProto.INT64, [1], [1])
    )
    proto.graph.output[0].type.tensor_type.shape.dim[1].dim_param = "C"
    with pytest.raises(BundleError, match=r"expected `probabilities` of two images to be \(2, 10\); .* gives \(2, 1\)"):
        opened(proto.SerializeToString())


def test_columns_in_another_order_are_read_by_their_labels(digits: Digits) -> None:
    model = read_bundle(MLP).model
    labels = [str(digit) for digit in (3, 1, 4, 0, 5, 9, 2, 6, 8, 7)]
    scores = opened(reordered(model, labels), labels).scores(digits)
    assert np.array_equal(scores, opened(model).scores(digits), equal_nan=True)


def reordered(model: bytes, labels: list[str]) -> bytes:
    """A model whose columns are the digits 0 to 9, with the same columns in the order of `labels`."""
    proto = onnx.load_from_string(model)
    last = next(node for node in proto.graph.node if "probabilities" in node.output)
    last.output[list(last.output).index("probabilities")] = "in_order"
    proto.graph.initializer.append(helper.make_tensor("order", TensorProto.INT64, [10], [int(one) for one in labels]))
    proto.graph.node.append(helper.make_node("Gather", ["in_order", "order"], ["probabilities"], axis=1))
    changed: bytes = proto.SerializeToString()
    return changed


def test_a_model_without_energy_gives_nan(digits: Digits) -> None:
    assert np.isnan(opened(read_bundle(MLP).model).scores(digits)[:, 10]).all()


def test_a_model_with_another_energy() -> None:
    proto = onnx.load_from_string(graph())
    proto.graph.node.append(helper.make_node("Identity", ["probabilities"], ["energy"]))
    proto.graph.output.append(helper.make_tensor_value_info("energy", TensorProto.FLOAT, [None, 10]))
    with pytest.raises(BundleError, match="expected the output `energy` to be float32"):
        opened(proto.SerializeToString())


def test_a_model_with_energies_of_another_length() -> None:
    proto = onnx.load_from_string(graph())
    proto.graph.node.append(helper.make_node("ReduceSum", ["probabilities"], ["sum"], keepdims=0))
    proto.graph.node.append(helper.make_node("Reshape", ["sum", "one"], ["energy"]))
    proto.graph.initializer.append(helper.make_tensor("one", TensorProto.INT64, [1], [1]))
    proto.graph.output.append(helper.make_tensor_value_info("energy", TensorProto.FLOAT, ["N"]))
    with pytest.raises(BundleError, match=r"expected `energy` of two images to be \(2,\); the model gives \(1,\)"):
        opened(proto.SerializeToString())


def test_a_model_with_another_input() -> None:
    with pytest.raises(BundleError, match="expected one input `image`, uint8"):
        opened(graph(input_type=TensorProto.FLOAT))


def test_a_model_with_another_output() -> None:
    with pytest.raises(BundleError, match="expected an output `probabilities`"):
        opened(graph(output="logits"))


def test_the_stand_in_model_is_valid() -> None:
    onnx.checker.check_model(onnx.load_model_from_string(graph()))
    assert opened(graph()).session.provider == CPU
