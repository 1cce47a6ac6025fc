"""The registry of architectures. Adding one is adding one function here.

Each builder returns a network from frames [N, 28, 28] of 0..255 to logits [N, 10]: rescaling is inside, so that
training and serving cannot differ; softmax is not, so that the loss is stable and the temperature can come first.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import keras
from keras import layers

from training.errors import UnknownArchitecture
from training.recipe import Augmentation, Recipe

FRAME = (28, 28)
DIGITS = 10
MOMENTUM = 0.9  # of normalisation: Keras' default of 0.99 lags behind for hundreds of steps
PATCH, BLOCKS, HEADS = 4, 4, 4  # of the vision transformer

Step = Callable[[Any], Any]
Layers = list[Step]
"""Keras' layers, or what joins several of them."""


class Architecture(NamedTuple):
    name: str
    middle: Callable[[Recipe], Layers]
    recipe: Recipe
    """How it is trained unless told otherwise."""

    def build(self, recipe: Recipe | None = None) -> keras.Model:
        """The network, with random weights, as a recipe (default: its own) wants it regularised."""
        image = layers.Input(FRAME, name="image")
        features = image * (1 / 255)
        for layer in self.middle(recipe or self.recipe):
            features = layer(features)
        return keras.Model(image, layers.Dense(DIGITS, dtype="float32", name="logits")(features), name=self.name)


ARCHITECTURES: dict[str, Architecture] = {}


def architecture(name: str) -> Architecture:
    """Look one up. Raises UnknownArchitecture with the names that there are."""
    if name not in ARCHITECTURES:
        raise UnknownArchitecture(f"no architecture {name!r}; there are: {', '.join(ARCHITECTURES)}")
    return ARCHITECTURES[name]


def _register(name: str, recipe: Recipe) -> Callable[[Callable[[Recipe], Layers]], Callable[[Recipe], Layers]]:
    """Enter the layers that a function returns, between rescaling and logits, under a name."""

    def enter(middle: Callable[[Recipe], Layers]) -> Callable[[Recipe], Layers]:
        ARCHITECTURES[name] = Architecture(name, middle, recipe)
        return middle

    return enter


STRONG = Augmentation(shift=4, rotation=25, scale=0.3, shear=0.4, elastic=1, thickness=1, blur=1.3, noise=0.25)
"""Reaches beyond MNIST's own variety: so that digits which were framed, held or scanned otherwise are read too."""


@_register(
    "cnn",
    Recipe(
        epochs=60,
        batch_size=128,
        learning_rate=3e-3,
        schedule="cosine",
        warm_up=1,
        batch_norm=True,
        non_digits=0.1,
        kernel=5,
        width=0.75,
        teacher_views=12,
        int8=True,
        **STRONG.model_dump(),
    ),
)
def cnn(recipe: Recipe) -> Layers:
    """Small and fast on one thread: it strides early, because most of the time goes into full resolution."""
    return [
        layers.Reshape((*FRAME, 1)),
        *_convolution(16, recipe, kernel=recipe.kernel + 2, stride=2),
        *_convolution(32, recipe),
        *_convolution(64, recipe, stride=2),
        *_convolution(64, recipe),
        *_convolution(96, recipe, stride=2),
        *_flatten(recipe),
    ]


# Accurate rather than fast: four of the same network, wider. Convolutions at full resolution instead took twice as long
# to train, and wider ones with kernels of 3 a little longer; neither was better alone.
_register(
    "cnn-large",
    Recipe(
        epochs=60,
        batch_size=128,
        learning_rate=2e-3,
        schedule="cosine",
        warm_up=1,
        batch_norm=True,
        dropout=0.2,
        non_digits=0.1,
        kernel=5,
        members=4,
        int8=True,
        **STRONG.model_dump(),
    ),
)(cnn)


@_register("mlp-128-64", Recipe(epochs=5, batch_size=32))
def mlp_128_64(recipe: Recipe) -> Layers:
    """The first network of many introductory texts: 784-128-64-10, ReLU, adam, as they train it."""
    return [layers.Flatten(), *_dense(128, recipe), *_dense(64, recipe)]


@_register("mlp-256-128", Recipe(epochs=10, batch_size=32, validation=12_000))
def mlp_256_128(recipe: Recipe) -> Layers:
    """Their wider one, trained on 80 % of the training images."""
    return [layers.Flatten(), *_dense(256, recipe), *_dense(128, recipe)]


_register("mlp-256-128-bn-dropout", Recipe(epochs=15, batch_size=32, batch_norm=True, dropout=0.3))(mlp_256_128)


