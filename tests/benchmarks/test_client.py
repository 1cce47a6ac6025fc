"""The client's figures come from real runs, small here, and the document says what they say."""

from pathlib import Path

from benchmarks.client import restarts
from benchmarks.client.restarts import Outcome
from benchmarks.client.results import document
from benchmarks.kept import Kept


def test_a_run_with_restarts_counts_nothing_lost() -> None:
    outcome = restarts.run("files", 300)
    assert outcome[:5] == (300, 0, 0, 0, 2)
    assert outcome.away_seconds > 0


def test_the_document_says_what_was_measured(tmp_path: Path) -> None:
    results = Kept(tmp_path / "results.json", tmp_path / "CLIENT.md", document)
    results.keep("restarts", "files", Outcome(10_000, 1, 2, 3, 2, 4.5, 60.0, 2**20, 2**21, 2**22)._asdict())
    results.keep("throughput", "typed", [(80, 100), (30, 10), (90, 100)])
    written = (tmp_path / "CLIENT.md").read_text()
    assert "| PNG files | 10,000 | 2 | 4.5 s | 1 | 2 | 3 | 60 | 1 MiB, 2 MiB (+100.0%) | 4 MiB |" in written
    assert "| frames, `predict_many` | 3 | 80 | 100 | 0.90 | 0.80 |" in written
