"""The `digitserve` command."""

from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from PIL import Image
from pydantic import ValidationError

from app.config import Settings
from app.errors import START_FAILED, BundleError, StartError
from app.inference import bundle
from app.load import LoadError
from app.tasks.digits import strokes
from app.telemetry import logs

cli = typer.Typer(no_args_is_help=True, add_completion=False, help="Serve ONNX digit classifiers over HTTP.")
models = typer.Typer()
cli.add_typer(models, name="models")

Root = Annotated[Path | None, typer.Option("--models", help="Folder of bundles.")]


@cli.command()
def serve(
    models: Annotated[Path | None, typer.Option(help="Folder of bundles.")] = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu or cuda.")] = None,
    workers: Annotated[int | None, typer.Option(help="Worker processes.")] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="TCP port to listen on.")] = None,
    grpc_port: Annotated[int | None, typer.Option(help="TCP port for gRPC, if any.")] = None,
    model_control: Annotated[
        bool | None, typer.Option("--model-control", help="Let callers without a key load and unload models.")
    ] = None,
) -> None:
    """Run the service. What is not given here comes from DIGITSERVE_* variables; `digitserve settings` lists them."""
    from app import server  # FastAPI and all else, of no use to the other commands

    places = _given(models=models, host=host, port=port, grpc_port=grpc_port)
    settings = _settings(places | _given(device=device, workers=workers, model_control=model_control))
    logs.configure(settings)
    try:
        server.run(settings)
    except StartError as error:
        typer.echo(f"refused to start: {error}", err=True)
        raise typer.Exit(START_FAILED) from error


@cli.command()
def score(
    inputs: Annotated[list[Path], typer.Argument(metavar="INPUT...", help="Folders, ZIP, IDX, .npy or Parquet files.")],
    out: Annotated[Path, typer.Option(help="Folder for the answers: a file for each part of the input.")],
    format: Annotated[Literal["parquet", "csv"], typer.Option(help="Of the answers.")] = "parquet",
    numbers: Annotated[bool, typer.Option("--numbers", help="Pictures hold whole numbers, not single digits.")] = False,
    model: Annotated[str | None, typer.Option(metavar="NAME[/VERSION]", help="By default as the service.")] = None,
    column: Annotated[
        str | None, typer.Option(help="A Parquet file's column of images, where several might be.")
    ] = None,
    ray: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Score on Ray's cluster there; auto: the one found; local.")
    ] = None,
    processes: Annotated[int | None, typer.Option(min=1, help="Without Ray; by default one for each core.")] = None,
    shard_images: Annotated[int, typer.Option(min=1, help="Images in a part: what is scored as one.")] = 2048,
    models: Annotated[Path | None, typer.Option(help="Folder of bundles.")] = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu or cuda.")] = None,
) -> None:
    """Score very many images, from files to files. Broken off, the same command goes on where it was."""
    from app.bulk import command  # ONNX Runtime and imaging, of no use to the other commands

    settings = _settings(_given(models=models, device=device))
    logs.configure(settings)
    asked = command.Asked(inputs, out, format, numbers, model, column, ray, processes, shard_images)
    raise typer.Exit(command.run(asked, settings, lambda line: typer.echo(line, err=True)))


@cli.command()
def doctor(
    models: Annotated[Path | None, typer.Option(help="Folder of bundles.")] = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu or cuda.")] = None,
    workers: Annotated[int | None, typer.Option(help="Worker processes.")] = None,
) -> None:
    """Measure what this machine does with these settings, and say what to change. Takes some seconds."""
    from app import doctor as examination  # its libraries are of no use to the other commands

    settings = _settings(_given(models=models, device=device, workers=workers))
    logs.configure(settings)
    try:
        for line in examination.lines(examination.examine(settings)):
            typer.echo(line)
    except (StartError, BundleError, LoadError) as error:
        typer.echo(f"cannot be examined: {error}", err=True)
        raise typer.Exit(1) from error


@models.callback(invoke_without_command=True)
def list_models(context: typer.Context, root: Root = None) -> None:
    """List the bundles in a folder, each verified against its manifest; or describe one."""
    context.obj = root
    if context.invoked_subcommand is not None:
        return
    from app.serving.opening import read_version  # ONNX Runtime, of no use to the other commands
    from app.tasks.registry import TASKS

    root = _settings(_given(models=root)).models
    broken = False
    for name in bundle.names(root):
        for version in bundle.versions(root / name):
            try:
                _, (manifest, _) = read_version(root / name / version, TASKS)
            except BundleError as error:
                broken = True
                typer.echo(f"{name}/{version}  broken: {error}")
            else:
                typer.echo(f"{name}/{version}  {manifest.summary()}  {manifest.created:%Y-%m-%d}")
    raise typer.Exit(1 if broken else 0)


@models.command()
def describe(
    context: typer.Context,
    model: Annotated[str, typer.Argument(metavar="NAME[/VERSION]", help="By default the newest version.")],
    root: Root = None,
    write: Annotated[bool, typer.Option("--write", help="Into manifest.json beside the model.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Also where a manifest.json stands.")] = False,
) -> None:
    """Write out a model's manifest, to be edited: what it says, and what was found by opening and trying the model."""
    from app.tasks.describe import describe  # as above

    settings = _settings(_given(models=root or context.obj))
    logs.configure(settings)
    try:
        folder = bundle.find(settings.models, model)
        path = folder / bundle.MANIFEST_FILE
        if write and not force and path.exists():
            raise BundleError(f"{path} stands already, and may have been edited; --force replaces it")
        manifest = describe(folder, settings)
        if write:
            bundle.write_manifest(path, manifest)
    except Exception as error:  # whatever a model does, it is told in a sentence
        known = isinstance(error, BundleError | StartError)
        typer.echo(f"not described: {error if known else f'{type(error).__name__}: {error}'}", err=True)
        raise typer.Exit(1) from error
    typer.echo(f"{path} is written" if write else bundle.text(manifest), nl=write)


@cli.command()
def examples(
    out: Annotated[Path, typer.Option(help="Folder to write 0.png ... 9.png to.")] = Path("examples"),
    size: Annotated[int, typer.Option(min=strokes.FRAME, help="Pixels a side.")] = 280,
) -> None:
    """Draw the project's own ten digits, black on white, to try the service with."""
    out.mkdir(parents=True, exist_ok=True)
    for digit in strokes.DIGITS:
        Image.fromarray(255 - strokes.render(digit, size=size)).save(out / f"{digit}.png", optimize=True)
    typer.echo(f"0.png to 9.png are in {out}")


@cli.command()
def settings() -> None:
    """List every setting: its DIGITSERVE_* variable, its value here and what it means."""
    current = _settings({})
    for name, field in Settings.model_fields.items():
        typer.echo(f"DIGITSERVE_{name.upper()}={getattr(current, name)}\n    {field.description}")


def _given(**options: Any) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


def _settings(given: dict[str, Any]) -> Settings:
    try:
        return Settings(**given)
    except ValidationError as error:
        for problem in error.errors():
            where = ".".join(map(str, problem["loc"][:2])) or "settings"  # deeper, a name may be a misplaced key
            typer.echo(f"{where}: {problem['msg']}", err=True)
        raise typer.Exit(2) from error


def main() -> None:
    cli()
