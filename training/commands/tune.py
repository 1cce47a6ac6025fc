"""The search for a better recipe."""

import os
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from training.data import find, load
from training.options import Data, recipe_options, seed_option
from training.quiet import import_keras

app = typer.Typer()


@app.command()
@recipe_options
def tune(
    changes: dict[str, Any],
    search: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FIELD=VALUES",
            help="A field of the recipe to search over, such as learning_rate=1e-4..1e-2:log, dropout=0..0.5, "
            "dropout=0..0.5:6 (six values) or optimizer=adam,nesterov. Once for each field. "
            "Default: learning rate, batch size and dropout.",
        ),
    ] = None,
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
    grid = sampler == "grid"
    texts = search or space.usual(changes, grid=grid)
    searched = space.parse(texts, recipe, fixed=changes, grid=grid)
    typer.echo(f"searching over {', '.join(texts)}")
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
