"""The core answers as the service does, and a picture harms no other."""

import io
from pathlib import Path

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from app.bulk.core import Beside, Core, recipe
from app.bulk.inputs import shards
from app.bulk.rows import Row
from app.config import Settings
from app.errors import BundleError, Undecodable
from app.tasks.digits import strokes
from tests.conftest import MODELS, SERVED

Digits = NDArray[np.uint8]
EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="module")
def core() -> Core:
    return Core(recipe(Settings(models=MODELS, device="cpu"), None, numbers=False))


def rows(core: Core, source: Path, *, careful: bool = False) -> list[Row]:
    return [row for shard in shards([source], 4) for piece in core.rows(shard, careful=careful) for row in piece]


def test_single_digits_are_read_as_the_service_reads_them(core: Core, client: httpx.Client) -> None:
    found = rows(core, EXAMPLES)
    assert [Path(row.id).name for row in found] == [f"{digit}.png" for digit in range(10)]
    for row in found:
        answer = client.post(
            "/v1/predict", content=Path(row.id).read_bytes(), headers={"Content-Type": "image/png"}
        ).json()
        assert (row.text, row.digits) == (str(answer["digit"]), [answer["digit"]])
        assert row.confidence == pytest.approx(answer["confidence"], abs=1e-6)
        assert (row.decision, row.verdict) == (answer["decision"], answer["input"]["verdict"])
        assert (row.error, row.model) == (None, "digits/3")


def test_whole_numbers_are_read_as_the_service_reads_them(tmp_path: Path, client: httpx.Client) -> None:
    line = np.hstack([strokes.render(digit, size=56) for digit in (4, 0, 7)])
    Image.fromarray(255 - np.pad(line, 30)).save(tmp_path / "407.png")
    Image.new("L", (60, 60), 255).save(tmp_path / "bare.png")
    number, bare = rows(Core(recipe(Settings(models=MODELS, device="cpu"), None, numbers=True)), tmp_path)
    body, headers = (tmp_path / "407.png").read_bytes(), {"Content-Type": "image/png"}
    answer = client.post("/v1/read", content=body, headers=headers).json()
    (one,) = answer["numbers"]
    models = f"digits/{SERVED['digits']}+numbers/{SERVED['numbers']}"
    assert (number.text, number.digits, number.model) == ("407", [4, 0, 7], models)
    assert (answer["text"], one["decision"]) == (number.text, number.decision)
    assert number.confidence == pytest.approx(one["confidence"], abs=1e-6)
    assert number.boxes == [digit["box"] for digit in one["digits"]]
    assert (bare.text, bare.decision) == (None, None)
    assert bare.error is not None
    assert bare.error.startswith("no_ink: ")


@pytest.mark.parametrize("careful", [False, True])
def test_pictures_that_cannot_be_read_have_their_own_errors(core: Core, tmp_path: Path, careful: bool) -> None:
    file = io.BytesIO()
    Image.fromarray(strokes.render(3, size=280)).save(file, "PNG")
    broken = {
        "0 good": file.getvalue(),
        "1 text": b"no picture",
        "2 empty": b"",
        "3 cut": file.getvalue()[:-200],
        "4 good": file.getvalue(),
    }
    for name, content in broken.items():
        (tmp_path / name).write_bytes(content)
    Image.new("L", (9_000, 9_000)).save(tmp_path / "5 huge", "PNG")
    found = {Path(row.id).name: row for row in rows(core, tmp_path, careful=careful)}
    codes = {name: row.error and row.error.split(":")[0] for name, row in found.items()}
    wrong = dict.fromkeys(("1 text", "2 empty", "3 cut"), "undecodable")
    assert codes == {"0 good": None, **wrong, "4 good": None, "5 huge": "image_too_large"}
    assert found["0 good"].text == found["4 good"].text == "3"
    assert found["0 good"] == found["4 good"]._replace(id=found["0 good"].id)


def test_a_picture_that_breaks_its_process_is_an_error_and_the_next_is_read() -> None:
    with Beside() as beside:
        with pytest.raises(Undecodable, match="broke the process"):
            beside(exec, b"import os; os._exit(1)")  # as a fault in a library written in C would
        assert beside(len, b"four") == 4


def test_a_model_that_reads_no_digits_is_refused() -> None:
    with pytest.raises(BundleError, match="reads no digits"):
        recipe(Settings(models=MODELS), "numbers", numbers=False)
