"""The `digitserve` command."""

import socket
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import structlog
import typer
import uvicorn
from fastapi import FastAPI
from PIL import Image
from pydantic import ValidationError
from uvicorn.supervisors import Multiprocess

from app import log, metrics
from app.config import Settings
from app.errors import BundleError
from app.imaging import strokes
from app.inference import bundle

cli = typer.Typer(no_args_is_help=True, add_completion=False, help="Serve ONNX digit classifiers over HTTP.")

BACKLOG = 2048  # connections that wait to be accepted
KEEP_ALIVE_SECONDS = 75  # longer than load balancers' usual 60, so that they close first


@cli.command()
def serve(
    models: Annotated[Path | None, typer.Option(help="Folder of bundles.")] = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu or cuda.")] = None,
    workers: Annotated[int | None, typer.Option(help="Worker processes.")] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="TCP port to listen on.")] = None,
) -> None:
    """Run the service. What is not given here comes from DIGITSERVE_* variables; `digitserve settings` lists them."""
    given = {"models": models, "device": device, "workers": workers, "host": host, "port": port}
    settings = _settings({name: value for name, value in given.items() if value is not None})
    log.configure(settings)
    with _listen(settings) as listener:
        config = uvicorn.Config(
            partial(build, settings, listener),
            factory=True,
            workers=settings.workers,
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=settings.grace_seconds,
        )
        if settings.workers == 1:
            uvicorn.Server(config).run([listener])
            return
        with metrics.share_between_workers():
            Multiprocess(config, [listener]).run()


def build(settings: Settings, listener: socket.socket) -> FastAPI:
    """The service, in the process that serves. Only that one imports ONNX Runtime; the workers' parent stays small."""
    from app.main import create_app

    log.configure(settings)
    return create_app(settings, listener)


def _listen(settings: Settings) -> socket.socket:
    """One socket, which all workers accept from. Raises typer.Exit with a sentence where the address is taken."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        listener = socket.create_server((settings.host, settings.port), family=family, backlog=BACKLOG)
    except OSError as error:
        typer.echo(
            f"cannot listen on {settings.host}:{settings.port}: {error.strerror}; choose another --port", err=True
        )
        raise typer.Exit(2) from error
    structlog.get_logger().info("listening", url=f"http://{settings.host}:{listener.getsockname()[1]}")
    return listener


@cli.command()
def models(
    root: Annotated[Path | None, typer.Option("--models", help="Folder of bundles.")] = None,
) -> None:
    """List the bundles in a folder, each verified against its manifest."""
    root = _settings({"models": root} if root else {}).models
    broken = False
    for name in bundle.names(root):
        for version in bundle.versions(root / name):
            try:
                manifest = bundle.read(root / name / version).manifest
            except BundleError as error:
                broken = True
                typer.echo(f"{name}/{version}  broken: {error}")
            else:
                accuracy = f"{manifest.metrics.accuracy:.2%}" if manifest.metrics else "unknown"
                typer.echo(
                    f"{name}/{version}  {manifest.architecture}  accuracy {accuracy}  {manifest.created:%Y-%m-%d}"
                )
    raise typer.Exit(1 if broken else 0)


@cli.command()
def examples(
    out: Annotated[Path, typer.Option(help="Folder to write 0.png ... 9.png to.")] = Path("examples"),
    size: Annotated[int, typer.Option(min=28, help="Pixels a side.")] = 280,
) -> None:
    """Draw the project's own ten digits, black on white, to try the service with."""
    out.mkdir(parents=True, exist_ok=True)
    for digit in range(10):
        Image.fromarray(255 - strokes.render(digit, size=size)).save(out / f"{digit}.png", optimize=True)
    typer.echo(f"0.png to 9.png are in {out}")


@cli.command()
def settings() -> None:
    """List every setting: its DIGITSERVE_* variable, its value here and what it means."""
    current = _settings({})
    for name, field in Settings.model_fields.items():
        typer.echo(f"DIGITSERVE_{name.upper()}={getattr(current, name)}\n    {field.description}")


def _settings(given: dict[str, Any]) -> Settings:
    try:
        return Settings(**given)
    except ValidationError as error:
        for problem in error.errors():
            where = ".".join(map(str, problem["loc"])) or "settings"
            typer.echo(f"{where}: {problem['msg']}", err=True)
        raise typer.Exit(2) from error


def main() -> None:
    cli()
