"""Which paths are answered, and the right that each needs. What is not here is answered by nobody."""

from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import Any, NamedTuple, TypeVar

from fastapi.routing import APIRoute
from starlette.routing import BaseRoute
from starlette.routing import Route as StarletteRoute

from app.config import Right

Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])
LONG, REMEMBERED = 200, 1024  # characters of a path that is not remembered any more, and how many are
UNMATCHED = "unmatched"  # the template of a path that nobody answers


class Route(NamedTuple):
    """By its template, so that no caller can make up names for metrics, and who may take it."""

    template: str
    right: Right | None  # None: open to all
    entry: StarletteRoute


class Found(NamedTuple):
    """A route, and what a path has in place of its parameters."""

    route: Route
    parameters: dict[str, str]


def needs(right: Right) -> Callable[[Endpoint], Endpoint]:
    """Say which right an endpoint's callers need."""
    return lambda endpoint: _marked(endpoint, right)


def open_to_all(endpoint: Endpoint) -> Endpoint:
    """Say of an endpoint that it shows nothing that a key protects."""
    return _marked(endpoint, None)


def _marked(endpoint: Endpoint, right: Right | None) -> Endpoint:
    vars(endpoint)["needed_right"] = right  # as an attribute: a Callable's type declares none
    return endpoint


class Routes:
    """All there are. Raises TypeError for one that does not say which right it needs: none is open unawares."""

    def __init__(self, entries: Iterable[BaseRoute]) -> None:
        routes = [_route(entry) for entry in entries]
        self._by_path = {route.template: Found(route, {}) for route in routes if not route.entry.param_convertors}
        self._by_pattern = [route for route in routes if route.entry.param_convertors]
        self._remembered = lru_cache(REMEMBERED)(self._search)

    def __iter__(self) -> Iterator[Route]:
        return iter([*(found.route for found in self._by_path.values()), *self._by_pattern])

    def find(self, path: str) -> Found | None:
        """The route of a path, whatever the request's method; None where there is none."""
        found = self._by_path.get(path)
        if found is not None:
            return found
        return self._remembered(path) if len(path) < LONG else self._search(path)

    def queried(self, path: str) -> frozenset[str]:
        """The names that may stand in the query of a path that FastAPI answers."""
        found = self.find(path)
        if found is None or not isinstance(found.route.entry, APIRoute):
            return frozenset()
        return frozenset(field.alias for field in found.route.entry.dependant.query_params)

    def _search(self, path: str) -> Found | None:
        for route in self._by_pattern:
            if match := route.entry.path_regex.match(path):
                return Found(route, match.groupdict())
        return None


def _route(entry: BaseRoute) -> Route:
    assert isinstance(entry, StarletteRoute), f"{entry} is no plain route"
    if not hasattr(entry.endpoint, "needed_right"):
        raise TypeError(
            f"{entry.path} does not say which right it needs: mark its endpoint with needs() or open_to_all()"
        )
    return Route(entry.path, entry.endpoint.needed_right, entry)
