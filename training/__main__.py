"""`python -m training`: its commands, or what the environment lacks for them."""

import sys
import time

BEGUN = time.monotonic()


def main() -> None:
    """Run the command line; what a person can put right is shown without a traceback."""
    try:
        _run()
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] in ("app", "training"):
            raise
        sys.exit(
            f"error: {error.name} is missing; `make serve` installs the service alone. `make training` installs what "
            "training needs into .venv; then run .venv/bin/python -m training"
        )


def _run() -> None:
    from app.errors import BundleError  # here, where what they need in turn is looked for
    from training.commands import app
    from training.errors import TrainingError

    try:
        app(prog_name="python -m training", obj=BEGUN)
    except (TrainingError, BundleError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
