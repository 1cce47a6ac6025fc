"""The report says what the samples say, and says so when something is missing."""

from pathlib import Path

from benchmarks import report
from benchmarks.measure import Sample
from benchmarks.report import WANTED


def samples(rate: float) -> list[Sample]:
    return [
        Sample("uvicorn", "raw rate", 50_000.0),
        Sample("uvicorn", "raw p50", 0.001),
        Sample("uvicorn", "raw p99", 0.002),
        Sample("digitserve", "raw rate", rate),
        Sample("digitserve", "raw p50", 0.0015),
        Sample("digitserve", "raw p99", 0.0025),
        Sample("fastapi", "raw rate", 5_000.0),
        Sample("fastapi", "raw p50", 0.01),
        Sample("fastapi", "raw p99", 0.02),
        Sample("in-process", "digits run of 32", 0.00064),
    ]


def written(folder: Path) -> str:
    rounds = report.rounds_of([samples(rate) for rate in (30_000.0, 36_000.0, 35_000.0)])
    report.write(folder, rounds, about=["Made up."], versions={"uvicorn": "1.2.3"}, absent={"pytriton": "no wheel"})
    return (folder / "RESULTS.md").read_text()


def test_medians_and_spread_of_the_ratios(tmp_path: Path) -> None:
    text = written(tmp_path)
    first = next(line for line in text.splitlines() if line.startswith(f"| {WANTED[0].what}"))
    assert first.endswith("| at least 0.6 x | 0.7 x | 0.6 x | 0.72 x | reached |")
    second = next(line for line in text.splitlines() if line.startswith(f"| {WANTED[1].what}"))
    assert second.endswith("| at least 8 x | 7 x | 6 x | 7.2 x | **missed** |")
    assert "| digitserve |  | raw | 35,000 | 30,000 | 36,000 | 1.5 | 2.5 |" in text
    assert "| uvicorn | 1.2.3 | raw | 50,000 | 50,000 | 50,000 | 1 | 2 |" in text


def test_what_was_not_measured_or_could_not_run_is_said(tmp_path: Path) -> None:
    text = written(tmp_path)
    memory = next(line for line in text.splitlines() if "resident memory" in line)
    assert "not measured" in memory
    assert "- pytriton: no wheel" in text


def test_the_plot_is_the_same_for_the_same_figures(tmp_path: Path) -> None:
    (tmp_path / "again").mkdir()
    written(tmp_path)
    written(tmp_path / "again")
    assert (tmp_path / "throughput.svg").read_bytes() == (tmp_path / "again" / "throughput.svg").read_bytes()
