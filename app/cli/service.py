"""`digitserve serve`, and what tells its operator how it runs."""

from typing import Annotated

import typer

from app.cli.options import Device, Models, Workers, prepared, settings_of
from app.config import PREFIX, Settings
from app.config_file import origins
from app.errors import START_FAILED, BundleError, StartError


def serve(
    models: Models = None,
    device: Device = None,
    workers: Workers = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="TCP port to listen on.")] = None,
    grpc_port: Annotated[int | None, typer.Option(help="TCP port for gRPC, if any.")] = None,
    model_control: Annotated[
        bool | None, typer.Option("--model-control", help="Let callers without a key load and unload models.")
    ] = None,
) -> None:
    """Run the service. What is not given here comes from DIGITSERVE_* variables, digitserve.toml, or is as usual."""
    from app import server

    places = {"models": models, "host": host, "port": port, "grpc_port": grpc_port}
    settings = prepared(**places, device=device, workers=workers, model_control=model_control)
    try:
        server.run(settings)
    except StartError as error:
        typer.echo(f"refused to start: {error}", err=True)
        raise typer.Exit(START_FAILED) from error


def doctor(models: Models = None, device: Device = None, workers: Workers = None) -> None:
    """Measure what this machine does with these settings, and say what to change. Takes some seconds."""
    from app import doctor as examination
    from app.load import LoadError

    settings = prepared(models=models, device=device, workers=workers)
    try:
        for line in examination.lines(examination.examine(settings)):
            typer.echo(line)
    except (StartError, BundleError, LoadError) as error:
        typer.echo(f"cannot be examined: {error}", err=True)
        raise typer.Exit(1) from error


def settings(
    explain: Annotated[
        bool, typer.Option("--explain", help="Also where each value comes from, and what the setting does.")
    ] = False,
) -> None:
    """List every setting: its DIGITSERVE_* variable with its value here."""
    current = settings_of()
    came_from = origins(Settings)
    for name, field in Settings.model_fields.items():
        typer.echo(f"{PREFIX}{name.upper()}={getattr(current, name)}")
        if explain:
            typer.echo(f"    {came_from[name]}\n    {field.description}\n")
