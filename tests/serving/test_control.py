"""Models loaded and unloaded in one process: what becomes live, what stays, and what goes."""

import asyncio
import gc
import os
import shutil
import threading
import weakref
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from app.config import Settings
from app.errors import ChangeInProgress, DefaultModelStays, ModelControlOff, ModelNotFound, ModelRefused
from app.inference.bundle import Manifest
from app.inference.session import Session
from app.serving.control import Control
from app.serving.repository import Repository
from app.tasks.registry import TASKS
from app.tasks.tensors.manifest import TASK as TENSORS
from app.tasks.tensors.task import TensorsTask
from app.telemetry.metrics import Metrics
from tests import models
from tests.conftest import MLP

ROW = np.ones((1, 3), np.float32)


class Opening(TensorsTask):
    """Which waits to be let go on, as a large model's does for its bytes."""

    def __init__(self) -> None:
        self.begun, self.go_on = threading.Event(), threading.Event()

    def open(self, manifest: Manifest, session: Session) -> Any:
        self.begun.set()
        assert self.go_on.wait(20)
        return super().open(manifest, session)


class House:
    """A folder of models, and what is live of it."""

    def __init__(self, root: Path, *, model_control: bool = True, **tasks: Any) -> None:
        (root / MLP.parent.name).mkdir()
        (root / MLP.parent.name / MLP.name).symlink_to(MLP.resolve())
        self.root = root
        settings = Settings(models=root, default_model=MLP.parent.name, model_control=model_control)
        self.metrics = Metrics(CollectorRegistry())
        self.repository = Repository(settings, self.metrics, {**TASKS, **tasks})
        self.repository.load()
        self.control = Control(settings, self.repository, None)

    def put(self, content: bytes, version: str) -> Path:
        return models.put(self.root, "add", content, version)

    def load(self) -> None:
        asyncio.run(self.control.load("add"))

    def live(self) -> list[str]:
        return [model.label for model in self.repository.all() if model.names[0] == "add"]

    def index(self, **options: bool) -> list[tuple[str, str, str]]:
        entries = asyncio.run(self.control.index(**options))
        return [(one["version"], one["state"], one["reason"]) for one in entries if one["name"] == "add"]

    def info(self) -> list[str]:
        """Versions of the model that metrics call live."""
        collected = asyncio.run(self.metrics.collect()).metrics
        samples = [
            sample for metric in collected if metric.name == "digitserve_model_info" for sample in metric.samples
        ]
        return [sample.labels["version"] for sample in samples if sample.labels["model"] == "add"]


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def test_what_is_new_becomes_live_and_what_is_unchanged_stays_as_it_is(house: House) -> None:
    house.put(models.add(), "1")
    house.load()
    before = house.repository.get("add", "1")
    house.put(models.doubled(), "2")
    house.load()
    assert house.live() == ["add/2", "add/1"]
    assert house.repository.get("add", "1") is before
    assert house.repository.get("add").names[1] == "2"


def test_what_was_changed_in_place_is_opened_anew(house: House) -> None:
    folder = house.put(models.add(), "1")
    house.load()
    (folder / "model.onnx").write_bytes(models.doubled())
    house.load()
    assert [tensor.name for tensor in house.repository.get("add").runner.contract.inputs] == ["x"]


def test_a_version_beyond_the_newest_goes_from_metrics_too(house: House) -> None:
    for version in ("1", "2"):
        house.put(models.add(), version)
    house.load()
    assert sorted(house.info()) == ["1", "2"]
    house.put(models.add(), "3")
    house.load()
    assert house.live() == ["add/3", "add/2"]
    assert sorted(house.info()) == ["2", "3"]


def test_a_version_that_fails_leaves_all_as_it_was_and_is_listed_with_its_reason(house: House) -> None:
    house.put(models.add(), "1")
    house.load()
    broken = house.put(models.sequence(), "2")
    with pytest.raises(ModelRefused, match=r"add/2 cannot be served: .*sequence"):
        house.load()
    assert house.live() == ["add/1"]
    (second, first) = house.index()
    assert (second[:2], first) == (("2", "UNAVAILABLE"), ("1", "READY", ""))
    assert "sequence" in second[2]
    assert house.index(ready=True) == [first]
    shutil.rmtree(broken)
    house.load()
    assert house.index() == [first]