@_register(
    "gru",
    Recipe(
        epochs=20, batch_size=128, learning_rate=3e-3, schedule="cosine", warm_up=1, shift=2, rotation=10, scale=0.1
    ),
)
def gru(recipe: Recipe) -> Layers:
    """A recurrent network that reads a frame as a sequence of its rows. Source: Cho et al., 2014."""
    # Unrolled: as a loop it is one in ONNX too, and runs several times slower.
    read = layers.GRU(_wide(128, recipe), unroll=True, kernel_regularizer=_penalty(recipe))
    return [read, *_normalised(recipe), *_dropout(recipe)]


@_register(
    "vit",
    Recipe(
        epochs=40,
        batch_size=128,
        optimizer="adamw",
        learning_rate=2e-3,
        schedule="cosine",
        warm_up=3,
        clip_norm=1,
        dropout=0.1,
        shift=2,
        rotation=10,
        scale=0.1,
    ),
)
def vit(recipe: Recipe) -> Layers:
    """A small vision transformer: 49 patches of 4x4 that attend to each other. Source: Dosovitskiy et al., "An Image is
    Worth 16x16 Words", 2021; places by a convolution: Chu et al., "Conditional Positional Encodings", 2023.
    """
    width, side = _wide(64, recipe), FRAME[0] // PATCH
    return [
        layers.Reshape((*FRAME, 1)),
        layers.Conv2D(width, PATCH, strides=PATCH, kernel_regularizer=_penalty(recipe)),
        _beside(layers.DepthwiseConv2D(3, padding="same")),
        layers.Reshape((side * side, width)),
        *(_transformer(width, recipe) for _ in range(BLOCKS)),
        _normal(recipe),
        layers.GlobalAveragePooling1D(),
        *_dropout(recipe),
    ]


def _transformer(width: int, recipe: Recipe) -> Step:
    """Attention, then two dense layers, each beside what comes in."""
    attention = layers.MultiHeadAttention(HEADS, width // HEADS, dropout=recipe.dropout)
    look, think, penalty = _normal(recipe), _normal(recipe), _penalty(recipe)
    wide = layers.Dense(2 * width, activation="silu", kernel_regularizer=penalty)
    narrow = layers.Dense(width, kernel_regularizer=penalty)

    def of(features: Any) -> Any:
        normal = look(features)
        features = layers.add([features, attention(normal, normal)])
        return layers.add([features, narrow(wide(think(features)))])

    return of


def _normal(recipe: Recipe) -> keras.layers.Layer:
    """Each patch by itself, as transformers do, unless over the batch."""
    return layers.BatchNormalization(momentum=MOMENTUM) if recipe.batch_norm else layers.LayerNormalization()


def _beside(layer: keras.layers.Layer) -> Step:
    """What a layer makes of its input, and the input itself."""
    return lambda features: layers.add([features, layer(features)])


def _dense(units: int, recipe: Recipe) -> Layers:
    """A hidden layer: weights, normalisation if any, ReLU, dropout if any."""
    made: Layers = [
        layers.Dense(_wide(units, recipe), use_bias=not recipe.batch_norm, kernel_regularizer=_penalty(recipe))
    ]
    return made + _after(recipe) + _dropout(recipe)


def _convolution(channels: int, recipe: Recipe, *, kernel: int | None = None, stride: int = 1) -> Layers:
    made: Layers = [
        layers.Conv2D(
            _wide(channels, recipe),
            kernel or recipe.kernel,
            strides=stride,
            padding="same",
            use_bias=not recipe.batch_norm,  # normalisation brings one, and both fold into one at export
            kernel_regularizer=_penalty(recipe),
        )
    ]
    return made + _after(recipe)


def _wide(units: int, recipe: Recipe) -> int:
    return max(1, round(units * recipe.width))


def _flatten(recipe: Recipe) -> Layers:
    # Channels first before flattening: ONNX has them so anyway, and the export needs no Transpose.
    return [layers.Permute((3, 1, 2)), layers.Flatten(), *_dropout(recipe)]


def _after(recipe: Recipe) -> Layers:
    return [*_normalised(recipe), layers.ReLU()]


def _normalised(recipe: Recipe) -> Layers:
    return [layers.BatchNormalization(momentum=MOMENTUM)] if recipe.batch_norm else []


def _dropout(recipe: Recipe) -> Layers:
    return [layers.Dropout(recipe.dropout)] if recipe.dropout else []


def _penalty(recipe: Recipe) -> Any:
    return keras.regularizers.L1L2(recipe.l1, recipe.l2) if recipe.l1 or recipe.l2 else None
