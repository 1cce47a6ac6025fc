"""A grey picture of one digit -> the frame that the model was trained on, as MNIST was made.

Source of the recipe: LeCun, Cortes, Burges, "The MNIST database": fit into a 20x20 box keeping the aspect ratio,
then shift the centre of mass to the middle of 28x28.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from app.errors import NoInk
from app.imaging.arrays import SIDE
from app.imaging.decode import Grey

BOX = 20  # pixels, of the longer side
MIDDLE = 14.5  # where MNIST has its centre of mass: the middle of pixel 14, in pixels from the edge
LEAST_CONTRAST = 24  # shades between paper and ink; less is noise
NEAR_BLACK = bytes(range(32))  # MNIST's background is 0 all over; a dark sheet of paper is not

Ink = NDArray[np.float32]  # [H, W], 0 paper .. 255 ink


class Frame(NamedTuple):
    """What the model sees: uint8 [28, 28], and the names of the steps that made it."""

    pixels: Grey
    steps: tuple[str, ...]


def normalise(grey: Grey) -> Frame:
    """uint8 [H, W] -> Frame. Raises NoInk where nothing stands out from the paper."""
    if is_mnist_like(grey):
        if not np.count_nonzero(grey):
            raise NoInk("the 28x28 frame is all 0, the background; expected ink, up to 255")
        return Frame(grey, ("untouched",))
    ink, polarity = ink_of(grey)
    boxed = fit(crop(ink))
    return Frame(centre(boxed), (polarity, "crop", "fit", "centre"))


def is_mnist_like(grey: Grey) -> bool:
    """28x28 with a border that is mostly black: taken for a frame that is ready."""
    if grey.shape != (SIDE, SIDE):
        return False
    pixels = grey.tobytes()  # for so few, bytes are quicker than arrays
    border = pixels[:SIDE] + pixels[-SIDE:] + pixels[SIDE:-SIDE:SIDE] + pixels[2 * SIDE - 1 : -SIDE : SIDE]
    return 2 * len(border.translate(None, delete=NEAR_BLACK)) < len(border)


def ink_of(grey: Grey) -> tuple[Ink, str]:
    """How far each pixel stands out from the paper, on the side where the digit is; the step's name says which."""
    paper = _paper(grey)
    darkest, brightest = float(grey.min()), float(grey.max())
    dark_ink = paper - darkest >= brightest - paper
    contrast = paper - darkest if dark_ink else brightest - paper
    if contrast < LEAST_CONTRAST:
        raise NoInk(
            f"no ink was found: the image spans {darkest:.0f} to {brightest:.0f} of 0..255 around paper at "
            f"{paper:.0f}; expected at least {LEAST_CONTRAST} shades of contrast. Draw darker, or send another image."
        )
    depth = paper - grey.astype(np.float32) if dark_ink else grey.astype(np.float32) - paper
    return depth.clip(0) * np.float32(255 / contrast), "invert" if dark_ink else "keep polarity"


def crop(ink: Ink) -> Ink:
    """Cut to the box around what Otsu's threshold calls ink; the paper's own texture below it becomes 0."""
    threshold = otsu(ink)
    rows, columns = (np.flatnonzero((ink > threshold).any(axis=axis)) for axis in (1, 0))
    cut = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    floor = threshold / 2
    return (cut - floor).clip(0) * np.float32(255 / (255 - floor))


def otsu(ink: Ink) -> float:
    """The threshold that separates ink from paper best. Source: Otsu, IEEE Trans. SMC 9 (1979) 62-66."""
    counts, edges = np.histogram(ink, bins=256, range=(0, 255))
    centres = (edges[:-1] + edges[1:]) / 2
    below = np.cumsum(counts)[:-1].astype(np.float64)
    above = ink.size - below
    mass = np.cumsum(counts * centres)
    with np.errstate(divide="ignore", invalid="ignore"):
        between = below * above * (mass[:-1] / below - (mass[-1] - mass[:-1]) / above) ** 2
    return float(edges[int(np.nanargmax(between)) + 1])


def fit(ink: Ink) -> Ink:
    """Scale, antialiased, so that the longer side is 20 pixels and the darkest ink 255."""
    height, width = ink.shape
    scale = BOX / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = np.asarray(
        Image.fromarray(ink).resize(size, Image.Resampling.BOX if scale < 1 else Image.Resampling.BICUBIC)
    )
    return (small * np.float32(255 / small.max())).clip(0, 255)


def centre(boxed: Ink) -> Grey:
    """Lay on 28x28, shifted by whole pixels so that the centre of mass comes to the middle."""
    height, width = boxed.shape
    mass = boxed.sum()
    middle_y = float((boxed.sum(axis=1) @ (np.arange(height) + 0.5)) / mass)
    middle_x = float((boxed.sum(axis=0) @ (np.arange(width) + 0.5)) / mass)
    top = min(max(round(MIDDLE - middle_y), 0), SIDE - height)
    left = min(max(round(MIDDLE - middle_x), 0), SIDE - width)
    frame = np.zeros((SIDE, SIDE), np.uint8)
    frame[top : top + height, left : left + width] = np.rint(boxed)
    return frame


def _paper(grey: Grey) -> float:
    """The median of the border, by sorting: for so few numbers np.median takes five times longer."""
    border = np.sort(np.concatenate([grey[0], grey[-1], grey[1:-1, 0], grey[1:-1, -1]]))
    below, above = border[(len(border) - 1) // 2], border[len(border) // 2]
    return (float(below) + float(above)) / 2
