"""Pixels -> how much ink lies on each. Paper may be of any colour, lit unevenly, darker or brighter than the ink."""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from app.budget import Budget
from app.imaging.decode import Grey, Pixels

Ink = NDArray[np.float32]  # [H, W], 0 bare paper .. 1 where none of the paper's light is left
Mask = NDArray[np.uint8]  # [H, W], 1 where there is ink

EVENED = "even light"
THUMBNAIL = 64  # pixels a side; enough to see what is paper
CHANNELS = ("red", "green", "blue")
GREY_IS_BETTER_BY = 1.15  # a channel alone is noisier, and coarser in a JPEG
FLAT = 0.15  # of the contrast; a shade that varies less is one shade
LEAST_CONTRAST = 8  # shades between ink and paper; less is no ink
TINY = 40  # pixels a side; too few to tell light from ink
HALVED = 200  # pixels of the shorter side: a larger picture's paper is found at half its size
WIDEST_STROKE = 0.3  # of the shorter side
WIDEST_BLOT, BLOT = 0.7, 0.5  # of the shorter side, and of the light that thick ink takes at least
ALONG = 0.4  # of a side of the picture
BEYOND = 0.35  # of such a stroke: more would make a shadow of a digit that is cut off, less a digit of a shadow
FINEST = 0.004  # of the longer side: what is smaller has no colour in a JPEG
NOISE, LEAST_INK = 3.0, 0.02  # standard deviations, and the share of the paper's light, that ink must exceed

# What a look costs, in seconds: upper bounds, measured on an ordinary server; they cover all that follows but what is
# charged for on its own.
FIXED_SECONDS, FLAT_PIXEL = 1.5e-3, 18e-9
UNEVEN_SECONDS, UNEVEN_PIXEL = 2.6e-3, 20e-9
COLOUR_PIXEL = 130e-9


class Inked(NamedTuple):
    """How much ink lies where, and by which steps that was found."""

    ink: Ink
    steps: tuple[str, ...]


class Shades(NamedTuple):
    """What is ink and what is paper, at a first glance."""

    threshold: int
    """Separates both best."""
    dark: int
    bright: int
    """The median of either side."""
    flat: bool
    """Whether the larger side is all of one shade, as in drawings and in scans."""


class Separated(NamedTuple):
    """What is ink, as decided pixel by pixel."""

    mask: Mask
    least: float
    """Ink of which there is less is none."""
    typical: float
    """The median of what is."""

    def soften(self, ink: Ink) -> Ink:
        """0 to 1: what lies halfway between none and `least` is 0, what is typical is 1. So edges stay smooth."""
        step = max(self.typical - self.least, 1e-6)
        return ((ink - self.least + step / 2) / (1.5 * step)).clip(0, 1)


def ink_of(pixels: Pixels, budget: Budget, widest: float = WIDEST_STROKE) -> Inked:
    """In the channel that shows it best, with the light evened out where it is uneven.

    What is wider than `widest`, in parts of the shorter side, is taken for a shadow then.
    """
    height, width = pixels.shape[:2]
    budget.charge(FIXED_SECONDS + FLAT_PIXEL * height * width, "looking at {:,}x{:,} pixels", width, height)
    grey, channel = strongest_channel(pixels)
    shades = two_shades(grey)
    if not shades.flat:
        budget.charge(UNEVEN_SECONDS + UNEVEN_PIXEL * grey.size, "evening out the light on {:,} pixels", grey.size)
    dark = is_ink_dark_on_flat(grey, shades) if shades.flat else is_ink_dark(grey)
    ink = on_flat_paper(grey, shades, dark=dark) if shades.flat else on_uneven_paper(grey, widest, dark=dark)
    names = (channel and f"{channel} channel", not shades.flat and EVENED, dark and "invert")
    return Inked(ink, tuple(name for name in names if name))


def shrink(pixels: Pixels, side: int) -> Pixels:
    """With `side` pixels on the longer side at most: averaged over whole squares of pixels, which is quick, and then a
    little more.
    """
    factor = max(pixels.shape[:2]) // side
    if factor > 1:
        height, width = (max(1, size // factor) for size in pixels.shape[:2])
        whole = pixels[: height * factor, : width * factor]
        pixels = cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA)
    scale = side / max(pixels.shape[:2])
    if scale < 1:
        height, width = (max(1, round(size * scale)) for size in pixels.shape[:2])
        pixels = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_LINEAR)
    return pixels


def strongest_channel(pixels: Pixels) -> tuple[Grey, str]:
    """Grey, or the colour channel in which most stands out from the paper, with its name: an orange pen is as bright as
    paper in red, and black in blue.
    """
    if pixels.ndim == 2:
        return pixels, ""
    small = shrink(pixels, THUMBNAIL)
    channels = [np.ascontiguousarray(small[..., index]) for index in range(3)]
    strengths = [_strength(one) for one in channels]
    best = int(np.argmax(strengths))
    if strengths[best] <= GREY_IS_BETTER_BY * _strength(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)):
        return cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), ""
    return np.ascontiguousarray(pixels[..., best]), CHANNELS[best]


