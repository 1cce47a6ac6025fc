"""The `digitserve` command. A command imports what it needs when it is called: help and completion are quick."""

from collections.abc import Callable
from importlib.metadata import version
from typing import Annotated

import typer

from app.cli import models, pictures, service

SERVICE, PICTURES, MODELS = "The service", "Pictures, without a service", "Models"

COMMANDS: dict[str, list[Callable[..., None]]] = {
    SERVICE: [service.serve, service.doctor, service.settings],
    PICTURES: [pictures.predict, pictures.read, pictures.score, pictures.examples],
}

cli = typer.Typer(name="digitserve", no_args_is_help=True)
for panel, commands in COMMANDS.items():
    for command in commands:
        cli.command(rich_help_panel=panel)(command)
cli.add_typer(models.cli, name="models", rich_help_panel=MODELS)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"digitserve {version('digitserve')}")
        raise typer.Exit


@cli.callback()
def digitserve(
    _: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say the version, and end.")
    ] = False,
) -> None:
    """Serve ONNX models, first of all of handwritten digits, over HTTP and gRPC; or read pictures here and now."""


def main() -> None:
    """Raises SystemExit."""
    try:
        cli()
    except ModuleNotFoundError as error:
        if error.name != "onnxruntime":
            raise
        missing = "ONNX Runtime is not installed: pip install 'digitserve[cpu]', or 'digitserve[gpu]' for NVIDIA's CUDA"
        raise SystemExit(missing) from None
