"""A batch in JSON, {"pixels": [...]} or {"images": [...]}, one element at a time.

Parsed as a whole, 32 MB of `{},{},{}` would become a gigabyte of objects, and nothing else could happen meanwhile.
Elements are cut out of the text first: a frame mostly ends at its first `]]`, and where what was cut is no JSON by
itself, a slower look finds its end. Source of the grammar: RFC 8259.
"""

import re
from collections.abc import Iterator
from typing import Any

import orjson

from app.errors import BadRequest

SMALL = 65_536  # bytes of a document that may be parsed as a whole
ODD = 65_536  # bytes of an element that is neither a frame nor a string: it only gets its error
COUNTED = 1024 * 1024  # bytes in which the least elements that there are are counted: it takes a millisecond
BLANK = rb"[ \t\r\n]*+"
START = re.compile(rb'%b\{%b"(pixels|images)"%b:%b\[%b' % ((BLANK,) * 5))
BETWEEN = re.compile(rb"%b([,\]])%b" % (BLANK, BLANK))
END = re.compile(rb"%b\}%b" % (BLANK, BLANK))
SCALAR = re.compile(rb'[^ \t\r\n,\[\]{}"]++')
STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"', re.DOTALL)
STEP = re.compile(rb'[^"\[\]{}]*+(?:([\[{])|([\]}])|"(?:[^"\\]++|\\.)*+")', re.DOTALL)  # to the next bracket or string


class Elements:
    """The one list of a batch: `field` is its name, and iterating gives its elements, parsed. There are `least` of them
    or more, as is soon known of strings and of numbers that are no frame's.
    """

    def __init__(self, body: bytes) -> None:
        """Raises BadRequest where the body is no such batch, as far as its beginning tells."""
        start = START.match(body)
        if start is None:
            raise _wrong(body)
        self.field = start[1].decode()
        self.least = _least_count(body, start.end())
        self._body = body
        self._place = start.end()

    def __iter__(self) -> Iterator[Any]:
        """Raises BadRequest where the text is broken."""
        body, place = self._body, self._place
        more = not body.startswith(b"]", place)
        if not more:
            place += 1
        while more:
            element, end = _element(body, place)
            yield element
            between = BETWEEN.match(body, end)
            if between is None:
                raise BadRequest(f"the body is no JSON (a comma or the list's end was expected at byte {end:,})")
            more, place = between[1] == b",", between.end()
        if not END.fullmatch(body, place):
            raise _wrong(body)


def begins_with(field: str, body: bytes) -> bool:
    """Whether it is a batch with that list, as far as its beginning tells."""
    start = START.match(body)
    return start is not None and start[1].decode() == field


def parse(text: bytes) -> Any:
    """One element, or a small document. Raises BadRequest."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise BadRequest(f"the body is no JSON ({error})") from error


def wrong_fields(document: dict[str, Any], expected: str) -> BadRequest:
    fields = ", ".join(repr(name) for name in list(document)[:5]) or "nothing"
    return BadRequest(f"expected {expected}, alone; got an object with {fields}")


def parse_object(body: bytes) -> dict[str, Any]:
    """Raises BadRequest where it is no JSON, or another kind of it."""
    document = parse(body)
    if not isinstance(document, dict):
        raise BadRequest(f"expected a JSON object; got {kind_of(document)}")
    return document


def kind_of(value: Any) -> str:
    names = {dict: "an object", list: "an array", str: "a string", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number")


def _least_count(body: bytes, start: int) -> int:
    end = start + COUNTED
    if body.startswith(b'"', start):
        return body.count(b'"', start, end) // 2
    return 0 if body.find(b"[", start, end) > 0 else body.count(b",", start, end)


def _element(body: bytes, place: int) -> tuple[Any, int]:
    """The element that begins at `place`, and where it ends."""
    if body.startswith(b"[[", place):
        end = body.find(b"]]", place, place + ODD) + 2
        try:
            return orjson.loads(body[place:end]), end  # what is JSON by itself ends just there
        except orjson.JSONDecodeError:
            pass  # it has blanks between its brackets, or is something else
    end = _end(body, place)
    return parse(body[place:end]), end


def _end(body: bytes, place: int) -> int:
    first = body[place : place + 1]
    if first in b"[{":
        return _end_of_nested(body, place)
    found = STRING.match(body, place) if first == b'"' else SCALAR.match(body, place)
    if found is None:
        raise BadRequest(f"the body is no JSON (nothing that is an element begins at byte {place:,})")
    return found.end()


def _end_of_nested(body: bytes, place: int) -> int:
    depth, end = 0, place
    while step := STEP.match(body, end, place + ODD):
        end = step.end()
        depth += (step[1] is not None) - (step[2] is not None)
        if not depth:
            return end
    raise BadRequest(
        f"the body is no JSON, or the element that begins at byte {place:,} is larger than any 28x28 image"
    )


def _wrong(body: bytes) -> BadRequest:
    expected = '{"images": [base64, ...]} or {"pixels": [28x28 numbers, ...]}'
    if len(body) > SMALL:
        return BadRequest(f"expected a JSON object {expected}, alone; got {body[:40]!r}...")
    try:
        return wrong_fields(parse_object(body), expected)
    except BadRequest as error:
        return error
