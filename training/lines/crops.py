"""Single digits as a segmenter cuts them out of forms and cheques, each with a trouble of its kind around or in it."""

import math
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import cv2
import numpy as np

from app.errors import NoInk
from app.imaging.arrays import Pixels
from app.imaging.boxes import Box
from app.imaging.normalise import normalise
from app.inference.bundle import Bundle
from app.tasks.digits.classifier import ENERGY, Classifier, opened
from app.tasks.digits.decisions import Decision, choose, decide_frame
from app.tasks.digits.manifest import DigitsManifest
from training.lines.cameras import Mask, Random, clouds, photographed, scanned
from training.lines.compose import HEIGHT, Line, compose
from training.lines.hands import Hand, Hands
from training.lines.pages import PENS, laid
from training.lines.prints import GUILLOCHES, INKS, Place, guilloche, inked

SMALLEST, LARGEST = 16, 80  # pixels: how high digits are
AROUND = 0.04, 0.3  # of their height: how much paper is left at each side
TINT = 18  # shades, by which a paper's colours differ
SCANNED = 0.6  # part of the crops that a scanner made


class Crop(NamedTuple):
    """A picture of one digit."""

    digit: int
    trouble: str
    pixels: Pixels


class Scene(NamedTuple):
    """A digit on paper before anybody took a picture of it; troubles draw on its layers, [H, W]."""

    ink: Mask
    printed: Mask
    light: Mask
    place: Place
    hand: Hand


def composed(hands: Hands, count: int, seed: int) -> list[Crop]:
    """So many, of each trouble in turn; the same ones for the same seed."""
    random = np.random.default_rng(seed)
    names = [*TROUBLES]
    return [compose_one(hands.draw(random), names[place % len(names)], random) for place in range(count)]


def compose_one(hand: Hand, trouble: str, random: Random) -> Crop:
    """`trouble` is one of TROUBLES."""
    tall = float(np.exp(random.uniform(np.log(SMALLEST), np.log(LARGEST))))
    line = _digit(hand, random)
    ink, box = laid(line, tall, random)
    scene = Scene(ink, np.zeros_like(ink), np.ones_like(ink), Place(box, tall), hand)
    TROUBLES[trouble](scene, random)
    sheet = np.empty((*ink.shape, 3), np.float32)
    sheet[:] = random.uniform(200, 250) + random.uniform(-TINT, TINT, 3)
    if random.random() < 0.5 or trouble == "ground":
        colour, opacity = GUILLOCHES[random.integers(len(GUILLOCHES))], random.uniform(0.15, 0.5)
        sheet = inked(sheet, guilloche(ink.shape, tall, random), colour, opacity + 0.4 * (trouble == "ground"))
    sheet = inked(sheet, scene.printed, INKS[random.integers(len(INKS))], random.uniform(0.5, 1))
    sheet = inked(sheet, scene.ink.clip(0, 1), PENS[random.integers(len(PENS))], random.uniform(0.75, 1))
    sheet *= scene.light[..., None]
    sheet = sheet[_cut(scene.place, ink.shape, random).cut]
    take = scanned if random.random() < SCANNED else photographed
    return Crop(int(line.text), trouble, take(sheet, tall, random))


def _digit(hand: Hand, random: Random) -> Line:
    return compose(hand, random, kind="plain", length=1, clutter=0)


def _cut(place: Place, shape: tuple[int, ...], random: Random) -> Box:
    box, height, width = place.box, *shape
    left, top, right, bottom = (round(place.tall * random.uniform(*AROUND)) for _ in range(4))
    right, bottom = min(width, box.right + right), min(height, box.bottom + bottom)
    return Box(max(0, box.left - left), max(0, box.top - top), right, bottom)


class Read(NamedTuple):
    """Whether one was read right."""

    trouble: str
    first: bool
    """By imaging's first frame of it,"""
    chosen: bool
    """and by the one that the model took."""
    frames: int
    decision: Decision