def two_shades(grey: Grey) -> Shades:
    """Source of the threshold: Otsu, IEEE Trans. SMC 9 (1979) 62-66."""
    otsu, _ = cv2.threshold(grey, 0, 255, cv2.THRESH_OTSU)
    threshold = int(otsu)
    counts: NDArray[np.float32] = cv2.calcHist([grey], [0], None, [256], (0, 256)).ravel()
    darker, brighter = counts[: threshold + 1], counts[threshold + 1 :]
    if not (darker.any() and brighter.any()):
        return Shades(threshold, threshold, threshold, flat=True)
    low, dark, high = _percentiles(darker)
    low_bright, bright, high_bright = (threshold + 1 + shade for shade in _percentiles(brighter))
    spread = high - low if darker.sum() > brighter.sum() else high_bright - low_bright
    return Shades(threshold, dark, bright, flat=spread < FLAT * (bright - dark) or min(grey.shape) < TINY)


def is_ink_dark_on_flat(grey: Grey, shades: Shades) -> bool:
    """Whether the brighter of two shades is the paper.

    Paper has more of the border, of the corners and of the area, and it reaches farther, for strokes are narrow.
    """
    bright = (shrink(grey, THUMBNAIL) > shades.threshold).astype(np.uint8)
    border = np.concatenate([bright[0], bright[-1], bright[1:-1, 0], bright[1:-1, -1]])
    corners = bright[[0, 0, -1, -1], [0, -1, 0, -1]]
    reach_bright, reach_dark = _reach(bright), _reach(1 - bright)
    by_reach = (reach_bright - reach_dark) / (reach_bright + reach_dark)
    return bool(2 * border.mean() + corners.mean() + bright.mean() - 2 + by_reach >= 0)


def is_ink_dark(grey: Grey) -> bool:
    """The same under uneven light: whether more stands out below the paper's brightness than above it.

    What stands out is narrow as well, for a shadow is not. A dark picture is one of a blackboard rather than of paper.
    """
    small = shrink(grey, THUMBNAIL)
    paper = _paper(small)
    stands_out = np.log1p(small.astype(np.float32)) - np.log1p(paper.astype(np.float32))
    noise = 2 * np.median(np.abs(stands_out)) + 0.02
    narrow = np.ones((_odd(min(small.shape) / 4),) * 2, np.uint8)
    below = (-stands_out - noise).clip(0) * cv2.morphologyEx(small, cv2.MORPH_BLACKHAT, narrow)
    above = (stands_out - noise).clip(0) * cv2.morphologyEx(small, cv2.MORPH_TOPHAT, narrow)
    balance = (below.sum() - above.sum()) / (below.sum() + above.sum() + 1e-6)
    return bool(balance + 1.5 * (small.mean() / 255 - 0.2) >= 0)


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
    from around it, and a shadow, which is wider, keeps its edge.
    """
    shown = cv2.medianBlur(grey if dark else 255 - grey, 3)
    paper = _closed(shown, widest).astype(np.float32)
    missing = paper - shown
    missing /= np.maximum(paper, 1) if dark else 255
    if dark:
        missing = np.maximum(missing, _missing_in_blots(shown))
    bare = _median(_thinned(missing))  # a closing follows the brightest grain of the paper
    ink: Ink = ((missing - bare) / max(1 - bare, 1e-6)).clip(0)
    return ink


def by_colour(pixels: Pixels, budget: Budget) -> Inked:
    """How far each pixel's colour is from the paper's, uint8 [H, W, 3]: light and shadow change the brightness alone.

    Colour is the logarithms of red and of blue over green; of both dimensions, the one along which most stands out.
    """
    size = pixels.shape[0] * pixels.shape[1]
    budget.charge(FIXED_SECONDS + COLOUR_PIXEL * size, "looking at the colours of {:,} pixels", size)
    smooth = cv2.GaussianBlur(pixels, (0, 0), max(1, FINEST * max(pixels.shape)))
    light = np.log1p(smooth.astype(np.float32))
    colour = light[..., ::2] - light[..., 1:2]
    small = (shrink(colour, THUMBNAIL) * 127 + 128).clip(0, 255).astype(np.uint8)
    paper = np.dstack([_paper(np.ascontiguousarray(small[..., index])) for index in (0, 1)])
    paper = cv2.resize(paper.astype(np.float32), pixels.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    away = (colour - (paper - 128) / 127).reshape(-1, 2)
    distance = np.hypot(*away.T)
    farthest = away[distance >= np.percentile(distance[:: max(1, len(away) // 10_000)], 95)]
    _, directions = np.linalg.eigh(farthest.T @ farthest)
    towards = directions[:, -1] * np.sign((farthest @ directions[:, -1]).sum())
    ink = (away @ towards).reshape(pixels.shape[:2]).astype(np.float32)
    return Inked((ink - _median(_thinned(ink))).clip(0), ("colour alone",))


def _missing_in_blots(grey: Grey) -> Ink:
    """The same share where ink is as thick as a shadow: so dark that it is none, and neither at a corner of the picture
    nor all along a side, as a desk is that the paper lies on. 0 elsewhere.
    """
    small = shrink(grey, THUMBNAIL)
    paper = cv2.GaussianBlur(_closed(small, WIDEST_BLOT), (0, 0), 2).astype(np.float32)
    blots = (small < (1 - BLOT) * paper).astype(np.uint8)
    count, labels = cv2.connectedComponents(blots)
    for side in (labels[0], labels[-1], labels[:, 0], labels[:, -1]):
        along = np.bincount(side, minlength=count) > ALONG * len(side)
        along[side[[0, -1]]] = True
        blots[along[labels]] = 0
    size = grey.shape[::-1]
    near = cv2.resize(cv2.dilate(blots, np.ones((3, 3), np.uint8)), size, interpolation=cv2.INTER_NEAREST)
    paper = cv2.resize(paper, size, interpolation=cv2.INTER_LINEAR)
    missing: Ink = (paper - grey) / np.maximum(paper, 1) * near
    return np.where(missing > BLOT, missing, 0)


def _closed(grey: Grey, widest: float) -> Grey:
    """At half the size where it is large: paper has no fine detail, and this takes the longest of all."""
    small = shrink(grey, (max(grey.shape) + 1) // 2) if min(grey.shape) > HALVED else grey
    size = _odd(widest * min(small.shape))
    beyond = round(BEYOND * size)
    padded = cv2.copyMakeBorder(small, *(beyond,) * 4, cv2.BORDER_REPLICATE)
    closed = cv2.morphologyEx(padded, cv2.MORPH_CLOSE, np.ones((size, size), np.uint8))[beyond:-beyond, beyond:-beyond]
    paper: Grey = cv2.resize(closed, grey.shape[::-1], interpolation=cv2.INTER_LINEAR)
    return paper


def separate(ink: Ink) -> Separated:
    """Decide by Otsu's threshold among what exceeds the noise, but take no more than what has half the usual ink."""
    thinned = _thinned(ink)
    noise = 1.4826 * _median(np.abs(thinned - _median(thinned)))  # the standard deviation of normal noise
    floor = max(NOISE * noise, LEAST_INK)
    above = ink[ink > min(floor, float(ink.max()) / 2)]
    if not len(above):
        return Separated(np.zeros(ink.shape, np.uint8), floor, 1.0)
    most = float(above.max())
    threshold, _ = cv2.threshold((above * (255 / most)).astype(np.uint8), 0, 255, cv2.THRESH_OTSU)
    strong = above[above > threshold * most / 255]
    typical = _median(strong) if len(strong) else most
    least = min(max(threshold * most / 255, floor), typical / 2)
    return Separated((ink > least).astype(np.uint8), least, typical)


