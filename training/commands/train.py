"""What makes networks and bundles."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from training.data import Mnist, find, load
from training.options import (
    OUT_HELP,
    RUNS,
    Data,
    Mlflow,
    Out,
    RunFolder,
    RunFolders,
    Runs,
    TensorBoard,
    check_export,
    load_for,
    recipe_options,
    seed_option,
)
from training.quiet import import_keras

if TYPE_CHECKING:
    from training.run import Run

app = typer.Typer()


@app.command()
@recipe_options
def train(
    changes: dict[str, Any],
    arch: Annotated[str, typer.Option(help="A name from the registry in training/architectures.py.")] = "cnn",
    data: Data = None,
    out: Annotated[Path | None, Out] = None,
    seed: Annotated[int, seed_option("the weights, the order of images and the augmentation")] = 0,
    runs: Runs = RUNS,
    tensorboard: TensorBoard = False,
    mlflow: Mlflow = False,
) -> None:
    """Train one architecture; with --out also export it and write the next bundle version.

    Without --out the test set stays unread: the report is of the validation set.
    """
    import_keras()
    from training import architectures, pipeline, tracking

    chosen = architectures.architecture(arch)  # what cannot be is refused before MNIST is looked for
    recipe = chosen.recipe.changed(changes)
    wanted = tracking.Tracking(tensorboard, mlflow)
    wanted.check()
    if out is not None:
        check_export(out)
    mnist = load(find(data), held_out=recipe.validation)
    run = pipeline.train(chosen, recipe, mnist, seed=seed, folder=runs, tracking=wanted)
    if out is not None:
        _release(run, mnist, out)
    typer.echo(pipeline.summarise(run, mnist))


@app.command()
def scratch(
    data: Data = None,
    out: Annotated[Path | None, typer.Option("--out", "--export", metavar="DIR", help=OUT_HELP)] = None,
    seed: Annotated[int, seed_option("the weights, the order of examples and the dropout")] = 0,
    runs: Runs = RUNS,
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
def finetune(
    base: Annotated[Path, typer.Option("--from", metavar="BUNDLE", help="One version, such as models/digits/2.")],
    images: Annotated[
        Path, typer.Option(metavar="DIR|ZIP", help="Folders 0 to 9 of image files (PNG, JPEG, ...), or a ZIP of them.")
    ],
    data: Data = None,
    out: Annotated[Path | None, Out] = None,
    seed: Annotated[int, seed_option("the order of images and the augmentation")] = 0,
    epochs: Annotated[int, typer.Option(help="For the last layer alone, and as many again for all layers.")] = 5,
    learning_rate: Annotated[float, typer.Option(help="Of the last layer; all layers learn at 0.3 of it.")] = 1e-3,
    runs: Runs = RUNS,
    tensorboard: TensorBoard = False,
    mlflow: Mlflow = False,
    allow_forgetting: Annotated[
        bool, typer.Option("--allow-forgetting", help="Write the bundle even if it lost over 0.2 points on MNIST.")
    ] = False,
) -> None:
    """Train a bundle's network on your own images too; with --out also write the next bundle version.

    A fifth of the images is held out; the accuracy on them and on MNIST's validation images is shown, before and after.
    """
    import_keras()
    from training import finetune, own_images, pipeline, tracking

    wanted = tracking.Tracking(tensorboard, mlflow)
    wanted.check()
    if out is not None:
        check_export(out)
    found, own = finetune.read_base(base.resolve()), own_images.read(images)
    for line in own.left_out:
        typer.echo(f"left out: {line}")
    mnist = load(find(data), held_out=found.training.split["validation"])
    run, result = finetune.finetune(
        found, own, mnist, epochs=epochs, learning_rate=learning_rate, seed=seed, folder=runs, tracking=wanted
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
    runs: Runs = RUNS,
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


def _release(run: "Run", mnist: Mnist, out: Path, *, int8: bool | None = None) -> None:
    from training.release import release

    typer.echo(f"wrote {release(run, mnist, out, int8=int8)}")
