"""Who is let in, and to which live model: what is decided before a body is read."""

from functools import lru_cache
from typing import NamedTuple
from urllib.parse import parse_qsl

from app.api.exchange import Exchange
from app.api.rate import Rate
from app.config import Settings
from app.errors import BadRequest
from app.inference.repository import LiveModel, Repository

LONG = 200  # characters of a query that are not remembered any more
INCLUDABLE = frozenset({"seen", "heatmap"})


class Query(NamedTuple):
    """What may stand behind the question mark."""

    model: str | None
    version: str | None
    include: frozenset[str]


class Admission:
    """The model version is chosen once, when a request begins, and kept to its end."""

    def __init__(self, settings: Settings, repository: Repository) -> None:
        self._repository = repository
        self._rate = Rate(settings.rate_images_per_second)

    def admit(self, exchange: Exchange, *, single: bool) -> tuple[LiveModel, frozenset[str]]:
        """The live model and the additions that the query asks for.

        Raises RateExceeded, ModelNotFound, NoLiveModel, BadRequest, QueueFull.
        """
        self._rate.admit(exchange.caller)
        query = _query(exchange.query) if len(exchange.query) < LONG else _query.__wrapped__(exchange.query)
        model = self._repository.get(query.model, query.version)
        exchange.model = model.label
        model.batcher.check_wait(single=single)  # before anything is read or decoded in vain
        return model, query.include

    def charge(self, exchange: Exchange, images: int) -> None:
        """Count so many images more against the caller's rate. Raises RateExceeded."""
        self._rate.charge(exchange.caller, images)


@lru_cache(256)
def _query(query_string: bytes) -> Query:
    """Raises BadRequest."""
    fields = dict(parse_qsl(query_string.decode("latin-1")))
    include = frozenset(filter(None, fields.get("include", "").split(",")))
    if unknown := include - INCLUDABLE:
        raise BadRequest(f"?include= takes {', '.join(sorted(INCLUDABLE))}; got {', '.join(sorted(unknown))}")
    return Query(fields.get("model"), fields.get("version"), include)