def _strength(grey: Grey) -> float:
    """How far what is not paper stands out from it, in shades: the root of the mean square, so that all ink counts, but
    not what lies around the paper.
    """
    top, left = (size // 8 for size in grey.shape)
    away = cv2.absdiff(grey, _paper(grey))[top : grey.shape[0] - top, left : grey.shape[1] - left].astype(np.float32)
    return float(np.sqrt(np.square((away - np.median(away)).clip(0)).mean()))


def _paper(grey: Grey) -> Grey:
    """What lies around each pixel: ink is the lesser part of any wide window."""
    size = _odd(min(grey.shape) * 2 / 3)
    margin = size // 2
    padded = cv2.copyMakeBorder(grey, *(margin,) * 4, cv2.BORDER_REFLECT_101)
    blurred: Grey = cv2.medianBlur(padded, size)[margin : margin + grey.shape[0], margin : margin + grey.shape[1]]
    return blurred


def _reach(mask: Mask) -> float:
    """The mean distance to what is not in the mask, over what is, where that counts which is far; in pixels."""
    distance = cv2.distanceTransform(cv2.copyMakeBorder(mask, 1, 1, 1, 1, cv2.BORDER_REPLICATE), cv2.DIST_L2, 3)
    distance = distance.clip(0, mask.size)  # where there is nothing else, it is endless
    return float((distance * distance).sum() / max(distance.sum(), 1e-6))


def _percentiles(counts: NDArray[np.float32]) -> tuple[int, int, int]:
    """The 10th, 50th and 90th of shades that were counted."""
    total = np.cumsum(counts)
    low, middle, high = np.searchsorted(total, (0.1 * total[-1], 0.5 * total[-1], 0.9 * total[-1]))
    return int(low), int(middle), int(high)


def _thinned(ink: Ink) -> Ink:
    """Some four thousand pixels, evenly spread: enough for a median."""
    step = max(1, round((ink.size / 4_000) ** 0.5))
    return ink[::step, ::step]


def _median(values: Ink) -> float:
    """numpy's own takes longer to check its arguments than to find it."""
    return float(np.partition(values, values.size // 2, axis=None)[values.size // 2])


def _odd(size: float) -> int:
    return max(3, int(size) | 1)
