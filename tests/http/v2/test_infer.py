"""/v2 infer: every form of a request, against ONNX Runtime in this process."""

import gzip
import json
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import TensorProto

from app.inference.datatypes import DATATYPES
from app.tasks.digits import strokes
from tests import models
from tests.conftest import linked_models, serving
from tests.pictures import broken, encoded, half_in_shadow

Document = dict[str, Any]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The digit models, and some foreign ones."""
    made = linked_models(tmp_path_factory.mktemp("models"))
    models.put(made, "add", models.add())
    models.put(made, "centred", models.centred())
    models.put(made, "doubled", models.doubled())
    models.put(made, "scaled", models.scaled())
    models.put(made, "texts", models.same(TensorProto.STRING))
    for one in DATATYPES:
        if one.name != "BYTES":
            kind = getattr(TensorProto, one.onnx.removeprefix("tensor(").removesuffix(")").upper())
            models.put(made, f"same-{one.name.lower()}", models.same(kind))
    return made


@pytest.fixture(scope="module")
def client(folder: Path) -> Iterator[httpx.Client]:
    with serving(models=folder) as client:
        client.headers["Accept-Encoding"] = ""
        yield client


def entry(name: str, values: NDArray[Any], datatype: str = "FP32", **more: Any) -> Document:
    return {"name": name, "shape": list(values.shape), "datatype": datatype, **(more or {"data": values.tolist()})}


def infer(client: httpx.Client, model: str, *inputs: Document, **more: Any) -> httpx.Response:
    return client.post(f"/v2/models/{model}/infer", json={"inputs": inputs, **more})


def binary(client: httpx.Client, model: str, header: Document, *data: bytes, **headers: str) -> httpx.Response:
    text = json.dumps(header).encode()
    headers = {"Inference-Header-Content-Length": str(len(text)), **headers}
    return client.post(f"/v2/models/{model}/infer", content=text + b"".join(data), headers=headers)


def outputs(answer: httpx.Response) -> dict[str, NDArray[Any]]:
    """By name, of an answer in JSON, in bytes, or in both."""
    assert answer.status_code == 200, answer.text
    split = int(answer.headers.get("Inference-Header-Content-Length", len(answer.content)))
    document, at, found = json.loads(answer.content[:split]), split, {}
    kinds = {one.name: one.numpy for one in DATATYPES}
    for output in document["outputs"]:
        if size := output.get("parameters", {}).get("binary_data_size"):
            values = np.frombuffer(answer.content[at : at + size], kinds[output["datatype"]])
            at += size
        else:
            values = np.array(output["data"], kinds[output["datatype"]])
        found[output["name"]] = values.reshape(output["shape"])
    assert at == len(answer.content)
    return found


def expected(folder: Path, model: str, **inputs: NDArray[Any]) -> dict[str, NDArray[Any]]:
    session = onnxruntime.InferenceSession(folder / model / "1" / "model.onnx")
    names = [one.name for one in session.get_outputs()]
    return dict(zip(names, session.run(names, inputs), strict=True))


A, B = (np.random.default_rng(seed).normal(size=(4, 3)).astype(np.float32) for seed in (0, 1))


@pytest.mark.parametrize("flat", [False, True])
def test_json(client: httpx.Client, folder: Path, flat: bool) -> None:
    shaped = [values.ravel() if flat else values for values in (A, B)]
    inputs = [entry(name, values) | {"shape": [4, 3]} for name, values in zip("ab", shaped, strict=True)]
    answer = infer(client, "add", *inputs, id="mine")
    assert np.array_equal(outputs(answer)["sum"], expected(folder, "add", a=A, b=B)["sum"])
    assert answer.json().keys() == {"model_name", "model_version", "id", "outputs"}
    assert (answer.json()["model_name"], answer.json()["model_version"], answer.json()["id"]) == ("add", "1", "mine")


@pytest.mark.parametrize("both_ways", [False, True])
def test_binary(client: httpx.Client, folder: Path, both_ways: bool) -> None:
    inputs = [entry(name, one, parameters={"binary_data_size": one.nbytes}) for name, one in (("a", A), ("b", B))]
    header = {"inputs": inputs, "parameters": {"binary_data_output": both_ways}}
    answer = binary(client, "add", header, A.tobytes(), B.tobytes())
    assert np.array_equal(outputs(answer)["sum"], expected(folder, "add", a=A, b=B)["sum"])
    assert ("Inference-Header-Content-Length" in answer.headers) == both_ways


def test_sums_do_not_depend_on_where_in_a_body_a_tensor_lies(client: httpx.Client, folder: Path) -> None:
    """Wherever it begins: ONNX Runtime takes it from there, and adds up what is not aligned in another order."""
    values = np.random.default_rng(0).random((300, 2), np.float32)
    right = expected(folder, "centred", x=values)["y"]
    for padding in range(16):
        named = entry("x", values, parameters={"binary_data_size": values.nbytes})
        answer = binary(client, "centred", {"inputs": [named], "id": "a" * padding}, values.tobytes())
        assert np.array_equal(outputs(answer)["y"], right)


@pytest.mark.parametrize("one", DATATYPES[:-1], ids=lambda one: one.name)
def test_every_type_comes_back_as_it_went(client: httpx.Client, one: Any) -> None:
    values = np.array([[0, 1], [1, 0]]) if one.numpy == np.bool_ else _extremes(one.numpy)
    values = values.astype(one.numpy)
    model = f"same-{one.name.lower()}"
    header = {"inputs": [entry("x", values, one.name, parameters={"binary_data_size": values.nbytes})]}
    header["parameters"] = {"binary_data_output": True}
    assert np.array_equal(outputs(binary(client, model, header, values.tobytes()))["y"], values)
    assert np.array_equal(outputs(infer(client, model, entry("x", values, one.name)))["y"], values)


def _extremes(kind: np.dtype[Any]) -> NDArray[Any]:
    known = np.finfo(kind) if kind.kind == "f" else np.iinfo(kind)
    return np.array([[known.min, known.max], [0, 1]], kind)


def test_texts(client: httpx.Client) -> None:
    texts = [["one", "zwei"], ["", "три"]]
    plain = {"name": "x", "shape": [2, 2], "datatype": "BYTES", "data": texts}
    assert infer(client, "texts", plain).json()["outputs"][0]["data"] == ["one", "zwei", "", "три"]
    data = b"".join(struct.pack("<I", len(one.encode())) + one.encode() for row in texts for one in row)
    sized = {"name": "x", "shape": [2, 2], "datatype": "BYTES", "parameters": {"binary_data_size": len(data)}}
    wanted = [{"name": "y", "parameters": {"binary_data": True}}]
    answer = binary(client, "texts", {"inputs": [sized], "outputs": wanted}, data)
    assert answer.content.endswith(data)


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_packed_both_ways(client: httpx.Client, folder: Path, coding: str) -> None:
    values = np.zeros((500, 40), np.float32)
    body = json.dumps({"inputs": [entry("x", values)]}).encode()
    packed = gzip.compress(body) if coding == "gzip" else zlib.compress(body)
    headers = {"Content-Encoding": coding, "Accept-Encoding": coding}
    answer = client.post("/v2/models/doubled/infer", content=packed, headers=headers)
    assert answer.headers["Content-Encoding"] == coding
    assert np.array_equal(outputs(answer)["y"], expected(folder, "doubled", x=values)["y"])


def test_other_axes_may_vary(client: httpx.Client) -> None:
    for width in (1, 7, 300):
        values = np.arange(2 * width, dtype=np.float32).reshape(2, width)
        assert np.array_equal(outputs(infer(client, "doubled", entry("x", values)))["y"], 2 * values)


def test_rows_that_know_of_each_other_and_scalars_are_run_as_they_are(client: httpx.Client, folder: Path) -> None:
    values = np.array([[1, 2], [3, 6]], np.float32)
    found = outputs(infer(client, "centred", entry("x", values)))["y"]
    assert np.array_equal(found, expected(folder, "centred", x=values)["y"])
    by = np.array(3, np.float32)
    inputs = entry("x", values[0]), {"name": "by", "shape": [], "datatype": "FP32", "data": [3]}
    found = outputs(infer(client, "scaled", *inputs))["y"]
    assert np.array_equal(found, expected(folder, "scaled", x=values[0], by=by)["y"])


def test_a_large_tensor_in_json_and_out(client: httpx.Client, folder: Path) -> None:
    """Read in a process, and written in many turns."""
    values = np.random.default_rng(0).normal(size=(300, 400)).astype(np.float32)
    found = outputs(infer(client, "doubled", entry("x", values)))["y"]
    assert np.array_equal(found, expected(folder, "doubled", x=values)["y"])


class TestDigits:
    def test_frames_fractions_and_pictures_are_read_alike(
        self, client: httpx.Client, digits: NDArray[np.uint8]
    ) -> None:
        frames = outputs(infer(client, "digits", entry("image", digits, "UINT8")))
        fractions = (digits / np.float32(255)).astype(np.float32)[..., None]
        others = [
            outputs(infer(client, "digits", entry("image", fractions))),
            outputs(binary(client, "digits", *pictures([encoded(one) for one in digits]))),
        ]
        assert frames["probabilities"].argmax(axis=1).tolist() == list(range(10))
        assert frames["energy"].shape == (10,)
        for other in others:
            assert np.allclose(other["probabilities"], frames["probabilities"], atol=1e-6)

    def test_the_same_numbers_as_v1(self, client: httpx.Client, digits: NDArray[np.uint8]) -> None:
        raw = {"Content-Type": "application/octet-stream"}
        v1 = client.post("/v1/predict", content=digits[3].tobytes(), headers=raw).json()
        v2 = outputs(infer(client, "digits", entry("image", digits[3:4], "UINT8")))
        assert v2["probabilities"][0].tolist() == np.array(v1["probabilities"], np.float32).tolist()

    def test_the_highest_classes(self, client: httpx.Client, digits: NDArray[np.uint8]) -> None:
        wanted = [{"name": "probabilities", "parameters": {"classification": 2}}]
        answer = infer(client, "digits", entry("image", digits, "UINT8"), outputs=wanted).json()["outputs"][0]
        assert (answer["datatype"], answer["shape"]) == ("BYTES", [10, 2])
        assert [text.split(":")[1:] for text in answer["data"][::2]] == [[str(n), str(n)] for n in range(10)]

    def test_a_picture_that_cannot_be_read_is_named(self, client: httpx.Client, digits: NDArray[np.uint8]) -> None:
        answer = binary(client, "digits", *pictures([encoded(digits[0]), b"no picture"]))
        assert answer.status_code == 422
        assert answer.json()["error"].startswith("picture 1: expected an image")

    @pytest.mark.parametrize("shape", [[], [0], [0, 28, 28], [784], [1, 28, 27], [28, 28]])
    @pytest.mark.parametrize("datatype", ["UINT8", "FP32", "BYTES", "BOOL"])
    def test_tensors_of_other_shapes(self, client: httpx.Client, shape: list[int], datatype: str) -> None:
        values: Any = "" if datatype == "BYTES" else True if datatype == "BOOL" else 0
        data = [values] * int(np.prod(shape))
        one = {"name": "image", "shape": shape, "datatype": datatype, "data": data}
        answer = infer(client, "digits", one)
        assert answer.status_code == 422
        assert answer.json()["error"]

    def test_where_imaging_is_unsure_of_a_picture_the_model_chooses(self, client: httpx.Client) -> None:
        files = [encoded(one) for one in (broken(5), 255 - strokes.render(7, size=90), half_in_shadow(2))]
        answers = outputs(binary(client, "digits", *pictures(files)))
        assert answers["probabilities"].argmax(axis=1).tolist() == [5, 7, 2]
        assert answers["energy"].shape == (3,)

    def test_a_foreign_model_reads_no_digits_on_v1(self, client: httpx.Client, digits: NDArray[np.uint8]) -> None:
        raw = {"Content-Type": "application/octet-stream"}
        answer = client.post("/v1/predict?model=add", content=digits[0].tobytes(), headers=raw)
        assert (answer.status_code, answer.json()["code"]) == (400, "wrong_task")


def pictures(files: list[bytes]) -> tuple[Document, bytes]:
    data = b"".join(struct.pack("<I", len(one)) + one for one in files)
    shaped = {"name": "image", "shape": [len(files)], "datatype": "BYTES"}
    return {"inputs": [shaped | {"parameters": {"binary_data_size": len(data)}}]}, data


ONES = np.ones((1, 3), np.float32)
GOOD = [entry("a", ONES), entry("b", ONES)]


@pytest.mark.parametrize(
    ("document", "status", "words"),
    [
        ({}, 400, 'expected a list "inputs"'),
        ([], 400, "expected a JSON object"),
        ({"inputs": GOOD[:1]}, 400, "takes the inputs `a`, `b`; got a"),
        ({"inputs": [*GOOD, GOOD[0]]}, 400, "came twice"),
        ({"inputs": [GOOD[0], entry("b", np.ones((2, 3), np.float32))]}, 422, "same number of rows"),
        ({"inputs": [GOOD[0], entry("b", np.ones((1, 4), np.float32))]}, 422, r"the shape [-1, 3]"),
        ({"inputs": [GOOD[0], entry("b", ONES, "FP64")]}, 422, "`b` is FP32; got FP64"),
        ({"inputs": [GOOD[0], entry("b", ONES) | {"datatype": "FLOAT"}]}, 400, "a datatype is one of BOOL"),
        ({"inputs": [GOOD[0], entry("b", ONES) | {"data": [1, 2]}]}, 422, "has 3 elements; 2 came"),
        ({"inputs": [GOOD[0], entry("b", ONES) | {"data": [1, "2", 3]}]}, 422, "are numbers; others came"),
        ({"inputs": [GOOD[0], entry("b", ONES) | {"data": [[1], 2, 3]}]}, 422, "lists of the same depth"),
        ({"inputs": [GOOD[0], entry("b", ONES) | {"shape": [1, -3]}]}, 422, "a shape is a list"),
        ({"inputs": [GOOD[0], entry("b", ONES) | {"shape": [2**40, 2**40]}]}, 422, "a shape is a list"),
        ({"inputs": GOOD, "outputs": [{"name": "c"}]}, 400, "gives the outputs `sum`; 'c' was asked for"),
        ({"inputs": [GOOD[0], entry("b", ONES, parameters={"shared_memory_region": "r"})]}, 400, "shared memory"),
        ({"inputs": [GOOD[0], entry("b", ONES, parameters={"binary_data_size": 12})]}, 422, "0 are left"),
    ],
)
def test_what_is_refused(client: httpx.Client, document: Any, status: int, words: str) -> None:
    answer = client.post("/v2/models/add/infer", json=document)
    assert answer.status_code == status, answer.text
    assert words in answer.json()["error"]


@pytest.mark.parametrize(("kind", "value"), [("UINT8", 256), ("INT8", -129), ("INT32", 1.5), ("UINT64", -1)])
def test_numbers_that_do_not_fit_are_refused(client: httpx.Client, kind: str, value: float) -> None:
    values = {"name": "x", "shape": [1, 2], "datatype": kind, "data": [0, value]}
    answer = infer(client, f"same-{kind.lower()}", values)
    assert answer.status_code == 422, answer.text


def test_models_and_versions_that_are_not_there(client: httpx.Client) -> None:
    for path in ("/v2/models/none/infer", "/v2/models/add/versions/7/infer"):
        answer = client.post(path, json={"inputs": GOOD})
        assert (answer.status_code, "error" in answer.json()) == (404, True)


class TestAttacks:
    def test_what_unpacks_to_too_much(self, client: httpx.Client) -> None:
        bomb = zlib.compress(bytes(100_000_000), 9)
        answer = client.post("/v2/models/add/infer", content=bomb, headers={"Content-Encoding": "deflate"})
        assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")

    @pytest.mark.parametrize("coding", ["br", "gzip, gzip"])
    def test_other_codings(self, client: httpx.Client, coding: str) -> None:
        answer = client.post("/v2/models/add/infer", content=b"x", headers={"Content-Encoding": coding})
        assert answer.status_code == 415

    def test_a_million_texts(self, client: httpx.Client) -> None:
        texts = {"name": "x", "shape": [500_000, 2], "datatype": "BYTES", "data": ["a"] * 1_000_000}
        answer = infer(client, "texts", texts)
        assert answer.status_code == 422
        assert "at most 50,000 elements" in answer.json()["error"]

    def test_a_text_as_long_as_all_others_together(self, client: httpx.Client) -> None:
        """NumPy would make each of them as long."""
        values = {"name": "x", "shape": [10_000, 2], "datatype": "FP32", "data": [*[0] * 19_999, "x" * 20_000]}
        assert infer(client, "same-fp32", values).status_code == 422

    def test_json_that_is_too_large(self, client: httpx.Client) -> None:
        answer = client.post("/v2/models/add/infer", content=b"[" + b"0," * 5_000_000 + b"0]")
        assert answer.status_code == 413
        assert "binary_data_size" in answer.json()["error"]

    def test_a_header_longer_than_the_body(self, client: httpx.Client) -> None:
        for length in ("99", "0", "-1", "x"):
            headers = {"Inference-Header-Content-Length": length}
            answer = client.post("/v2/models/add/infer", content=b"{}", headers=headers)
            assert answer.status_code == 400
