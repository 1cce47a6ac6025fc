"""What trainings have left, from their records alone: neither Keras nor MNIST is needed."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from training import history, run
from training.options import RUNS, RunFolder, RunFolders

app = typer.Typer()
group = typer.Typer(no_args_is_help=True, help="Look at the runs that trainings left: list, show, compare.")
app.add_typer(group, name="runs")


@group.command("list")
def listed(folder: Annotated[Path, typer.Option("--runs", help="Where the runs' folders are.")] = RUNS) -> None:
    """List the runs, the newest first."""
    found = [*run.under(folder)]
    typer.echo(history.listed(found) if found else f"no run is in {folder}; `python -m training train` leaves one")


@group.command()
def show(run_folder: RunFolder) -> None:
    """Show one run: its figures, its curves, and which options it was given."""
    typer.echo(history.shown(run.load(run_folder), colour=sys.stdout.isatty()))


@group.command()
def compare(run_folders: RunFolders) -> None:
    """Put runs side by side: the options in which they differ, and their figures."""
    typer.echo(history.compared([run.load(folder) for folder in run_folders]))
