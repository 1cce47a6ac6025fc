"""Something dies in the middle of a run; what is lost of it, or there twice, in the end."""

import os
import random
import signal
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from subprocess import Popen
from typing import NamedTuple

from benchmarks.bulk import material
from benchmarks.bulk.cluster import Nodes, two_nodes

PATIENCE = 120.0  # seconds for a run
PART = 1024  # images
POLL_SECONDS = 0.005


class Died(NamedTuple):
    """What came of one run."""

    lost: int
    twice: int
    written_before: int
    """Parts, when it died."""
    parts: int
    seconds: float


Driver = Popen[str]
Kill = Callable[[Driver, Nodes | None], bool]
"""Whether there was something left to kill."""


def campaign(kinds: Sequence[str], runs: int, parts: int = 24) -> Iterator[tuple[str, Died]]:
    """Of each of KINDS so many runs, in which it dies after some parts are written; those on Ray on one cluster."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        source = material.frames(Path(name, "frames.npy"), parts * PART)
        nodes = stack.enter_context(two_nodes()) if any(KINDS[kind].on_ray for kind in kinds) else None
        for kind in kinds:
            done = 0
            while done < runs:
                out = Path(name, f"out-{time.monotonic_ns()}")
                one = _run(source, out, parts, KINDS[kind], nodes if KINDS[kind].on_ray else None)
                if one is not None:
                    done += 1
                    yield kind, one


def _run(source: Path, out: Path, parts: int, kind: "Kind", nodes: Nodes | None) -> Died | None:
    """None where it was done before anything died."""
    options = ["--shard-images", str(PART), *(["--ray", nodes.address] if nodes else ["--processes", "2"])]
    started = time.monotonic()
    driver = material.start(source, out, *options)
    before = _wait_for(out, random.randint(1, parts // 2), driver)
    killed = kind.kill(driver, nodes)
    status, said = _ended(driver)
    if kind.again:
        status, said = _ended(material.start(source, out, *options))
    if status:
        raise RuntimeError(f"exit status {status}: {said}")
    if nodes is not None and kind.kill is _node:
        nodes.replace_node()
    if not killed or before == parts:
        return None
    seconds = time.monotonic() - started
    return Died(*material.count(source, out, parts * PART), before, parts, seconds)


def _wait_for(out: Path, parts: int, driver: Driver) -> int:
    """Until so many are written; how many are."""
    deadline = time.monotonic() + PATIENCE
    while (written := len(list(out.glob("0*")))) < parts:
        if driver.poll() is not None or time.monotonic() > deadline:
            driver.kill()
            raise RuntimeError(f"it wrote {written} parts, and ended: {driver.communicate()[1]}")
        time.sleep(POLL_SECONDS)
    return written


def _ended(driver: Driver) -> tuple[int, str]:
    _, said = driver.communicate(timeout=PATIENCE)
    return driver.returncode, said


def _node(_: Driver, nodes: Nodes | None) -> bool:
    assert nodes is not None
    nodes.kill_node()
    return True


def _worker(driver: Driver, nodes: Nodes | None) -> bool:
    assert nodes is not None
    while driver.poll() is None:  # between two parts there is none
        for pid in nodes.workers():
            os.kill(pid, signal.SIGKILL)
            return True
    return False


def _process(driver: Driver, _: Nodes | None) -> bool:
    """One of those that score without Ray."""
    children = Path(f"/proc/{driver.pid}/task/{driver.pid}/children").read_text().split()
    scoring = [pid for pid in children if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    os.kill(int(random.choice(scoring)), signal.SIGKILL)
    return True


def _driver(driver: Driver, _: Nodes | None) -> bool:
    driver.kill()
    return driver.wait() == -signal.SIGKILL


class Kind(NamedTuple):
    what: str
    kill: Kill
    on_ray: bool
    again: bool
    """Whether the command is given again."""


KINDS = {
    "node": Kind("one of Ray's two nodes", _node, True, False),
    "worker": Kind("a worker of Ray's", _worker, True, False),
    "driver": Kind("the driver on Ray, which is started again", _driver, True, True),
    "process": Kind("one of two processes without Ray", _process, False, False),
    "command": Kind("the command without Ray, which is started again", _driver, False, True),
}
