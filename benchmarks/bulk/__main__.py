"""`python -m benchmarks.bulk kills | speed | memory`: measures, and writes benchmarks/BULK.md after every run."""

from typing import Annotated

import typer

from benchmarks.bulk import memory as memories
from benchmarks.bulk.kills import KINDS, PART, campaign
from benchmarks.bulk.results import RESULTS
from benchmarks.bulk.speed import RACES, race

cli = typer.Typer(no_args_is_help=True, add_completion=False)


@cli.command()
def kills(
    kind: Annotated[list[str] | None, typer.Option(help=f"Of {', '.join(KINDS)}; by default all.")] = None,
    runs: int = 20,
) -> None:
    """Kill in the middle of runs, and count what is lost or there twice. Fails if anything is."""
    wrong, died = 0, dict[str, list[dict[str, float]]]()
    for one, run in campaign(kind or [*KINDS], runs):
        died.setdefault(one, []).append(run._asdict() | {"images": run.parts * PART})
        RESULTS.keep("kills", one, died[one])
        typer.echo(f"{one}: {run}")
        wrong += run.lost + run.twice
    raise typer.Exit(1 if wrong else 0)


@cli.command()
def speed(name: list[str], images: int = 300_000, turns: int = 5) -> None:
    """Race NAMEs in turns with what they are compared with."""
    for one in name:
        seconds = []
        for turn in race(one, images, turns):
            seconds.append(turn)
            RESULTS.keep("speed", one, {"images": images, "turns": seconds})
            typer.echo(f"{one}: {turn[0]}, {RACES[one].against} {turn[1]}")


@cli.command()
def memory(images: int = 1_000_000) -> None:
    """Watch the memory of one run."""
    found = memories.measure(images)
    RESULTS.keep("memory", str(images), found._asdict())
    typer.echo(str(found))


if __name__ == "__main__":
    cli()
