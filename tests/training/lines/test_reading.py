"""Pages read as the service reads them."""

import numpy as np
import pytest

from app.imaging.boxes import Box
from app.imaging.numbers import Number
from app.imaging.picture import Candidate
from app.tasks.digits import strokes
from app.tasks.digits.classifier import Scores
from app.tasks.digits.manifest import read_bundle
from tests.conftest import DIGITS
from training.constants import NUMBERS
from training.lines import compose, fitting, pages, reading
from training.lines.compose import Line
from training.lines.hands import Generated, Hands
from training.lines.reading import Page, Seen

FRAME = np.zeros((28, 28), np.uint8)
CLEAR, ODD = -15.0, 7.0  # energies of a digit, and of what the first weights pass over


def number(left: int) -> Number:
    """One digit, 20 pixels high."""
    return Number([-1.0], 20, [Candidate(0, 1, Box(left, 0, left + 9, 20), FRAME)], 0)


def scored(*digits: tuple[int, float]) -> Scores:
    """A row for each digit and its energy."""
    rows = np.full((len(digits), 11), 1e-3, np.float32)
    for row, (digit, energy) in zip(rows, digits, strict=True):
        row[digit], row[10] = 0.99, energy
    return rows


def seen(line: str, page: str, digits: str, read: str) -> Seen:
    numbers = [number(30 * place) for place in range(len(read))]
    return Seen(line, page, digits, numbers, scored(*((int(digit), CLEAR) for digit in read)), [None] * len(read))


def drawn(digits: str) -> Page:
    """By the project's own strokes, dark on white."""
    ink = np.hstack([strokes.render(int(digit), size=56) for digit in digits])
    pixels = np.repeat(255 - np.pad(ink, 20)[..., None], 3, axis=2)
    return Page(Line(ink.astype(np.float32) / 255, digits, Box(0, 0, *ink.shape[::-1]), "plain"), "screen", pixels)


def test_numbers_are_read_from_left_to_right() -> None:
    found = Seen("plain", "form", "31", [number(200), number(50)], scored((1, CLEAR), (3, CLEAR)), [None, None])
    assert (found.read(NUMBERS), found.is_whole(NUMBERS)) == ("31", True)
    assert not found._replace(digits="13").is_whole(NUMBERS)


def test_a_page_is_read_as_the_service_reads_it() -> None:
    manifest = read_bundle(DIGITS).manifest
    eyes = reading.eyes(read_bundle(DIGITS))
    found = eyes.see(drawn("2058"))
    assert (found.digits, found.read(manifest.numbers)) == ("2058", "2058")
    blank = drawn("7")._replace(pixels=np.full((80, 80, 3), 255, np.uint8))
    assert eyes.see(blank).read(manifest.numbers) == ""


def test_every_kind_of_line_stands_on_every_kind_of_page() -> None:
    count = len(pages.KINDS) * len(compose.KINDS)
    made = [*reading.composed(Hands([(1.0, [Generated()])]), count, 0)]
    assert len({(one.line.kind, one.kind) for one in made}) == count


def test_the_table_counts_what_is_read_whole() -> None:
    read = [
        seen("plain", "scan", "12", "12"),
        seen("plain", "screen", "12", "1"),
        seen("joined", "cheque", "40", "40"),
        seen("joined", "ruled", "40", "401"),
    ]
    rows = [row.split() for row in reading.table(read, NUMBERS).splitlines()]
    assert rows[0] == ["4", "pages", "plain", "lined", "boxed", "cheque", "all"]
    assert rows[1] == ["plain", "50.0%", "nan%", "nan%", "nan%", "50.0%"]
    assert [row for row in rows if row[0] == "joined"] == [["joined", "nan%", "0.0%", "nan%", "100.0%", "50.0%"]]
    assert rows[-1] == ["all", "50.0%", "0.0%", "nan%", "100.0%", "50.0%"]


def test_every_group_of_pages_is_in_the_table() -> None:
    assert sorted(kind for group in reading.GROUPS.values() for kind in group) == sorted(pages.KINDS)


def test_fitting_finds_weights_that_read_more() -> None:
    odd = Seen("plain", "scan", "7", [number(0)], scored((7, ODD)), [None])
    clear, dirt = seen("plain", "scan", "5", "5"), Seen("plain", "scan", "", [number(0)], scored((4, 40.0)), [None])
    assert reading.share_whole([odd, clear, dirt], NUMBERS) == pytest.approx(2 / 3)
    fitted = fitting.fit([odd, clear, dirt], NUMBERS, 0)
    assert reading.share_whole([odd, clear, dirt], fitted) == 1
    assert fitted == fitting.fit([odd, clear, dirt], NUMBERS, 0)
    report = fitting.report([odd, clear, dirt], [odd], NUMBERS, 0)
    assert f"skip={fitted.skip}," in report
    assert "fitted to 3 pages: 66.7% -> 100.0% read whole" in report
    assert "checked on 1 pages: 0.0% -> 100.0% read whole" in report
