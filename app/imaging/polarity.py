"""Whether ink is darker than its paper, or brighter, as on a blackboard."""

import cv2
import numpy as np

from app.imaging.arrays import Grey, Mask, odd, window
from app.imaging.medians import paper_around
from app.imaging.picture import Picture, Shades, Stage
from app.imaging.shrink import THUMBNAIL, shrink

# On flat paper: how much the share of the border that is bright counts, beside that of the corners and of the area,
# which count once, and half of what all three come to.
BORDER, HALF = 2, 2

# Under uneven light.
DEVIATIONS, LEAST_NOISE = 2, 0.02  # what stands out by no more, in median deviations and in shares of light, is grain
NARROW = 4  # strokes are narrower than one part in so many of the shorter side
LIGHT, DARK_PICTURE = 1.5, 0.2  # how much a picture's brightness counts, and what is even, as a share of white

NOT_ZERO = 1e-6  # where there is nothing, a share of it is 0
FLAT_SECONDS, UNEVEN_SECONDS, PIXEL_SECONDS = 0.1e-3, 0.35e-3, 0.4e-9


def is_ink_dark_on_flat(grey: Grey, shades: Shades) -> bool:
    """Whether the brighter of two shades is the paper.

    Paper has more of the border, of the corners and of the area, and it reaches farther, for strokes are narrow.
    """
    bright = (shrink(grey, THUMBNAIL) > shades.threshold).astype(np.uint8)
    border = np.concatenate([bright[0], bright[-1], bright[1:-1, 0], bright[1:-1, -1]])
    corners = bright[[0, 0, -1, -1], [0, -1, 0, -1]]
    reach_bright, reach_dark = _reach(bright), _reach(1 - bright)
    by_reach = (reach_bright - reach_dark) / (reach_bright + reach_dark)
    return bool(BORDER * border.mean() + corners.mean() + bright.mean() - HALF + by_reach >= 0)


def is_ink_dark(grey: Grey) -> bool:
    """The same under uneven light: whether more stands out below the paper's brightness than above it.

    What stands out is narrow as well, for a shadow is not. A dark picture is one of a blackboard rather than of paper.
    """
    small = shrink(grey, THUMBNAIL)
    paper = paper_around(small)
    stands_out = np.log1p(small.astype(np.float32)) - np.log1p(paper.astype(np.float32))
    noise = DEVIATIONS * np.median(np.abs(stands_out)) + LEAST_NOISE
    narrow = window(odd(min(small.shape) / NARROW))
    below = (-stands_out - noise).clip(0) * cv2.morphologyEx(small, cv2.MORPH_BLACKHAT, narrow)
    above = (stands_out - noise).clip(0) * cv2.morphologyEx(small, cv2.MORPH_TOPHAT, narrow)
    balance = (below.sum() - above.sum()) / (below.sum() + above.sum() + NOT_ZERO)
    return bool(balance + LIGHT * (small.mean() / 255 - DARK_PICTURE) >= 0)


def _reach(mask: Mask) -> float:
    """The mean distance to what is not in the mask, over what is, where that counts which is far; in pixels."""
    distance = cv2.distanceTransform(cv2.copyMakeBorder(mask, 1, 1, 1, 1, cv2.BORDER_REPLICATE), cv2.DIST_L2, 3)
    distance = distance.clip(0, mask.size)  # where there is nothing else, it is endless
    return float((distance * distance).sum() / max(distance.sum(), NOT_ZERO))


def _seconds(picture: Picture) -> float:
    return (FLAT_SECONDS if picture.shades.flat else UNEVEN_SECONDS) + PIXEL_SECONDS * picture.area


def _run(picture: Picture) -> None:
    grey, shades = picture.grey, picture.shades
    picture.is_ink_dark = is_ink_dark_on_flat(grey, shades) if shades.flat else is_ink_dark(grey)


POLARITY = Stage("telling ink from paper", _seconds, _run)
