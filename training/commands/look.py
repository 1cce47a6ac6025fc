"""What shows how good networks are, alone and side by side."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from app.tasks.digits.classifier import opened
from app.tasks.digits.manifest import read_bundle
from training.data import find, load
from training.errors import BadOption
from training.options import BundleFolder, Data, EitherFolders, RunFolder, check_backend, check_picture, load_for
from training.quiet import import_keras

app = typer.Typer()


@app.command()
def evaluate(folder: BundleFolder, data: Data = None) -> None:
    """Print a bundle's metrics on the test set, by ONNX Runtime, as JSON.

    Beside them, under `hands`: its accuracy on each source of other hands to choose by that is at hand.
    """
    from training import non_digits
    from training.evaluate import examine, predict, right_by_source
    from training.hands.digits import validation

    manifest, model = read_bundle(folder.resolve())
    session = opened(model, labels=manifest.labels)
    metrics, _ = examine(session, manifest.thresholds, load(find(data)).test, non_digits.TESTING)
    by_source = right_by_source(partial(predict, session), validation())
    typer.echo(metrics.model_copy(update={"hands": by_source}).model_dump_json(indent=2))


@app.command()
def report(
    folder: RunFolder,
    data: Data = None,
    beside: Annotated[
        list[Path] | None,
        typer.Option(metavar="RUN", help="Another run to compare with, as `pareto` does."),
    ] = None,
) -> None:
    """Write a run's report anew from what it recorded."""
    import_keras()
    from training import pareto, pipeline, run

    if beside:
        check_backend()
    runs = [run.load(one) for one in (folder, *(beside or ()))]
    candidates = pareto.measure(runs, load_for(data, *runs)) if beside else []
    typer.echo(pipeline.summarise(runs[0], load_for(data, runs[0]), candidates))


@app.command()
def compare(
    first: BundleFolder,
    second: BundleFolder,
    data: Data = None,
    test: Annotated[bool, typer.Option("--test", help="On the test set; choose nothing by it.")] = False,
) -> None:
    """Put two bundles side by side on the validation images: every figure, and whether the difference may be chance.

    Also the accuracy on other hands to choose by, by source, as far as they are at hand; with --test not.
    """
    from training import compare, non_digits
    from training.hands.digits import validation

    bundles = read_bundle(first.resolve()), read_bundle(second.resolve())
    mnist = load_for(data, *bundles)
    if test:
        typer.echo(compare.compare(bundles, mnist.test, non_digits.TESTING, {}))
    else:
        typer.echo(compare.compare(bundles, mnist.validation, non_digits.VALIDATION, validation()))


@app.command()
def pareto(
    folders: EitherFolders,
    data: Data = None,
    out: Annotated[Path, typer.Option(metavar="FILE", help="The picture: .svg, .png or .pdf.")] = Path("pareto.svg"),
) -> None:
    """Put runs and bundles side by side: right on validation against microseconds an image; a table and a picture."""
    import_keras()
    check_picture(out)
    from training import pareto, run

    trained = [run.load_either(folder) for folder in folders]
    candidates = pareto.measure(trained, load_for(data, *trained))
    typer.echo(pareto.table(candidates))
    pareto.draw(candidates).savefig(out)
    typer.echo(f"\nthe picture is {out}")


@app.command()
def strokes(
    out: Annotated[Path, typer.Option(metavar="FILE", help="The picture, a PNG.")] = Path("strokes.png"),
    seed: Annotated[int, typer.Option(min=0, help="Of the drawings.")] = 0,
) -> None:
    """Draw a contact sheet of the digits that the project's own generator writes: a row for each way of writing one."""
    from training.hands import sheet

    try:
        sheet.draw(seed).save(out)
    except (OSError, ValueError) as error:
        raise BadOption(f"--out {out}: {error}") from error
    typer.echo(f"the picture is {out}")
