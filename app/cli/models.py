"""`digitserve models`: which there are, and what each is."""

from pathlib import Path
from typing import Annotated

import typer

from app.cli.options import prepared, settings_of
from app.errors import BundleError, StartError

cli = typer.Typer()

Root = Annotated[Path | None, typer.Option("--models", help="Folder of bundles.")]


@cli.callback(invoke_without_command=True)
def list_models(context: typer.Context, root: Root = None) -> None:
    """List the bundles in a folder, each verified against its manifest; or describe one."""
    context.obj = root
    if context.invoked_subcommand is not None:
        return
    from app.inference import bundle
    from app.serving.opening import read_version
    from app.tasks.registry import TASKS

    root = settings_of(models=root).models
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


@cli.command()
def describe(
    context: typer.Context,
    model: Annotated[str, typer.Argument(metavar="NAME[/VERSION]", help="By default the newest version.")],
    root: Root = None,
    write: Annotated[bool, typer.Option("--write", help="Into manifest.json beside the model.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Also where a manifest.json stands.")] = False,
) -> None:
    """Write out a model's manifest, to be edited: what it says, and what was found by opening and trying the model."""
    from app.inference import bundle
    from app.tasks.describe import describe

    settings = prepared(models=root or context.obj)
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
