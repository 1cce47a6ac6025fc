"""A training that ends with its time, by a clock of the test's own."""

from itertools import pairwise
from pathlib import Path

import keras
import pytest

from training.lines import clock

# Keras' own, where it saves what TensorFlow holds.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")


def test_the_rate_rises_and_falls_to_none_and_the_network_is_kept_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, rates, kept = 1_000.0, [], []
    monkeypatch.setattr(clock.time, "monotonic", lambda: now)
    model = keras.Sequential([keras.layers.Input((1,)), keras.layers.Dense(1)])
    model.compile(optimizer="sgd", loss="mse")
    callback = clock.ByTheClock(1.0, 2.0, tmp_path / "model.keras")
    callback.set_model(model)
    callback.set_params({})
    model.stop_training = False
    while not model.stop_training:
        callback.on_epoch_begin(len(rates))
        rates.append(float(model.optimizer.learning_rate))
        now += 10
        callback.on_epoch_end(len(rates) - 1)
        kept.append((tmp_path / "model.keras").exists())
    assert len(rates) == callback.params["epochs"] == 12  # two minutes
    top = rates.index(max(rates))
    assert top == clock.WARM_UP
    assert all(one < other for one, other in pairwise(rates[: top + 1]))
    assert all(one > other for one, other in pairwise(rates[top:]))
    assert rates[-1] < 0.02
    assert kept.index(True) == 6  # more than a minute
