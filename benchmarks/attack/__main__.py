"""`python -m benchmarks.attack fuzz | show | table | soak`."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.attack import search, service
from benchmarks.attack import soak as soaking
from benchmarks.attack import table as tables
from benchmarks.attack.calm import warm_up
from benchmarks.attack.genomes import named
from benchmarks.servers import ROOT

FOLDER = ROOT / ".fuzz"
WORST = 20  # that are shown, each of another route or kind

command = typer.Typer(add_completion=False, no_args_is_help=True)


@command.command()
def fuzz(
    seconds: Annotated[float, typer.Option(envvar="FUZZ_SECONDS", min=1, help="How long to search.")] = 600,
    seed: Annotated[int, typer.Option(help="Of the search's own random numbers.")] = 0,
    corpus: Annotated[Path, typer.Option(help="Where what is found is kept.")] = FOLDER / "corpus.jsonl",
) -> None:
    """Search for the most expensive requests under 64 KB; fail on one over budget."""
    with service.running(FOLDER / "service.log") as running:
        asyncio.run(warm_up(running))  # the first request of a kind may start a process
        hunt = search.Search(running, seed)
        hunt.run(seconds, search.load(corpus), typer.echo)
        stall = running.longest_stall()
    search.keep(corpus, hunt.worst(search.CORPUS))
    typer.echo(f"{hunt.tried:,} requests tried, answered {dict(hunt.statuses)}; longest stall {stall * 1e3:.0f} ms")
    for cost in hunt.worst_of_each(WORST):
        typer.echo(f"{cost}\n    {cost.genome.text()}")
    for cost in hunt.failures[:WORST]:
        typer.echo(f"answered {cost.status}: {cost.genome.text()}")
    over = hunt.over_budget()
    typer.echo(f"{len(over):,} over budget, {len(hunt.failures):,} answered otherwise than 200 or a refusal")
    raise typer.Exit(1 if over or hunt.failures else 0)


@command.command()
def table(
    seconds: Annotated[float, typer.Option(envvar="ATTACK_SECONDS", min=1, help="Of each attack.")] = 15,
    worst: Annotated[int, typer.Option(min=0, help="How many of the corpus' requests to send, dearest first.")] = 1000,
    corpus: Annotated[Path, typer.Option(help="What `fuzz` found.")] = FOLDER / "corpus.jsonl",
    out: Annotated[Path, typer.Option(help="Where the table goes.")] = ROOT / "benchmarks" / "ATTACK.md",
) -> None:
    """Measure a calm caller beside every known attack, and write the table."""
    out.write_text(tables.measure(FOLDER / "service.log", seconds, search.load(corpus)[:worst], typer.echo))
    typer.echo(f"written: {out}")


@command.command()
def soak(
    seconds: Annotated[float, typer.Option(envvar="SOAK_SECONDS", min=1, help="How long it goes on.")] = 600,
    seed: Annotated[int, typer.Option(help="Of what happens when.")] = 0,
    corpus: Annotated[Path, typer.Option(help="What `fuzz` found.")] = FOLDER / "corpus.jsonl",
) -> None:
    """Mix honest requests of all kinds with attackers and faults; fail if any honest caller is wronged."""
    wrong = soaking.soak(FOLDER / "service.log", seconds, search.load(corpus), seed, typer.echo)
    for one in wrong[:WORST]:
        typer.echo(f"WRONG: {one}")
    typer.echo(f"{len(wrong)} things went wrong")
    raise typer.Exit(1 if wrong else 0)


@command.command()
def show(
    genome: Annotated[str, typer.Argument(help="A line that `fuzz` printed.")],
    out: Annotated[Path | None, typer.Option(help="Write the body here.")] = None,
) -> None:
    """Build one request again, from its description."""
    request = named(genome).request()
    if request is None:
        raise typer.BadParameter("nothing comes of that one: too large, or not to be encoded")
    typer.echo(f"{request.method} {request.target} {request.headers} {len(request.body):,} bytes")
    if out is not None:
        out.write_bytes(request.body)


if __name__ == "__main__":
    command()
