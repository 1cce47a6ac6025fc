"""Random distortions of the training images.

All geometry (shift, rotation, scale, shear, elastic warp) is composed into one resampling: several in a row would
each interpolate, and each time blur the strokes. What follows changes grey values: stroke width, blur, noise.
"""

import math
from typing import Any

import keras
from keras import ops

from training.recipe import Augmentation

SIDE = 28
MIDDLE = (SIDE - 1) / 2
KNOTS = 5
"""A side of the grid on which the elastic warp is drawn, before it is made smooth."""


class Distort(keras.layers.Layer):  # type: ignore[misc]  # Keras is untyped
    """Distorts each frame of float [N, 28, 28], 0 to 255, by amounts of its own in training; else passes all on.

    All amounts of a frame are scaled by one strength, drawn evenly from 0 to 1: most frames are distorted a little, few
    are distorted in every way at once, and all that the recipe allows is seen.
    """

    def __init__(self, augmentation: Augmentation, *, seed: int | None = None, **options: Any) -> None:
        super().__init__(dtype="float32", **options)
        self.amount = augmentation
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, frames: Any, turns: Any = None, training: bool = False) -> Any:
        """`turns` [N]: by what part of the rotation each may be turned; by all of it where there are none."""
        if not training:
            return frames
        distorted, amount, shape = frames, self.amount, (ops.shape(frames)[0], 1, 1)
        strength = keras.random.uniform(shape, seed=self.seed_generator)
        if amount.shift or amount.rotation or amount.scale or amount.shear or amount.elastic:
            distorted = resample(distorted, *self.draw(strength, turns))
        if amount.thickness:
            distorted = change_thickness(distorted, self._even(amount.thickness, strength))
        if amount.blur:
            distorted = blur(distorted, ops.abs(self._even(amount.blur, strength)))
        if amount.noise:
            grain = keras.random.normal(ops.shape(frames), seed=self.seed_generator)
            distorted = ops.clip(distorted + 255 * self._even(amount.noise, strength) * grain, 0, 255)
        if amount.augmented == 1:
            return distorted
        chosen = keras.random.uniform(shape, seed=self.seed_generator) < amount.augmented
        return ops.where(chosen, distorted, frames)

    def draw(self, strength: Any, turns: Any = None) -> tuple[Any, Any]:
        """Where each pixel of the result is taken from: columns and rows of the frame, each [N, 28, 28], for strengths
        [N, 1, 1]. The linear part is rotation times shear times scale, about the middle of the frame.
        """
        amount = self.amount
        angle, shear = self._even(math.radians(amount.rotation), strength), self._even(amount.shear, strength)
        if turns is not None:
            angle = angle * turns[:, None, None]
        wide, high = 1 + self._even(amount.scale, strength), 1 + self._even(amount.scale, strength)
        cos, sin = ops.cos(angle), ops.sin(angle)
        along = ops.arange(SIDE, dtype="float32") - MIDDLE
        across, down = along[None, None, :], along[None, :, None]
        columns = cos * wide * across + (cos * shear - sin) * high * down
        rows = sin * wide * across + (sin * shear + cos) * high * down
        columns = columns + MIDDLE + self._even(amount.shift, strength)
        rows = rows + MIDDLE + self._even(amount.shift, strength)
        if amount.elastic:
            bend = self._smooth_field(strength) * amount.elastic
            columns, rows = columns + bend[..., 0], rows + bend[..., 1]
        return columns, rows

    def _smooth_field(self, strength: Any) -> Any:
        """Normal numbers on a coarse grid, interpolated: [N, 28, 28, 2]."""
        knots = keras.random.normal((ops.shape(strength)[0], KNOTS, KNOTS, 2), seed=self.seed_generator)
        return ops.image.resize(
            knots * strength[..., None], (SIDE, SIDE), interpolation="bicubic", data_format="channels_last"
        )

    def _even(self, most: float, strength: Any) -> Any:
        """Evenly drawn from -most to most, times the strength: [N, 1, 1]."""
        return strength * keras.random.uniform(ops.shape(strength), -most, most, seed=self.seed_generator)


def resample(frames: Any, columns: Any, rows: Any) -> Any:
    """The frames at those places, all [N, 28, 28], interpolated between the four nearest pixels; black outside."""
    left, top = ops.floor(columns), ops.floor(rows)
    right_share, low_share = columns - left, rows - top
    return (
        _at(frames, left, top) * (1 - right_share) * (1 - low_share)
        + _at(frames, left + 1, top) * right_share * (1 - low_share)
        + _at(frames, left, top + 1) * (1 - right_share) * low_share
        + _at(frames, left + 1, top + 1) * right_share * low_share
    )


def _at(frames: Any, columns: Any, rows: Any) -> Any:
    inside = (columns >= 0) & (columns < SIDE) & (rows >= 0) & (rows < SIDE)
    places = ops.clip(rows, 0, SIDE - 1) * SIDE + ops.clip(columns, 0, SIDE - 1)
    flat = (-1, SIDE * SIDE)
    taken = ops.take_along_axis(ops.reshape(frames, flat), ops.reshape(ops.cast(places, "int32"), flat), axis=1)
    return ops.where(inside, ops.reshape(taken, (-1, SIDE, SIDE)), 0.0)


def change_thickness(frames: Any, pixels: Any) -> Any:
    """Let the strokes grow (or, below zero, shrink) by `pixels` [N, 1, 1] a side: the brightest (darkest) neighbour
    counts, in part where it is less than a pixel."""
    image = frames[..., None]
    grown = ops.max_pool(image, 3, strides=1, padding="same")[..., 0]
    shrunk = -ops.max_pool(-image, 3, strides=1, padding="same")[..., 0]
    share = ops.minimum(ops.abs(pixels), 1.0)
    return frames + share * (ops.where(pixels > 0, grown, shrunk) - frames)


def blur(frames: Any, sigmas: Any) -> Any:
    """A Gaussian of its own width, in pixels [N, 1, 1], over each frame: as a product with a banded matrix a side."""
    along = ops.arange(SIDE, dtype="float32")
    distance = along[None, :, None] - along[None, None, :]
    weights = ops.exp(-0.5 * (distance / ops.maximum(sigmas, 1e-3)) ** 2)
    weights = weights / ops.sum(weights, axis=2, keepdims=True)
    return ops.matmul(ops.matmul(weights, frames), ops.transpose(weights, (0, 2, 1)))
