"""What layers of a model make of an input, given by the same graph with more outputs."""

from contextlib import suppress
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from app.errors import BundleError
from app.inference.inner import Inner, inner_of, with_outputs
from app.inference.session import Session
from tests.conftest import DIGITS, MLP


def test_the_layers_of_a_network_are_in_its_order() -> None:
    layers = inner_of((DIGITS / "model.onnx").read_bytes())
    convolutions = [layer for layer in layers if layer.operator == "Conv"]
    assert [layer.name for layer in convolutions] == [f"cnn_1/re_lu_{at}" for at in ("1", "1_2", "2_1", "3_1", "4_1")]
    assert [layer.operator for layer in layers[-3:]] == ["Gemm", "Mul", "ReduceLogSumExp"]  # logits and what follows


def test_they_are_what_the_weights_make_of_the_input(digits: NDArray[np.uint8]) -> None:
    model = (MLP / "model.onnx").read_bytes()
    layers = {layer.name.split("/")[-1]: layer.value for layer in inner_of(model)}
    session = Session(with_outputs(model, [layers["dense_1"]]))
    outputs = dict(zip([spec.name for spec in session.outputs], session.run((digits,)), strict=True))
    graph = onnx.load_from_string(model).graph
    first, second, *_ = (node for node in graph.node if "dense_1/" in node.name)
    tensors = {one.name: numpy_helper.to_array(one) for one in graph.initializer}
    weights, biases = (next(tensors[name] for name in node.input if name in tensors) for node in (first, second))
    expected = np.maximum(digits.reshape(10, -1) / np.float32(255) @ weights + biases, 0)
    assert outputs[layers["dense_1"]] == pytest.approx(expected, abs=1e-4)


def test_the_model_answers_as_before(digits: NDArray[np.uint8]) -> None:
    model = (DIGITS / "model.onnx").read_bytes()
    more = Session(with_outputs(model, [layer.value for layer in inner_of(model)])).run((digits,))
    for before, after in zip(Session(model).run((digits,)), more, strict=False):
        assert after == pytest.approx(before, abs=1e-6)


def test_what_another_exporter_names_is_found() -> None:
    """PyTorch's paths begin with a slash, and have no operator's number behind a colon."""
    weights = numpy_helper.from_array(np.ones((4, 3), np.float32), "fc.weight")
    shape = numpy_helper.from_array(np.array([1, -1]), "shape")
    nodes = [
        helper.make_node("Reshape", ["x", "shape"], ["/Reshape_output_0"]),
        helper.make_node("MatMul", ["/Reshape_output_0", "fc.weight"], ["/fc/MatMul_output_0"]),
        helper.make_node("Tanh", ["/fc/MatMul_output_0"], ["/fc/Tanh_output_0"]),
        helper.make_node("Exp", ["fc.weight"], ["/aside/Exp_output_0"]),
        helper.make_node("Softmax", ["/fc/Tanh_output_0"], ["y"]),
    ]
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in "xy")
    model = helper.make_model(helper.make_graph(nodes, "g", [x], [y], [weights, shape])).SerializeToString()
    assert inner_of(model) == [Inner("fc", "MatMul", "/fc/Tanh_output_0")]


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_what_is_no_model_is_refused_or_has_no_layers(data: bytes) -> None:
    with suppress(BundleError):
        assert inner_of(data) == []


@pytest.mark.parametrize("length", [1_000, 100_000])
def test_a_file_that_is_cut_off_is_refused(length: int) -> None:
    with pytest.raises(BundleError, match="no ONNX model"):
        inner_of(Path(DIGITS / "model.onnx").read_bytes()[:length])
