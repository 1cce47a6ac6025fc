"""Named corruptions of frames, each at one strength that was fixed before any model was tested on them.

They are made by SciPy, apart from the augmentation that networks learn from. The idea and most of the names are from
Mu and Gilmer, "MNIST-C: A Robustness Benchmark for Computer Vision", 2019; the strengths are this project's own.

Their kinds are among those that the convolutional networks are trained on, and their strengths lie near the ends of
what is trained on (`STRONG` in architectures.py): the figures say nothing of corruptions of other kinds.
"""

from collections.abc import Callable, Mapping
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from app.tasks.digits.arrays import Frames

ROTATION = 25.0  # degrees, either way
SHIFT = 4.0  # pixels, in any direction
SCALE = 0.7, 1.3
SHEAR = 0.4  # sideways pixels a row, either way
BLUR = 1.3  # pixels, standard deviation
NOISE = 0.25  # of white, standard deviation
THIN = 0.5  # pixels that a stroke loses on each side; most are 2 to 4 wide
THICK = 1.0

Random = np.random.Generator
Grey = NDArray[Any]  # float [N, 28, 28]


def corrupt(frames: Frames, seed: int = 0) -> Mapping[str, Frames]:
    """By name, uint8 [N, 28, 28] each. `seed` draws directions and noise."""
    made = {}
    for index, (name, one) in enumerate(CORRUPTIONS.items()):
        result = one(frames.astype(np.float32), np.random.default_rng((seed, index)))
        made[name] = np.rint(result.clip(0, 255)).astype(np.uint8)
    return made


def _rotated(frames: Grey, random: Random) -> Grey:
    angles = np.radians(ROTATION) * _signs(frames, random)
    cos, sin = np.cos(angles), np.sin(angles)
    return _warped(frames, [[cos, -sin], [sin, cos]])


def _shifted(frames: Grey, random: Random) -> Grey:
    angles = random.uniform(0, 2 * np.pi, len(frames))
    way = SHIFT * np.stack([np.sin(angles), np.cos(angles)], axis=1)
    return np.stack([ndimage.shift(frame, by, order=1) for frame, by in zip(frames, way, strict=True)])


def _scaled(frames: Grey, random: Random) -> Grey:
    shrink = 1 / random.choice(SCALE, len(frames))
    return _warped(frames, [[shrink, 0 * shrink], [0 * shrink, shrink]])


def _sheared(frames: Grey, random: Random) -> Grey:
    shear = SHEAR * _signs(frames, random)
    return _warped(frames, [[shear**0, 0 * shear], [shear, shear**0]])


def _blurred(frames: Grey, _: Random) -> Grey:
    blurred: Grey = ndimage.gaussian_filter(frames, (0, BLUR, BLUR))
    return blurred


def _noisy(frames: Grey, random: Random) -> Grey:
    return frames + random.normal(0, 255 * NOISE, frames.shape)


def _thin(frames: Grey, _: Random) -> Grey:
    return 255 - _thickened(255 - frames, THIN)


def _thick(frames: Grey, _: Random) -> Grey:
    return _thickened(frames, THICK)


CORRUPTIONS: dict[str, Callable[[Grey, Random], Grey]] = {
    "rotation": _rotated,
    "shift": _shifted,
    "scale": _scaled,
    "shear": _sheared,
    "blur": _blurred,
    "noise": _noisy,
    "thin": _thin,
    "thick": _thick,
}


def _signs(frames: Grey, random: Random) -> NDArray[np.float64]:
    return random.choice([-1.0, 1.0], len(frames))


def _warped(frames: Grey, rows: list[list[NDArray[np.float64]]]) -> Grey:
    """Each frame taken through its own linear map, rows [[a, b], [c, d]] of [N] each, about its middle."""
    maps = np.moveaxis(np.array(rows), 2, 0)
    middle = (np.array(frames.shape[1:]) - 1) / 2
    offsets = middle - maps @ middle
    parts = zip(frames, maps, offsets, strict=True)
    return np.stack([ndimage.affine_transform(frame, one, offset, order=1) for frame, one, offset in parts])


def _thickened(frames: Grey, pixels: float) -> Grey:
    """A dilation by parts of pixels: each becomes the brightest on a circle of that radius around it, or itself."""
    angles = np.arange(8) * np.pi / 4
    around = ((0, pixels * np.sin(angle), pixels * np.cos(angle)) for angle in angles)
    return reduce(np.maximum, (ndimage.shift(frames, way, order=1, mode="nearest") for way in around), frames)
