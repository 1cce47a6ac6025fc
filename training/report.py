"""A run's plots as PNG files in its folder."""

from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from app.inference.session import Probabilities
from training import evaluate
from training.data import Digits
from training.run import Run

matplotlib.use("Agg")  # draws without a screen

ROWS, COLUMNS = 5, 10
RIGHT, WRONG = "black", "red"


def report(run: Run, part: str, digits: Digits, answers: Probabilities) -> list[Path]:
    """Draw the curves, the confusion matrix and the samples of one `part` of MNIST; returns the files' paths.

    `answers` float [N, 10] are the model's to the N images of `digits`.
    """
    figures = {
        "curves.png": curves(run.record.history),
        "confusion.png": confusion(answers, digits, part),
        "samples.png": samples(answers, digits, part),
    }
    for name, figure in figures.items():
        figure.savefig(run.folder / name, dpi=120)
    return [run.folder / name for name in figures]


def curves(history: dict[str, list[float]]) -> Figure:
    """Loss and accuracy by epoch, on the training and on the validation images."""
    figure = Figure(figsize=(10, 4), layout="constrained")
    for axes, name in zip(figure.subplots(1, 2), ("loss", "accuracy"), strict=True):
        epochs = range(1, len(history[name]) + 1)
        axes.plot(epochs, history[name], marker=".", label="training")
        axes.plot(epochs, history[f"val_{name}"], marker=".", label="validation")
        axes.set(title=name.capitalize(), xlabel="epoch")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(alpha=0.3)
        axes.legend()
    return figure


def confusion(answers: Probabilities, digits: Digits, part: str) -> Figure:
    """The confusion matrix; the colours are for the mistakes, which the diagonal would drown."""
    matrix = evaluate.confusion_matrix(answers.argmax(axis=1), digits.labels)
    mistakes = np.where(np.eye(len(matrix), dtype=bool), 0, matrix)
    figure = Figure(figsize=(7, 6.4), layout="constrained")
    axes = figure.subplots()
    axes.imshow(mistakes, cmap="Reds", vmax=max(1, mistakes.max()) * 1.5)
    for true, read in np.ndindex(*matrix.shape):
        if matrix[true, read]:
            axes.text(read, true, str(matrix[true, read]), ha="center", va="center", fontsize=9)
    wrong, images = mistakes.sum(), matrix.sum()
    axes.set(title=f"{part}: {wrong} of {images:,} wrong ({evaluate.accuracy(matrix):.2%} right)")
    axes.set(xlabel="digit read", ylabel="true digit", xticks=range(10), yticks=range(10))
    return figure


def samples(answers: Probabilities, digits: Digits, part: str) -> Figure:
    """A grid of images with what was read; up to half of it are mistakes, the most confident first, in red."""
    figure = Figure(figsize=(COLUMNS * 1.05, ROWS * 1.3), layout="constrained")
    figure.suptitle(f"{part}: digit read and confidence; in red the mistakes, and the true digit after the arrow")
    chosen = _chosen(answers, digits)
    for axes, index in zip(figure.subplots(ROWS, COLUMNS).flat, chosen, strict=False):
        _draw(axes, digits.images[index], answers[index], int(digits.labels[index]))
    return figure


def _chosen(answers: Probabilities, digits: Digits) -> Any:
    """Indices of the samples."""
    right = answers.argmax(axis=1) == digits.labels
    wrong = np.flatnonzero(~right)
    worst = wrong[np.argsort(-answers[wrong].max(axis=1))][: ROWS * COLUMNS // 2]
    fine = np.flatnonzero(right)
    others = np.random.default_rng(0).permutation(fine)[: ROWS * COLUMNS - len(worst)]
    return np.concatenate([worst, others])


def _draw(axes: Any, image: Any, answer: Any, true: int) -> None:
    read = int(answer.argmax())
    title = f"{read}  {answer[read]:.0%}" if read == true else f"{read}→{true}  {answer[read]:.0%}"
    axes.imshow(image, cmap="gray_r")
    axes.set_title(title, color=RIGHT if read == true else WRONG, fontsize=9)
    axes.axis("off")
