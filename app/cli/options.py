"""What several commands take, and how it becomes settings."""

from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from app.config import Settings
from app.config_file import ConfigFileError

MISUSED = 2  # the exit status, typer's too

Models = Annotated[Path | None, typer.Option(help="Folder of bundles.")]
Device = Annotated[str | None, typer.Option(help="auto, cpu or cuda.")]
Workers = Annotated[int | None, typer.Option(help="Worker processes.")]
Model = Annotated[str | None, typer.Option(metavar="NAME[/VERSION]", help="By default as the service.")]


def settings_of(**options: Any) -> Settings:
    """The settings, in which options that are not None have the last word. Raises typer.Exit, and says why."""
    try:
        return Settings(**{name: value for name, value in options.items() if value is not None})
    except ConfigFileError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(MISUSED) from error
    except ValidationError as error:
        for problem in error.errors():
            where = ".".join(map(str, problem["loc"][:2])) or "settings"  # deeper, a name may be a misplaced key
            typer.echo(f"{where}: {problem['msg'].removeprefix('Value error, ')}", err=True)
        raise typer.Exit(MISUSED) from error


def prepared(**options: Any) -> Settings:
    """As `settings_of`, with logs as the settings want them."""
    from app.telemetry import logs

    settings = settings_of(**options)
    logs.configure(settings)
    return settings
