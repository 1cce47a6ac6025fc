"""The sheet of paper in a photo of one that lies on something darker, such as a desk: what lies around it goes."""

import cv2
import numpy as np

from app.budget import UNLIMITED, Budget
from app.imaging.arrays import Grey, Mask, Outline, Pixels, window
from app.imaging.picture import Picture, Stage, by_area
from app.imaging.shrink import THUMBNAIL, shrink

SMALLEST_PICTURE = 80  # pixels a side of a picture in which a sheet is looked for
SMALL = 2 * THUMBNAIL  # pixels a side; enough to see a sheet
NARROWEST = SMALL / 3  # pixels of the shorter side then
NAME = "looking for a sheet of paper"

SMOOTH = (3, 3)  # pixels: a window that evens out the grain
THRESHOLDS = (0.75, 1.0, 0.6, 1.2)  # of Otsu's, which a shadow on the sheet draws to itself
GAP = 3  # pixels: strokes that are as narrow are closed
LEAST, MOST = 0.2, 0.96  # of the picture that a sheet may fill
STRAIGHT = 0.95  # of what the corners enclose is the sheet's; of what is curved or jagged, less
CORNERS = range(4, 7)  # of a sheet, of which the picture's borders may cut off some
ROUGH = 0.015  # of its circumference: a corner is what stands out by more
DARKER = 0.8  # of the sheet's brightness: at most that of what lies around it
SHARP = 0.6  # of the contrast, within three pixels at the edge; shadows fade
HELD = 0.1  # of a side of the picture: what holds no more of it leaves it to the surroundings

FRINGE = 2  # pixels at the sheet's edge that are painted over, too
WRITTEN = 7  # pixels: strokes that are narrower are not painted with
NEAR = 3  # pixels: how far paper is looked for by a pixel that is painted

FIXED_SECONDS, PIXEL_SECONDS = 0.07e-3, 1.2e-9
FINDING = 0.35e-3  # seconds more where the picture's sides differ
PAINTING, PAINTED_PIXEL = 1.6e-3, 15e-9  # seconds more where there is a sheet


def paint_around(pixels: Pixels, budget: Budget = UNLIMITED) -> Pixels:
    """What lies around the sheet is painted over with the paper next to it; the same picture where no sheet is seen.

    Raises TooMuchWork.
    """
    small = shrink(pixels, SMALL)
    narrow = min(pixels.shape[:2]) < SMALLEST_PICTURE or min(small.shape[:2]) < NARROWEST
    outline = None if narrow else find_sheet(small, budget)
    if outline is None:
        return pixels
    height, width = pixels.shape[:2]
    budget.charge(PAINTING + PAINTED_PIXEL * height * width, "painting over what lies around the sheet")
    sheet = _less(_filled(outline, small.shape), FRINGE)
    bare = cv2.dilate(small, window(WRITTEN))
    paper = cv2.inpaint(bare, 1 - sheet, NEAR, cv2.INPAINT_TELEA)
    around = cv2.resize(sheet, (width, height), interpolation=cv2.INTER_NEAREST) == 0
    painted = pixels.copy()
    painted[around] = cv2.resize(paper, (width, height), interpolation=cv2.INTER_LINEAR)[around]
    return painted


def find_sheet(pixels: Pixels, budget: Budget = UNLIMITED) -> Outline | None:
    """Its outline in a small picture; None where it is not plain that there is one: bright, of straight and sharp
    edges, with a corner in the picture or a side of the picture beyond it. Raises TooMuchWork.
    """
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY) if pixels.ndim == 3 else pixels
    if all(side.min() > DARKER * grey.max() for side in _sides(grey)):  # as in most drawings, and quickly seen
        return None
    budget.charge(FINDING, NAME)
    grey = cv2.GaussianBlur(grey, SMOOTH, 0)
    otsu, _ = cv2.threshold(grey, 0, 1, cv2.THRESH_OTSU)
    sharpest, best = 0.0, None
    for share in THRESHOLDS:
        bright = cv2.morphologyEx((grey > share * otsu).astype(np.uint8), cv2.MORPH_CLOSE, window(GAP))
        outline = _largest(bright)
        if outline is None:
            continue
        hull = cv2.convexHull(outline)
        straight = cv2.contourArea(outline) > STRAIGHT * cv2.contourArea(hull)
        if straight and _has_corners(hull, grey.shape) and (fall := _fall(grey, outline)) > sharpest:
            sharpest, best = fall, hull
    return best


def _largest(mask: Mask) -> Outline | None:
    outlines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    outline: Outline | None = max(outlines, key=cv2.contourArea, default=None)
    return outline if outline is not None and LEAST < cv2.contourArea(outline) / mask.size < MOST else None


def _has_corners(hull: Outline, shape: tuple[int, ...]) -> bool:
    """As many as a sheet has, and at least one of them in the picture, or a side of the picture beyond the sheet."""
    corners = cv2.approxPolyDP(hull, ROUGH * cv2.arcLength(hull, True), True)
    if len(corners) not in CORNERS or cv2.contourArea(corners) < STRAIGHT * cv2.contourArea(hull):
        return False
    height, width = shape
    x, y = corners[:, 0].T
    seen = (x > 1) & (y > 1) & (x < width - 2) & (y < height - 2)
    sheet = _filled(hull, shape)
    beyond = any(side.mean() < HELD for side in _sides(sheet))
    return bool(seen.any()) or beyond


def _fall(grey: Grey, outline: Outline) -> float:
    """By how many shades the brightness falls at the edge, where all around is darker, and at once; else 0."""
    sheet = _filled(outline, grey.shape)
    inner, outer = _less(sheet, 1), _less(1 - sheet, 1)
    edge, beyond = inner - _less(sheet, 2), outer - _less(1 - sheet, 2)
    if not (edge.any() and beyond.any()):
        return 0.0
    paper, around, last, first = (float(np.median(grey[where > 0])) for where in (inner, outer, edge, beyond))
    stands_out = around < DARKER * paper and last - first > SHARP * (paper - around)
    return float(grey[edge > 0].mean() - grey[beyond > 0].mean()) if stands_out else 0.0


def _sides(grey: Grey) -> tuple[Grey, ...]:
    return grey[0], grey[-1], grey[:, 0], grey[:, -1]


def _filled(outline: Outline, shape: tuple[int, ...]) -> Mask:
    sheet = np.zeros(shape[:2], np.uint8)
    cv2.drawContours(sheet, [outline], -1, 1, cv2.FILLED)
    return sheet


def _less(mask: Mask, by: int) -> Mask:
    """Without so many pixels at its edges, but for those at the picture's borders."""
    less: Mask = cv2.erode(mask, window(2 * by + 1))
    return less


def _run(picture: Picture) -> None:
    painted = paint_around(picture.pixels, picture.budget)
    if painted is not picture.pixels:
        picture.pixels = painted
        picture.steps += ("paint around",)


PAINT_AROUND = Stage(NAME, by_area(FIXED_SECONDS, PIXEL_SECONDS), _run)
