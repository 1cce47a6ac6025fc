"""The two shades that a picture is made of, ink's and paper's, and whether light falls evenly on the paper."""

import cv2
import numpy as np
from numpy.typing import NDArray

from app.imaging.arrays import Grey
from app.imaging.picture import Picture, Shades, Stage, by_area

SHADES = 256
FLAT = 0.15  # of the contrast; a shade that varies less is one shade
TINY = 40  # pixels a side; too few to tell light from ink
TINIEST = 12  # pixels a side; with fewer, strokes are as soft as shadows, and there is but one way to see them
LOW, MIDDLE, HIGH = (
    0.1,
    0.5,
    0.9,
)  # of a side's pixels; from the first to the last it varies

FIXED_SECONDS, PIXEL_SECONDS = 0.05e-3, 1.1e-9


def two_shades(grey: Grey) -> Shades:
    """Source of the threshold: Otsu, IEEE Trans. SMC 9 (1979) 62-66."""
    otsu, _ = cv2.threshold(grey, 0, 255, cv2.THRESH_OTSU)
    threshold = int(otsu)
    counts: NDArray[np.float32] = cv2.calcHist([grey], [0], None, [SHADES], (0, SHADES)).ravel()
    darker, brighter = counts[: threshold + 1], counts[threshold + 1 :]
    if not (darker.any() and brighter.any()):
        return Shades(threshold, threshold, threshold, flat=True)
    low, dark, high = _percentiles(darker)
    low_bright, bright, high_bright = (threshold + 1 + shade for shade in _percentiles(brighter))
    spread = high - low if darker.sum() > brighter.sum() else high_bright - low_bright
    one_shade, side = spread < FLAT * (bright - dark), min(grey.shape)
    unsure = TINIEST <= side < TINY and not one_shade
    return Shades(threshold, dark, bright, flat=one_shade or side < TINY, unsure=unsure)


def _percentiles(counts: NDArray[np.float32]) -> tuple[int, int, int]:
    """LOW, MIDDLE and HIGH of shades that were counted."""
    total = np.cumsum(counts)
    low, middle, high = np.searchsorted(total, (LOW * total[-1], MIDDLE * total[-1], HIGH * total[-1]))
    return int(low), int(middle), int(high)


def _run(picture: Picture) -> None:
    picture.shades = two_shades(picture.grey)


TWO_SHADES = Stage("counting the shades of the pixels", by_area(FIXED_SECONDS, PIXEL_SECONDS), _run)
