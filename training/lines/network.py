"""The line reader: a strip -> for each of its columns, which character is written there, or none.

Convolutions see strokes, attention sees the line. Trained by connectionist temporal classification: Graves et al.,
"Connectionist Temporal Classification", 2006. Convolutions before a sequence: Shi et al., "An End-to-End Trainable
Neural Network for Image-based Sequence Recognition", 2017; its recurrent layers are attention here, which ONNX Runtime
runs several times faster.
"""

from typing import Any

import keras
from keras import layers

from app.imaging.strips import StripShape
from training.recipe import Recipe

SHAPE = StripShape(height=32, ink=24, ends=8, step=32, longest=1024)
ALPHABET = "0123456789.,-'/$€£"
CLASSES = 1 + len(ALPHABET)  # the first is none
COLUMN = 2  # pixels of a strip to each of its columns: narrow 1s stand four apart
CHANNELS = 24, 48, 64, 96  # each at half the height of the one before
WIDTH, BLOCKS, HEADS = 128, 2, 4
AROUND = 9  # columns by which one knows where it stands
MOMENTUM = 0.9  # of normalisation, as in other networks here

RECIPE = Recipe(
    epochs=16,
    batch_size=512,
    optimizer="adamw",
    learning_rate=3e-3,
    schedule="cosine",
    warm_up=0.5,
    clip_norm=1,
    dropout=0.1,
)


def build(recipe: Recipe = RECIPE) -> keras.Model:
    """The network, with random weights: strips [N, 32, W] of 0..255 -> logits [N, W / 2, CLASSES]."""
    strips = layers.Input((SHAPE.height, None), name="strips")
    features = layers.Reshape((SHAPE.height, -1, 1))(strips * (1 / 255))
    for place, channels in enumerate(CHANNELS):
        features = layers.Conv2D(
            channels, 3 if place else 5, strides=(2, 1 if place else COLUMN), padding="same", use_bias=False
        )(features)
        features = layers.ReLU()(layers.BatchNormalization(momentum=MOMENTUM)(features))
    columns = layers.Permute((2, 1, 3))(features)
    columns = layers.Reshape((-1, SHAPE.height // 2 ** len(CHANNELS) * CHANNELS[-1]))(columns)
    columns = layers.Dense(WIDTH)(columns)
    for _ in range(BLOCKS):
        columns = _block(columns, recipe)
    columns = layers.Dropout(recipe.dropout)(layers.LayerNormalization()(columns))
    return keras.Model(strips, layers.Dense(CLASSES, dtype="float32", name="logits")(columns), name="lines")


def _block(columns: Any, recipe: Recipe) -> Any:
    """Its neighbours, then attention, then two dense layers, each beside what comes in."""
    near = layers.DepthwiseConv1D(AROUND, padding="same")(columns)
    columns = layers.add([columns, near])
    normal = layers.LayerNormalization()(columns)
    attention = layers.MultiHeadAttention(HEADS, WIDTH // HEADS, dropout=recipe.dropout)
    columns = layers.add([columns, attention(normal, normal)])
    normal = layers.LayerNormalization()(columns)
    wide = layers.Dense(2 * WIDTH, activation="silu")(normal)
    return layers.add([columns, layers.Dense(WIDTH)(layers.Dropout(recipe.dropout)(wide))])
