"""`digitserve-client`, also as `python -m digitserve_client`."""

import sys


def main() -> None:
    """The command; says what to install where its extra is missing."""
    try:
        import typer  # noqa: F401  # only looked for: the command itself imports it
    except ImportError:
        sys.exit("the command needs what is not installed: pip install 'digitserve-client[cli]'")
    from digitserve_client.command.app import run

    run()


if __name__ == "__main__":
    main()
