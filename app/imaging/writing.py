"""What is written in a picture: its ink, without printed lines, in connected parts."""

from typing import NamedTuple

from app.budget import Budget
from app.imaging.ink import Ink, Inked, Separated, separate
from app.imaging.lines import find_lines, remove_lines, without_remains
from app.imaging.parts import Parts, parts_of

NOTHING = "no ink was found: nothing stands out from the paper. Draw darker, or send another image."


class Writing(NamedTuple):
    ink: Ink
    separated: Separated
    """Of all the ink, printed lines included."""
    parts: Parts
    soft: Ink
    """0 to 1, with smooth edges, and 0 where a line was removed."""
    steps: tuple[str, ...]


def find_writing(inked: Inked, budget: Budget, most: int | None = None) -> Writing | None:
    """None where there is no ink, or only lines. Of more parts than `most` the largest are kept. Raises TooMuchWork."""
    separated = separate(inked.ink)
    lines = find_lines(separated.mask, budget)
    mask = remove_lines(separated.mask, lines)
    parts = parts_of(mask)
    if most is not None:
        parts = parts.largest(most)
    parts = without_remains(parts, budget)
    if not len(parts.names):
        return None
    soft = separated.soften(inked.ink)
    if lines:
        soft *= mask >= separated.mask
    return Writing(inked.ink, separated, parts, soft, (*inked.steps, *(["remove lines"] if lines else [])))
