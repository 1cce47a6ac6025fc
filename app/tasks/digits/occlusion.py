"""What in a frame speaks for a digit: how much its probability changes when a part is covered.

Source: Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks", 2014, section 4.2.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.tasks.digits.arrays import SIDE, Frames
from app.tasks.digits.classifier import ENERGY, Scores

PATCH, STRIDE = 5, 2  # pixels

MAP_SECONDS, FRAME_SECONDS = 2.5e-3, 100e-6  # of work: for the heat maps, and for each frame of a small network

Heat = NDArray[np.float32]  # [28, 28]


class Occlusion(NamedTuple):
    """The frames to run, uint8 [N, 28, 28]: first the frame itself, then one for each patch that covers some ink."""

    frames: Frames
    patches: list[tuple[int, int]]
    """Top and left of each."""

    @property
    def seconds(self) -> float:
        """What running and showing them takes, with a network of the default's size."""
        return MAP_SECONDS + FRAME_SECONDS * len(self.frames)


def occlude(frame: Frames) -> Occlusion:
    """Cover each patch of a frame, uint8 [28, 28], that holds ink."""
    starts = range(1 - PATCH // 2, SIDE - PATCH // 2, STRIDE)
    patches = [(top, left) for top in starts for left in starts if frame[_patch(top, left)].any()]
    frames = np.repeat(frame[None], 1 + len(patches), axis=0)
    for covered, patch in zip(frames[1:], patches, strict=True):
        covered[_patch(*patch)] = 0
    return Occlusion(frames, patches)


def heat(occlusion: Occlusion, scores: Scores, digit: int) -> Heat:
    """How much the log-odds of a digit fall where a pixel is covered: above 0 it speaks for it, below 0 against it.

    `scores` are float32 [N, 11], of the occlusion's frames.
    """
    probabilities = scores[:, :ENERGY].clip(1e-7, 1 - 1e-7)
    odds = np.log(probabilities[:, digit]) - np.log1p(-probabilities[:, digit])
    total, covers = np.zeros((SIDE, SIDE), np.float32), np.zeros((SIDE, SIDE), np.float32)
    for patch, fall in zip(occlusion.patches, odds[0] - odds[1:], strict=True):
        total[_patch(*patch)] += fall
        covers[_patch(*patch)] += 1
    return (total / np.maximum(covers, 1)).astype(np.float32)


def _patch(top: int, left: int) -> tuple[slice, slice]:
    return slice(max(top, 0), top + PATCH), slice(max(left, 0), left + PATCH)
