"""Random shift, rotation, scale and shear, composed into one resampling.

Four layers in a row would interpolate four times, and each time blur the strokes.
"""

import math
from typing import Any

import keras
from keras import ops

MIDDLE = 13.5  # of 28 pixels


class RandomAffine(keras.layers.Layer):  # type: ignore[misc]  # Keras is untyped
    """Warps each frame of [N, 28, 28] by an affine map of its own while training; passes all through otherwise."""

    def __init__(
        self,
        *,
        shift: float,
        degrees: float,
        scale: float,
        shear: float,
        seed: int | None = None,
        **options: Any,
    ) -> None:
        """`shift` in pixels, `scale` and `shear` as fractions: each is drawn evenly between minus and plus it."""
        super().__init__(**options)
        self.reach = {"shift": shift, "radians": math.radians(degrees), "scale": scale, "shear": shear}
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, frames: Any, training: bool = False) -> Any:
        if not training:
            return frames
        warps = self.draw(ops.shape(frames)[0])
        return ops.image.affine_transform(frames[..., None], warps, interpolation="bilinear")[..., 0]

    def draw(self, count: Any) -> Any:
        """Maps from the frame's pixels to the source's, [count, 8], in `affine_transform`'s order.

        The linear part is rotation times shear times scale, about the middle of the frame.
        """
        angle, shear = self._drawn("radians", count), self._drawn("shear", count)
        wide, high = 1 + self._drawn("scale", count), 1 + self._drawn("scale", count)
        cos, sin = ops.cos(angle), ops.sin(angle)
        a, b = cos * wide, (cos * shear - sin) * high
        c, d = sin * wide, (sin * shear + cos) * high
        right = MIDDLE * (1 - a - b) + self._drawn("shift", count)
        down = MIDDLE * (1 - c - d) + self._drawn("shift", count)
        return ops.stack([a, b, right, c, d, down, ops.zeros_like(a), ops.zeros_like(a)], axis=1)

    def _drawn(self, name: str, count: Any) -> Any:
        reach = self.reach[name]
        return keras.random.uniform((count,), -reach, reach, seed=self.seed_generator)
