"""`python -m training ...`: train, export, evaluate and report digit classifiers.

TensorFlow and matplotlib take seconds to import, so each command imports what it needs when it runs.
"""

import os
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from app.errors import BundleError
from app.tasks.digits.classifier import opened
from app.tasks.digits.manifest import read_bundle
from training.data import Mnist, find, load
from training.errors import BadOption, TrainingError
from training.options import check_backend, check_export, check_picture, recipe_options, seed_option
from training.quiet import import_keras

if TYPE_CHECKING:
    from training.run import Run, Trained

app = typer.Typer(
    help="Train digit classifiers on MNIST and export them as bundles that the service serves.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Data = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="Folder of MNIST's IDX files (plain or .gz) or of mnist.npz. "
        "Default: $DIGITSERVE_DATA, else ~/.cache/digitserve/mnist, where it is downloaded to.",
    ),
]
OUT_HELP = "The model's folder, named as the model is: gets the next version."
Out = typer.Option(metavar="DIR", help=OUT_HELP)
RunFolder = Annotated[Path, typer.Argument(metavar="RUN", help="A folder that `train` left under runs/.")]
RunFolders = Annotated[list[Path], typer.Argument(metavar="RUN", help="Folders that `train` left under runs/.")]
EitherFolders = Annotated[
    list[Path], typer.Argument(metavar="RUN|BUNDLE", help="Runs' folders, bundles' such as models/digits/1, or both.")
]
BundleFolder = Annotated[Path, typer.Argument(metavar="BUNDLE", help="One version, such as models/digits/1.")]


@app.command()
@recipe_options
def train(
    changes: dict[str, Any],
    arch: Annotated[str, typer.Option(help="A name from the registry in training/architectures.py.")] = "cnn",
    data: Data = None,
    out: Annotated[Path | None, Out] = None,
    seed: Annotated[int, seed_option("the weights, the order of images and the augmentation")] = 0,
    runs: Annotated[Path, typer.Option(help="Where the run's folder (model, record, report) goes.")] = Path("runs"),
) -> None:
    """Train one architecture; with --out also export it and write the next bundle version.

    Without --out the test set stays unread: the report is of the validation set.
    """
    import_keras()
    from training import architectures, pipeline

    chosen = architectures.architecture(arch)  # what cannot be is refused before MNIST is looked for
    recipe = chosen.recipe.changed(changes)
    if out is not None:
        check_export(out)
    mnist = load(find(data), held_out=recipe.validation)
    run = pipeline.train(chosen, recipe, mnist, seed=seed, folder=runs)
    if out is not None:
        _release(run, mnist, out)
    typer.echo(pipeline.summarise(run, mnist))


@app.command()
def scratch(
    data: Data = None,
    out: Annotated[Path | None, typer.Option("--out", "--export", metavar="DIR", help=OUT_HELP)] = None,
    seed: Annotated[int, seed_option("the weights, the order of examples and the dropout")] = 0,
    runs: Annotated[Path, typer.Option(help="Where the run's folder (model, record, report) goes.")] = Path("runs"),
) -> None:
    """Show networks written in NumPy alone: a forward pass by hand, exams, MNIST; with --out also export the last.

    Without --out the test set stays unread, as with `train`.
    """
    import_keras()
    from training import pipeline
    from training.scratch_examples import exam_example, forward_example

    if out is not None:
        check_export(out)
    typer.echo(f"{forward_example()}\n\n{exam_example(seed)}\n\n784-256-128-10 network, ReLU and softmax: MNIST")
    mnist = load(find(data))
    run = pipeline.train_scratch(mnist, seed=seed, folder=runs)
    if out is not None:
        _release(run, mnist, out)
    typer.echo(pipeline.summarise(run, mnist))


@app.command()
@recipe_options
def tune(
    changes: dict[str, Any],
    search: Annotated[
        list[str],
        typer.Option(
            metavar="FIELD=VALUES",
            help="A field of the recipe to search over, such as learning_rate=1e-4..1e-2:log, dropout=0..0.5, "
            "dropout=0..0.5:6 (six values) or optimizer=adam,nesterov. Once for each field.",
        ),
    ],
    arch: Annotated[str, typer.Option(help="A name from the registry in training/architectures.py.")] = "cnn",
    sampler: Annotated[Literal["tpe", "random", "grid"], typer.Option(help="How recipes are chosen.")] = "tpe",
    trials: Annotated[int | None, typer.Option(min=1, help="In all. Default: the whole grid, or else 20.")] = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes that share the trials.")] = 1,
    images: Annotated[int | None, typer.Option(min=10, help="Training images of a trial. Default: all.")] = None,
    prune: Annotated[bool, typer.Option(help="Give up trials worse than the median at the same epoch.")] = True,
    seed: Annotated[int, seed_option("every training: trials differ by their recipes alone")] = 0,
    sampler_seed: Annotated[int, typer.Option(min=0, help="Of the choice of recipes.")] = 0,
    name: Annotated[str | None, typer.Option(help="Of the study, new or to go on with. Default: --arch.")] = None,
    data: Data = None,
    runs: Annotated[Path, typer.Option(help="Where the study (tune-NAME.db) and its plots go.")] = Path("runs"),
) -> None:
    """Search for a better recipe, judged on the validation images; the test set is not looked at.

    The same command goes on with a study that was broken off. An ensemble is searched as one network.
    """
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")  # or the first worker takes all of a GPU's memory
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")  # and likewise on JAX
    import_keras()
    from training import architectures, space, study, tune

    recipe = architectures.architecture(arch).recipe.changed(changes)
    searched = space.parse(search, recipe, fixed=changes, grid=sampler == "grid")
    database = tune.database(runs, name or arch)
    mnist = load(find(data), held_out=recipe.validation)
    training = mnist.train if images is None else tune.subset(mnist.train, images)
    wanted = tune.Search(
        arch, recipe, searched, training, mnist.validation, database, sampler, trials, prune, seed, sampler_seed
    )
    searched_all = tune.run(wanted, workers)
    plots = database.with_suffix("")
    study.draw(searched_all, plots)
    typer.echo(f"{study.summarise(searched_all, wanted)}\nplots are in {plots}")


