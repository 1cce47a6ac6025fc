"""HEIC photos and pages of PDF files: decoded as other pictures are, and within the budget whatever they hold."""

import random
import resource
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from app.budget import Budget, allowed_seconds
from app.errors import BadRequest, ImageTooLarge, ServiceError, TooMuchWork, Undecodable
from app.imaging.decode import decode, open_image, pages_of
from app.tasks.digits import strokes
from benchmarks.attack import documents
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


def test_a_photo_is_known_by_its_header_and_decoded_when_wanted() -> None:
    image = open_image(PHOTO, max_pixels=MANY)
    assert (image.format, image.size) == ("HEIF", (560, 560))
    assert difference(decode(image), SEVEN) < 3


def test_a_photo_is_made_smaller_by_a_whole_factor() -> None:
    assert decode(open_image(PHOTO, "image/heic", max_pixels=MANY), 140).shape == (140, 140)


def test_a_photo_is_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turn it to the right
    photo = encoded(Image.fromarray(SEVEN), "HEIF", exif=exif.tobytes())
    assert difference(decode(open_image(photo, max_pixels=MANY)), np.rot90(SEVEN, -1)) < 3


def test_a_transparent_photo_is_laid_on_paper() -> None:
    ink = np.dstack([np.zeros((*SEVEN.shape, 3), np.uint8), 255 - SEVEN])
    assert difference(decode(open_image(encoded(Image.fromarray(ink), "HEIF"), max_pixels=MANY)), SEVEN) < 3


@pytest.mark.parametrize("photo", [PHOTO[:40], PHOTO[:-100], PHOTO[:24] + bytes(5000)])
def test_a_broken_photo_is_refused(photo: bytes) -> None:
    with pytest.raises(Undecodable):
        decode(open_image(photo, max_pixels=MANY))


@pytest.mark.parametrize("whole", [PHOTO, SCAN], ids=["heic", "pdf"])
@settings(deadline=None, max_examples=20)  # each takes two processes
@given(seed=st.integers(0, 2**32))
def test_damaged_ones_are_read_or_refused(whole: bytes, seed: int) -> None:
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


def test_pages_are_told_apart() -> None:
    assert pages_of(SCAN, Budget(1.0)) == 2
    assert pages_of(PHOTO, Budget(1.0)) == 1
    first, second = (decode(open_image(SCAN, max_pixels=MANY, page=page), 560) for page in (1, 2))
    assert difference(first, 255 - second) < 3
    assert first.shape == (1119, 1119)


def test_a_page_has_a_size_whatever_it_says() -> None:
    sizes = [
        open_image(documents.page(b"", box=box), max_pixels=MANY).size
        for box in (b"0 0 1e30 1e30", b"0 0 nan 1", b"0 0 0 0", b"0 0 0.0001 5000", b"100 800 0 0")
    ]
    assert all(1 <= min(size) <= max(size) <= 1600 for size in sizes)


def test_text_is_drawn_without_fonts_of_the_system() -> None:
    font = b"<</Font<</F<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>>>"
    pixels = decode(open_image(documents.page(b"BT /F 200 Tf 50 300 Td (407) Tj ET", font), max_pixels=MANY))
    assert 0.02 < (pixels < 100).mean() < 0.2


@pytest.mark.parametrize(
    ("data", "page", "error"),
    [(SCAN, 3, BadRequest), (PHOTO, 2, BadRequest), (encoded(SEVEN), 2, BadRequest), (SCAN[:300], 1, Undecodable)],
)
def test_a_page_that_is_not_there_is_refused(data: bytes, page: int, error: type[ServiceError]) -> None:
    with pytest.raises(error):
        open_image(data, max_pixels=MANY, page=page)


def test_what_is_said_binds() -> None:
    for data, media_type in ((SCAN, "image/heic"), (PHOTO, "application/pdf"), (encoded(SEVEN), "image/heif")):
        with pytest.raises(Undecodable, match=f"expected {media_type}"):
            open_image(data, media_type, max_pixels=MANY)


def test_pixels_and_memory_are_limited_by_the_header() -> None:
    with pytest.raises(ImageTooLarge, match="at most 300,000"):
        open_image(PHOTO, max_pixels=300_000)
    with pytest.raises(ImageTooLarge, match="MB"):
        open_image(documents.heic(SEVEN[:128, :128], "L", "more", 45, 50), max_pixels=MANY)


@pytest.mark.parametrize("name", [name for name in ATTACKS if "PDF" in name or "HEIC" in name])
def test_an_attack_takes_no_more_than_it_may(name: str) -> None:
    data = ATTACKS[name]().body
    before, budget = cpu_seconds(), Budget(allowed_seconds(len(data)))
    with suppress(TooMuchWork, Undecodable, ImageTooLarge):
        decode(open_image(data, max_pixels=MANY, budget=budget), budget=budget)
    assert cpu_seconds() - before < SLACK * budget.whole


def cpu_seconds() -> float:
    own, ended = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return own.ru_utime + own.ru_stime + ended.ru_utime + ended.ru_stime
