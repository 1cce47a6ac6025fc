"""Options of the command line, and what is refused before hours of work rather than after them.

A recipe has an option for each of its fields, so that none is written twice.
"""

import functools
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.inference import bundle
from training.data import Mnist, find, load
from training.errors import BadOption
from training.recipe import Augmentation, Recipe

if TYPE_CHECKING:
    from training.run import Trained

PICTURES = ("svg", "png", "pdf")
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
RUNS = Path("runs")
Runs = Annotated[Path, typer.Option(help="Where the run's folder (model, record, report) goes.")]
TensorBoard = Annotated[
    bool, typer.Option("--tensorboard", help="Log for `tensorboard --logdir runs`, in the run's folder.")
]
Mlflow = Annotated[
    bool, typer.Option("--mlflow", help="Track by MLflow: in $MLFLOW_TRACKING_URI, else in mlflow.db under --runs.")
]
BundleFolder = Annotated[Path, typer.Argument(metavar="BUNDLE", help="One version, such as models/digits/1.")]
LAST_SEED = 2**31 - 1  # members take the seeds that follow, and Keras takes none above 2**32


def seed_option(of: str) -> Any:
    return typer.Option(min=0, max=LAST_SEED, help=f"Of {of}.")


def recipe_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command an option for each field of Recipe; its parameter `changes` gets those that were given."""

    @functools.wraps(command)
    def called(**given: Any) -> None:
        changes = {name: given.pop(name) for name in Recipe.model_fields}
        command(**given, changes={name: value for name, value in changes.items() if value is not None})

    own = [one for one in inspect.signature(command, eval_str=True).parameters.values() if one.name != "changes"]
    made = [_parameter(name) for name in Recipe.model_fields]
    called.__signature__ = inspect.Signature([*own, *made])  # type: ignore[attr-defined]  # which Typer reads
    called.__annotations__ = {one.name: one.annotation for one in (*own, *made)}
    return called


def _parameter(name: str) -> inspect.Parameter:
    field = Recipe.model_fields[name]
    panel = "Augmentation" if name in Augmentation.model_fields else "Recipe"
    option = typer.Option(help=field.description, rich_help_panel=f"{panel}, by default the architecture's own")
    kind = field.annotation
    return inspect.Parameter(
        name,
        inspect.Parameter.KEYWORD_ONLY,
        default=None,
        annotation=Annotated[kind | None, option],  # type: ignore[operator]  # a type, known only at run time
    )


def check_export(out: Path) -> None:
    """Raises BundleError, BadOption where no bundle could be written to that folder."""
    bundle.check_name(out.resolve().name)
    new = not out.exists()
    bundle.make_workspace(out).rmdir()
    if new:
        out.rmdir()
    check_backend()


def check_picture(path: Path) -> None:
    """Raises BadOption where candidates could not be exported, or drawn into that file."""
    check_backend()
    if path.suffix.lstrip(".") not in PICTURES or not path.resolve().parent.is_dir():
        raise BadOption(f"--out {path}: give a file in a folder that exists, ending in .{', .'.join(PICTURES)}")


def check_backend() -> None:
    """Raises BadOption where Keras' backend cannot export."""
    import keras  # only here: --help needs none

    if keras.config.backend() != "tensorflow":
        raise BadOption(
            "ONNX is made by TensorFlow alone: on another backend train without --out, and `export` the run on that"
        )


def load_for(data: Path | None, *trained: "Trained") -> Mnist:
    """MNIST, with what none of them was trained on held out."""
    from training import run

    return load(find(data), held_out=run.held_out(*trained))
