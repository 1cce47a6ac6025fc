"""UNIPEN's format -> strokes."""

import numpy as np
import pytest

from training.errors import DataError
from training.hands.trajectories import read_pendigits, read_ujipenchars

SEVEN = """.INCLUDE dene.doc
.LEXICON "0" "1"
.SEGMENT DIGIT 0-1 ? "7"
.COMMENT 7 12  224
.PEN_DOWN
 10 90
 40 90
.PEN_UP
.DT 100
.PEN_DOWN
 25 50
.PEN_UP
.DT 100
.SEGMENT DIGIT 2 ? "1"
.COMMENT 1 9  1
.PEN_DOWN
 0 0
 0 -5
.PEN_UP
"""


def test_strokes_with_their_digit_and_writer() -> None:
    seven, one = read_pendigits(SEVEN)
    assert (seven.digit, seven.writer, one.digit, one.writer) == (7, "12", 1, "9")
    assert [stroke.tolist() for stroke in seven.strokes] == [[[10, -90], [40, -90]], [[25, -50]]]  # y goes down


def test_each_writer_of_uji_wrote_all_characters_twice() -> None:
    text = "".join(f'.SEGMENT CHARACTER {n} ? "{what}"\n.PEN_DOWN\n 1 2\n.PEN_UP\n' for n, what in enumerate("a5b555"))
    found = read_ujipenchars(text)
    assert [(one.digit, one.writer) for one in found] == [(5, "1"), (5, "1"), (5, "2"), (5, "2")]
    assert np.array_equal(found[0].strokes[0], [[1, 2]])


@pytest.mark.parametrize("text", ["", '.SEGMENT DIGIT 0 ? "7"\n.COMMENT 7 1  1\n'])
def test_a_file_without_digits_or_strokes_is_refused(text: str) -> None:
    with pytest.raises(DataError, match="holds no digits, or a digit without strokes"):
        read_pendigits(text)
