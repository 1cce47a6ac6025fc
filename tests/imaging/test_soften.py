"""Ink from 0 to 1, with smooth edges."""

import numpy as np
import pytest

from app.imaging.lines import Line
from app.imaging.soften import SOFTEN, soften
from tests.imaging.drawn import after, bar, empty, seconds, separated


@pytest.mark.parametrize(("ink", "soft"), [(0.0, 0.0), (0.05, 0.0), (0.8, 1.0), (1.0, 1.0)])
def test_from_none_to_typical(ink: float, soft: float) -> None:
    made = soften(np.full((2, 2), ink, np.float32), separated(empty(2)))
    assert made.tolist() == [[soft] * 2] * 2


def test_it_rises_between() -> None:
    made = soften(np.linspace(0, 1, 50, dtype=np.float32)[None], separated(empty(1)))
    assert np.all(np.diff(made[0]) >= 0)
    assert len(np.unique(made)) > 30
    assert made.dtype == np.float32


def test_ink_that_is_all_alike_is_no_division_by_zero() -> None:
    alike = separated(empty(2), typical=0.5, least=0.5)
    assert np.isfinite(soften(np.full((2, 2), 0.5, np.float32), alike)).all()


def test_where_a_line_was_removed_there_is_no_ink() -> None:
    all_ink = np.ones((10, 10), np.uint8)
    mask = all_ink.copy()
    mask[5] = 0
    found = {"ink": np.full((10, 10), 0.8, np.float32), "separated": separated(all_ink), "mask": mask}
    line = Line((0.0, 5.0), (9.0, 5.0), 1.0)
    assert np.array_equal(after(SOFTEN, bar(), lines=[line], **found).soft, mask)
    assert after(SOFTEN, bar(), lines=[], **found).soft.min() == 1


def test_what_it_costs() -> None:
    assert seconds(SOFTEN, 50) < seconds(SOFTEN, 500)
