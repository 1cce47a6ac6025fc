"""The report's figures: SVG to stand in a page, in the page's own font and, but for the data, its own colour; and its
pictures.
"""

import base64
import io
import re
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, ParamSpec

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter
from numpy.typing import NDArray
from PIL import Image
from scipy.stats import binomtest

from app.tasks.digits.arrays import Frames
from app.tasks.digits.classifier import ENERGY, Probabilities, Scores
from app.tasks.digits.manifest import Thresholds
from training.data import Labels
from training.evaluate import CALIBRATION_BINS, Energies

BLUE, ORANGE = "#4a8fe0", "#e07b39"
"""Seen well on white and on black."""
INK = "#010203"  # stands for the page's colour of text, and is used for nothing else
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",  # text stays text
    "font.sans-serif": ["DejaVu Sans"],  # to measure with; the page's own is shown
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.15,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "savefig.transparent": True,
    **dict.fromkeys(
        ["text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color", "grid.color"], INK
    ),
}
SIZE = (4.6, 3.4)  # inches
POINTS, ENERGY_BINS = 500, 60
POSITION = re.compile(r' (?:d|x|y|transform)="[^"]+"')

History = Mapping[str, list[float]]
Parameters = ParamSpec("Parameters")


def as_svg(draw: Callable[Parameters, Figure]) -> Callable[Parameters, str]:
    """Let what draws a figure give it as SVG, in the page's style."""

    @wraps(draw)
    def drawn(*args: Parameters.args, **kwargs: Parameters.kwargs) -> str:
        with matplotlib.rc_context(STYLE):
            return _svg(draw(*args, **kwargs))

    return drawn


