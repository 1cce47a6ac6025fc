"""The simulation keeps to what is known exactly, loses no request, and the page says what the samples say."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from benchmarks.scale import arithmetic, page, predict, stalls
from benchmarks.scale.__main__ import SAMPLES
from benchmarks.scale.fleet import Autoscaler, stepped
from benchmarks.scale.openloop import Client, simulate
from benchmarks.scale.samples import Samples
from benchmarks.scale.worker import Costs, Limits
from benchmarks.servers import ROOT

SERVICE = 0.01  # seconds
UNBOUNDED = Limits(batch_rows=1, queue_rows=10**9, wait_seconds=math.inf)
RUNS_ALONE = Costs(0, 0, 0, 0, decode=0, rows=1, runs=((0, 0.0), (1, SERVICE)))
PICTURES_ALONE = Costs(0, 0, 0, 0, decode=SERVICE, rows=1, runs=((0, 0.0), (1, 0.0)))
BATCHES = Costs(1e-4, 1e-5, 1e-5, 1e-5, decode=0, rows=1, runs=((0, 0.0), (1, 5e-5), (64, 1e-3)))
PHOTOS = Costs(1e-4, 1e-4, 1e-4, 1e-5, decode=SERVICE, rows=1, runs=((0, 0.0), (1, 5e-5), (64, 1e-3)))
WITHIN = 3.3  # standard errors: one seed in a thousand is beyond
SEEDS = 6


@pytest.fixture(scope="module")
def samples() -> Samples:
    return Samples.model_validate_json(SAMPLES.read_text())


def mean_waits(costs: Costs, utilisation: float, sizes: tuple[float, ...] = (1.0,)) -> tuple[float, float]:
    """Of several runs: the mean, and its standard error."""
    rate = utilisation / SERVICE
    means = [
        float(simulate(costs, UNBOUNDED, rate, requests=4000, sizes=sizes, seed=seed).latencies.mean()) - SERVICE
        for seed in range(SEEDS)
    ]
    return float(np.mean(means)), float(np.std(means, ddof=1) / math.sqrt(SEEDS))


@pytest.mark.parametrize("utilisation", [0.3, 0.7])
def test_runs_one_at_a_time_wait_as_in_an_m_d_1_queue(utilisation: float) -> None:
    """Pollaczek and Khinchine: rho * s / (2 * (1 - rho))."""
    wait, error = mean_waits(RUNS_ALONE, utilisation)
    assert abs(wait - utilisation * SERVICE / (2 * (1 - utilisation))) < WITHIN * error


@pytest.mark.parametrize("utilisation", [0.3, 0.7])
def test_pictures_of_exponential_sizes_wait_as_in_an_m_m_1_queue(utilisation: float) -> None:
    """rho * s / (1 - rho)."""
    sizes = -np.log(1 - (np.arange(1000) + 0.5) / 1000)  # quantiles of the exponential distribution
    wait, error = mean_waits(PICTURES_ALONE, utilisation, tuple(sizes / sizes.mean()))
    assert abs(wait - utilisation * SERVICE / (1 - utilisation)) < WITHIN * error


@pytest.mark.parametrize("costs", [BATCHES, PHOTOS])
@pytest.mark.parametrize("until", [None, 0.5])
def test_what_arrives_is_answered_refused_or_waiting(costs: Costs, until: float | None) -> None:
    limits = Limits(batch_rows=64, queue_rows=65_536, wait_seconds=0.2)
    rate = 3 / (costs.decode or 5e-5)
    seen = simulate(costs, limits, rate, requests=2000, client=Client(256), until=until)
    assert seen.due == seen.answered + seen.turned_away + seen.left
    assert seen.answered > 0
    assert (seen.left > 0) == (until is not None and costs is PHOTOS) or costs is BATCHES
    assert (seen.turned_away > 0) == (costs is PHOTOS)


def test_a_full_queue_refuses() -> None:
    limits = Limits(batch_rows=64, queue_rows=100, wait_seconds=math.inf)
    batches = Costs(1e-4, 1e-5, 1e-5, 1e-5, decode=0, rows=64, runs=((0, 0.0), (64, 1e-3)))
    assert simulate(batches, limits, 3000.0, requests=2000).refused > 0.5


def test_a_busy_worker_runs_more_rows_at_a_time_and_so_answers_more_than_one_by_one() -> None:
    limits = Limits(batch_rows=64, queue_rows=65_536, wait_seconds=2.0)
    one_by_one = BATCHES.turn + BATCHES.before + BATCHES.after + BATCHES.run_seconds[1]
    assert simulate(BATCHES, limits, 1.5 / one_by_one, requests=5000).percentile(99) < 0.01


def test_what_others_take_is_lost() -> None:
    limits = Limits(batch_rows=64, queue_rows=65_536, wait_seconds=math.inf)

    def at_half(trace: stalls.Trace, client: stalls.Trace) -> float:
        return simulate(PHOTOS, limits, 30.0, requests=500, trace=trace, client=Client(trace=client)).percentile(90)

    calm, loss = at_half([], []), 0.02
    assert at_half([(0.05, loss)], []) > calm + loss / 2
    assert calm + loss / 4 < at_half([], [(0.05, loss)]) <= calm + loss


def test_an_autoscaler_by_requests_is_back_before_one_by_cpu() -> None:
    limits = Limits(batch_rows=64, queue_rows=65_536, wait_seconds=2.0)
    slow = Costs(1e-3, 1e-3, 1e-3, 1e-3, decode=0.12, rows=1, runs=((0, 0.0), (64, 1e-3)))
    backs = [stepped("", slow, limits, Autoscaler(0.6, by, 5.0), 10.0, 150.0).back_after for by in (True, False)]
    assert backs[0] is not None
    assert backs[0] < (backs[1] or math.inf)


def test_the_page_and_its_pictures_are_those_of_the_samples(samples: Samples, tmp_path: Path) -> None:
    page.write(tmp_path, samples)
    for name in ("scale.md", "scale-headroom.svg", "scale-step.svg"):
        assert (tmp_path / name).read_bytes() == (ROOT / "docs" / name).read_bytes(), f"{name}: --from-samples"


def test_predictions_follow_from_what_was_measured(samples: Samples) -> None:
    points = [one for one in samples.measured.points if (one.kind, one.share) == ("photo", 0.3)]
    seen = [predict.predict(samples.measured, point, seed) for seed, point in enumerate(points)]
    kept = next(one for one in samples.simulated.predictions if (one.kind, one.share) == ("photo", 0.3))
    assert float(np.median([one.percentile(99) for one in seen])) == pytest.approx(kept.p99)


def test_a_billion_images_follow_from_the_cost_of_one(samples: Samples, tmp_path: Path) -> None:
    content = json.loads(samples.model_dump_json())
    for one in content["measured"]["kinds"]:
        one["loop_seconds"], one["decode_seconds"] = [0.001] * 3, [0.001] * 3
        one["images"], one["request_bytes"] = 2, 1000
    changed = Samples.model_validate(content)
    need = arithmetic.need(changed, changed.measured.kinds[0])
    assert need.mean_rate == pytest.approx(1e9 / 2 / 86_400)
    assert need.cores == math.ceil(need.peak_rate * 0.002 / need.utilisation)
    assert need.kept_gb == pytest.approx(0.5)
    page.write(tmp_path, changed)
    assert f"| {need.cores:,} | {need.pods:,} |" in (tmp_path / "scale.md").read_text()
