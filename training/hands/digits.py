"""Frames of other hands: to train on, and of other writers to choose by. Writers are never in both."""

import io
import zipfile
from pathlib import Path

import numpy as np

from app.imaging.decode import decode, open_image
from app.imaging.normalise import normalise
from app.tasks.digits.arrays import Frames
from training.constants import PREPARATION
from training.data import Digits, joined
from training.hands import pens, sources
from training.hands.parallel import spread
from training.hands.trajectories import Trajectory, read_pendigits, read_ujipenchars

HELD_OUT_SWISS = frozenset({"0003_CH3M", "0008_CH3F", "0011_CH2F", "0016_CH3F", "0020_CH4M"})
"""Writers to choose by, named before any of their digits was looked at: two men and three women of three age groups."""
SEED = 0  # of the pens by which trajectories to choose by are drawn
MAX_PIXELS = 1_000_000
CHUNK = 256  # pictures in one go of a process


def scans(where: Path | None = None) -> Digits:
    """Those to train on. Raises DataError."""
    return _swiss(where, held_out=False)


def trajectories(where: Path | None = None) -> list[Trajectory]:
    """Those to train on; those to choose by come with them. Raises DataError."""
    for source in (sources.PENDIGITS_OTHERS, sources.UJI):
        sources.read(source, where)
    return read_pendigits(sources.read(sources.PENDIGITS, where).decode())


def trajectories_to_choose_by(where: Path | None = None) -> dict[str, list[Trajectory]]:
    """By source, as far as they are at hand. Raises DataError."""
    return {
        name: read(sources.read(source, where).decode())
        for name, source, read in (
            ("pendigits", sources.PENDIGITS_OTHERS, read_pendigits),
            ("uji", sources.UJI, read_ujipenchars),
        )
        if sources.at_hand(source, where)
    }


def validation(where: Path | None = None) -> dict[str, Digits]:
    """By source: those to choose by, of writers that nothing is trained on, as far as they are at hand.

    Raises DataError where a file is not what it should be.
    """
    found = {}
    if sources.at_hand(sources.SWISS, where):
        found["swiss"] = _swiss(where, held_out=True)
    return found | {name: _as_written(held) for name, held in trajectories_to_choose_by(where).items()}


def load_test(where: Path | None = None) -> dict[str, Digits]:
    """UNIPEN's, by contributor: for one reading of a released bundle. Raises DataError."""
    with np.load(io.BytesIO(sources.read(sources.UNIPEN, where))) as held:
        frames, labels, contributors = held["frames"], held["labels"].astype(np.int64), held["contributors"]
    return {
        str(one): Digits(frames[contributors == one], labels[contributors == one]) for one in np.unique(contributors)
    }


def drawn(trajectories: list[Trajectory], count: int, seed: int, *, beside: float = 0.0) -> Digits:
    """`count` of them, each as often as any other to within one, by pens of their own, uint8 [count, 28, 28]."""
    random = np.random.default_rng(seed)
    rounds = [random.permutation(len(trajectories)) for _ in range(-(-count // len(trajectories)))]
    order = np.concatenate(rounds)[:count]
    pieces = np.array_split(order, max(1, count // CHUNK))
    jobs = [([trajectories[place] for place in piece], (seed, number), beside) for number, piece in enumerate(pieces)]
    return Digits(
        np.concatenate(spread(_draw, jobs, "drawing trajectories")),
        np.array([trajectories[place].digit for place in order], np.int64),
    )


def _as_written(trajectories: list[Trajectory]) -> Digits:
    """Each once, unvaried, by a usual pen, uint8 [N, 28, 28]."""
    random = np.random.default_rng(SEED)
    frames = [pens.draw(one.strokes, pens.usual_pen(random), random) for one in trajectories]
    return Digits(np.stack(frames), np.array([one.digit for one in trajectories], np.int64))


def _draw(trajectories: list[Trajectory], seed: tuple[int, int], beside: float) -> Frames:
    random = np.random.default_rng(seed)
    return np.stack(
        [
            pens.draw(pens.varied(one.strokes, random), pens.any_pen(random), random, beside=beside)
            for one in trajectories
        ]
    )


def _swiss(where: Path | None, *, held_out: bool) -> Digits:
    return joined([*scans_by_writer(where, held_out=held_out).values()])


def scans_by_writer(where: Path | None = None, *, held_out: bool) -> dict[str, Digits]:
    """Those to train on, or those to choose by; by writer, in the order of their names. Raises DataError."""
    pictures = [one for one in _pictures(sources.read(sources.SWISS, where)) if (one[0] in HELD_OUT_SWISS) == held_out]
    writers = np.array([writer for writer, _, _ in pictures])
    frames = _framed([content for _, _, content in pictures])
    all_of_them = Digits(frames, np.array([digit for _, digit, _ in pictures], np.int64))
    return {str(writer): all_of_them.take(np.flatnonzero(writers == writer)) for writer in np.unique(writers)}


def _pictures(archive: bytes) -> list[tuple[str, int, bytes]]:
    """Writer, digit and picture, in the order of their names."""
    with zipfile.ZipFile(io.BytesIO(archive)) as held:
        names = sorted(name for name in held.namelist() if name.endswith(".png"))
        return [(name.split("/")[1], int(name.split("/")[2]), held.read(name)) for name in names]


def _framed(pictures: list[bytes]) -> Frames:
    """As the service frames them."""
    starts = range(0, len(pictures), CHUNK)
    return np.concatenate(spread(_frame, [(pictures[start : start + CHUNK],) for start in starts], "framing scans"))


def _frame(pictures: list[bytes]) -> Frames:
    return np.stack([normalise(decode(open_image(one, max_pixels=MAX_PIXELS)), PREPARATION).pixels for one in pictures])
