"""Which paths are answered, by which route, and the right that each needs. What is not here is answered by nobody."""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, TypeVar

from starlette.routing import BaseRoute, Match, Route
from starlette.types import Scope

from app.config import Right

Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])
UNMATCHED = "unmatched"  # the route of a path that nobody answers


class Door(NamedTuple):
    """A route by its template, so that no caller can make up names for metrics, and who may take it."""

    route: str
    right: Right | None  # None: open to all
    entry: Route


def needs(right: Right) -> Callable[[Endpoint], Endpoint]:
    """Say which right an endpoint's callers need."""
    return lambda endpoint: _marked(endpoint, right)


def open_to_all(endpoint: Endpoint) -> Endpoint:
    """Say of an endpoint that it shows nothing that a key protects."""
    return _marked(endpoint, None)


def _marked(endpoint: Endpoint, right: Right | None) -> Endpoint:
    endpoint.needed_right = right  # type: ignore[attr-defined]  # any function takes attributes; Callable names none
    return endpoint


class Doors:
    """All routes there are. Raises TypeError for one that does not say which right it needs: none is open unawares."""

    def __init__(self, routes: Iterable[BaseRoute]) -> None:
        doors = [_door(route) for route in routes]
        self._by_path = {door.route: door for door in doors if not door.entry.param_convertors}
        self._by_pattern = [door for door in doors if door.entry.param_convertors]

    def __iter__(self) -> "Iterable[Door]":
        return iter([*self._by_path.values(), *self._by_pattern])

    def find(self, scope: Scope) -> Door | None:
        """The door to a request's path, whatever its method; None where there is none."""
        if door := self._by_path.get(scope["path"]):
            return door
        return next((door for door in self._by_pattern if door.entry.matches(scope)[0] != Match.NONE), None)


def _door(route: BaseRoute) -> Door:
    assert isinstance(route, Route), f"{route} is no plain route"
    if not hasattr(route.endpoint, "needed_right"):
        raise TypeError(
            f"{route.path} does not say which right it needs: mark its endpoint with needs() or open_to_all()"
        )
    return Door(route.path, route.endpoint.needed_right, route)
