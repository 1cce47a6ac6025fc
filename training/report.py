"""The evaluation report: one page for people, as a run's `report.html` and as a bundle's model card."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from scipy.stats import binomtest

from app.inference.bundle import MANIFEST_FILE
from app.tasks.digits.arrays import Frames
from app.tasks.digits.classifier import ENERGY, Scores
from app.tasks.digits.manifest import Corrupted, DigitsManifest, Evaluation
from training import corruptions, curves, evaluate, learnt, non_digits, pareto, plots
from training.data import Digits, Mnist
from training.evaluate import Energies
from training.history import changed
from training.pareto import Candidate
from training.recipe import Augmentation, Recipe
from training.run import Own, Record, Run

REPORT_FILE = "report.html"

STRENGTHS = {
    "rotation": f"{corruptions.ROTATION:g}° either way",
    "shift": f"{corruptions.SHIFT:g} px in any direction",
    "scale": f"to {' or '.join(f'{factor:g}' for factor in corruptions.SCALE)} of the size",
    "shear": f"{corruptions.SHEAR:g} px a row, either way",
    "blur": f"Gaussian, {corruptions.BLUR:g} px",
    "noise": f"Gaussian, {corruptions.NOISE:.0%} of white",
    "thin": f"{corruptions.THIN:g} px off each side of a stroke",
    "thick": f"{corruptions.THICK:g} px onto each side of a stroke",
}

TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
TEMPLATES.filters["percent"] = "{0:.{1}%}".format  # share, places
TEMPLATES.filters["count"] = "{:,}".format


class Subject(NamedTuple):
    """What is reported: a run, and what its model answers to one part of MNIST and to what is no digit."""

    record: Record
    manifest: DigitsManifest | None
    """Of the bundle that the run was released as."""
    part: str
    digits: Digits
    answers: Scores
    non_digits: Mapping[str, Energies]
    own: Own | None = None
    """A user's held-out images, where the run is of a fine-tuning."""

    def metrics(self) -> Evaluation:
        """The manifest's, which are the same and more; or what the answers alone say."""
        if self.manifest is not None and self.manifest.metrics is not None:
            return self.manifest.metrics
        auroc = evaluate.non_digit_auroc(self.answers[:, ENERGY], self.non_digits)
        measured = evaluate.measure(self.answers[:, :ENERGY], self.digits.labels)
        return measured.model_copy(update={"non_digit_auroc": auroc})


class Condition(NamedTuple):
    """The images as they are, or under one corruption."""

    name: str
    strength: str
    accuracy: float
    calibration_error: float
    picture: str | None

    @property
    def misread(self) -> float:
        return 1 - self.accuracy


def gather(run: Run, ask: Callable[[Frames], Any], mnist: Mnist) -> Subject:
    """What the run's folder holds; only the answers to what is no digit are asked for, as float [N, 11]."""
    part, answers = run.answers()
    digits = getattr(mnist, part)
    source = non_digits.TESTING if part == "test" else non_digits.VALIDATION
    others = non_digits.draw_each(evaluate.NON_DIGITS, digits, source)
    energies = {kind: ask(frames)[:, ENERGY].astype(np.float32) for kind, frames in others.items()}
    kept = run.folder / MANIFEST_FILE
    manifest = DigitsManifest.model_validate_json(kept.read_bytes()) if part == "test" and kept.is_file() else None
    return Subject(run.record, manifest, part, digits, answers, energies, run.own())


def render(subject: Subject, *, pictures: bool, candidates: Sequence[Candidate] = ()) -> str:
    """HTML that needs nothing beside it. Without `pictures` it holds no image at all, as nothing committed may."""
    record, metrics = subject.record, subject.metrics()
    kept = curves.kept_epoch(record)
    return TEMPLATES.get_template("report.html.j2").render(
        subject=subject,
        metrics=metrics,
        wrong=metrics.images - learnt.right(metrics),
        interval=binomtest(learnt.right(metrics), metrics.images).proportion_ci(method="wilson"),
        weakest=learnt.weakest(metrics),
        hardest=learnt.hardest(metrics),
        confused=learnt.most_confused(metrics),
        mistakes=learnt.mistakes(subject.digits, subject.answers, pictures=pictures),
        finetuning=(record.training.model_extra or {}).get("finetuning"),
        own=learnt.own_mistakes(subject.own) if subject.own and pictures else (),
        figures=_figures(subject, kept),
        changed=_changed(record.recipe),
        duration=_duration(record.seconds),
        signs=curves.signs(record.history, kept),
        rules=curves,
        kept=kept,
        hindered=_hindered(record.recipe),
        conditions=_conditions(subject.digits, metrics, pictures=pictures),
        rejected=_rejected(subject),
        candidates=candidates,
        pareto=plots.as_svg(pareto.draw)(candidates) if candidates else "",
    )


def _figures(subject: Subject, kept: int) -> dict[str, str]:
    history, answers, labels = subject.record.history, subject.answers, subject.digits.labels
    thresholds = subject.manifest.thresholds if subject.manifest else None
    kinds = {"digits": answers[:, ENERGY], **subject.non_digits}
    return {
        "loss": plots.curve(history, "loss", kept),
        "accuracy": plots.curve(history, "accuracy", kept),
        "calibration": plots.calibration(answers[:, :ENERGY], labels),
        "risk": plots.risk_coverage(answers, labels, thresholds),
        "energy": plots.energies(kinds, thresholds.energy if thresholds else None),
    }


def _duration(seconds: float) -> str:
    for unit, name in ((3_600, "hours"), (60, "minutes")):
        if seconds >= 2 * unit:
            return f"{seconds / unit:.1f} {name}"
    return f"{seconds:.1f} seconds"


def _changed(recipe: dict[str, Any]) -> Iterator[tuple[str, Any, str | None]]:
    """Name, value and meaning of each option that says something."""
    for name, value in changed(recipe).items():
        field = Recipe.model_fields.get(name)
        yield name.replace("_", " "), value, field.description if field else ""


def _hindered(recipe: Mapping[str, Any]) -> bool:
    """Whether training images are harder to read than validation images."""
    distorted = set(Augmentation.model_fields) - {"augmented"}
    return any(recipe.get(name) for name in (*distorted, "dropout", "mixup"))


def _conditions(digits: Digits, metrics: Evaluation, *, pictures: bool) -> list[Condition]:
    """With the first image as the picture of each; empty where corruptions were not measured."""
    if metrics.corruptions is None:
        return []
    shown = {"none": digits.images[:1], **corruptions.corrupt(digits.images[:1])} if pictures else {}
    measured: dict[str, Evaluation | Corrupted] = {"none": metrics, **metrics.corruptions}
    return [
        Condition(
            name,
            STRENGTHS.get(name, ""),
            figures.accuracy,
            figures.expected_calibration_error,
            plots.picture(shown[name][0]) if name in shown else None,
        )
        for name, figures in measured.items()
    ]


def _rejected(subject: Subject) -> dict[str, float]:
    """The part of each kind, and of all, that has too much energy to be a digit; empty where there is no limit."""
    if subject.manifest is None or (limit := subject.manifest.thresholds.energy) is None:
        return {}
    kinds = {"all": np.concatenate([*subject.non_digits.values()]), **subject.non_digits}
    return {kind: float((energy > limit).mean()) for kind, energy in kinds.items()}
