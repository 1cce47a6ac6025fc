"""The pictures of docs/scale.md."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from benchmarks.scale import fleet
from benchmarks.scale.kinds import PHOTO
from benchmarks.scale.samples import BOUND_SECONDS, Headroom, Scenario, Simulated

mpl.use("svg")
mpl.rcParams["svg.hashsalt"] = "digitserve"  # the same figures give the same file
HEADROOM, STEP = "scale-headroom.svg", "scale-step.svg"


def write(folder: Path, simulated: Simulated) -> None:
    """HEADROOM and STEP."""
    _headroom(simulated.headroom).savefig(folder / HEADROOM, metadata={"Date": None})
    _step(simulated.scenarios).savefig(folder / STEP, metadata={"Date": None})


def _headroom(headroom: Sequence[Headroom]) -> Figure:
    figure = Figure(figsize=(8, 3.4), layout="constrained")
    axes = figure.add_subplot()
    for number, kind in enumerate(dict.fromkeys(one.kind for one in headroom)):
        for balanced in (False, True):
            line = [one for one in headroom if (one.kind, one.group, one.balanced) == (kind, 1, balanced)]
            axes.plot(
                [100 * one.utilisation for one in line],
                [1000 * one.p99 for one in line],
                color=f"C{number}",
                linestyle="--" if balanced else "-",
                label=f"{kind}, less busy of two" if balanced else kind,
            )
    axes.axhline(1000 * BOUND_SECONDS, color="black", linewidth=0.8)
    axes.set(yscale="log", xlabel="utilisation of a worker, %", ylabel="99th percentile, ms")
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside right upper", frameon=False)
    return figure


def _step(scenarios: Sequence[Scenario]) -> Figure:
    stepped = [one for one in scenarios if one.offered[-1] > 2 * one.offered[0]]
    figure = Figure(figsize=(8, 4.6), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True)
    for one in stepped:
        seconds = one.slice_seconds * np.arange(len(one.workers))
        above.step(seconds, one.workers, where="post", label=one.name)
        below.step(seconds, [1000 * value for value in one.p99], where="post")
    below.axhline(1000 * BOUND_SECONDS, color="black", linewidth=0.8)
    above.set(ylabel="workers")
    below.set(yscale="log", ylabel="99th percentile, ms", xlabel=f"seconds; {PHOTO}s, the step at {fleet.STEP_AT:g}")
    for axes in (above, below):
        axes.spines[["top", "right"]].set_visible(False)
    above.legend(frameon=False, fontsize=8)
    return figure
