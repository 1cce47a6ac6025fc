"""Shades -> how much ink lies on each pixel, whether the light on the paper is even or not."""

import cv2
import numpy as np

from app.imaging.arrays import Grey, Ink, odd, window
from app.imaging.medians import median, thinned
from app.imaging.picture import Picture, Shades, Stage
from app.imaging.shrink import THUMBNAIL, shrink

LEAST_CONTRAST = 8  # shades between ink and paper; less is no ink
GRAIN = 3  # pixels: a window whose median takes single grains out

WIDEST_STROKE = 0.3  # of the shorter side: what is wider is a shadow
NARROWER = 0.15  # the same where faint ink is told from shadows
HALVED = 200  # pixels of the shorter side: a larger picture's paper is found at half its size
BEYOND = 0.35  # of such a stroke: more would make a shadow of a digit that is cut off, less a digit of a shadow

WIDEST_BLOT, BLOT = 0.7, 0.5  # of the shorter side, and of the light that thick ink takes at least
BLURRED = 2  # pixels of a thumbnail, by which the paper around a blot is smoothed
ALONG = 0.4  # of a side of the picture: what lies along more of it is a shadow, or a desk

NOT_ZERO = 1e-6  # paper that is as good as black
FLAT_SECONDS, FLAT_PIXEL = 0.01e-3, 0.5e-9
UNEVEN_SECONDS, UNEVEN_PIXEL = 0.65e-3, 12e-9


def on_flat_paper(grey: Grey, shades: Shades, *, dark: bool) -> Ink:
    """How far each pixel is from the paper's one shade."""
    if shades.bright - shades.dark < LEAST_CONTRAST:
        return np.zeros(grey.shape, np.float32)
    all_shades = np.arange(256, dtype=np.float32)
    depth = (shades.bright - all_shades if dark else all_shades - shades.dark).clip(0) / 255
    ink: Ink = cv2.LUT(grey, depth.astype(np.float32))
    return ink


def on_uneven_paper(grey: Grey, widest: float, *, dark: bool) -> Ink:
    """The share of the paper's light that is missing (of dark paper: the light that is added).

    The paper's brightness at a pixel is what a closing leaves there: what is narrower than the widest stroke is filled
    from around it, and a shadow, which is wider, keeps its edge. `widest` is in parts of the shorter side.
    """
    shown = cv2.medianBlur(grey if dark else 255 - grey, GRAIN)
    paper = _closed(shown, widest).astype(np.float32)
    missing = paper - shown
    missing /= np.maximum(paper, 1) if dark else 255
    if dark:
        missing = np.maximum(missing, _missing_in_blots(shown))
    bare = median(thinned(missing))  # a closing follows the brightest grain of the paper
    ink: Ink = ((missing - bare) / max(1 - bare, NOT_ZERO)).clip(0)
    return ink


def _closed(grey: Grey, widest: float) -> Grey:
    """At half the size where it is large: paper has no fine detail, and this takes the longest of all."""
    small = shrink(grey, (max(grey.shape) + 1) // 2) if min(grey.shape) > HALVED else grey
    size = odd(widest * min(small.shape))
    beyond = round(BEYOND * size)
    padded = cv2.copyMakeBorder(small, *(beyond,) * 4, cv2.BORDER_REPLICATE)
    closed = cv2.morphologyEx(padded, cv2.MORPH_CLOSE, window(size))[beyond:-beyond, beyond:-beyond]
    paper: Grey = cv2.resize(closed, grey.shape[::-1], interpolation=cv2.INTER_LINEAR)
    return paper


def _missing_in_blots(grey: Grey) -> Ink:
    """The same share where ink is as thick as a shadow: so dark that it is none, and neither at a corner of the picture
    nor all along a side, as a desk is that the paper lies on. 0 elsewhere.
    """
    small = shrink(grey, THUMBNAIL)
    paper = cv2.GaussianBlur(_closed(small, WIDEST_BLOT), (0, 0), BLURRED).astype(np.float32)
    blots = (small < (1 - BLOT) * paper).astype(np.uint8)
    count, labels = cv2.connectedComponents(blots)
    for side in (labels[0], labels[-1], labels[:, 0], labels[:, -1]):
        along = np.bincount(side, minlength=count) > ALONG * len(side)
        along[side[[0, -1]]] = True
        blots[along[labels]] = 0
    size = grey.shape[::-1]
    near = cv2.resize(cv2.dilate(blots, window(3)), size, interpolation=cv2.INTER_NEAREST)
    paper = cv2.resize(paper, size, interpolation=cv2.INTER_LINEAR)
    missing: Ink = (paper - grey) / np.maximum(paper, 1) * near
    return np.where(missing > BLOT, missing, 0)


def _seconds(picture: Picture) -> float:
    if picture.shades.flat:
        return FLAT_SECONDS + FLAT_PIXEL * picture.area
    return UNEVEN_SECONDS + UNEVEN_PIXEL * picture.area


def _find(picture: Picture, widest: float) -> None:
    grey, shades, dark = picture.grey, picture.shades, picture.is_ink_dark
    picture.ink = on_flat_paper(grey, shades, dark=dark) if shades.flat else on_uneven_paper(grey, widest, dark=dark)
    names = (picture.channel and f"{picture.channel} channel", not shades.flat and "even light", dark and "invert")
    picture.steps += tuple(name for name in names if name)


def _run(picture: Picture) -> None:
    _find(picture, WIDEST_STROKE)


def _run_for_narrow_strokes(picture: Picture) -> None:
    _find(picture, NARROWER)


LIGHT = Stage("evening out the light", _seconds, _run)
LIGHT_ON_NARROW_STROKES = Stage("evening out the light for narrow strokes", _seconds, _run_for_narrow_strokes)
