"""What answers the POSTs to a route, in two steps: before its body is read, and with it."""

from collections.abc import Callable, Coroutine
from typing import Any, NamedTuple

from app.http.exchange import Answer, Exchange


class Endpoint(NamedTuple):
    admit: Callable[[Exchange], Any]
    """What is decided before a body is read; raises ServiceError. It is given to `answer`."""
    answer: Callable[[Exchange, Any, bytes], Coroutine[Any, Any, Answer]]
    """Of the exchange, what `admit` has decided, and the body."""
    in_one_piece: bool = True
    """Whether all answers are: then the fast lane may take it."""
