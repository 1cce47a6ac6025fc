"""What may stand behind the question mark of a /v1 path."""

from collections.abc import Iterable
from difflib import get_close_matches
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import parse_qsl

from app.errors import BadRequest, UnknownParameter

PREFIX = "/v1/"
LONG = 200  # characters of a query that are not remembered any more
MOST_FIELDS = 16  # of a query: it is taken apart on the event loop
TOLD = 40  # characters of an unknown name that are looked at, and said again
NAMES = ("model", "version", "include", "page")
INCLUDABLE = ("heatmap", "layers", "seen", "stages")


class Query(NamedTuple):
    model: str | None
    version: str | None
    include: frozenset[str]
    page: int = 1


def query_of(query_string: bytes) -> Query:
    """Raises BadRequest, UnknownParameter."""
    return _remembered(query_string) if len(query_string) < LONG else _query(query_string)


def fields_of(query_string: bytes, known: Iterable[str]) -> dict[str, str]:
    """By name, each of which is known. Raises BadRequest, UnknownParameter."""
    if query_string.count(b"&") >= MOST_FIELDS:
        raise BadRequest(f"a query has at most {MOST_FIELDS} parameters; more came")
    fields: dict[str, str] = {}
    for name, value in parse_qsl(query_string.decode("latin-1"), keep_blank_values=True):
        if name not in known:
            raise UnknownParameter(f"there is no parameter ?{name[:TOLD]}= here{_instead(name, sorted(known), '?{}=')}")
        fields[name] = f"{fields[name]},{value}" if name in fields else value  # as some write a list
    return fields


def _query(query_string: bytes) -> Query:
    fields = fields_of(query_string, NAMES)
    include = frozenset(filter(None, fields.get("include", "").split(",")))
    for name in include.difference(INCLUDABLE):
        raise BadRequest(f"?include= takes no {name[:TOLD]!r}{_instead(name, INCLUDABLE, '{}')}")
    page = fields.get("page") or "1"
    if not (page.isascii() and page.isdigit() and 0 < len(page) < 6 and int(page)):
        raise BadRequest(f"?page= is the number of a PDF's page, from 1; got {page[:TOLD]!r}")
    return Query(fields.get("model") or None, fields.get("version") or None, include, int(page))


def _instead(name: str, known: Iterable[str], shown: str) -> str:
    """The nearest name, where one is near, and all there are."""
    names = [*known]
    near = "".join(f"; did you mean {shown.format(one)}?" for one in get_close_matches(name[:TOLD].lower(), names, 1))
    takes = "It takes " + " and ".join(map(shown.format, names)) if names else "It takes none"
    return f"{near or '.'} {takes}."


_remembered = lru_cache(256)(_query)
