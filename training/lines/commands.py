"""`python -m training ...`: composed numbers, how they are read, and the line reader."""

from pathlib import Path
from typing import Annotated

import typer

from app.tasks.digits.manifest import read_bundle
from training.data import find, load
from training.errors import BadOption
from training.options import BundleFolder, Data, Out, RunFolder, check_export, load_for, seed_option
from training.quiet import import_keras

app = typer.Typer()


@app.command()
def lines(
    out: Annotated[Path, typer.Option(metavar="FILE", help="The picture, a PNG.")] = Path("lines.png"),
    seed: Annotated[int, typer.Option(min=0, help="Of the drawings.")] = 0,
    data: Data = None,
) -> None:
    """Draw a contact sheet of composed lines of numbers, by the hands that are trained on: a column for each kind."""
    from training.lines import sheet
    from training.lines.hands import training_hands

    hands = training_hands(load(find(data)).train)
    try:
        sheet.draw(hands, seed).save(out)
    except (OSError, ValueError) as error:
        raise BadOption(f"--out {out}: {error}") from error
    typer.echo(f"the picture is {out}")


@app.command()
def read(
    folder: BundleFolder,
    data: Data = None,
    pages: Annotated[int, typer.Option(min=1, help="How many.")] = 500,
    seed: Annotated[int, typer.Option(min=0, help="Of the pages.")] = 0,
    lines: Annotated[Path | None, typer.Option(metavar="BUNDLE", help="A line reader's, to read with it too.")] = None,
    test: Annotated[bool, typer.Option("--test", help="Of MNIST's test digits; choose nothing by it.")] = False,
) -> None:
    """Read composed pages with a number on each, by hands that nothing was trained on: how many are read whole."""
    from app.inference.bundle import read
    from app.tasks.lines.manifest import LinesManifest
    from training.lines import hands, reading

    bundle = read_bundle(folder.resolve())
    mnist = load_for(data, bundle)
    tested = hands.Hands([(1.0, [hands.framed("mnist", mnist.test)])])
    reader = None if lines is None else read(lines.resolve(), LinesManifest)
    eyes = reading.eyes(bundle, reader)
    seen = eyes.see_all(tested if test else hands.held_out_hands(mnist.validation), pages, seed)
    typer.echo(reading.table(seen, bundle.manifest.numbers))
    if reader is not None:
        typer.echo(f"with {reader.manifest.label}:")
        typer.echo(reading.table(seen, bundle.manifest.numbers, reader.manifest.reader))


@app.command()
def read_crops(
    folder: BundleFolder,
    data: Data = None,
    crops: Annotated[int, typer.Option(min=11, help="How many.")] = 1_650,
    seed: Annotated[int, typer.Option(min=0, help="Of the crops.")] = 0,
) -> None:
    """Read single digits cut out of composed forms and cheques, by hands that nothing was trained on."""
    from training.lines import crops as cut
    from training.lines.hands import held_out_hands

    bundle = read_bundle(folder.resolve())
    hands = held_out_hands(load_for(data, bundle).validation)
    typer.echo(cut.table(cut.composed(hands, crops, seed), bundle))


@app.command()
def fit_numbers(
    folder: BundleFolder,
    data: Data = None,
    pages: Annotated[int, typer.Option(min=4, help="Composed; a quarter of them is left to check by.")] = 600,
    seed: Annotated[int, typer.Option(min=0, help="Of the pages and the search.")] = 1,
) -> None:
    """Print the constants of number reading by which a bundle reads the most composed pages whole."""
    from training.lines import fitting, hands, reading

    bundle = read_bundle(folder.resolve())
    mnist, half, quarter = load_for(data, bundle), pages // 2, pages // 4
    eyes = reading.eyes(bundle)
    known = eyes.see_all(hands.training_hands(mnist.train), half, seed)
    others = eyes.see_all(hands.held_out_hands(mnist.validation), pages - half, seed)
    typer.echo(fitting.report(known + others[quarter:], others[:quarter], bundle.manifest.numbers, seed))


@app.command()
def train_lines(
    data: Data = None,
    lines: Annotated[int, typer.Option(min=100, help="Composed, to train on.")] = 150_000,
    epochs: Annotated[int, typer.Option(min=1, help="Times that they are gone through.")] = 16,
    learning_rate: Annotated[float, typer.Option(help="At its highest.")] = 3e-3,
    batch_size: Annotated[int, typer.Option(min=1, help="Lines of a usual length in one step.")] = 512,
    dropout: Annotated[float, typer.Option(min=0, max=0.9, help="Part of the units left out of each step.")] = 0.1,
    seed: Annotated[int, seed_option("the weights, the lines and their order")] = 0,
    start: Annotated[Path | None, typer.Option(metavar="RUN|BUNDLE", help="A line reader to go on from.")] = None,
    minutes: Annotated[
        float | None,
        typer.Option(min=0, help="Train for so long, whatever --epochs says, while lines are still being composed."),
    ] = None,
    runs: Annotated[Path, typer.Option(help="Where the run's folder goes.")] = Path("runs"),
) -> None:
    """Train the line reader on numbers that are composed of training writers' digits; `release-lines` bundles it."""
    import_keras()
    from training.lines import training
    from training.lines.network import RECIPE

    changes = {"epochs": epochs, "learning_rate": learning_rate, "batch_size": batch_size, "dropout": dropout}
    recipe = RECIPE.changed(changes)
    begun = None if start is None else training.load_start(start)
    trained = training.train(
        recipe, load(find(data)), lines=lines, seed=seed, folder=runs, start=begun, minutes=minutes
    )
    typer.echo(f"{training.summarise(trained)}; the run is {trained.folder}")


@app.command()
def release_lines(
    folder: RunFolder,
    digits: Annotated[Path, typer.Option(metavar="BUNDLE", help="The digit model that it is to read with.")],
    out: Annotated[Path, Out],
    data: Data = None,
) -> None:
    """Export a line reader, fit how far it is trusted beside cutting, and write the next bundle version under --out."""
    import_keras()
    from training import run
    from training.lines import release

    check_export(out)
    trained = run.load(folder)
    typer.echo(f"wrote {release.release(trained, read_bundle(digits.resolve()), load_for(data, trained), out)}")
