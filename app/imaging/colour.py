"""Colours -> how much ink lies on each pixel, by its colour alone: light and shadow change the brightness alone."""

import cv2
import numpy as np

from app.imaging.arrays import Ink, Pixels
from app.imaging.medians import median, paper_around, thinned
from app.imaging.picture import Picture, Stage, by_area
from app.imaging.shrink import THUMBNAIL, shrink

FINEST = 0.004  # of the longer side: what is smaller has no colour in a JPEG
STEPS, NEUTRAL = 127, 128  # of a byte for each unit of colour, and the byte of none
FARTHEST = 95  # per cent of pixels that are nearer to the paper's colour than those by which ink's is told
ENOUGH = 10_000  # pixels, to tell how far that is

FIXED_SECONDS, PIXEL_SECONDS = 0.7e-3, 45e-9


def by_colour(pixels: Pixels) -> Ink:
    """How far each pixel's colour is from the paper's, uint8 [H, W, 3].

    Colour is the logarithms of red and of blue over green; of both dimensions, the one along which most stands out.
    """
    smooth = cv2.GaussianBlur(pixels, (0, 0), max(1, FINEST * max(pixels.shape)))
    light = np.log1p(smooth.astype(np.float32))
    colour = light[..., ::2] - light[..., 1:2]
    small = (shrink(colour, THUMBNAIL) * STEPS + NEUTRAL).clip(0, 255).astype(np.uint8)
    paper = np.dstack([paper_around(np.ascontiguousarray(small[..., index])) for index in (0, 1)])
    paper = cv2.resize(paper.astype(np.float32), pixels.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    away = (colour - (paper - NEUTRAL) / STEPS).reshape(-1, 2)
    distance = np.hypot(*away.T)
    farthest = away[distance >= np.percentile(distance[:: max(1, len(away) // ENOUGH)], FARTHEST)]
    _, directions = np.linalg.eigh(farthest.T @ farthest)
    towards = directions[:, -1] * np.sign((farthest @ directions[:, -1]).sum())
    ink = (away @ towards).reshape(pixels.shape[:2]).astype(np.float32)
    coloured: Ink = (ink - median(thinned(ink))).clip(0)
    return coloured


def _run(picture: Picture) -> None:
    picture.ink = by_colour(picture.pixels)
    picture.steps += ("colour alone",)


COLOUR = Stage("looking at the colours of the pixels", by_area(FIXED_SECONDS, PIXEL_SECONDS), _run)
