"""All of it once, in a minute."""

from typing import Annotated

import typer

from training.options import RUNS, Data, Runs

app = typer.Typer()


@app.command()
def demo(
    context: typer.Context,
    data: Data = None,
    runs: Runs = RUNS,
    port: Annotated[
        int | None, typer.Option(min=1, max=65_535, help="Default: 8000, or any where that is taken.")
    ] = None,
    browser: Annotated[bool, typer.Option("--open/--no-open", help="Open the page in a browser.")] = True,
) -> None:
    """Train the smallest network in under a minute, export it, serve it, and open the page that reads with it.

    The bundle stays in the run's folder; the service ends at Ctrl-C.
    """
    from training import demo

    raise typer.Exit(demo.run(data, runs, port=port, browser=browser, begun=context.obj, say=typer.echo))
