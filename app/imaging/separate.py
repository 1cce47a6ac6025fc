"""How much ink lies on each pixel -> which of them are ink at all."""

import cv2
import numpy as np

from app.imaging.arrays import Ink
from app.imaging.medians import median, thinned
from app.imaging.picture import Picture, Separated, Stage, by_area

NORMAL = 1.4826  # a standard deviation of normal noise, in medians of how far it is from its own median
NOISE, LEAST_INK = 3.0, 0.02  # standard deviations, and the share of the paper's light, that ink must exceed

FIXED_SECONDS, PIXEL_SECONDS = 0.05e-3, 3e-9


def separate(ink: Ink) -> Separated:
    """Decide by Otsu's threshold among what exceeds the noise, but take no more than what has half the usual ink."""
    some = thinned(ink)
    noise = NORMAL * median(np.abs(some - median(some)))
    floor = max(NOISE * noise, LEAST_INK)
    above = ink[ink > min(floor, float(ink.max()) / 2)]
    if not len(above):
        return Separated(np.zeros(ink.shape, np.uint8), floor, 1.0)
    most = float(above.max())
    threshold, _ = cv2.threshold((above * (255 / most)).astype(np.uint8), 0, 255, cv2.THRESH_OTSU)
    strong = above[above > threshold * most / 255]
    typical = median(strong) if len(strong) else most
    least = min(max(threshold * most / 255, floor), typical / 2)
    return Separated((ink > least).astype(np.uint8), least, typical)


def _run(picture: Picture) -> None:
    picture.separated = separate(picture.ink)


SEPARATE = Stage("separating ink from paper", by_area(FIXED_SECONDS, PIXEL_SECONDS), _run)
