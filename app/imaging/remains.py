"""What is left of printed lines that fade away: long, straight and thin components that end at the picture's border."""

import cv2
import numpy as np

from app.budget import Budget
from app.errors import NoInk
from app.imaging.components import Components
from app.imaging.picture import Picture, Stage
from app.imaging.verdicts import NO_INK

THIN = 0.04  # of a line's length: its width; strokes are not so thin

FIXED_SECONDS, COMPONENT_SECONDS = 0.07e-3, 20e-9
SUSPECT, SUSPECT_PIXEL = 25e-6, 10e-9  # seconds for one that may be a line's, and for a pixel of its box


def without_remains(components: Components, budget: Budget) -> Components:
    """Those that are no remains. Raises TooMuchWork."""
    _, _, width, height, area = components.stats.T
    if not components.borders.any():
        return components
    length = np.hypot(width, height)
    suspects = np.flatnonzero((components.borders > 0) & (area <= THIN * length**2))
    pixels = int((width[suspects] * height[suspects]).sum(dtype=np.int64))
    budget.charge(SUSPECT * len(suspects) + SUSPECT_PIXEL * pixels, "looking at {:,} thin parts", len(suspects))
    remains = [place for place in suspects.tolist() if _is_remainder(components, place, float(length[place]))]
    return components.only(np.delete(np.arange(len(length)), remains)) if remains else components


def _is_remainder(components: Components, place: int, length: float) -> bool:
    x, y, width, height, _ = components.stats[place].tolist()
    points = np.argwhere(components.labels[y : y + height, x : x + width] == components.names[place])
    return bool(min(cv2.minAreaRect(points.astype(np.float32))[1]) < THIN * length)


def _seconds(picture: Picture) -> float:
    return FIXED_SECONDS + COMPONENT_SECONDS * len(picture.components.names)


def _run(picture: Picture) -> None:
    picture.components = without_remains(picture.components, picture.budget)
    if not len(picture.components.names):
        raise NoInk(NO_INK)


REMOVE_REMAINS = Stage("looking for what is left of printed lines", _seconds, _run)
