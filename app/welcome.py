"""What a person at a terminal is told when the service stands: what it serves, and where to click."""

import sys
import textwrap
from collections.abc import Callable
from importlib.metadata import version

from app.config import Settings
from app.serving.changes import Digests
from app.telemetry import logs

WIDTH = 100  # characters a line


def on_terminal(settings: Settings) -> bool:
    """Whether a person reads this, and no program."""
    return settings.log_format == "console" and sys.stderr.isatty()


def address(host: str, port: int) -> str:
    """HOST:PORT, as a URL has it."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def greeting(settings: Settings, port: int) -> Callable[[Digests, int], None]:
    """To be told with each worker that serves what all do, and how many there are; greets once all are there.

    Until then, what else is logged of an ordinary start is left out.
    """
    loud = logs.hush_start()
    waiting = True

    def served(digests: Digests, workers: int) -> None:
        nonlocal waiting
        if waiting and workers >= settings.workers:
            waiting = False
            loud()
            print(text(settings, port, list(digests)), file=sys.stderr, flush=True)

    return served


def text(settings: Settings, port: int, models: list[str]) -> str:
    """In one screen."""
    everywhere = settings.host in ("0.0.0.0", "::")
    url = f"http://{address('localhost' if everywhere else settings.host, port)}"
    places = {
        "draw a digit, drop a picture": f"{url}/",
        "watch the service": f"{url}/#service",
        "try the API": f"{url}/docs",
    }
    if settings.grpc_port is not None:
        places["gRPC"] = address(settings.host, settings.grpc_port)
    width = max(map(len, places))
    workers = f"{settings.workers} worker{'s' * (settings.workers > 1)}"
    open_to = "every address of this machine" if everywhere else "this address"
    callers = "need an API key" if settings.api_keys else f"need no API key: whoever reaches {open_to} may ask"
    return "\n".join(
        (
            f"\ndigitserve {version('digitserve')} serves with {workers}; callers {callers}.\n",
            *(f"  {name:<{width}}  {where}" for name, where in places.items()),
            f"\n  {settings.models}: {_models(models, settings.default_model)}",
            "\nCtrl-C ends it.\n",
        )
    )


def _models(models: list[str], default: str) -> str:
    """The default first."""
    ordered = sorted(models, key=lambda label: (label.split("/")[0] != default, label.split("/")[0]))
    return textwrap.fill(", ".join(ordered), WIDTH, subsequent_indent="    ", break_on_hyphens=False)
