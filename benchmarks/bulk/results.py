"""The document that is written of what was measured."""

from collections.abc import Mapping
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.bulk.kills import KINDS
from benchmarks.bulk.speed import RACES
from benchmarks.kept import Kept

HEAD = """# Bulk scoring

Written by `python -m benchmarks.bulk`, from runs on a machine of two cores that others use, too: compare ratios.
"""


def document(results: Mapping[str, Any]) -> str:
    parts = [HEAD]
    if "kills" in results:
        parts.append(_kills(results["kills"]))
    if "speed" in results:
        parts.append(_speed(results["speed"]))
    if "memory" in results:
        parts.append(_memory(results["memory"]))
    return "\n".join(parts)


def _kills(kills: Mapping[str, list[dict[str, float]]]) -> str:
    lines = [
        "## What is lost when something dies",
        "",
        "After some of a run's parts were written, one thing was killed by SIGKILL. In the end every part was read.",
        "",
        "| killed | runs | images each | images lost | images there twice | parts written when it died |",
        "|---|---|---|---|---|---|",
    ]
    for kind, runs in kills.items():
        before = sorted(f"{run['written_before']:.0f}" for run in runs)
        lost, twice = (sum(run[name] for run in runs) for name in ("lost", "twice"))
        of = f"{min(map(int, before))} to {max(map(int, before))} of {runs[0]['parts']}"
        lines.append(f"| {KINDS[kind].what} | {len(runs)} | {runs[0]['images']:,} | {lost} | {twice} | {of} |")
    return "\n".join(lines) + "\n"


def _speed(speed: Mapping[str, dict[str, Any]]) -> str:
    lines = [
        "## Images a second",
        "",
        "Whole commands, from their start to their end, in turns: medians of images a second, by the clock and by the "
        "seconds of cores that all their processes took. A ratio is the median of the turns' own.",
        "",
        "| | images | turns | images/s | a core-second | beside | images/s | a core-second | ratio by the clock "
        "| by core-seconds | goal |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name, one in speed.items():
        race, turns, images = RACES[name], one["turns"], one["images"]
        rates = [[f"{images / median(turn[side][kind] for turn in turns):,.0f}" for kind in (0, 1)] for side in (0, 1)]
        ratios = [f"{median(theirs[kind] / ours[kind] for ours, theirs in turns):.2f}" for kind in (0, 1)]
        if name == "ray":  # whose nodes' processes are none of the command's
            rates[0][1] = ratios[1] = "-"
        cells = [race.what, f"{images:,}", str(len(turns)), *rates[0], race.against, *rates[1], *ratios]
        lines.append(f"| {' | '.join(cells)} | {race.goal:.2f} |")
    return "\n".join(lines) + "\n"


def _memory(memory: Mapping[str, dict[str, Any]]) -> str:
    lines = ["## Memory", ""]
    for one in memory.values():
        change = one["last"] / one["first"] - 1
        lines.append(
            f"Of `digitserve score` over {one['images']:,} frames, all its processes together, libraries' files aside: "
            f"{one['first'] / 2**20:,.0f} MiB between the first and the second tenth of the images, "
            f"{one['last'] / 2**20:,.0f} MiB in the last tenth, {change:+.1%}; {one['most'] / 2**20:,.0f} MiB at most."
        )
    return "\n".join(lines) + "\n"


RESULTS = Kept(Path(__file__).with_name("results.json"), Path(__file__).parents[1] / "BULK.md", document)
