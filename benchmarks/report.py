"""Samples of several rounds -> the figures, RESULTS.md and the plot. No number in there is typed by hand."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple

import matplotlib as mpl
from matplotlib.figure import Figure

from benchmarks.measure import BATCH, CHUNK, Sample

mpl.use("svg")
mpl.rcParams["svg.hashsalt"] = "digitserve"  # the same figures give the same file
PEERS = ("fastapi", "litserve", "bentoml", "mlserver", "rayserve", "pytriton")
Round = dict[tuple[str, str], float]  # by server and what
Rounds = Sequence[Round]


class Wanted(NamedTuple):
    """One line of the table of goals: a ratio or a time, taken in each round, of which the median counts."""

    what: str
    of_round: Callable[[Round], float]
    limit: float
    at_least: bool = True
    unit: str = "x"


def _ds(what: str) -> Callable[[Round], float]:
    return lambda one: one["digitserve", what]


def _ratio(what: str, against: str, of: str) -> Callable[[Round], float]:
    return lambda one: one["digitserve", what] / one[against, of]


def _against_best_peer(one: Round) -> float:
    return one["digitserve", "raw rate"] / max(one[peer, "raw rate"] for peer in PEERS if (peer, "raw rate") in one)


def _against_the_sum(one: Round) -> float:
    least = one["in-process", "digits run of 32"] / 32 + 1 / one["uvicorn", "raw rate"]
    return one["digitserve", "raw cnn rate"] * least


def _batch(form: str) -> Callable[[Round], float]:
    return lambda one: one["digitserve", f"batch {form} rate"] * one["in-process", f"digits run of {BATCH}"]


def _alone(one: Round) -> float:
    run = one["in-process", "mlp-128-64 run of 1"]
    return (one["digitserve", "alone p50"] - one["uvicorn", "alone p50"] - run) * 1e6


def _spread(server: str, what: str) -> Callable[[Round], float]:
    return lambda one: one[server, f"{what} at 80% p99"] / one[server, f"{what} at 80% p50"]


WANTED = (
    Wanted(
        "raw single, mlp-128-64, 64 connections: against bare uvicorn", _ratio("raw rate", "uvicorn", "raw rate"), 0.60
    ),
    Wanted("the same against the best Python peer", _against_best_peer, 8),
    Wanted(
        "raw single, digits: against one image's share of a run of 32 plus bare uvicorn's time", _against_the_sum, 0.85
    ),
    Wanted("PNG of 28x28, mlp-128-64: against bare uvicorn", _ratio("png rate", "uvicorn", "png rate"), 0.30),
    Wanted("JSON pixels, mlp-128-64: against FastAPI and pydantic", _ratio("json rate", "fastapi", "raw rate"), 3),
    Wanted(f"batch of {BATCH} raw images, digits, to JSON: against ONNX Runtime in-process", _batch("json"), 0.85),
    Wanted(f"batch of {BATCH} raw images, digits, to .npy: against ONNX Runtime in-process", _batch("npy"), 0.85),
    Wanted("1 connection, mlp-128-64: p50 above bare uvicorn's and one run", _alone, 80, at_least=False, unit="us"),
    Wanted("open loop at 80 % of capacity, mlp-128-64: p99 / p50", _spread("digitserve", "raw"), 5, at_least=False),
    Wanted("open loop at 80 % of capacity, digits: p99 / p50", _spread("digitserve", "raw cnn"), 5, at_least=False),
    Wanted("open loop at 200 %, digits, single images: goodput against capacity", _ds("raw cnn at 200% goodput"), 0.90),
    Wanted(
        "open loop at 200 %, digits, batches of 64: goodput against capacity",
        _ds("batch of 64 cnn at 200% goodput"),
        0.90,
    ),
    Wanted(
        "open loops at 200 %: refused without Retry-After, or answered neither 200 nor 429",
        lambda one: sum(
            one["digitserve", f"{what} at 200% {bad}"]
            for what in ("raw cnn", "batch of 64 cnn")
            for bad in ("refused without Retry-After", "answered otherwise")
        ),
        0,
        at_least=False,
        unit="",
    ),
    Wanted(
        f"a single image beside batches of 10,000: p99 / time of a run of {CHUNK}",
        lambda one: one["digitserve", "single beside batches p99"] / one["in-process", f"digits run of {CHUNK}"],
        5,
        at_least=False,
    ),
    Wanted(
        "resident memory after all mixed requests / after 10,000",
        lambda one: one["digitserve", "resident late"] / one["digitserve", "resident early"],
        1.05,
        at_least=False,
    ),
)


def rounds_of(samples: Sequence[Sequence[Sample]]) -> list[Round]:
    return [{(sample.server, sample.what): sample.value for sample in one} for one in samples]


def write(
    folder: Path, rounds: Rounds, *, about: Sequence[str], versions: dict[str, str], absent: dict[str, str]
) -> None:
    """RESULTS.md and throughput.svg. `absent` are servers that could not run, with the reason."""
    _plot(rounds, versions).savefig(folder / "throughput.svg", metadata={"Date": None})
    parts = [
        "# Results",
        "Written by `make bench`; no number here is typed by hand. " + " ".join(about),
        "![requests a second](throughput.svg)",
        _table(
            ("figure", "wanted", "median", "least", "most", ""),
            [_wanted_row(wanted, rounds) for wanted in WANTED],
        ),
        "## Closed loops",
        "One request at a time on each connection; 64 connections, or one where it says alone. Requests a second, and "
        "latencies in milliseconds.",
        _table(("server", "version", "what", "rate", "least", "most", "p50", "p99"), _closed_rows(rounds, versions)),
        "## Open loops",
        "Requests due at Poisson times, whose latencies count from when they were due. Latencies in milliseconds. "
        "Bare uvicorn stands there to show what the machine itself does to the tail.",
        _table(("server", "what", "offered", "goodput", "p50", "p99", "refused"), _open_rows(rounds)),
        "## ONNX Runtime in-process",
        _table(
            ("run", "microseconds", "images/s"),
            [
                (what, f"{value * 1e6:,.1f}", f"{int(what.split()[-1]) / value:,.0f}")
                for what, value in (
                    (what, _median(rounds, "in-process", what)) for what in _whats(rounds, "in-process")
                )
            ],
        ),
    ]
    if absent:
        parts += ["## Could not run here", "\n".join(f"- {name}: {reason}" for name, reason in absent.items())]
    (folder / "RESULTS.md").write_text("\n\n".join(parts) + "\n")


def _wanted_row(wanted: Wanted, rounds: Rounds) -> tuple[str, ...]:
    values = []
    for one in rounds:
        try:
            values.append(wanted.of_round(one))
        except (KeyError, ValueError):  # measured in some rounds alone, or of a peer that could not run
            continue
    if not values:
        return wanted.what, _limit(wanted), "not measured", "", "", ""
    reached = median(values) >= wanted.limit if wanted.at_least else median(values) <= wanted.limit
    shown = [f"{value:.3g} {wanted.unit}".strip() for value in (median(values), min(values), max(values))]
    return wanted.what, _limit(wanted), *shown, "reached" if reached else "**missed**"


def _limit(wanted: Wanted) -> str:
    return f"{'at least' if wanted.at_least else 'at most'} {wanted.limit:g} {wanted.unit}".strip()


def _closed_rows(rounds: Rounds, versions: dict[str, str]) -> list[tuple[str, ...]]:
    rows = []
    for server, what in sorted({key for one in rounds for key in one if key[1].endswith(" rate")}):
        kind = what.removesuffix(" rate")
        rates = [one[server, what] for one in rounds if (server, what) in one]
        times = [f"{_median(rounds, server, f'{kind} {p}') * 1e3:.3g}" for p in ("p50", "p99")]
        shown = [f"{rate:,.0f}" for rate in (median(rates), min(rates), max(rates))]
        rows.append((server, versions.get(server, ""), kind, *shown, *times))
    return rows


def _open_rows(rounds: Rounds) -> list[tuple[str, ...]]:
    rows = []
    for server, what in sorted({key for one in rounds for key in one if key[1].endswith(" offered")}):
        kind = what.removesuffix(" offered")
        share = [f"{_median(rounds, server, f'{kind} {part}'):.2f}" for part in ("offered", "goodput")]
        times = [f"{_median(rounds, server, f'{kind} {p}') * 1e3:.3g}" for p in ("p50", "p99")]
        rows.append((server, kind, *share, *times, f"{_median(rounds, server, f'{kind} refused'):.0f}"))
    return rows


def _median(rounds: Rounds, server: str, what: str) -> float:
    values = [one[server, what] for one in rounds if (server, what) in one]
    return median(values) if values else math.nan


def _whats(rounds: Rounds, server: str) -> list[str]:
    return list(dict.fromkeys(what for one in rounds for name, what in one if name == server))


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return "\n".join("| " + " | ".join(row) + " |" for row in (head, ["---"] * len(head), *rows))


def _plot(rounds: Rounds, versions: dict[str, str]) -> Figure:
    servers = [name for name in ("uvicorn", "digitserve", *PEERS) if any((name, "raw rate") in one for one in rounds)]
    values = [[one[name, "raw rate"] for one in rounds if (name, "raw rate") in one] for name in servers]
    middle = [median(of_one) for of_one in values]
    spread = [
        [m - min(v) for m, v in zip(middle, values, strict=True)],
        [max(v) - m for m, v in zip(middle, values, strict=True)],
    ]
    figure = Figure(figsize=(8, 3.6), layout="constrained")
    axes = figure.add_subplot()
    labels = [f"{name} {versions.get(name, '')}".strip() for name in servers]
    bars = axes.barh(
        labels, middle, xerr=spread, color=["#9aa0a6", "#1a73e8", *["#c8ccd0"] * len(PEERS)][: len(servers)]
    )
    axes.bar_label(bars, [f" {rate:,.0f}" for rate in middle])
    axes.invert_yaxis()
    axes.set_xlabel(
        "requests a second of one image each, mlp-128-64, 64 connections, one core\n(bare uvicorn runs no model)"
    )
    axes.spines[["top", "right"]].set_visible(False)
    axes.margins(x=0.12)
    return figure
