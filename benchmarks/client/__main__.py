"""`python -m benchmarks.client restarts | throughput`: measures, and writes benchmarks/CLIENT.md after every run."""

import os
from typing import Annotated

import typer

from benchmarks import servers
from benchmarks.client.restarts import KINDS, run
from benchmarks.client.results import RESULTS
from benchmarks.client.throughput import RACES, race

cli = typer.Typer(no_args_is_help=True, add_completion=False)
IMAGES = {"frames": 1_000_000, "files": 10_000}  # of frames so many that memory shows whether it grows


@cli.command()
def restarts(
    kind: Annotated[list[str] | None, typer.Option(help=f"Of {', '.join(KINDS)}; by default all.")] = None,
) -> None:
    """Restart the service twice in the middle of a run. Fails if anything is lost, twice or at another's place."""
    wrong = 0
    for one in kind or KINDS:
        outcome = run(one, IMAGES[one])
        RESULTS.keep("restarts", one, outcome._asdict())
        typer.echo(f"{one}: {outcome}")
        wrong += outcome.lost + outcome.twice + outcome.elsewhere
    raise typer.Exit(1 if wrong else 0)


@cli.command()
def throughput(
    name: Annotated[list[str] | None, typer.Option(help=f"Of {', '.join(RACES)}; by default all.")] = None,
    turns: int = 5,
) -> None:
    """Race the client in turns with requests that were made beforehand."""
    server, load = servers.cores()
    os.sched_setaffinity(0, {load})
    for one in name or RACES:
        done = []
        for turn in race(one, turns, server):
            done.append(turn)
            RESULTS.keep("throughput", one, done)
            typer.echo(f"{one}: client {turn.client:,.0f}, limit {turn.limit:,.0f}, {turn.client / turn.limit:.2f}")


if __name__ == "__main__":
    cli()
