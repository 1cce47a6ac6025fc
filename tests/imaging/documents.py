"""A photo in HEIC, a scan of two pages in PDF, and what tests ask of both."""

import random
import resource
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from importlib import import_module
from multiprocessing import get_context

import numpy as np
import pytest
from PIL import Image

from app.budget import Budget, allowed_seconds
from app.errors import ImageTooLarge, ServiceError, TooMuchWork, Undecodable
from app.imaging.decode import MODULES, decode, open_image
from app.tasks.digits import strokes
from benchmarks.attack.named import ATTACKS
from tests.pictures import encoded

for extra in ("pillow_heif", "pypdfium2"):
    pytest.importorskip(extra, reason="the extras `heic` and `pdf` are not installed")

MANY = 64_000_000
SEVEN = np.kron(255 - strokes.render(7), np.ones((20, 20), np.uint8))
PHOTO = encoded(Image.fromarray(SEVEN), "HEIF")
SCAN = encoded(Image.fromarray(SEVEN), "PDF", save_all=True, append_images=[Image.fromarray(255 - SEVEN)])
SLACK = 2  # a machine that does other things besides takes so much longer for the same work


def difference(pixels: np.ndarray, expected: np.ndarray) -> float:
    return float(np.abs(pixels.astype(float) - expected).mean())


def assert_read_or_refused(whole: bytes, seed: int) -> None:
    """Bytes of the beginning changed, and the end cut: an answer or a ServiceError, and nothing else."""
    chance, data = random.Random(seed), bytearray(whole)
    for _ in range(chance.randint(1, 8)):
        data[chance.randrange(12, min(len(data), 600))] = chance.randrange(256)
    try:
        pixels = decode(open_image(bytes(data[: chance.randint(len(data) // 3, len(data))]), max_pixels=MANY))
    except ServiceError:
        return
    assert pixels.dtype == np.uint8
    assert pixels.size > 0


def assert_attack_within_budget(name: str) -> None:
    data = ATTACKS[name]().body
    assert_within(allowed_seconds(len(data)), data)


def assert_within(seconds: float, data: bytes, pages: int = 1) -> None:
    """Such a budget for so many of its pages. In a process as small as those that decode: to fork one of a test's size
    takes longer than the work that it may do."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        assert process.submit(_cpu_seconds, seconds, data, pages).result() < SLACK * seconds


def _cpu_seconds(seconds: float, data: bytes, pages: int) -> float:
    for module in MODULES.values():
        import_module(module)
    budget, before = Budget(seconds), _all_cpu_seconds()
    for page in range(1, pages + 1):
        with suppress(TooMuchWork, Undecodable, ImageTooLarge):
            decode(open_image(data, max_pixels=MANY, budget=budget, page=page), budget=budget)
    return _all_cpu_seconds() - before


def _all_cpu_seconds() -> float:
    own, ended = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return own.ru_utime + own.ru_stime + ended.ru_utime + ended.ru_stime
