"""How high the digits of a picture are, and which components may be digits or parts of some."""

import numpy as np
from numpy.typing import NDArray

from app.errors import NoInk
from app.imaging.broken import mended
from app.imaging.components import AREA, HEIGHT, WIDTH, Components
from app.imaging.limits import MOST_COMPONENTS, MOST_LAYERS, check
from app.imaging.picture import Picture, Stage

LOWEST = 6  # pixels; of digits that can be read
SMALLEST = 0.12  # of the digits' height: what is smaller is no digit,
LIGHTEST = 0.004  # of its square: nor is what has less ink
LONGEST = 20  # of the digits' height: what is longer is no row of digits that touch

FIXED_SECONDS, COMPONENT_SECONDS = 0.08e-3, 30e-9


def usual_height(components: Components) -> float:
    """The height above and below which half of the ink's area lies, in pixels."""
    ordered = components.stats[np.argsort(components.stats[:, HEIGHT], kind="stable")]
    areas = np.cumsum(ordered[:, AREA])
    return float(ordered[int(np.searchsorted(areas, areas[-1] / 2)), HEIGHT])


def may_be_digits(components: Components, height: float) -> NDArray[np.bool_]:
    """Or parts of digits, [N]."""
    _, _, w, h, area = components.stats.T
    large = (np.maximum(w, h) > SMALLEST * height) & (area > LIGHTEST * height**2)
    may: NDArray[np.bool_] = large & (w <= LONGEST * height)
    return may


def _seconds(picture: Picture) -> float:
    return FIXED_SECONDS + COMPONENT_SECONDS * len(picture.components.names)


def _run(picture: Picture) -> None:
    """Raises NoInk where all is too small, Undecodable where there is too much."""
    height = usual_height(picture.components)
    if height < LOWEST:
        raise NoInk(f"what is written is {height:.0f} pixels high; digits need {LOWEST} or more. Send it larger.")
    components = picture.components.only(may_be_digits(picture.components, height))
    check(len(components.names), MOST_COMPONENTS, "parts that may be digits")
    joined = mended(components, picture.budget)
    if joined is not components:
        components, height = joined, usual_height(joined)
    boxed = (components.stats[:, WIDTH] * components.stats[:, HEIGHT]).sum(dtype=np.int64)
    check(int(boxed) // picture.soft.size, MOST_LAYERS, "layers of ink")
    picture.height, picture.components = height, components


FIND_HEIGHT = Stage("telling how high digits are", _seconds, _run)