@app.command()
def finetune(
    base: Annotated[Path, typer.Option("--from", metavar="BUNDLE", help="One version, such as models/digits/2.")],
    images: Annotated[Path, typer.Option(metavar="DIR", help="Folders 0 to 9 of image files (PNG, JPEG, ...).")],
    data: Data = None,
    out: Annotated[Path | None, Out] = None,
    seed: Annotated[int, seed_option("the order of images and the augmentation")] = 0,
    epochs: Annotated[int, typer.Option(help="For the last layer alone, and as many again for all layers.")] = 5,
    learning_rate: Annotated[float, typer.Option(help="Of the last layer; all layers learn at 0.3 of it.")] = 1e-3,
    runs: Annotated[Path, typer.Option(help="Where the run's folder (model, record, report) goes.")] = Path("runs"),
    allow_forgetting: Annotated[
        bool, typer.Option("--allow-forgetting", help="Write the bundle even if it lost over 0.2 points on MNIST.")
    ] = False,
) -> None:
    """Train a bundle's network on your own images too; with --out also write the next bundle version.

    A fifth of the images is held out; the accuracy on them and on MNIST's validation images is shown, before and after.
    """
    import_keras()
    from training import finetune, own_images, pipeline

    if out is not None:
        check_export(out)
    found, own = finetune.read_base(base.resolve()), own_images.read(images)
    for line in own.left_out:
        typer.echo(f"left out: {line}")
    mnist = load(find(data), held_out=found.training.split["validation"])
    run, result = finetune.finetune(
        found, own, mnist, epochs=epochs, learning_rate=learning_rate, seed=seed, folder=runs
    )
    typer.echo(result)
    if out is not None:
        if not allow_forgetting:
            result.check_memory()
        _release(run, mnist, out)
    typer.echo(pipeline.summarise(run, mnist))


@app.command()
def combine(
    folders: RunFolders,
    data: Data = None,
    runs: Annotated[Path, typer.Option(help="Where the run's folder goes.")] = Path("runs"),
) -> None:
    """Make one network of several runs' networks, whose logits it averages; `train --members` does so by itself."""
    import_keras()
    from training import pipeline, run

    members = [run.load(folder) for folder in folders]
    mnist = _load_for(data, *members)
    typer.echo(pipeline.summarise(pipeline.combine(members, mnist, folder=runs), mnist))


@app.command()
def export(
    folder: RunFolder,
    out: Annotated[Path, Out],
    data: Data = None,
    int8: Annotated[bool | None, typer.Option(help="Default: as the run's recipe says.")] = None,
) -> None:
    """Export a run's model.keras as the next bundle version under --out."""
    import_keras()
    from training import run

    trained = run.load(folder)
    check_export(out)
    _release(trained, _load_for(data, trained), out, int8=int8)


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
    candidates = pareto.measure(runs, _load_for(data, *runs)) if beside else []
    typer.echo(pipeline.summarise(runs[0], _load_for(data, runs[0]), candidates))


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
    mnist = _load_for(data, *bundles)
    if test:
        typer.echo(compare.compare(bundles, mnist.test, non_digits.TESTING, {}))
    else:
        typer.echo(compare.compare(bundles, mnist.validation, non_digits.VALIDATION, validation()))


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
    mnist = _load_for(data, bundle)
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
    hands = held_out_hands(_load_for(data, bundle).validation)
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
    mnist, half, quarter = _load_for(data, bundle), pages // 2, pages // 4
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
    seed: Annotated[int, seed_option("the weights, the lines and their order")] = 0,
    start: Annotated[Path | None, typer.Option(metavar="RUN", help="One to go on from.")] = None,
    runs: Annotated[Path, typer.Option(help="Where the run's folder goes.")] = Path("runs"),
) -> None:
    """Train the line reader on numbers that are composed of training writers' digits; `release-lines` bundles it."""
    import_keras()
    from training import run
    from training.lines import training
    from training.lines.network import RECIPE

    recipe = RECIPE.changed({"epochs": epochs, "learning_rate": learning_rate, "batch_size": batch_size})
    begun = None if start is None else run.load(start)
    trained = training.train(recipe, load(find(data)), lines=lines, seed=seed, folder=runs, start=begun)
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
    typer.echo(f"wrote {release.release(trained, read_bundle(digits.resolve()), _load_for(data, trained), out)}")


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
    candidates = pareto.measure(trained, _load_for(data, *trained))
    typer.echo(pareto.table(candidates))
    pareto.draw(candidates).savefig(out)
    typer.echo(f"\nthe picture is {out}")


def _load_for(data: Path | None, *trained: "Trained") -> Mnist:
    """MNIST, with what none of them was trained on held out."""
    from training import run

    return load(find(data), held_out=run.held_out(*trained))


def _release(run: "Run", mnist: Mnist, out: Path, *, int8: bool | None = None) -> None:
    from training.release import release

    typer.echo(f"wrote {release(run, mnist, out, int8=int8)}")


def main() -> None:
    """Run the command line; what a person can put right is shown without a traceback."""
    try:
        app(prog_name="python -m training")
    except (TrainingError, BundleError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
