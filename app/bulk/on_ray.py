"""Who scores shards on a cluster: tasks of Ray's, one for each part, that write their part where all nodes see it.

Tasks, and not Ray Data: a part is a file that is there whole or not at all, named by what it is made of, so what a task
gives back may be lost without loss, and doing one twice writes the same file twice. Nothing of the images goes through
Ray's object store, which a node takes with it, and the driver alone says what is done again, by what it finds written.
"""

import logging
import os
from concurrent.futures import Future
from time import monotonic
from typing import Any

from app.bulk.core import Core, Recipe
from app.bulk.workers import AHEAD, LostError, Part, Scored, score
from app.errors import StartError

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # it reports to its makers
LOOK_SECONDS = 5.0  # how long the number of the cluster's cores is believed

try:
    import ray
    from ray.exceptions import RayError, RayTaskError
except ImportError as error:
    raise StartError("to score on Ray, install the extra: pip install 'digitserve[ray]'") from error


class Cluster:
    """As many tasks as the cluster has cores, and some that wait. What Ray loses is given again by who runs it."""

    def __init__(self, recipe: Recipe, address: str) -> None:
        """`address` is HOST:PORT, "auto" for the cluster of RAY_ADDRESS or of this machine, "local" for one of its own.

        Raises StartError.
        """
        try:
            ray.init(address, log_to_driver=False, logging_level=logging.ERROR, configure_logging=False)
        except (ConnectionError, RuntimeError, ValueError) as error:
            raise StartError(f"no cluster of Ray's answers at {address!r} ({error})") from error
        self._recipe = ray.put(recipe)
        self._score = ray.remote(num_cpus=1, max_retries=0)(_score)
        self._cores, self._looked = 0, -LOOK_SECONDS

    @property
    def most(self) -> int:
        """Of the nodes that are there now."""
        if (now := monotonic()) - self._looked >= LOOK_SECONDS:
            self._cores, self._looked = int(ray.cluster_resources().get("CPU", 0)), now
        return AHEAD * max(1, self._cores)

    def is_lost(self, error: Exception) -> bool:
        return isinstance(error, RayError) and not isinstance(error, RayTaskError)  # which the task itself raised

    def submit(self, part: Part, *, careful: bool) -> "Future[Scored]":
        try:
            future: Future[Scored] = self._score.remote(part, careful, [self._recipe]).future()
        except RayError as error:
            raise LostError(f"the cluster has gone ({error})") from error
        return future

    def close(self) -> None:
        """Ray ends what a driver that leaves has begun."""
        ray.shutdown()


_opened: dict[Any, Core] = {}  # in one of Ray's processes, which score many parts


def _score(part: Part, careful: bool, recipe: list[Any]) -> Scored:
    """`recipe` is a reference in a list, so that it is fetched once a process."""
    if recipe[0] not in _opened:
        _opened.clear()
        _opened[recipe[0]] = Core(ray.get(recipe[0]))
    return score(_opened[recipe[0]], part, careful=careful)
