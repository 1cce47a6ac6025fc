"""The registry of architectures. Adding one is adding one function here.

Each builder returns a network from frames [N, 28, 28] of 0..255 to logits [N, 10]: rescaling is inside, so that
training and serving cannot differ; softmax is not, so that the loss is stable and the temperature can come first.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import keras
from keras import layers

from training.errors import UnknownArchitecture

FRAME = (28, 28)
DIGITS = 10


@dataclass(frozen=True)
class Recipe:
    """How an architecture is trained unless the command line says otherwise."""

    epochs: int
    batch_size: int
    learning_rate: float = 1e-3
    cosine: bool = False
    """Let the learning rate fall to zero along a cosine, after one epoch of warm-up; constant otherwise."""
    patience: int | None = None
    """Stop after so many epochs without a better validation loss, and go back to the best; None: keep the last."""
    warp: dict[str, float] | None = None
    """`RandomAffine`'s arguments; no augmentation where there are none."""


class Architecture(NamedTuple):
    name: str
    build: Callable[[], keras.Model]
    recipe: Recipe


ARCHITECTURES: dict[str, Architecture] = {}

Layers = list[keras.layers.Layer]


def architecture(name: str) -> Architecture:
    """Look one up. Raises UnknownArchitecture with the names that there are."""
    if name not in ARCHITECTURES:
        raise UnknownArchitecture(f"no architecture {name!r}; there are: {', '.join(ARCHITECTURES)}")
    return ARCHITECTURES[name]


def _register(name: str, recipe: Recipe) -> Callable[[Callable[[], Layers]], Callable[[], Layers]]:
    """Enter the layers that a function returns, between rescaling and logits, under a name."""

    def enter(middle: Callable[[], Layers]) -> Callable[[], Layers]:
        def build() -> keras.Model:
            image = layers.Input(FRAME, name="image")
            features = image * (1 / 255)
            for layer in middle():
                features = layer(features)
            return keras.Model(image, layers.Dense(DIGITS, name="logits")(features), name=name)

        ARCHITECTURES[name] = Architecture(name, build, recipe)
        return middle

    return enter


WARP = {"shift": 2.5, "degrees": 12.0, "scale": 0.12, "shear": 0.15}


@_register("cnn", Recipe(epochs=40, batch_size=128, learning_rate=3e-3, cosine=True, patience=15, warp=WARP))
def cnn() -> Layers:
    """Small and fast on one thread: it strides early, because most of the time goes into full resolution."""
    return [
        layers.Reshape((*FRAME, 1)),
        *_convolution(16, kernel=5, stride=2),
        *_convolution(32, kernel=3, stride=1),
        *_convolution(64, kernel=3, stride=2),
        *_convolution(64, kernel=3, stride=2),
        # Channels first before flattening: ONNX has them so anyway, and the export needs no Transpose.
        layers.Permute((3, 1, 2)),
        layers.Flatten(),
    ]


@_register("mlp-128-64", Recipe(epochs=5, batch_size=32))
def mlp_128_64() -> Layers:
    """The first network of many introductory texts: 784-128-64-10, ReLU, adam, as they train it."""
    return [layers.Flatten(), layers.Dense(128, activation="relu"), layers.Dense(64, activation="relu")]


def _convolution(channels: int, *, kernel: int, stride: int) -> list[Any]:
    """Without a bias of its own: batch normalisation brings one, and both fold into one at export."""
    return [
        layers.Conv2D(channels, kernel, strides=stride, padding="same", use_bias=False),
        layers.BatchNormalization(momentum=0.9),  # the default 0.99 lags behind for hundreds of steps
        layers.ReLU(),
    ]
