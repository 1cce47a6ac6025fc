"""Runs: what is written, going on where one was broken off, and what is refused."""

import csv
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.bulk import outputs, score
from app.bulk.core import recipe
from app.bulk.outputs import OutputError
from app.bulk.rows import Row
from app.bulk.score import Job
from app.bulk.shards import InputError
from app.bulk.workers import LostError, Processes
from app.config import Settings
from benchmarks.bulk import material
from tests.conftest import MODELS, wait_until

MADE = recipe(Settings(models=MODELS, device="cpu"), "mlp-128-64", numbers=False)
ODD = ('a,"b"\nc.png', "7")


def job(source: Path, out: Path, **changed: Any) -> Job:
    return Job([source], out, "csv", 50, None, MADE)._replace(**changed)


def scored(asked: Job) -> score.Outcome:
    workers = Processes(MADE, 1)
    try:
        return score.run(asked, score.plan(asked), workers)
    finally:
        workers.close()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return material.frames(tmp_path / "frames.npy", 120)


def test_a_run_goes_on_with_what_is_missing_and_refuses_what_is_of_another(source: Path, tmp_path: Path) -> None:
    asked = job(source, tmp_path / "out")
    assert scored(asked).plan == (120, 3, 0)
    parts = sorted(asked.out.iterdir())
    stamps = [part.stat().st_mtime_ns for part in parts]
    with parts[1].open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["id"] for row in rows] == [f"{source}#{place}" for place in range(50, 100)]
    assert {row["model"] for row in rows} == {"mlp-128-64/1"}

    parts[1].unlink()
    (asked.out / f".{parts[1].name}.0.writing").write_text("of a run that was killed")
    assert scored(asked).plan == (120, 3, 70)
    assert sorted(asked.out.iterdir()) == parts
    after = [part.stat().st_mtime_ns for part in parts]
    assert (after[0], after[2]) == (stamps[0], stamps[2])
    assert after[1] > stamps[1]

    for other in ({"recipe": MADE._replace(image_pixels=1)}, {"shard_images": 60}):
        with pytest.raises(OutputError, match="of other inputs, options or models"):
            score.plan(asked._replace(**other))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda lines: lines[:-1],
        lambda lines: [*lines, lines[-1]],
        lambda lines: [lines[0], lines[2], lines[1], *lines[3:]],
        lambda lines: lines[:0],
    ],
)
def test_verification_finds_what_is_lost_or_there_twice(
    spoil: Callable[[list[str]], list[str]], source: Path, tmp_path: Path
) -> None:
    asked = job(source, tmp_path / "out")
    planned = score.plan(asked)
    for part in score.parts(asked):
        outputs.write(Path(part.path), "csv", [[Row(one) for one in part.shard.ids()]])
    assert score.verify(asked, planned) == 0
    part = sorted(asked.out.iterdir())[1]
    part.write_text("".join(spoil(part.read_text().splitlines(keepends=True))))
    with pytest.raises(OutputError, match="run the same command again"):
        score.verify(asked, planned)


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_what_is_written_is_read_again(form: outputs.Format, tmp_path: Path) -> None:
    if form == "parquet":
        pytest.importorskip("pyarrow")
    path = tmp_path / f"part.{form}"
    rows = [
        Row(ODD[0], ODD[1], [7], 0.5, "review", "faint", None, None, "m/1"),
        Row("b", "1 2", [1, 2], 0.5, "accept", None, [[0.0, 1.5, 2.0, 3.0]] * 2, None, "m/1"),
        Row("c", error="undecodable: why", model="m/1"),
    ]
    assert outputs.write(path, form, [rows[:1], rows[1:]]) == (3, 1)
    assert outputs.read(path) == ([ODD[0], "b", "c"], 1)
    if form == "parquet":
        from pyarrow import parquet

        assert [Row(**row) for row in parquet.read_table(path).to_pylist()] == rows
    else:
        with path.open(newline="") as file:
            assert [row["boxes"] for row in csv.DictReader(file)] == ["", "[[0.0,1.5,2.0,3.0],[0.0,1.5,2.0,3.0]]", ""]


def test_a_part_that_cannot_be_finished_is_not_there(tmp_path: Path) -> None:
    def pieces() -> Any:
        yield [Row("a")]
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"):
        outputs.write(tmp_path / "part.csv", "csv", pieces())
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_scored_is_refused_before(source: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="there is no image"):
        score.plan(job(tmp_path / "empty", tmp_path / "out"))
    with pytest.raises(OutputError, match="is within"):
        score.plan(job(tmp_path / "empty", tmp_path / "empty" / "out"))
    with pytest.raises(OutputError, match="cannot be made"):
        score.plan(job(source, source / "out"))
    with pytest.raises(InputError, match="--numbers is for pictures"):
        score.plan(job(source, tmp_path / "out", recipe=MADE._replace(numbers=True)))


def test_a_part_whose_workers_are_always_lost_ends_the_run(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(score, "MOST_TRIES", 1)
    asked = job(source, tmp_path / "out", recipe=MADE._replace(digits=MADE.digits._replace(model=b"no model")))
    workers = Processes(asked.recipe, 1)  # its process ends as it begins
    try:
        with pytest.raises(LostError, match="each was lost"):
            score.run(asked, score.plan(asked), workers)
    finally:
        workers.close()


def command(source: Path, out: Path, *options: str) -> list[str]:
    """Without pyarrow, as it is where the extra is not installed."""
    # A shell that starts the tests in the background has them ignore Ctrl-C, and all that they start.
    heard = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    program = f"{heard}; import sys; sys.modules['pyarrow'] = None; from app.cli import main; main()"
    return [sys.executable, "-c", program, "score", str(source), "--out", str(out), "--models", str(MODELS), *options]


def test_the_command_is_interrupted_and_goes_on(tmp_path: Path) -> None:
    source, out = material.frames(tmp_path / "frames.npy", 100_000), tmp_path / "out"
    options = ("--format", "csv", "--shard-images", "500", "--processes", "1")
    running = subprocess.Popen(command(source, out, *options), stderr=subprocess.PIPE, text=True)
    wait_until(lambda: any(out.glob("0*")) or running.poll() is not None, 60)
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=60)
    assert running.returncode == 130, said
    assert "the same command goes on" in said
    assert "Traceback" not in said
    before = len(list(out.glob("0*")))
    assert 0 < before < 200
    again = subprocess.run(command(source, out, *options), stderr=subprocess.PIPE, text=True)
    assert again.returncode == 0, again.stderr
    assert f"100,000 images in 200 parts, of which {before * 500:,} are done already" in again.stderr
    assert material.count(source, out, 100_000) == (0, 0)
    assert {path.suffix for path in out.iterdir()} == {".csv"}


def test_what_is_not_installed_is_named(source: Path, tmp_path: Path) -> None:
    refused = subprocess.run(command(source, tmp_path / "out"), stderr=subprocess.PIPE, text=True)
    assert refused.returncode == 2
    assert "pip install 'digitserve[score]', or choose --format csv" in refused.stderr
