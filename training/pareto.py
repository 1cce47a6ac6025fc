"""Candidates side by side: how right each is on the validation images, and what one image costs."""

from collections.abc import Sequence
from typing import NamedTuple

from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter, ScalarFormatter

from app.inference.bundle import Bundle
from app.tasks.digits.classifier import Classifier, opened
from app.tasks.digits.manifest import DigitsManifest
from training import evaluate, latency
from training.data import Mnist
from training.export import export
from training.recipe import Recipe
from training.run import Run, Trained

TICKS = 1, 2, 3, 5, 7  # of each power of ten, in microseconds: as many as their figures have room for


class Candidate(NamedTuple):
    name: str
    parameters: int
    accuracy: float
    microseconds: float
    """Of a run of one image on one thread: the median of rounds in which all candidates take their turns."""

    def beats(self, other: "Candidate") -> bool:
        """No worse in either figure, and better in one."""
        no_worse = self.accuracy >= other.accuracy and self.microseconds <= other.microseconds
        return no_worse and (self.accuracy, self.microseconds) != (other.accuracy, other.microseconds)


class _Opened(NamedTuple):
    """What is measured."""

    name: str
    parameters: int
    classifier: Classifier


def measure(trained: Sequence[Trained], mnist: Mnist) -> list[Candidate]:
    """Export every run's network, and measure all of them and the bundles in this one process; the quickest first."""
    all_opened = [_exported(one, mnist) if isinstance(one, Run) else _as_released(one) for one in trained]
    times = latency.microseconds([one.classifier for one in all_opened], 1)
    images, labels = mnist.validation
    found = [
        Candidate(name, parameters, evaluate.part_right(evaluate.predict(classifier, images), labels), microseconds)
        for (name, parameters, classifier), microseconds in zip(all_opened, times, strict=True)
    ]
    return sorted(found, key=lambda candidate: candidate.microseconds)


def table(candidates: Sequence[Candidate]) -> str:
    """Markdown; a star where no other candidate is both as quick and as right."""
    best = front(candidates)
    rows = ["| network | parameters | validation | us an image | |", "|---|---|---|---|---|"]
    for one in candidates:
        star = "*" if one in best else ""
        rows.append(f"| {one.name} | {one.parameters:,} | {one.accuracy:.2%} | {one.microseconds:.1f} | {star} |")
    return "\n".join(rows)


def front(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Those than which no other is both as quick and as right."""
    return [one for one in candidates if not any(other.beats(one) for other in candidates)]


def draw(candidates: Sequence[Candidate]) -> Figure:
    """The same as a picture: what is misread, so that those that misread little can be told apart."""
    figure = Figure(figsize=(9, 4.5), layout="constrained")
    axes = figure.subplots()
    best = front(candidates)
    axes.plot([one.microseconds for one in best], [_misread(one) for one in best], color="tab:blue", alpha=0.4)
    for number, one in enumerate(candidates, 1):
        at = one.microseconds, _misread(one)
        axes.scatter(*at, color="tab:blue" if one in best else "tab:gray", label=f"{number}  {one.name}")
        axes.annotate(str(number), at, xytext=(5, 3), textcoords="offset points", fontsize=8)
    axes.set(
        xscale="log", yscale="log", xlabel="microseconds for one image, one thread", ylabel="% misread on validation"
    )
    axes.xaxis.set_major_locator(LogLocator(subs=TICKS))
    axes.xaxis.set_major_formatter(ScalarFormatter())
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.yaxis.set_major_formatter(ScalarFormatter())
    axes.yaxis.set_minor_formatter(ScalarFormatter())
    axes.grid(alpha=0.3, which="both")
    figure.legend(loc="outside right upper", fontsize=8, handlelength=0, markerscale=0)
    return figure


def _exported(run: Run, mnist: Mnist) -> _Opened:
    network = run.network()
    return _Opened(_name(run), network.count_params(), export(network, mnist, int8=run.int8).session)


def _as_released(bundle: Bundle[DigitsManifest]) -> _Opened:
    manifest, model = bundle
    return _Opened(manifest.label, manifest.parameters, opened(model, labels=manifest.labels))


def _misread(candidate: Candidate) -> float:
    return 100 * (1 - candidate.accuracy)


def _name(run: Run) -> str:
    """The architecture, and what of its recipe makes candidates differ."""
    recipe = run.record.recipe
    details = {
        f"x{recipe['width']:g}": recipe["width"] != 1,
        f"kernels of {recipe['kernel']}": recipe["kernel"] != Recipe().kernel,
        f"{recipe['members']} members": recipe["members"] > 1,
        "taught": recipe["teacher"] is not None,
        "int8": run.int8,
    }
    return ", ".join([run.record.architecture, *(said for said, wanted in details.items() if wanted)])
