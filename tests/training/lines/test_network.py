"""The line reader's network: trained a little, and exported."""

import keras
import numpy as np
import pytest

from app.inference.session import Session
from tests.training.lines.test_examples import GENERATED
from training.errors import ParityError
from training.lines import examples, export, network, training
from training.lines.batches import Batches
from training.lines.network import CLASSES


@pytest.fixture(scope="module")
def taught() -> tuple[keras.Model, list[float]]:
    keras.utils.set_random_seed(0)
    reader = network.build()
    some = [one for one in examples.draw(GENERATED, 150, seed=1) if one.strip.shape[1] <= 256]
    recipe = network.RECIPE.changed({"epochs": 4, "batch_size": 16})
    return reader, training.fit(reader, recipe, Batches(some, recipe.batch_size, seed=0))["loss"]


def test_it_learns(taught: tuple[keras.Model, list[float]]) -> None:
    assert taught[1][-1] < 0.7 * taught[1][0]


def test_a_column_is_two_pixels_wide(taught: tuple[keras.Model, list[float]]) -> None:
    assert taught[0](np.zeros((2, 32, 96), np.float32)).shape == (2, 48, CLASSES)
    assert taught[0].count_params() < 500_000


def test_the_graph_answers_as_keras_does(taught: tuple[keras.Model, list[float]]) -> None:
    session = Session(export.export(taught[0]))
    (columns,) = session.run((np.zeros((3, 32, 160), np.uint8),))
    assert columns.shape == (3, 80, CLASSES)
    np.testing.assert_allclose(columns.sum(axis=2), 1, atol=1e-5)
    assert [spec.name for spec in (*session.inputs, *session.outputs)] == ["strips", "columns"]


def test_one_that_answers_otherwise_is_no_bundle(
    taught: tuple[keras.Model, list[float]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "PARITY_LIMIT", 0.0)
    with pytest.raises(ParityError, match="no bundle was written"):
        export.export(taught[0])


def test_each_character_is_read_once_where_it_fills_several_columns() -> None:
    class Fixed:
        def predict(self, strips: np.ndarray, **_: object) -> np.ndarray:
            columns = [0, 1, 1, 0, 2, 2, 2, 3, 0, 3]
            return np.tile(np.eye(CLASSES)[columns], (len(strips), 1, 1))

    some = [examples.Example(np.zeros((32, width), np.uint8), "0122") for width in (64, 160)]
    assert training.read(Fixed(), some) == ["0122", "0122"]
    assert training.read_right(Fixed(), some) == training.Read(1.0, 1.0)
    assert training.read_right(Fixed(), [one._replace(raw="0,122") for one in some]) == training.Read(1.0, 0.0)
