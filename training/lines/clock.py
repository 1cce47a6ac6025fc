"""Training by the clock, where a machine is had for minutes: it ends in time, with a rate that has fallen to none."""

import math
import time
from pathlib import Path

import keras

WARM_UP = 3  # epochs over which the rate rises
SAVED_EACH = 60  # seconds: a machine may be taken back before its time


class ByTheClock(keras.callbacks.Callback):  # type: ignore[misc]  # Keras is untyped
    """The rate of each epoch is a cosine of the time that is gone; once all is, training stops."""

    def __init__(self, rate: float, minutes: float, file: Path) -> None:
        super().__init__()
        self._rate, self._seconds, self._file = rate, 60 * minutes, file
        self._began = self._saved = time.monotonic()

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:  # noqa: ARG002 Keras names it
        risen = min(1.0, (epoch + 1) / (WARM_UP + 1))
        self.model.optimizer.learning_rate = self._rate * risen * (1 + math.cos(math.pi * self._gone())) / 2

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:  # noqa: ARG002 as above
        if time.monotonic() > self._saved + SAVED_EACH:
            self.model.save(self._file)
            self._saved = time.monotonic()
        gone, done = self._gone(), epoch + 1
        self.params["epochs"] = max(done, round(done / gone))  # about, for who shows how far it is
        self.model.stop_training = gone >= 1

    def _gone(self) -> float:
        return min(1.0, (time.monotonic() - self._began) / self._seconds)
