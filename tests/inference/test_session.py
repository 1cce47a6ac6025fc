"""Opening models: on the device that was asked for, or not at all."""

import os
import threading
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray

from app.errors import BundleError, StartError
from app.inference.session import CPU, CUDA, Session, padded
from app.tasks.digits.manifest import read_bundle
from tests import models
from tests.conftest import DIGITS

Digits = NDArray[np.uint8]
WITHOUT_CUDA = CUDA not in onnxruntime.get_available_providers()


@pytest.fixture
def model() -> bytes:
    return read_bundle(DIGITS).model


def test_auto_takes_what_works(model: bytes) -> None:
    session = Session(model, device="auto")
    assert session.provider == (CPU if WITHOUT_CUDA else session.provider)


@pytest.mark.skipif(not WITHOUT_CUDA, reason="this ONNX Runtime has CUDA, so asking for it is right")
def test_cuda_without_cuda_is_refused(model: bytes) -> None:
    with pytest.raises(StartError, match=r"no CUDA provider .*use --device cpu or auto"):
        Session(model, device="cuda")


def test_bytes_that_are_no_model() -> None:
    with pytest.raises(BundleError, match="cannot open"):
        Session(b"nothing")


def test_a_graph_that_names_a_file_of_tensors_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Handed the bytes, ONNX Runtime would read it from the working directory."""
    monkeypatch.chdir(tmp_path)
    proto = onnx.load_from_string(models.chain(4 << 20))
    onnx.save(proto, tmp_path / "model.onnx", save_as_external_data=True, location="weights")
    assert (tmp_path / "weights").exists()
    with pytest.raises(BundleError, match="External data"):
        Session((tmp_path / "model.onnx").read_bytes())


def test_other_threads_go_on_while_a_large_model_is_opened() -> None:
    """To parse 64 MB without letting them takes 30 ms of a core. What counts is the opening thread's own time between
    two moments at which this one goes on, for other processes take the cores too; in one of the tries they let it.
    """
    model = models.chain(64 << 20)

    def longest_hold() -> float:
        opening = threading.Thread(target=Session, args=[model])
        opening.start()
        clock = time.pthread_getcpuclockid(opening.ident or 0)
        longest = last = 0.0
        with suppress(OSError):  # it has ended
            while opening.is_alive():
                time.sleep(0.0005)
                now = time.clock_gettime(clock)
                longest, last = max(longest, now - last), now
        opening.join()
        return longest

    holds = [longest_hold() for _ in range(5)]
    print([f"{1e3 * hold:.1f} ms" for hold in holds])
    assert min(holds) < 0.015


@pytest.mark.parametrize(("images", "to"), [(1, 1), (2, 2), (3, 4), (7, 8), (33, 64), (64, 64), (65, 128)])
def test_what_cuda_runs_is_padded_and_reads_the_same(model: bytes, digits: Digits, images: int, to: int) -> None:
    frames = np.resize(digits, (images, 28, 28))
    grown = padded(frames)
    assert grown.shape == (to, 28, 28)
    assert not grown[images:].any()
    session = Session(model)
    for of_grown, alone in zip(session.run((grown,)), session.run((frames,)), strict=True):
        np.testing.assert_allclose(of_grown[:images], alone, atol=1e-5)


def test_runs_share_what_memory_they_may_take_and_give_it_back() -> None:
    def resident() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    doubled = models.doubled()
    session, other = (Session(doubled, run_bytes=96_000_000) for _ in range(2))
    for one in (session, other):
        one.run((np.zeros((1, 1000), np.float32),))
    before = resident()
    assert session.run((np.ones((1, 20_000_000), np.float32),))[0].sum() == 40_000_000
    session.run((np.zeros((1, 1000), np.float32),))
    assert resident() < before + 40_000_000
    for one in (session, other):
        with pytest.raises(Exception, match="Available memory of"):
            one.run((np.zeros((1, 30_000_000), np.float32),))
        one.run((np.zeros((1, 1000), np.float32),))
