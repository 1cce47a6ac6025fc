"""A real cluster of Ray's on this machine: a head and nodes of one core each, all bound to 127.0.0.1."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

LOOPBACK = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # so Ray says for nodes that are reached at 127.0.0.1, not by the network
}
STORE_BYTES = 80 << 20
TRIES = 3


class Nodes:
    """`address` of the cluster, whose processes can be killed."""

    def __init__(self, cluster: Any, second: Any) -> None:
        self._cluster = cluster
        self._second = second
        self.address: str = cluster.address

    def kill_node(self) -> None:
        """All processes of the second node at once."""
        self._cluster.remove_node(self._second, allow_graceful=False)

    def replace_node(self) -> None:
        self._second = _add(self._cluster)

    def workers(self) -> list[int]:
        """Ids of processes that score a part now, on any of the nodes."""
        raylets, found = self._raylets(), []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                title = (folder / "cmdline").read_bytes()
                parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue  # it has ended
            if title.startswith(b"ray::_score") and parent in raylets:
                found.append(int(folder.name))
        return found

    def _raylets(self) -> set[int]:
        return {node.all_processes["raylet"][0].process.pid for node in (self._cluster.head_node, self._second)}


@contextmanager
def two_nodes() -> Iterator[Nodes]:
    """Two nodes of one core each, the head among them; they end with the block."""
    os.environ.update(LOOPBACK)
    from ray.cluster_utils import Cluster

    head = {"num_cpus": 1, "node_ip_address": "127.0.0.1", "object_store_memory": STORE_BYTES}
    quiet = {"include_dashboard": False, "include_log_monitor": False, "no_monitor": True}
    cluster = _started(lambda: Cluster(initialize_head=True, head_node_args=head | quiet))
    try:
        yield Nodes(cluster, _add(cluster))
    finally:
        cluster.shutdown()


def _add(cluster: Any) -> Any:
    node = {"num_cpus": 1, "node_ip_address": "127.0.0.1", "object_store_memory": STORE_BYTES}
    return _started(lambda: cluster.add_node(**node, include_log_monitor=False))


def _started(start: Callable[[], Any]) -> Any:
    """Ray gives a node's agent 15 s to start, which a machine that others use, too, may not."""
    for _ in range(TRIES - 1):
        try:
            return start()
        except Exception as error:  # Ray raises no other class
            if "timed out during startup" not in str(error):
                raise
    return start()
