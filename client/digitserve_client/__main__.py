"""`digitserve-client`, also as `python -m digitserve_client`."""

import sys
from importlib.util import find_spec


def main() -> None:
    """The command; says what to install where its extra is missing."""
    if find_spec("typer") is None:
        sys.exit("the command needs what is not installed: pip install 'digitserve-client[cli]'")
    from digitserve_client.command.app import run

    run()


if __name__ == "__main__":
    main()
