"""Which models are taken for line readers."""

from datetime import UTC, datetime
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from pydantic import ValidationError

from app.errors import BundleError
from app.imaging.strips import StripShape
from app.inference.session import Session
from app.tasks.lines.manifest import LinesManifest
from app.tasks.lines.task import LinesTask
from app.tasks.lines.trust import Trust

ALPHABET = "0123456789.,-"
CLASSES = 1 + len(ALPHABET)
SHAPE = StripShape(height=32, ink=24, ends=8, step=32, longest=512)


def manifest(**changes: Any) -> LinesManifest:
    fields: dict[str, Any] = {
        "name": "numbers",
        "version": "1",
        "created": datetime.now(UTC),
        "model_sha256": "0" * 64,
        "alphabet": ALPHABET,
        "strip": SHAPE,
        "column": 2,
        "trust": Trust(cut=0.5, uncut=-30, line=1, other=-4),
        "accept": 0.9,
        "review": 0.5,
        "architecture": "lines",
        "parameters": 1,
        "opset": 17,
        "licence": "Apache-2.0",
        "intended_use": "tests",
        "limits": "all",
    }
    return LinesManifest(**fields | changes)


def reader(*, classes: int = CLASSES, column: int = 2, output: str = "columns", is_sure: bool = True) -> Session:
    """It sees nothing in any column, or, where it is not `is_sure`, a bit of everything that does not sum to 1."""
    seen = np.eye(1, classes, dtype=np.float32)[None] if is_sure else np.ones((1, 1, classes), np.float32)
    constants = {"seen": seen, "axes": np.array([1]), "bare": np.zeros(1, np.float32)}
    nodes = [
        helper.make_node("Cast", ["strips"], ["ink"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["ink", "axes"], ["image"]),
        helper.make_node("MaxPool", ["image"], ["small"], kernel_shape=[32, column], strides=[32, column]),
        helper.make_node("Squeeze", ["small", "axes"], ["row"]),
        helper.make_node("Transpose", ["row"], ["line"], perm=[0, 2, 1]),
        helper.make_node("Mul", ["line", "bare"], ["nothing"]),
        helper.make_node("Add", ["nothing", "seen"], [output]),
    ]
    graph = helper.make_graph(
        nodes,
        "reader",
        [helper.make_tensor_value_info("strips", TensorProto.UINT8, ["N", 32, "W"])],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, ["N", "T", classes])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return Session(model.SerializeToString())


def test_one_that_keeps_its_contract_is_taken() -> None:
    opened = LinesTask().open(manifest(), reader())
    (columns,) = opened.run((np.zeros((3, 32, 96), np.uint8),))
    assert columns.shape == (3, 48, CLASSES)
    assert opened.labels == {"columns": ["", *ALPHABET]}
    assert [tensor.shape for tensor in (*opened.contract.inputs, *opened.contract.outputs)] == [
        (-1, 32, -1),
        (-1, -1, CLASSES),
    ]


@pytest.mark.parametrize("wrong", [{"classes": CLASSES - 1}, {"column": 4}, {"output": "logits"}, {"is_sure": False}])
def test_one_that_breaks_it_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(BundleError, match="columns"):
        LinesTask().open(manifest(), reader(**wrong))


@pytest.mark.parametrize("alphabet", ["123", "01234567890", ".0123456789"])
def test_an_alphabet_begins_with_the_digits(alphabet: str) -> None:
    with pytest.raises(ValidationError, match="alphabet begins"):
        manifest(alphabet=alphabet)