def read(crop: Crop, classifier: Classifier, manifest: DigitsManifest) -> Read:
    """As the service does; where nothing is found, it is read wrong, and refused."""
    try:
        frame = normalise(crop.pixels, manifest.preparation)
    except NoInk:
        return Read(crop.trouble, first=False, chosen=False, frames=0, decision="reject")
    frames = frame, *frame.others
    scores = classifier.scores(np.stack([one.pixels for one in frames]))
    right = (scores[:, :ENERGY].argmax(axis=1) == crop.digit).tolist()
    taken, best = choose(frame, scores, manifest.preparation.margin)
    confidence, energy = float(scores[best, :ENERGY].max()), float(scores[best, ENERGY])
    decision, _ = decide_frame(manifest.thresholds, taken, confidence, energy)
    return Read(crop.trouble, right[0], right[best], len(right), decision)


def table(crops: Iterable[Crop], bundle: Bundle[DigitsManifest]) -> str:
    """How many of each trouble are read right, by first frames and by chosen ones, and of how many frames; how many are
    accepted, how many of these are right, and how many are rejected.
    """
    manifest, model = bundle
    classifier = opened(model, labels=manifest.labels)
    seen = [read(crop, classifier, manifest) for crop in crops]
    rows = [f"{len(seen):,} crops     first  chosen  frames  accepted  right  rejected"]
    for name in (*TROUBLES, "all"):
        some = [one for one in seen if name in {one.trouble, "all"}]
        first, chosen, frames = (np.mean([one[place] for one in some]) for place in (1, 2, 3))
        accepted = [one.chosen for one in some if one.decision == "accept"]
        right = np.mean(accepted) if accepted else math.nan
        rejected = np.mean([one.decision == "reject" for one in some])
        rows.append(
            f"{name:13} {first:6.1%}  {chosen:6.1%}  {frames:6.2f}  {len(accepted) / len(some):8.1%} {right:6.1%}"
            f"  {rejected:8.1%}"
        )
    return "\n".join(rows)


# Troubles. Each draws on a scene.


def _none(_: Scene, __: Random) -> None:
    pass


def _base_line(scene: Scene, random: Random) -> None:
    """Printed, from side to side, under the foot or through it; or one end of it."""
    box, tall = scene.place.box, scene.place.tall
    y, tilt = box.bottom + tall * random.uniform(-0.12, 0.12), tall * random.normal(0, 0.02)
    left, right = _ends(scene, random)
    cv2.line(scene.printed, (left, round(y - tilt)), (right, round(y + tilt)), 1, _thick(scene, random), cv2.LINE_AA)


