"""Those who write lines."""

from itertools import pairwise

import numpy as np
import pytest

from training.data import Mnist
from training.hands import digits as sources
from training.hands import sources as files
from training.lines.glyphs import HEIGHT, INK, marks
from training.lines.hands import Framed, Generated, Hand, Hands, Trajectories, framed, held_out_hands, training_hands

UPRIGHT = np.eye(2) * HEIGHT
MARKS = ".,-'/$€£"


@pytest.fixture(params=["generator", "frames"])
def hand(request: pytest.FixtureRequest, small_mnist: Mnist) -> Hand:
    writers = Generated() if request.param == "generator" else framed("frames", small_mnist.train)
    return writers.hand(np.random.default_rng(1))


def test_digits_stand_on_the_base_line_and_are_as_high_as_the_others(hand: Hand) -> None:
    random = np.random.default_rng(0)
    around = 2 + round(hand.pen.width)
    for digit in "0123456789":
        glyph = hand.write(digit, UPRIGHT, random)
        solid = glyph.ink > INK
        assert all(side.any() for side in (solid[0], solid[-1], solid[:, 0], solid[:, -1]))
        assert glyph.top + len(glyph.ink) == pytest.approx(0, abs=around)
        assert HEIGHT * 0.6 < len(glyph.ink) <= HEIGHT + 2 * around


def test_marks_are_drawn_where_they_belong(hand: Hand) -> None:
    random = np.random.default_rng(0)
    pen = hand.pen.width * (1 + hand.pen.nib)
    tops, feet = {}, {}
    for mark in MARKS:
        glyph = hand.write(mark, UPRIGHT, random)
        tops[mark], feet[mark] = glyph.top, glyph.top + len(glyph.ink)
    assert feet[","] > 0.05 * HEIGHT
    assert abs(feet["."]) <= 0.1 * HEIGHT + pen
    assert tops["."] > -0.35 * HEIGHT
    assert -0.8 * HEIGHT < tops["-"] < feet["-"] < -0.2 * HEIGHT
    assert feet["'"] < -0.6 * HEIGHT
    for tall in "/$€£":
        assert tops[tall] < -0.75 * HEIGHT
        assert feet[tall] > -0.2 * HEIGHT


def test_each_mark_is_written_in_several_ways() -> None:
    assert set(marks()) == set(MARKS)
    assert all(len(ways) >= 4 for ways in marks().values())


def test_a_hand_writes_a_digit_in_its_own_way() -> None:
    """One style for each digit, so two zeros of a line are alike; two hands' sevens are not."""
    random = np.random.default_rng(0)
    hands = [Generated().hand(random)._replace(pen=Generated().hand(random).pen) for _ in range(6)]
    within, between = [], []
    for one, other in pairwise(hands):
        mine, again, theirs = (hand.write("7", UPRIGHT, random).ink.shape[1] for hand in (one, one, other))
        within.append(abs(mine - again))
        between.append(abs(mine - theirs))
    assert np.mean(within) < np.mean(between)


def test_a_hand_takes_frames_that_are_alike(small_mnist: Mnist) -> None:
    writers = framed("frames", small_mnist.train)
    widths = np.concatenate([looks[:, 0] for looks in writers.looks.values()])
    assert widths.std() > 0.02
    assert (widths > 1).all()
    assert (widths < 12).all()


def test_sources_are_drawn_as_their_shares_say(small_mnist: Mnist) -> None:
    random = np.random.default_rng(0)
    hands = Hands([(3, [Generated()]), (1, [framed("frames", small_mnist.train)])])
    drawn = [hands.draw(random).source for _ in range(200)]
    assert 0.65 < drawn.count("generator") / len(drawn) < 0.85


@pytest.mark.skipif(not files.at_hand(files.SWISS), reason=f"{files.VARIABLE} names no folder of other hands")
def test_no_writer_is_on_both_sides(small_mnist: Mnist, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(
        sources, "scans_by_writer", lambda *, held_out: asked.append(held_out) or {"one": small_mnist.train}
    )
    training, held_out = training_hands(small_mnist.train), held_out_hands(small_mnist.validation)
    assert asked == [False, True]
    strokes, frames = zip(*(_content(hands) for hands in (training, held_out)), strict=True)
    assert len(strokes[0]) > 7_000
    assert len(strokes[1]) > 3_000
    assert not strokes[0] & strokes[1]
    assert all(len(some) > 100 for some in frames)
    generated = [isinstance(one, Generated) for _, some in held_out.writers for one in some]
    assert not any(generated)


def _content(hands: Hands) -> tuple[set[bytes], set[bytes]]:
    strokes: set[bytes] = set()
    frames: set[bytes] = set()
    for _, some in hands.writers:
        for one in some:
            if isinstance(one, Trajectories):
                strokes |= {
                    np.concatenate(written).tobytes()
                    for writer in one.writers
                    for ways in writer.values()
                    for written in ways
                }
            if isinstance(one, Framed):
                frames |= {frame.tobytes() for held in one.frames.values() for frame in held}
    return strokes, frames
