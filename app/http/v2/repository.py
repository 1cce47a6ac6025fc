"""POST /v2/repository: what is on disk, loaded and unloaded. Source: Triton's model repository extension."""

from typing import Any

import orjson

from app.errors import BadRequest, TooLarge
from app.http.endpoint import Endpoint
from app.http.exchange import Answer, Exchange
from app.serving.control import Control, check_parameters

INDEX = "/v2/repository/index"
LOAD, UNLOAD = "/v2/repository/models/{name}/load", "/v2/repository/models/{name}/unload"
MOST_BYTES = 1 << 16  # of a body: what is more could only be a model, which is not taken from one
DONE = Answer(b"")


class ModelRepository:
    """Changes to what is live, for those who may make them."""

    def __init__(self, control: Control) -> None:
        self._control = control

    def endpoints(self) -> dict[str, Endpoint]:
        """By the templates of their routes. Each waits for a thread or for other workers, so is a task."""
        return {
            INDEX: Endpoint(lambda _: None, self.index, in_one_piece=False),
            LOAD: Endpoint(self._admit, self.load, in_one_piece=False),
            UNLOAD: Endpoint(self._admit, self.unload, in_one_piece=False),
        }

    def _admit(self, _: Exchange) -> None:
        self._control.check_allowed()

    async def index(self, _: Exchange, __: None, content: bytes) -> Answer:
        """Every version in the models folder, live or not; with `ready`, live ones alone. Of others it says why."""
        ready = _read(content).get("ready", False)
        if not isinstance(ready, bool):
            raise BadRequest("`ready` is true or false")
        return Answer(orjson.dumps(await self._control.index(ready=ready)))

    async def load(self, exchange: Exchange, _: None, content: bytes) -> Answer:
        """Serve what is in the model's folder now, in all workers, once it has passed every check there. Where
        it has not, what was live stays.
        """
        _check_parameters(content)
        await self._control.load(exchange.parameters["name"])
        return DONE

    async def unload(self, exchange: Exchange, _: None, content: bytes) -> Answer:
        """Serve the model no longer. Requests in flight are answered; the default model cannot be unloaded."""
        _check_parameters(content)
        await self._control.unload(exchange.parameters["name"])
        return DONE


def _check_parameters(content: bytes) -> None:
    parameters = _read(content).get("parameters") or {}
    if not isinstance(parameters, dict):
        raise BadRequest("`parameters` is an object")
    check_parameters(parameters)


def _read(content: bytes) -> dict[str, Any]:
    """A body, which may be empty."""
    if len(content) > MOST_BYTES:
        raise TooLarge(
            f"a body has at most {MOST_BYTES:,} bytes here; models are not taken from one: write them into the models "
            "folder, then load"
        )
    try:
        said = orjson.loads(content or b"{}")
    except orjson.JSONDecodeError as error:
        raise BadRequest(f"the body is no JSON: {error}") from error
    if not isinstance(said, dict):
        raise BadRequest("the body is a JSON object, or empty")
    return said
