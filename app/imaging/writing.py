"""What is written in a picture: its ink, without printed lines, in connected parts."""

from typing import NamedTuple

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


def find_writing(inked: Inked) -> Writing | None:
    """None where there is no ink, or only lines."""
    separated = separate(inked.ink)
    lines = find_lines(separated.mask)
    mask = remove_lines(separated.mask, lines)
    parts = without_remains(parts_of(mask))
    if not parts.found:
        return None
    soft = separated.soften(inked.ink)
    if lines:
        soft *= mask >= separated.mask
    return Writing(inked.ink, separated, parts, soft, (*inked.steps, *(["remove lines"] if lines else [])))
