"""Trains one architecture: any Keras backend, no TensorFlow-only call."""

import math
from typing import Any

import keras
import numpy as np
from tqdm import tqdm

from training.architectures import DIGITS, Architecture, Recipe
from training.augment import RandomAffine
from training.data import Digits

History = dict[str, list[float]]  # per epoch: loss, accuracy, val_loss, val_accuracy

PREDICT_BATCH = 500


def train(
    architecture: Architecture, recipe: Recipe, *, training: Digits, validation: Digits, seed: int
) -> tuple[keras.Model, History]:
    """The trained network (frames [N, 28, 28] -> logits [N, 10]), and its history."""
    keras.utils.set_random_seed(seed)
    network = architecture.build()
    trained = _with_augmentation(network, recipe, seed)
    trained.compile(
        optimizer=keras.optimizers.Adam(_learning_rate(recipe, len(training.labels))),
        loss=keras.losses.CategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        # On TensorFlow's CPU the convolutions of oneDNN are faster than XLA's.
        jit_compile=keras.backend.backend() == "jax",
    )
    history = trained.fit(
        training.images,
        _one_hot(training),
        validation_data=(validation.images, _one_hot(validation)),
        epochs=recipe.epochs,
        batch_size=recipe.batch_size,
        callbacks=_callbacks(recipe),
        verbose=0,
    )
    return network, {name: [float(value) for value in values] for name, values in history.history.items()}


def logits(network: keras.Model, frames: Any) -> Any:
    """uint8 [N, 28, 28] -> float32 [N, 10]."""
    return network.predict(frames, batch_size=PREDICT_BATCH, verbose=0)


class Progress(keras.callbacks.Callback):  # type: ignore[misc]  # Keras is untyped
    """One bar over all steps where there is a terminal, and a line for each epoch."""

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:  # noqa: ARG002 Keras passes it by name
        steps = self.params["epochs"] * self.params["steps"]
        self.bar = tqdm(total=steps, unit="step", leave=False, disable=None)

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:  # noqa: ARG002
        self.bar.update()

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        figures = "  ".join(f"{name} {value:.4f}" for name, value in (logs or {}).items())
        tqdm.write(f"epoch {epoch + 1}/{self.params['epochs']}  {figures}")

    def on_train_end(self, logs: dict[str, float] | None = None) -> None:  # noqa: ARG002
        self.bar.close()


def _callbacks(recipe: Recipe) -> list[keras.callbacks.Callback]:
    if recipe.patience is None:
        return [Progress()]
    best = keras.callbacks.EarlyStopping("val_loss", patience=recipe.patience, restore_best_weights=True)
    return [Progress(), best]


def _with_augmentation(network: keras.Model, recipe: Recipe, seed: int) -> keras.Model:
    if recipe.warp is None:
        return network
    frames = keras.layers.Input(network.input_shape[1:])
    return keras.Model(frames, network(RandomAffine(**recipe.warp, seed=seed)(frames)))


def _learning_rate(recipe: Recipe, images: int) -> Any:
    if not recipe.cosine:
        return recipe.learning_rate
    epoch = math.ceil(images / recipe.batch_size)
    return keras.optimizers.schedules.CosineDecay(
        recipe.learning_rate / 10,
        decay_steps=max(1, epoch * (recipe.epochs - 1)),
        warmup_target=recipe.learning_rate,
        warmup_steps=epoch,
    )


def _one_hot(digits: Digits) -> Any:
    return np.eye(DIGITS, dtype=np.float32)[digits.labels]