def _dotted_line(scene: Scene, random: Random) -> None:
    box, tall = scene.place.box, scene.place.tall
    y, pitch = round(box.bottom + tall * random.uniform(-0.1, 0.12)), max(3, round(tall * random.uniform(0.06, 0.16)))
    for x in range(int(random.integers(pitch)), scene.ink.shape[1], pitch):
        cv2.circle(scene.printed, (x, y), _thick(scene, random) // 2, 1, cv2.FILLED, cv2.LINE_AA)


def _ends(scene: Scene, random: Random) -> tuple[int, int]:
    """Left and right: mostly beyond the picture, else within the digit's width."""
    box, width = scene.place.box, scene.ink.shape[1]
    inner = round(box.left + random.uniform(0.2, 0.8) * box.width)
    ends = (0, width), (0, width), (0, width), (0, inner), (inner, width)
    return ends[random.integers(len(ends))]


def _box_sides(scene: Scene, random: Random) -> None:
    """Of the box that it is written in: one side, or two that meet."""
    box, tall, thick = scene.place.box, scene.place.tall, _thick(scene, random)
    height, width = scene.ink.shape
    x = round(random.choice([box.left - tall * random.uniform(0, 0.2), box.right + tall * random.uniform(0, 0.2)]))
    y = round(random.choice([box.top - tall * random.uniform(0, 0.2), box.bottom + tall * random.uniform(0, 0.2)]))
    sides = random.integers(3)
    if sides != 1:
        cv2.line(scene.printed, (x, 0), (x + round(tall * random.normal(0, 0.02)), height), 1, thick, cv2.LINE_AA)
    if sides != 0:
        cv2.line(scene.printed, (0, y), (width, y + round(tall * random.normal(0, 0.02))), 1, thick, cv2.LINE_AA)


def _mark(scene: Scene, random: Random) -> None:
    """A point or a comma at the foot, at either side."""
    box, tall = scene.place.box, scene.place.tall
    glyph = scene.hand.write(str(random.choice([".", ","])), HEIGHT * np.eye(2), random).ink
    side = max(2, round(len(glyph) * tall / HEIGHT)), max(2, round(glyph.shape[1] * tall / HEIGHT))
    away = round(tall * random.uniform(0.04, 0.22))
    left = box.left - away - side[1] if random.random() < 0.5 else box.right + away
    top = box.bottom - round(tall * random.uniform(0.02, 0.12))
    _paste(scene.ink, cv2.resize(glyph, side[::-1], interpolation=cv2.INTER_AREA) / np.float32(255), left, top)


def _neighbour(scene: Scene, random: Random) -> None:
    """The next digit at either side, of which the picture shows a part."""
    box, tall = scene.place.box, scene.place.tall
    line = _digit(scene.hand, random)
    other = line.ink[line.box.cut]
    scale = tall * random.uniform(0.85, 1.1) / len(other)
    other = cv2.resize(other, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    away = round(tall * random.uniform(0.0, 0.2))
    left = box.left - away - other.shape[1] if random.random() < 0.5 else box.right + away
    _paste(scene.ink, other, left, box.bottom - len(other))


def _broken(scene: Scene, random: Random) -> None:
    """A line was taken out together with what it crossed, or a scanner missed some of the strokes."""
    box, tall = scene.place.box, scene.place.tall
    for _ in range(random.integers(1, 3)):
        gap = max(1, round(tall * random.uniform(0.03, 0.1)))
        if random.random() < 0.6:
            y = round(box.top + box.height * random.uniform(0.15, 0.9))
            scene.ink[y : y + gap] *= np.float32(random.uniform(0, 0.15))
        else:
            x = round(box.left + box.width * random.uniform(0.15, 0.85))
            scene.ink[:, x : x + gap] *= np.float32(random.uniform(0, 0.15))


def _faint(scene: Scene, random: Random) -> None:
    """Ink that the paper took in parts."""
    grain = random.uniform(0.5, 0.8) + 0.35 * clouds(scene.ink.shape, random.uniform(10, 30), random)
    scene.ink[:] *= grain.clip(0.05, 1)


def _shadow(scene: Scene, random: Random) -> None:
    """Its edge lies across the picture, and is sharp."""
    box, tall = scene.place.box, scene.place.tall
    angle, away = random.uniform(0, 2 * math.pi), random.uniform(-0.45, 0.45) * box.side
    rows, columns = np.indices(scene.light.shape, dtype=np.float32)
    x, y = columns - (box.left + box.right) / 2, rows - (box.top + box.bottom) / 2
    along = math.cos(angle) * x + math.sin(angle) * y - away
    shadow = 1 / (1 + np.exp(-(along / (tall * random.uniform(0.01, 0.08))).clip(-30, 30)))
    scene.light[:] *= 1 - random.uniform(0.25, 0.6) * shadow


def _several(scene: Scene, random: Random) -> None:
    """Two of the others."""
    some = (_base_line, _dotted_line, _box_sides, _mark, _neighbour, _broken, _faint)
    for place in random.permutation(len(some))[:2]:
        some[place](scene, random)


TROUBLES: Mapping[str, Callable[[Scene, Random], None]] = {
    "none": _none,
    "base line": _base_line,
    "dotted line": _dotted_line,
    "box sides": _box_sides,
    "mark": _mark,
    "neighbour": _neighbour,
    "broken": _broken,
    "faint": _faint,
    "shadow": _shadow,
    "ground": _none,
    "several": _several,
}
"""By name; the ground is a pattern against forgery, as half of the others have it, too, but fainter."""


def _thick(scene: Scene, random: Random) -> int:
    return max(1, round(scene.place.tall * random.uniform(0.02, 0.07)))


def _paste(layer: Mask, ink: Mask, left: int, top: int) -> None:
    """As far as there is room for it."""
    height, width = layer.shape
    rows = slice(max(0, top), min(height, top + len(ink)))
    columns = slice(max(0, left), min(width, left + ink.shape[1]))
    if rows.start < rows.stop and columns.start < columns.stop:
        at = layer[rows, columns]
        part = ink[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]
        np.maximum(at, part, out=at)
