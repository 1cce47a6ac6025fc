"""The command line's options for a recipe: one for each of its fields, so that none is written twice."""

import functools
import inspect
from collections.abc import Callable
from typing import Annotated, Any

import typer

from training.recipe import Augmentation, Recipe


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
