"""A training watched on a terminal, which is a pseudo-terminal's other end, and without one."""

import math
import os
import pty
import re
from collections.abc import Sequence
from contextlib import suppress

import pytest
from rich.console import Console

from training import chart
from training.progress import Progress

LOSSES = 0.5, 0.25, 0.125


def go_through(progress: Progress, losses: Sequence[float] = LOSSES) -> None:
    """As Keras does."""
    progress.set_params({"epochs": len(losses), "steps": 2})
    progress.on_train_begin()
    for epoch, loss in enumerate(losses):
        for step in range(2):
            progress.on_train_batch_end(step)
        progress.on_epoch_end(epoch, {"loss": loss, "val_loss": 1.1 * loss})


def read_all(terminal: int) -> str:
    """What was written to a pseudo-terminal whose other end is closed; a read gives 4 kB of it."""
    shown = b""
    with suppress(OSError):  # at the end
        while read := os.read(terminal, 1 << 20):
            shown += read
    return shown.decode()


def test_without_a_terminal_there_is_a_line_an_epoch_with_the_time_left(
    capsys: pytest.CaptureFixture[str],
) -> None:
    progress = Progress()
    go_through(progress)
    progress.close()
    first, second, last = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"epoch 1/3  loss 0\.5000  val_loss 0\.5500  \d+ s left", first)
    assert second.startswith("epoch 2/3  ")
    assert last == "epoch 3/3  loss 0.1250  val_loss 0.1375"


@pytest.mark.parametrize("losses", [LOSSES, (0.5, math.nan, math.inf)], ids=str)
def test_on_a_terminal_there_are_a_bar_and_both_losses(
    losses: Sequence[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    reader, writer = pty.openpty()
    with os.fdopen(writer, "w") as terminal:
        monkeypatch.setattr("training.progress.Console", lambda: Console(file=terminal, width=100, height=40))
        progress = Progress()
        go_through(progress, losses)
        progress.close()
    shown = read_all(reader)
    os.close(reader)
    assert "6/6" in shown
    assert "left" in shown
    assert "validation" in shown  # the plot's legend
    assert shown.rstrip().endswith("\x1b[?25h") or shown.rindex("\x1b[?25h") > shown.rindex("\x1b[?25l")  # the cursor


@pytest.mark.parametrize("diverged", [math.nan, math.inf])
def test_of_a_training_that_diverged_the_finite_losses_are_drawn(diverged: float) -> None:
    for finite in ([0.5, 0.25], []):
        drawn = chart.losses({"loss": [*finite, diverged]}, 3, colour=False)
        assert drawn == chart.losses({"loss": finite}, 3, colour=False)


@pytest.mark.parametrize(("seconds", "said"), [(8.6, "9 s"), (65, "1:05"), (7_200, "2:00:00")])
def test_times_are_as_clocks_show_them(seconds: float, said: str) -> None:
    assert chart.duration(seconds) == said
