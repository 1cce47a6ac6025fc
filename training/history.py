"""Runs as a person looks back at them: a list, one of them, or several side by side."""

from collections.abc import Sequence
from typing import Any

from app.inference.bundle import MANIFEST_FILE, Manifest
from training import chart, curves
from training.recipe import Recipe
from training.run import Record, Run


def listed(runs: Sequence[Run]) -> str:
    """A line each."""
    heading = "run", "architecture", "epochs", "took", "validation", "loss", "released as"
    return chart.table(
        [heading, *([run.folder.name, run.record.architecture, *_figures(run).values()] for run in runs)]
    )


def shown(run: Run, *, colour: bool) -> str:
    """Its figures, its curves, and the options that are not at their defaults."""
    record = run.record
    figures = {"architecture": record.architecture, "seed": _seeds(record), **_figures(run)}
    chosen = {name: str(value) for name, value in changed(record.recipe).items()}
    drawn = chart.losses(record.history, record.training.epochs, colour=colour)
    return "\n\n".join(
        [
            run.folder.name,
            chart.table([*figures.items()]),
            drawn,
            chart.table([("option", "value"), *chosen.items()]),
            *(curves.signs(record.history, curves.kept_epoch(record)) if "val_loss" in record.history else ()),
        ]
    )


def compared(runs: Sequence[Run]) -> str:
    """A column for each: the options in which they differ, then their figures. A dash is the default, or nothing."""
    options = [changed(run.record.recipe) for run in runs]
    names = dict.fromkeys(name for one in options for name in one)
    differing = [name for name in names if len({repr(one.get(name)) for one in options}) > 1]
    figures = [_figures(run) for run in runs]
    return chart.table(
        [
            ("", *(run.folder.name for run in runs)),
            ("architecture", *(run.record.architecture for run in runs)),
            ("seed", *(_seeds(run.record) for run in runs)),
            *([name, *(str(one.get(name, "-")) for one in options)] for name in differing),
            *([name, *(one[name] for one in figures)] for name in figures[0]),
        ]
    )


def changed(recipe: dict[str, Any]) -> dict[str, Any]:
    """The options that are not at their defaults, the epochs, and what Recipe has not."""
    fields = Recipe.model_fields
    return {
        name: value
        for name, value in recipe.items()
        if name not in fields or value != fields[name].default or name == "epochs"
    }


def _figures(run: Run) -> dict[str, str]:
    record = run.record
    accuracy = loss = "-"  # of the line reader, which is judged otherwise
    if "val_loss" in record.history:
        kept = curves.kept_epoch(record)
        accuracy, loss = f"{record.history['val_accuracy'][kept]:.2%}", f"{record.history['val_loss'][kept]:.4f}"
    released = run.folder / MANIFEST_FILE
    return {
        "epochs trained": str(record.training.epochs),
        "took": chart.duration(record.seconds),
        "validation accuracy": accuracy,
        "validation loss": loss,
        "released as": Manifest.model_validate_json(released.read_bytes()).label if released.is_file() else "-",
    }


def _seeds(record: Record) -> str:
    """An ensemble has its members'."""
    seeds = (record.training.model_extra or {}).get("seeds", [record.training.seed])
    return ", ".join(map(str, seeds))
