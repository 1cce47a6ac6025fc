"""What is to be known of a line reader where its columns are read: small, for the pool's processes import it."""

from dataclasses import dataclass
from typing import NamedTuple

DIGITS = "0123456789"  # how every alphabet begins


@dataclass(frozen=True)
class Trust:
    """What a reading's score is made of: logarithms, each times how far it is trusted. Fitted on numbers by hands that
    nothing was trained on.
    """

    cut: float
    """Of the best way of cutting the number so that it reads so,"""
    uncut: float
    """which is this at least, as far below the best of all ways;"""
    line: float
    """of the line reader's columns."""
    other: float
    """The score of all that is none of the readings, where the best way of cutting counts 0."""


class Reader(NamedTuple):
    """From a line reader's manifest."""

    alphabet: str
    column: int
    trust: Trust
