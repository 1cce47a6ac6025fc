"""What a search found: its plots, its best trials, and the command line that trains the best one's recipe."""

import shlex
import warnings
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import optuna
from matplotlib import pyplot
from optuna.trial import TrialState
from optuna.visualization import matplotlib as plots

from training.chart import table
from training.recipe import Recipe
from training.tune import Search, count

matplotlib.use("Agg")  # draws without a screen

IMPORTANCES_FROM = 10  # trials; with fewer they are chance
SHOWN = 10


def draw(study: optuna.Study, folder: Path) -> None:
    """Plots of the search as PNG files in a folder."""
    folder.mkdir(exist_ok=True)
    with warnings.catch_warnings(), matplotlib.rc_context({"figure.figsize": (8, 5)}):  # Optuna sets styles for good
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        drawn: dict[str, Any] = {
            "history": plots.plot_optimization_history(study, target_name="loss"),
            "epochs": plots.plot_intermediate_values(study),
            "slices": plots.plot_slice(study, target_name="loss"),
            "parallel": _parallel(study),
        }
        if count(study, TrialState.COMPLETE) >= IMPORTANCES_FROM and len(study.best_params) > 1:
            drawn["importances"] = plots.plot_param_importances(study, target_name="loss")
        for name, axes in drawn.items():
            figure = np.ravel(axes)[0].figure
            figure.savefig(folder / f"{name}.png", dpi=120, bbox_inches="tight")
            pyplot.close(figure)


def _parallel(study: optuna.Study) -> Any:
    """Optuna draws the worst trial white, and both the worst and the best along an edge that cuts them off."""
    axes = plots.plot_parallel_coordinate(study, target_name="loss")
    for lines in axes.collections:
        lines.set(cmap="viridis", clip_on=False, linewidth=2)
    return axes


def summarise(study: optuna.Study, search: Search) -> str:
    """The best trials as a table, and the command line that trains the best one's recipe."""
    ended = sorted(study.get_trials(states=[TrialState.COMPLETE]), key=lambda trial: trial.values)
    rows = [["trial", "loss", "accuracy", *search.space]]
    for one in ended[:SHOWN]:
        params = [f"{value:.4g}" if isinstance(value, float) else str(value) for value in one.params.values()]
        rows.append([str(one.number), f"{one.values[0]:.5f}", f"{one.user_attrs['accuracy']:.2%}", *params])
    counts = (
        f"{len(ended)} trials ended, {count(study, TrialState.PRUNED)} were pruned, {count(study, TrialState.FAIL)} "
        f"failed; loss and accuracy are of {len(search.validation.labels):,} validation images"
    )
    return "\n".join([table(rows), counts, command(search, search.recipe.changed(study.best_params))])


def command(search: Search, recipe: Recipe) -> str:
    """The command line that trains by a recipe, with what differs from the architecture's own."""
    from training.architectures import architecture

    own = architecture(search.architecture).recipe
    words = ["python", "-m", "training", "train", "--arch", search.architecture, "--seed", str(search.seed)]
    for field, value in recipe:
        option = field.replace("_", "-")
        if isinstance(value, bool) and value != getattr(own, field):
            words.append(f"--{option}" if value else f"--no-{option}")
        elif value != getattr(own, field):
            words += [f"--{option}", str(value)]
    return shlex.join(words)
