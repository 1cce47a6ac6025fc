"""Small pictures with known answers, and the state as stages find it, for tests of one stage each."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from app.budget import Budget
from app.imaging.boxes import Box
from app.imaging.components import Component
from app.imaging.picture import Picture, Separated, Stage, run
from training.constants import PREPARATION

Grey = NDArray[np.uint8]
Ink = NDArray[np.float32]

PAPER, INK = 230, 40


def paper(height: int, width: int | None = None, shade: int = PAPER) -> Grey:
    return np.full((height, width or height), shade, np.uint8)


def bar(height: int = 100, width: int = 100, shade: int = PAPER, ink: int = INK) -> Grey:
    """An upright stroke, such as a 1, in the middle."""
    picture = paper(height, width, shade)
    picture[height // 5 : -(height // 5), width * 9 // 20 : width * 11 // 20] = ink
    return picture


def empty(height: int, width: int | None = None) -> Grey:
    """A mask of nothing."""
    return paper(height, width, 0)


def blocks(height: int, width: int, *places: tuple[int, int, int, int]) -> Grey:
    """A mask of boxes: left, top, right, bottom."""
    mask = empty(height, width)
    for left, top, right, bottom in places:
        mask[top:bottom, left:right] = 1
    return mask


def ruled(side: int, *rows: int, thick: int = 2) -> Grey:
    """A mask of printed lines from the left border to the right."""
    mask = empty(side)
    for row in rows:
        mask[row : row + thick] = 1
    return mask


def framed(side: int = 200, left: int = 40, right: int = 160, thick: int = 3) -> Grey:
    """A mask of a printed box with a stroke inside."""
    mask = empty(side)
    cv2.rectangle(mask, (left, left), (right, right), 1, thick)
    mask[left + 30 : right - 30, side // 2 - 5 : side // 2 + 5] = 1
    return mask


def separated(mask: Grey, typical: float = 0.8, least: float = 0.3) -> Separated:
    return Separated(mask, least, typical)


def component(left: int, top: int, right: int, bottom: int, *, label: int = 1, borders: int = 0) -> Component:
    return Component(label, Box(left, top, right, bottom), (right - left) * (bottom - top), borders)


def picture_of(pixels: NDArray[np.uint8], **found: Any) -> Picture:
    """A state in which that much has been found, with a second of work."""
    picture = Picture(pixels, PREPARATION, Budget(1.0))
    for name, value in found.items():
        setattr(picture, name, value)
    return picture


def after(stage: Stage, pixels: NDArray[np.uint8], **found: Any) -> Picture:
    """The same once a stage has been run on it."""
    picture = picture_of(pixels, **found)
    run([stage], picture)
    return picture


def seconds(stage: Stage, side: int, **found: Any) -> float:
    """What a stage says that it costs on a grey picture of that side."""
    return stage.seconds(picture_of(paper(side), **found))
