"""How a training goes, for who watches: a line an epoch, and on a terminal a bar with the time left and both losses."""

import time
from contextlib import ExitStack

import keras
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from rich.text import Text

from training import chart
from training.quiet import native_stderr_off


class Progress(keras.callbacks.Callback):  # type: ignore[misc]  # Keras is untyped
    """Of one training. It must be closed, however that ends: a terminal gets its cursor back.

    Until the first step is done, what C++ writes is kept off: TensorFlow then logs how it manages its memory.
    """

    def __init__(self) -> None:
        super().__init__()
        self._console = Console()
        self._live: Live | None = None
        self._losses: dict[str, list[float]] = {}
        self._silence = ExitStack()
        self._silence.enter_context(native_stderr_off())

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:  # noqa: ARG002 Keras passes it by name
        self._begun = time.monotonic()
        if not self._console.is_terminal:
            return
        took, left = (TextColumn(text, style="dim") for text in ("took", "left"))
        columns = BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), took, TimeRemainingColumn(), left
        self._bar = Bar(*columns, console=self._console)
        self._steps = self._bar.add_task("steps", total=self.params["epochs"] * self.params["steps"])
        self._live = Live(get_renderable=self._shown, console=self._console, transient=True)
        self._live.start()

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:  # noqa: ARG002 as above
        self._silence.close()
        if self._live:
            self._bar.advance(self._steps)

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        logs = logs or {}
        for name in chart.LOSSES.keys() & logs.keys():
            self._losses.setdefault(name, []).append(logs[name])
        done, of = epoch + 1, self.params["epochs"]
        figures = "  ".join(f"{name} {value:.4f}" for name, value in logs.items())
        left = (time.monotonic() - self._begun) / done * (of - done)
        line = f"epoch {done}/{of}  {figures}" + (f"  {chart.duration(left)} left" if left else "")
        self._console.print(line, soft_wrap=True, markup=False, highlight=False)

    def close(self) -> None:
        self._silence.close()
        if self._live:
            self._live.stop()

    def _shown(self) -> RenderableType:
        plotted = len(self._losses.get("loss", ())) > 1  # one point is no line
        if not plotted:
            return self._bar
        curves = chart.losses(self._losses, self.params["epochs"], colour=not self._console.no_color)
        return Group(Text.from_ansi(curves), self._bar)
