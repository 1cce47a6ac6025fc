"""How a sheet of paper becomes a picture: by a camera, a scanner, or on a screen. All are drawn by rule.

A sheet is what lies under even light, in colours; a picture is what a person sends.
"""

import io
import math

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from app.imaging.arrays import Pixels

Mask = NDArray[np.float32]  # [H, W], 0 paper .. 1 ink
Sheet = NDArray[np.float32]  # [H, W, 3], 0 to 255
Random = np.random.Generator

MOST_TURNED = 5.0  # degrees, of a photograph; long sheets turn by less, or their ends would leave the picture
ASKEW = 0.05  # of the shorter side: by how much a photograph's corners move
FED_ASKEW = 1.5  # degrees, by which a scanner takes a sheet in
SHADOW = 0.5  # how likely there is one
GRAIN = 256  # pixels a side of a tile of grain: drawing more takes longer than all else
NOISE = 9.0  # shades: the standard deviation of the coarsest grain
BLUR, FOCUS = 0.8, 0.02  # pixels, and of the digits' height: how much is out of focus at most
QUALITY = 35, 96  # of JPEGs
GREY, BITONAL = 0.5, 0.15  # part of the scans


def photographed(sheet: Sheet, tall: float, random: Random) -> Pixels:
    """By a camera from nearly above, in some room's light; `tall` is the height of digits in pixels."""
    seen = _in_perspective(sheet, random)
    seen *= lighting(seen.shape[:2], random)[..., None]
    seen *= (1 + random.uniform(-0.07, 0.07, 3)).astype(np.float32)  # its white is not the light's
    seen = _blurred(seen, random.uniform(0, BLUR + FOCUS * tall))
    return _jpeg(_grained(seen, random.uniform(0, NOISE), random), random)


def scanned(sheet: Sheet, _: float, random: Random) -> Pixels:
    """By a scanner: evenly lit, upright to within a degree or two, often grey, as a fax black and white."""
    height, width = sheet.shape[:2]
    seen = _warped(sheet, _turn(sheet, random.uniform(-1, 1) * min(FED_ASKEW, _most_turned(height, width))))
    seen = _grained(_blurred(seen, random.uniform(0, BLUR)), random.uniform(0, NOISE / 2), random)
    grey = cv2.cvtColor(seen, cv2.COLOR_RGB2GRAY)
    if random.random() < BITONAL:
        _, grey = cv2.threshold(_bytes(grey), 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
        return _bytes(cv2.merge([grey] * 3))
    if random.random() < GREY:
        seen = cv2.merge([grey] * 3)
    return _jpeg(seen, random) if random.random() < 0.6 else _bytes(seen)


def shown(sheet: Sheet, _: float, random: Random) -> Pixels:
    """A drawing as it stands on a screen, sometimes packed as a JPEG."""
    return _jpeg(sheet, random) if random.random() < 0.3 else _bytes(sheet)


def lighting(shape: tuple[int, ...], random: Random) -> Mask:
    """What part of the light falls on each pixel, [H, W]: less to one side, to the corners, and in a shadow."""
    down, across = (np.linspace(-0.5, 0.5, size, dtype=np.float32) * size / max(shape) for size in shape)

    def towards(angle: float) -> Mask:
        along = math.cos(angle) * across + math.sin(angle) * down[:, None]
        return along.astype(np.float32)

    falls = random.uniform(0, 0.7) * towards(random.uniform(0, 2 * math.pi))
    vignette = random.uniform(0, 0.6) * (across**2 + down[:, None] ** 2)
    light = 1 - falls - vignette
    if random.random() < SHADOW:
        uneven = 0.03 * clouds(shape, 4, random)
        edge = towards(random.uniform(0, 2 * math.pi)) - random.uniform(-0.35, 0.35) + uneven
        shadow: Mask = (1 / (1 + np.exp((-edge / random.uniform(0.01, 0.15)).clip(-30, 30)))).astype(np.float32)
        light *= 1 - random.uniform(0.15, 0.5) * shadow
    lit: Mask = (light * (1 + 0.03 * clouds(shape, 3, random))).clip(0.2, 1.4).astype(np.float32)
    return lit


def clouds(shape: tuple[int, ...], cells: float, random: Random) -> Mask:
    """Smooth noise with so many cells along the longer side: normal numbers, [H, W]."""
    coarse = [round(cells * side / max(shape)) + 2 for side in shape]
    knots = random.standard_normal(coarse, np.float32)
    smooth: Mask = cv2.resize(knots, shape[::-1], interpolation=cv2.INTER_CUBIC)
    return smooth


def _in_perspective(sheet: Sheet, random: Random) -> Sheet:
    height, width = sheet.shape[:2]
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    moved = corners + random.uniform(-ASKEW, ASKEW, (4, 2)).astype(np.float32) * min(height, width)
    turn = _turn(sheet, random.uniform(-1, 1) * _most_turned(height, width))
    return _warped(sheet, turn @ cv2.getPerspectiveTransform(corners, moved))


def _most_turned(height: int, width: int) -> float:
    return min(MOST_TURNED, math.degrees(math.atan(0.2 * height / width)))


def _turn(sheet: Sheet, degrees: float) -> NDArray[np.float64]:
    height, width = sheet.shape[:2]
    return np.vstack([cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1), [0, 0, 1]])


def _warped(sheet: Sheet, how: NDArray[np.float64]) -> Sheet:
    warped: Sheet = cv2.warpPerspective(sheet, how, sheet.shape[1::-1], borderMode=cv2.BORDER_REPLICATE)
    return warped


def _blurred(sheet: Sheet, deviation: float) -> Sheet:
    blurred: Sheet = cv2.GaussianBlur(sheet, (0, 0), deviation) if deviation > 0.25 else sheet
    return blurred


def _grained(sheet: Sheet, deviation: float, random: Random) -> Sheet:
    """Grain of a sensor; that of a telephone is smoothed, and coarser."""
    height, width = sheet.shape[:2]
    tile = random.standard_normal((GRAIN, GRAIN, 3), np.float32)
    grain = np.tile(tile, (-(-height // GRAIN), -(-width // GRAIN), 1))[:height, :width]
    if random.random() < 0.5:
        grain = cv2.blur(grain, (2, 2)) * 2  # which leaves the deviation as it was
    return sheet + np.float32(deviation) * grain


def _jpeg(sheet: Sheet, random: Random) -> Pixels:
    file = io.BytesIO()
    Image.fromarray(_bytes(sheet)).save(file, "JPEG", quality=int(random.integers(*QUALITY)))
    return np.array(Image.open(file))


def _bytes(sheet: Sheet) -> Pixels:
    pixels: Pixels = np.rint(sheet).clip(0, 255).astype(np.uint8)
    return pixels