def picture(frame: Frames) -> str:
    """A PNG, as an address that holds it."""
    file = io.BytesIO()
    Image.fromarray(frame).save(file, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def _svg(figure: Figure) -> str:
    """Without what only a file needs: the XML header, metadata, ids that nothing refers to, and a size of its own.
    Positions are rounded to a tenth of a point.
    """
    buffer = io.StringIO()
    # Ids are the same each time, and other than those of the page's other figures.
    matplotlib.rcParams["svg.hashsalt"] = figure.axes[0].get_title()
    figure.savefig(buffer, format="svg", metadata=dict.fromkeys(("Creator", "Date", "Format", "Type")))
    body = buffer.getvalue().partition("<svg")[2].replace(INK, "currentColor")
    view = re.search(r'viewBox="[^"]+"', body)
    assert view is not None
    body = re.sub(r' id="[\w.]+_\d+"|\n\s*(?=<)', "", body.partition(">")[2])
    body = POSITION.sub(
        lambda found: re.sub(r"-?\d+\.\d{2,}", lambda number: f"{float(number[0]):.1f}", found[0]), body
    )
    return f"<svg {view[0]}>{body}"


@as_svg
def curve(history: History, name: str, kept: int) -> Figure:
    """`name`, "loss" or "accuracy", by epoch on training and validation images, with the gap between them shaded.

    `kept`, from 0, is the epoch whose weights the network has.
    """
    training, validation = np.array(history[name]), np.array(history[f"val_{name}"])
    epochs = np.arange(1, len(training) + 1)
    figure, axes = _figure()
    axes.plot(epochs, training, color=BLUE, marker=".", label="training")
    axes.plot(epochs, validation, color=ORANGE, marker=".", label="validation")
    worse = (validation > training) if name == "loss" else (validation < training)
    for where, colour, said in ((worse, ORANGE, "validation is worse"), (~worse, BLUE, "training is worse")):
        if where.any():
            shaded: dict[str, Any] = {"alpha": 0.2, "linewidth": 0, "interpolate": True}
            axes.fill_between(epochs, training, validation, where=where, color=colour, label=said, **shaded)
    if kept < len(epochs) - 1:
        axes.axvline(epochs[kept], color=INK, linestyle=":", label="kept")
    axes.set(title=name.capitalize(), xlabel="epoch", ylim=_most(training, validation, name))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    if name == "accuracy":
        axes.yaxis.set_major_formatter(PercentFormatter(1))
    axes.legend()
    return figure


def _most(training: Any, validation: Any, name: str) -> tuple[float, float]:
    """Limits that leave out the first epochs of a long training, beside which the others would look alike."""
    late = np.concatenate([both[len(both) // 10 :] for both in (training, validation)])
    low, high = late.min(), late.max()
    margin = (high - low) / 20 or 0.01
    return (low - margin, high + margin) if name == "loss" else (low - margin, min(1, high + margin))


@as_svg
def calibration(probabilities: Probabilities, labels: Labels) -> Figure:
    """Accuracy by confidence in the bins of the calibration error, with 95 % intervals, and the images in each bin."""
    images, hits, confidence = reliability(probabilities, labels)
    some = np.flatnonzero(images)
    interval = np.array([_interval(hits[one], images[one]) for one in some]).T
    figure = Figure(figsize=SIZE, layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    upper.plot([0, 1], [0, 1], color=INK, alpha=0.4, linestyle="--", label="as it should be")
    upper.vlines(confidence[some], *interval, color=BLUE, alpha=0.5)
    upper.plot(
        confidence[some], hits[some] / images[some], color=BLUE, marker="o", label="as it is, with 95% intervals"
    )
    upper.set(title="Calibration", ylabel="accuracy", xlim=(0, 1.02), ylim=(0, 1.04))
    upper.yaxis.set_major_formatter(PercentFormatter(1))
    upper.legend()
    lower.bar(np.arange(len(images)) / len(images), images, width=1 / len(images), align="edge", color=BLUE, alpha=0.5)
    lower.set(xlabel="confidence", ylabel="images", yscale="log", ylim=(0.7, None))
    lower.xaxis.set_major_formatter(PercentFormatter(1))
    return figure


def reliability(probabilities: Probabilities, labels: Labels) -> tuple[Labels, Labels, NDArray[np.float64]]:
    """Of each bin of confidence: the images, those of them that are read right, and their mean confidence (0 if none).

    Source: Guo et al., "On Calibration of Modern Neural Networks", 2017, section 2.
    """
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    bin_of = np.digitize(confidence, np.arange(1, CALIBRATION_BINS) / CALIBRATION_BINS, right=True)
    images, hits, total = (
        np.bincount(bin_of, weights, CALIBRATION_BINS) for weights in (np.ones(len(right)), right, confidence)
    )
    return images.astype(int), hits.astype(int), total / np.maximum(images, 1)


def _interval(hits: int, images: int) -> tuple[float, float]:
    interval = binomtest(int(hits), int(images)).proportion_ci(method="wilson")
    return interval.low, interval.high


@as_svg
def risk_coverage(answers: Scores, labels: Labels, thresholds: Thresholds | None) -> Figure:
    """The part that is wrong of the answers that are taken, by the part that is taken, the surest first.

    What has more energy than a digit is taken last. Source: Geifman and El-Yaniv, "Selective Classification for Deep
    Neural Networks", 2017.
    """
    coverage, risk, sureness = risks(answers, labels, thresholds)
    figure, axes = _figure()
    shown = np.unique(np.linspace(0, len(risk) - 1, POINTS).astype(int))  # more would only make the page large
    axes.plot(coverage[shown], risk[shown], color=BLUE)
    axes.fill_between(coverage[shown], risk[shown], color=BLUE, alpha=0.15, linewidth=0)
    if thresholds is not None and (taken := int((sureness >= thresholds.accept).sum())):
        at = coverage[taken - 1], risk[taken - 1]
        axes.plot(*at, color=ORANGE, marker="o", linestyle="", label=f"accepted: confidence ≥ {thresholds.accept:.3f}")
        axes.vlines(at[0], 0, at[1], color=ORANGE, linestyle=":")
        axes.legend(loc="upper left")
    axes.set(title="Risk and coverage", xlabel="answers taken", ylabel="of which wrong", xlim=(0, 1.01), ylim=(0, None))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(PercentFormatter(1))
    return figure


def risks(
    answers: Scores, labels: Labels, thresholds: Thresholds | None
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float32]]:
    """Coverage, risk, and the sureness by which answers float [N, 11] are ordered, falling: float [N] each."""
    sureness = answers[:, :ENERGY].max(axis=1)
    if thresholds is not None and thresholds.energy is not None:
        sureness[answers[:, ENERGY] > thresholds.energy] = -1
    order = np.argsort(-sureness, kind="stable")
    wrong = (answers[:, :ENERGY].argmax(axis=1) != labels)[order]
    taken = np.arange(1, len(labels) + 1)
    return taken / len(labels), np.cumsum(wrong) / taken, sureness[order]


@as_svg
def energies(kinds: Mapping[str, Energies], limit: float | None) -> Figure:
    """A histogram of the energy of each kind of image, all of one height, and the limit above which none is a digit."""
    figure, axes = _figure()
    names = [*kinds][::-1]  # upwards
    edges = np.histogram_bin_edges(np.concatenate([*kinds.values()]), ENERGY_BINS)
    for row, kind in enumerate(names):
        counts, _ = np.histogram(kinds[kind], edges)
        colour = BLUE if kind == "digits" else ORANGE
        axes.stairs(row + 0.85 * counts / counts.max(), edges, baseline=row, fill=True, color=colour, alpha=0.7)
    if limit is not None:
        axes.axvline(limit, color=INK, linestyle=":", label="limit")
        axes.legend(loc="upper left")
    axes.set(title="Energy", xlabel="less like a digit →", ylim=(0, len(kinds)))
    axes.set_yticks(np.arange(len(kinds)) + 0.4, names)
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    return figure


def _figure() -> tuple[Figure, Axes]:
    figure = Figure(figsize=SIZE, layout="constrained")
    return figure, figure.subplots()
