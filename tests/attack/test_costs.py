"""What few bytes may cost: the attacks that were found once, and a short search for others, with a fixed seed."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.attack.calm import warm_up
from benchmarks.attack.named import ATTACKS, FOUND
from benchmarks.attack.search import REFUSED_WELL, Search, allowed_seconds
from benchmarks.attack.service import Service, running

SECONDS, SEED = 20, 14
BUSY_MACHINE = 2.0  # times what is allowed: other tests run besides, and slow down each other's caches


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running(tmp_path_factory.mktemp("attacked") / "log") as service:
        asyncio.run(warm_up(service, rounds=1))  # the first request of a kind may start a process
        yield service


@pytest.mark.parametrize("name", ATTACKS)
def test_a_known_attack_is_within_budget(service: Service, name: str) -> None:
    request = ATTACKS[name]()
    seconds, answer = service.cost(request)
    print(f"{len(request.body):,} bytes cost {seconds:.3f} s; {answer.status} {answer.body[:200]!r}")
    assert seconds < BUSY_MACHINE * allowed_seconds(len(request.body))
    assert answer.status in REFUSED_WELL | {200}


def test_a_short_search_finds_nothing_over_budget(service: Service) -> None:
    search = Search(service, SEED)
    search.run(SECONDS, FOUND)
    print(*search.worst(5), sep="\n")
    assert search.tried >= len(FOUND)
    assert [f"{one}\n{one.genome.text()}" for one in search.over_budget(BUSY_MACHINE)] == []
    assert [f"{one.status} {one.genome.text()}" for one in search.failures] == []


def test_the_service_logged_no_traceback(service: Service) -> None:
    assert "Traceback" not in Path(service.log).read_text()
