"""`python -m benchmarks.scale`: measures, simulates, and writes scale.json, docs/scale.md and its pictures."""

from pathlib import Path
from typing import Annotated

import typer

from benchmarks.scale import page, predict
from benchmarks.scale.measure import measure
from benchmarks.scale.samples import Samples
from benchmarks.servers import ROOT

SAMPLES, FOLDER = ROOT / "benchmarks" / "scale.json", ROOT / "docs"


def main(
    rounds: Annotated[int, typer.Option(min=2, help="Rounds of all kinds of requests.")] = 7,
    from_samples: Annotated[
        bool, typer.Option("--from-samples", help="Write the page again, without measuring.")
    ] = False,
    simulate: Annotated[bool, typer.Option("--simulate", help="Simulate again from what was measured, too.")] = False,
    samples: Annotated[Path, typer.Option(help="Where the samples are kept.")] = SAMPLES,
    out: Annotated[Path, typer.Option(help="Folder for the page and its pictures.")] = FOLDER,
) -> None:
    """What a core does, what a billion images a day take, and where the limits are."""
    if from_samples or simulate:
        found = Samples.model_validate_json(samples.read_text())
        if simulate:
            found = Samples(measured=found.measured, simulated=predict.simulated(found.measured))
    else:
        measured = measure(rounds)
        found = Samples(measured=measured, simulated=predict.simulated(measured))
    samples.write_text(found.model_dump_json(indent=0) + "\n")
    page.write(out, found)
    typer.echo(f"written: {out / 'scale.md'}")


if __name__ == "__main__":
    typer.run(main)
