"""Models that the service knows nothing of, beside its own: small graphs, and one of a package where it is there."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import onnx
from onnx import TensorProto, helper

from benchmarks.servers import MODELS

DOUBLED, CENTRED, TEXTS, LINES = "doubled", "centred", "texts", "lines"
LINES_FILE = "rapidocr_onnxruntime", "models/*_rec_infer.onnx"  # reads lines of any width: [N, 3, 48, W]


@contextmanager
def all_models() -> Iterator[Path]:
    """A folder of the service's own models and of foreign ones."""
    with TemporaryDirectory(prefix="digitserve-models-") as made:
        folder = Path(made)
        for one in MODELS.iterdir():
            (folder / one.name).symlink_to(one)
        for name, content in foreign_models().items():
            (folder / name / "1").mkdir(parents=True)
            (folder / name / "1" / "model.onnx").write_bytes(content)
        yield folder


def foreign_models() -> dict[str, bytes]:
    """By name. Those of [N, W] take any of both; rows of `centred` know of each other."""
    mean = helper.make_node("ReduceMean", ["x"], ["mean"], keepdims=1)
    models = {
        DOUBLED: _graph([helper.make_node("Add", ["x", "x"], ["y"])], TensorProto.FLOAT),
        CENTRED: _graph([mean, helper.make_node("Sub", ["x", "mean"], ["y"])], TensorProto.FLOAT),
        TEXTS: _graph([helper.make_node("Identity", ["x"], ["y"])], TensorProto.STRING),
    }
    package, pattern = LINES_FILE
    spec = find_spec(package)
    if spec is not None and spec.submodule_search_locations:
        (models[LINES],) = (one.read_bytes() for one in Path(spec.submodule_search_locations[0]).glob(pattern))
    return models


def _graph(nodes: list[Any], kind: int) -> bytes:
    x, y = (helper.make_tensor_value_info(name, kind, ["n", "w"]) for name in ("x", "y"))
    made = helper.make_graph(nodes, "g", [x], [y])
    model: onnx.ModelProto = helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)
    return bytes(model.SerializeToString())
