"""Through which all connections of a process come: it counts them, watches their time, and knows the app."""

import asyncio
import resource
from pathlib import Path
from typing import Any

import uvicorn
from uvicorn.server import ServerState

from app.errors import ServiceError
from app.http.problems import status_of
from app.http.protocol.connection import Connection
from app.http.protocol.request import Cycle
from app.http.protocol.waiting import Bounds, Waits
from app.http.wire import Headers

LOOK_SECONDS = 0.25  # how much later than due a connection's time may end
MOST_CONNECTIONS = 1024  # where file descriptors allow more: a hostile one may fill some 200 KB
CLOSED_AT_ONCE = 16  # one in so many connections, where room is needed


class Door:
    """Makes uvicorn's protocols: the `http` of its Config. All that is used of uvicorn is used here.

    Where there is no room for another connection, those that wait longest for their callers are closed: first those
    that have sent no request yet, then those between two, then those that send a body or read nothing. So who connects
    and asks is served beside any number of the silent. Only where all the others are being answered is it refused.
    """

    def __init__(self, bounds: Bounds) -> None:
        self.bounds = bounds
        self._opened = False

    def __call__(
        self,
        config: uvicorn.Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> Connection:
        if not self._opened:
            self._open(config.loaded_app, server_state, app_state)
        return Connection(self)

    def _open(self, app: Any, server: ServerState, app_state: dict[str, Any]) -> None:
        self._opened = True
        self.loop = asyncio.get_running_loop()
        self.app_state = app_state
        # A wrapped app has none of these: all goes through ASGI then, and what is no request is refused in plain text.
        self.takes = getattr(app, "takes", _takes_none)
        self.take: Any = getattr(app, "take", None)
        self.refusal = getattr(app, "refusal", _refusal)
        self._app = app
        self._server = server
        self._connections: set[Any] = server.connections
        self._most = self.bounds.most_connections or connections_allowed()
        self._looking = False

    def default_headers(self) -> Headers:
        """The date."""
        return self._server.default_headers

    def begin(self, cycle: Cycle) -> None:
        """Have it answered by a task of its own."""
        task = self.loop.create_task(cycle.run(self._app))
        self._server.tasks.add(task)
        task.add_done_callback(self._server.tasks.discard)

    def enter(self, connection: Connection) -> bool:
        """Count it in, making room where there is none; False where none can be made."""
        if not self._looking:
            self._looking = True
            self.loop.call_later(LOOK_SECONDS, self._look)
        has_room = len(self._connections) < self._most or self._make_room()
        self._connections.add(connection)
        return has_room

    def leave(self, connection: Connection) -> None:
        self._connections.discard(connection)

    def _make_room(self) -> bool:
        waiting = [one for one in self._connections if one.waits < Waits.ANSWER]
        waiting.sort(key=_first_to_go)
        for one in waiting[: max(1, self._most // CLOSED_AT_ONCE)]:  # several, so that this is not done for each
            self.leave(one)
            one.abort()
        return bool(waiting)

    def _look(self) -> None:
        """Close those whose time has ended. One timer for all: theirs would cost more than the requests they watch."""
        now = self.loop.time()
        for one in [one for one in self._connections if one.deadline <= now]:
            one.expire(now)
        self._looking = bool(self._connections)
        if self._looking:
            self.loop.call_later(LOOK_SECONDS, self._look)


def connections_allowed() -> int:
    """As many as three quarters of the file descriptors that are left to this process."""
    allowed = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    left = allowed - len(list(Path("/dev/fd").iterdir()))
    return MOST_CONNECTIONS if allowed == resource.RLIM_INFINITY else max(1, min(left * 3 // 4, MOST_CONNECTIONS))


def _first_to_go(connection: Connection) -> tuple[int, float]:
    return connection.waits, connection.since


def _takes_none(_: Any) -> bool:
    return False


def _refusal(error: ServiceError, _: Any) -> tuple[int, Headers, bytes]:
    body = error.detail.encode()
    return status_of(error), [(b"content-type", b"text/plain"), (b"content-length", b"%d" % len(body))], body
