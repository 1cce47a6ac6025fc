"""What is accepted, by thresholds and by what is wrong with a picture."""

import numpy as np

from app.imaging.normalise import Frame
from app.tasks.digits.decisions import choose, decide_frame, decide_rows
from app.tasks.digits.manifest import Thresholds, read_bundle
from tests.conftest import DIGITS

THRESHOLDS = read_bundle(DIGITS).manifest.thresholds


def test_decisions_follow_the_manifests_thresholds() -> None:
    accept, review = THRESHOLDS.accept, THRESHOLDS.review
    rows = np.zeros((5, 11), np.float32)
    rows[:, 3], rows[:, 10] = (1.0, accept + 1e-6, accept - 1e-6, review - 1e-6, 0.0), np.nan
    assert decide_rows(THRESHOLDS, rows) == ["accept", "accept", "review", "reject", "reject"]
    assert decide_rows(THRESHOLDS, rows[:0]) == []


def test_what_is_no_digit_by_its_energy_is_rejected_whatever_the_confidence() -> None:
    rows = np.zeros((3, 11), np.float32)
    rows[:, 3], rows[:, 10] = 1.0, (1.9, 2.1, np.nan)
    assert decide_rows(Thresholds(accept=0.9, review=0.5, energy=2.0), rows) == ["accept", "reject", "accept"]


def test_the_first_frame_is_taken_unless_another_has_clearly_less_energy() -> None:
    def chosen(*energies: float) -> int:
        rows = np.zeros((len(energies), 11), np.float32)
        rows[:, 10] = energies
        frames = [Frame(np.full((2, 2), place, np.uint8), ()) for place in range(len(energies))]
        frame, place = choose(frames[0]._replace(others=tuple(frames[1:])), rows, margin=1.0)
        assert (frame.pixels[0, 0], frame.others) == (place, ())
        return place

    assert chosen(-5.0) == 0
    assert chosen(-5.0, -5.9, -6.0) == 0
    assert chosen(-5.0, -6.1, -7.0) == 2
    assert chosen(np.nan, np.nan, np.nan) == 0
    assert chosen(-5.0, np.nan, -7.0) == 2


def test_nothing_is_accepted_that_may_be_another_digit() -> None:
    frame = Frame(np.zeros((2, 2), np.uint8), ())
    unsure = frame._replace(others=(frame, frame))
    rows = np.zeros((3, 11), np.float32)
    rows[:, 3], rows[:, 10] = 1.0, (-9.0, -5.0, -9.5)
    taken, _ = choose(unsure, rows, margin=1.0)
    assert decide_frame(THRESHOLDS, taken, 1.0, -9.0) == ("accept", "ok")
    rows[1, 3], rows[1, 8] = 0, 1
    taken, place = choose(unsure, rows, margin=1.0)
    assert (taken.disputed, place) == (True, 0)
    assert decide_frame(THRESHOLDS, taken, 1.0, -9.0) == ("review", "ok")
    assert decide_frame(THRESHOLDS, taken, 0.0, -9.0)[0] == "reject"
