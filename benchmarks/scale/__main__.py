"""`python -m benchmarks.scale`: measures, simulates, and writes scale.json, docs/scale.md and its pictures."""

from pathlib import Path
from typing import Annotated

import typer

from benchmarks.scale import page, predict
from benchmarks.scale.measure import measure
from benchmarks.scale.samples import Samples, Simulated
from benchmarks.servers import ROOT

SAMPLES, FOLDER = ROOT / "benchmarks" / "scale.json", ROOT / "docs"


def main(
    rounds: Annotated[int, typer.Option(min=2, help="Rounds of all kinds of requests.")] = 7,
    from_samples: Annotated[
        bool, typer.Option("--from-samples", help="Write the page again, from what is kept.")
    ] = False,
    simulate: Annotated[bool, typer.Option("--simulate", help="Simulate again, from what was measured.")] = False,
    samples: Annotated[Path, typer.Option(help="Where the samples are kept.")] = SAMPLES,
    out: Annotated[Path, typer.Option(help="Folder for the page and its pictures.")] = FOLDER,
) -> None:
    """What a core does, what a billion images a day take, and where the limits are."""
    if from_samples or simulate:
        found = Samples.model_validate_json(samples.read_text())
    else:
        nothing = Simulated(predictions=[], headroom=[], scenarios=[])
        found = Samples(measured=measure(rounds), simulated=nothing)
        _keep(samples, found)  # as it took long
    if not from_samples:
        found = Samples(measured=found.measured, simulated=predict.simulated(found.measured))
        _keep(samples, found)
    page.write(out, found)
    typer.echo(f"written: {out / 'scale.md'}")


def _keep(path: Path, samples: Samples) -> None:
    path.write_text(samples.model_dump_json() + "\n")


if __name__ == "__main__":
    typer.run(main)
