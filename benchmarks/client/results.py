"""The document that is written of what was measured."""

from collections.abc import Mapping
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.client.restarts import KINDS
from benchmarks.client.throughput import RACES
from benchmarks.kept import Kept

MIB = 2**20
HEAD = """# The Python client

Written by `python -m benchmarks.client`, from runs on a machine of two cores that others use, too: compare ratios.
"""


def document(results: Mapping[str, Any]) -> str:
    parts = [HEAD]
    if "restarts" in results:
        parts.append(_restarts(results["restarts"]))
    if "throughput" in results:
        parts.append(_throughput(results["throughput"]))
    return "\n".join(parts)


def _restarts(restarts: Mapping[str, Mapping[str, float]]) -> str:
    lines = [
        "## What is lost in a restart of the service",
        "",
        "`predict_many`, and the service stopped after a third of the answers by SIGTERM and after two by SIGKILL, of "
        "all its processes, and started again each time. Goal: 0, and memory that does not grow.",
        "",
        "| | images | restarts | away | lost | twice | not its image's | seconds | memory early, late | most |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for kind, run in restarts.items():
        early, late, most = (f"{run[name] / MIB:.0f}" for name in ("early_bytes", "late_bytes", "most_bytes"))
        grown = run["late_bytes"] / run["early_bytes"] - 1
        cells = [KINDS[kind], f"{run['images']:,}", str(run["restarts"]), f"{run['away_seconds']:.1f} s"]
        cells += [str(run[name]) for name in ("lost", "twice", "elsewhere")]
        cells += [f"{run['seconds']:.0f}", f"{early} MiB, {late} MiB ({grown:+.1%})", f"{most} MiB"]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _throughput(throughput: Mapping[str, list[list[float]]]) -> str:
    lines = [
        "## Images a second",
        "",
        "In turns with threads that send requests of the same form and size, made beforehand, over as many connections "
        "and do nothing with the answers. The service has a core of its own, they have another. Medians; a ratio is "
        "the median of the turns' own.",
        "",
        "| | turns | client | requests made beforehand | ratio | goal |",
        "|---|---|---|---|---|---|",
    ]
    for name, turns in throughput.items():
        clients, limits = (f"{median(turn[side] for turn in turns):,.0f}" for side in (0, 1))
        ratio = f"{median(client / limit for client, limit in turns):.2f}"
        cells = [RACES[name].what, str(len(turns)), clients, limits, ratio, f"{RACES[name].goal:.2f}"]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


RESULTS = Kept(Path(__file__).with_name("results.json"), Path(__file__).parents[1] / "CLIENT.md", document)
