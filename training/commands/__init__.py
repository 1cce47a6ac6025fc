"""The commands of `python -m training`.

TensorFlow and matplotlib take seconds to import, so each command imports what it needs when it runs.
"""

import typer

from training.commands import demo, look, runs, train, tune
from training.lines import commands as lines

app = typer.Typer(
    help="Train digit classifiers on MNIST and export them as bundles that the service serves.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for part in (demo, train, tune, look, runs, lines):
    app.add_typer(part.app)
