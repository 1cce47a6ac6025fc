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
from training.lines.commands import app as lines_app
from training.options import (
    OUT_HELP,
    BundleFolder,
    Data,
    EitherFolders,
    Out,
    RunFolder,
    RunFolders,
    check_backend,
    check_export,
    check_picture,
    load_for,
    recipe_options,
    seed_option,
)
from training.quiet import import_keras

if TYPE_CHECKING:
    from training.run import Run

app = typer.Typer(
    help="Train digit classifiers on MNIST and export them as bundles that the service serves.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

app.add_typer(lines_app)


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
    mnist = load_for(data, *members)
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
    _release(trained, load_for(data, trained), out, int8=int8)


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