def test_what_no_one_has_loaded_is_listed(house: House) -> None:
    house.put(models.add(), "1")
    ((version, state, reason),) = house.index()
    assert (version, state) == ("1", "UNAVAILABLE")
    assert "loading the model brings" in reason


def test_what_is_unloaded_answers_no_more_and_can_be_loaded_again(house: House) -> None:
    house.put(models.add(), "1")
    house.load()
    asyncio.run(house.control.unload("add"))
    with pytest.raises(ModelNotFound, match="no live model is called 'add'"):
        house.repository.get("add")
    assert house.info() == []
    with pytest.raises(ModelNotFound):
        asyncio.run(house.control.unload("add"))
    house.load()
    assert house.live() == ["add/1"]


def test_the_default_model_stays(house: House) -> None:
    with pytest.raises(DefaultModelStays, match="DIGITSERVE_DEFAULT_MODEL"):
        asyncio.run(house.control.unload(MLP.parent.name))
    assert house.repository.get()


@pytest.mark.parametrize("name", ["none", "..", ".", "", "add/1", "a" * 300, "a\0b"])
def test_names_that_are_no_model(house: House, name: str) -> None:
    house.put(models.add(), "1")
    with pytest.raises(ModelNotFound):
        asyncio.run(house.control.load(name))


def test_a_folder_that_was_emptied_does_not_unload_its_model(house: House) -> None:
    folder = house.put(models.add(), "1")
    house.load()
    shutil.rmtree(folder)
    with pytest.raises(ModelNotFound):
        house.load()
    with pytest.raises(ModelRefused, match="holds no version"):
        house.repository.stage("add")
    assert house.index() == [("1", "READY", "")]


@pytest.mark.parametrize("change", ["load", "unload"])
def test_nobody_loads_where_that_is_not_allowed(tmp_path: Path, change: str) -> None:
    house = House(tmp_path, model_control=False)
    with pytest.raises(ModelControlOff, match="--model-control"):
        asyncio.run(getattr(house.control, change)("add"))


def test_requests_in_flight_end_on_the_old_version_which_then_goes(house: House) -> None:
    folder = house.put(models.add(), "1")
    house.load()

    async def reload_meanwhile() -> weakref.ref[Any]:
        old = house.repository.get("add")
        admitted_before = old.batcher.submit((ROW, ROW))
        os.utime(folder / "model.onnx")
        await house.control.load("add")
        assert house.repository.get("add") is not old
        submitted_after = old.batcher.submit((ROW, ROW))
        for submission in (admitted_before, submitted_after):
            assert (await submission).outputs[0].tolist() == [[2, 2, 2]]
        return weakref.ref(old.session)

    def gone(made: Callable[[], Coroutine[Any, Any, weakref.ref[Any]]]) -> bool:
        return asyncio.run(made())() is None

    gc.collect()
    gc.disable()  # by counting references alone
    try:
        assert gone(reload_meanwhile)
    finally:
        gc.enable()


def test_the_event_loop_goes_on_while_a_model_is_opened_and_others_are_told_to_wait(tmp_path: Path) -> None:
    opening = Opening()
    house = House(tmp_path, **{TENSORS: opening})
    house.put(models.add(), "1")

    async def load() -> None:
        loading = asyncio.create_task(house.control.load("add"))
        while not opening.begun.is_set():
            await asyncio.sleep(0.01)
        with pytest.raises(ChangeInProgress) as busy:
            await house.control.load("add")
        assert busy.value.retry_after
        with pytest.raises(ModelNotFound):
            house.repository.get("add")
        opening.go_on.set()  # which a load on the event loop would wait for in vain
        await loading

    asyncio.run(load())
    assert house.live() == ["add/1"]


def test_a_load_that_is_given_up_is_not_made_when_it_is_ready_later(tmp_path: Path) -> None:
    opening = Opening()
    house = House(tmp_path, **{TENSORS: opening})
    house.put(models.add(), "1")

    async def load() -> None:
        loading = asyncio.create_task(house.control.load("add"))
        while not opening.begun.is_set():
            await asyncio.sleep(0.01)
        loading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await loading
        opening.go_on.set()
        assert house.live() == []
        await house.control.load("add")

    asyncio.run(load())
    assert house.live() == ["add/1"]
