"""What may stand behind the question mark of a /v1 path."""

from functools import lru_cache
from typing import NamedTuple
from urllib.parse import parse_qsl

from app.errors import BadRequest

LONG = 200  # characters of a query that are not remembered any more
INCLUDABLE = frozenset({"seen", "heatmap"})


class Query(NamedTuple):
    model: str | None
    version: str | None
    include: frozenset[str]


def query_of(query_string: bytes) -> Query:
    """Raises BadRequest."""
    return _remembered(query_string) if len(query_string) < LONG else _query(query_string)


def _query(query_string: bytes) -> Query:
    fields = dict(parse_qsl(query_string.decode("latin-1")))
    include = frozenset(filter(None, fields.get("include", "").split(",")))
    if unknown := include - INCLUDABLE:
        raise BadRequest(f"?include= takes {', '.join(sorted(INCLUDABLE))}; got {', '.join(sorted(unknown))}")
    return Query(fields.get("model"), fields.get("version"), include)


_remembered = lru_cache(256)(_query)
