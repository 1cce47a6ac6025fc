"""The `traceparent` that comes with a request which is part of a trace. Source: W3C Trace Context."""

import re
from typing import NamedTuple

PATTERN = re.compile(rb"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
FIRST_VERSION = b"00"  # which ends with the flags; later ones may go on
FLAG = slice(54, 55)  # the last digit of the flags
ODD = frozenset(b"%x" % digit for digit in range(1, 16, 2))  # what it is where the request is sampled


class TraceParent(NamedTuple):
    """In hexadecimal digits."""

    trace: bytes
    span: bytes


def may_be_sampled(sent: bytes) -> bool:
    """Quickly told, and true of all that are."""
    return sent[FLAG] in ODD


def parsed(sent: bytes) -> TraceParent | None:
    """None of what is none."""
    found = PATTERN.fullmatch(sent)
    if found is None or (found[5] and found[1] == FIRST_VERSION):
        return None
    return TraceParent(found[2], found[3])
