"""What a terminal shows of figures: tables and curves in characters, and times as clocks show them."""

from collections.abc import Mapping, Sequence
from math import isfinite

WIDTH, HEIGHT = 60, 8  # of a plot, in characters
LOSSES = {"loss": ("training", "blue"), "val_loss": ("validation", "yellow")}


def table(rows: Sequence[Sequence[str]]) -> str:
    """Columns as wide as their longest cells; the first flush left, the others right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]).rstrip() for row in rows
    )


def losses(history: Mapping[str, Sequence[float]], epochs: int, *, colour: bool) -> str:
    """The losses that there are, by epoch, as far as the training has come; of one that diverged, the finite ones."""
    from plotille import Figure  # only where something is drawn

    figure = Figure()
    figure.width, figure.height, figure.origin = WIDTH, HEIGHT, False
    figure.color_mode, figure.with_colors = "names", colour
    figure.x_label, figure.y_label = "epoch", "loss"
    figure.register_label_formatter(float, _label)
    figure.set_x_limits(1, max(epochs, 2))  # of one epoch there is a point
    for name in (name for name in LOSSES if name in history):
        label, hue = LOSSES[name]
        points = {epoch: loss for epoch, loss in enumerate(history[name], 1) if isfinite(loss)}
        figure.plot([*points], [*points.values()], lc=hue, label=label)
    drawn: str = figure.show(legend=True)
    return drawn


def _label(value: float, chars: int, delta: float, left: bool) -> str:  # noqa: ARG001 what plotille calls it with
    text = f"{value:.3g}"
    return text.ljust(chars) if left else text.rjust(chars)


def duration(seconds: float) -> str:
    """As clocks show it: 9 s, 1:05, 2:00:00."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}:{minutes:02}:{rest:02}"
    return f"{minutes}:{rest:02}" if minutes else f"{rest} s"
