"""`digitserve predict`, `read` and `score`: pictures are read here and now, without a service."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from app.cli.options import Device, Model, Models, prepared

Files = Annotated[
    list[Path],
    typer.Argument(
        metavar="FILE...", help="Pictures, folders or ZIP, IDX, .npy, Parquet files of them; -: standard input."
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="An object a line, with all that `score` would write.")]


def predict(
    files: Files, json: AsJson = False, model: Model = None, models: Models = None, device: Device = None
) -> None:
    """Say which digit each picture holds."""
    _read(files, json, model, models, device, numbers=False)


def read(files: Files, json: AsJson = False, model: Model = None, models: Models = None, device: Device = None) -> None:
    """Read the whole numbers in each picture."""
    _read(files, json, model, models, device, numbers=True)


def _read(
    files: list[Path], json: bool, model: str | None, models: Path | None, device: str | None, *, numbers: bool
) -> None:
    from app.bulk import few

    settings = prepared(models=models, device=device)
    asked = few.Asked(files, model, numbers, json)
    raise typer.Exit(few.run(asked, settings, typer.echo, lambda line: typer.echo(line, err=True)))


def score(
    inputs: Annotated[list[Path], typer.Argument(metavar="INPUT...", help="Folders, ZIP, IDX, .npy or Parquet files.")],
    out: Annotated[Path, typer.Option(help="Folder for the answers: a file for each part of the input.")],
    format: Annotated[Literal["parquet", "csv"], typer.Option(help="Of the answers.")] = "parquet",
    numbers: Annotated[bool, typer.Option("--numbers", help="Pictures hold whole numbers, not single digits.")] = False,
    model: Model = None,
    column: Annotated[
        str | None, typer.Option(help="A Parquet file's column of images, where several might be.")
    ] = None,
    ray: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Score on Ray's cluster there; auto: the one found; local.")
    ] = None,
    processes: Annotated[int | None, typer.Option(min=1, help="Without Ray; by default one for each core.")] = None,
    shard_images: Annotated[int, typer.Option(min=1, help="Images in a part: what is scored as one.")] = 2048,
    models: Models = None,
    device: Device = None,
) -> None:
    """Score very many images, from files to files. Broken off, the same command goes on where it was."""
    from app.bulk import command

    settings = prepared(models=models, device=device)
    asked = command.Asked(inputs, out, format, numbers, model, column, ray, processes, shard_images)
    raise typer.Exit(command.run(asked, settings, lambda line: typer.echo(line, err=True)))


def examples(
    out: Annotated[Path, typer.Option(help="Folder to write 0.png ... 9.png to.")] = Path("examples"),
    size: Annotated[int, typer.Option(help="Pixels a side.")] = 280,
) -> None:
    """Draw the project's own ten digits, black on white, to try the service with."""
    from PIL import Image

    from app.tasks.digits import strokes

    if size < strokes.FRAME:
        raise typer.BadParameter(f"{size} pixels hold no digit; expected {strokes.FRAME} or more", param_hint="--size")
    out.mkdir(parents=True, exist_ok=True)
    for digit in strokes.DIGITS:
        Image.fromarray(255 - strokes.render(digit, size=size)).save(out / f"{digit}.png", optimize=True)
    typer.echo(f"0.png to 9.png are in {out}")
