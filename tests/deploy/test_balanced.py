"""Instances behind the real HAProxy with the configuration that is recommended, each in a network of its own."""

import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack

import numpy as np
import pytest
from digitserve_client import Client, DigitserveError

from benchmarks.balanced import CALLERS, CUT_SECONDS, NAMES, Balanced, balanced
from benchmarks.kills import Callers, Outcome
from benchmarks.servers import NoServer
from tests.conftest import MODELS, wait_until

pytestmark = pytest.mark.skipif(shutil.which("haproxy") is None, reason="haproxy is not installed")


@pytest.fixture(scope="module")
def running() -> Iterator[Balanced]:
    try:
        with balanced(MODELS) as made:
            yield made
    except NoServer as error:
        if "Operation not permitted" in str(error):  # the container, or the person, who runs the tests may not do it
            pytest.skip("networks are made by root alone")
        raise


def test_a_rolling_restart_under_load_loses_nothing(running: Balanced) -> None:
    outcome = Outcome()
    with Callers(running.port, outcome).calling(CALLERS, CALLERS):
        running.restart_all()
    print(f"{outcome.answered:,} answered")
    assert (outcome.refused, outcome.lost) == (0, [])
    assert outcome.answered > 500


def test_what_an_instance_held_that_is_cut_off_is_asked_again_by_the_client(running: Balanced) -> None:
    failed, answered, stop = list[str](), [0], threading.Event()

    def call() -> None:
        with Client(f"http://127.0.0.1:{running.port}", timeout=5) as client:
            while not stop.is_set():
                try:
                    answered[0] += client.predict(np.eye(28, dtype=np.uint8) * 255).digit in range(10)
                except DigitserveError as error:
                    failed.append(repr(error))

    callers = [threading.Thread(target=call) for _ in range(CALLERS)]
    for caller in callers:
        caller.start()
    cut = running.instances[NAMES[0]]
    try:
        time.sleep(0.5)
        cut.cut_off()
        time.sleep(CUT_SECONDS)
        assert running.up() == {NAMES[1]}
        cut.plug_in()
        running.wait_until_up(*NAMES)
        wait_until(lambda: answered[0] > 50)
    finally:
        stop.set()
        for caller in callers:
            caller.join()
    assert failed == []


def test_one_that_is_slow_holds_up_no_others(running: Balanced) -> None:
    """It is held four fifths of the time, and yet in two seconds the other one answers."""
    outcome = Outcome()
    with Callers(running.port, outcome).calling(CALLERS, CALLERS):
        running.instances[NAMES[0]].hold(2)
    running.wait_until_up(*NAMES)
    assert (outcome.refused, outcome.lost) == (0, [])
    assert outcome.answered > 200


def test_where_all_are_too_busy_to_answer_checks_they_are_asked_all_the_same(running: Balanced) -> None:
    outcome = Outcome()
    with Callers(running.port, outcome).calling(CALLERS, CALLERS):
        with ExitStack() as held:
            for instance in running.instances.values():
                held.enter_context(instance.held())
            running.wait_until_down(*NAMES)
            time.sleep(0.5)
        running.wait_until_up(*NAMES)
        wait_until(lambda: outcome.answered > 100)
    assert (outcome.refused, outcome.lost) == (0, [])
