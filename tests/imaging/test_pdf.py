"""Pages of PDF files: drawn as other pictures are decoded, and within the budget whatever they hold."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.budget import Budget
from app.errors import BadRequest, ServiceError, Undecodable
from app.imaging.decode import decode, open_image, pages_of
from benchmarks.attack import documents
from benchmarks.attack.named import ATTACKS
from tests.imaging.documents import (
    MANY,
    PHOTO,
    SCAN,
    SEVEN,
    assert_attack_within_budget,
    assert_read_or_refused,
    assert_within,
    difference,
)
from tests.pictures import encoded


@settings(deadline=None, max_examples=20)  # each takes two processes
@given(seed=st.integers(0, 2**32))
def test_a_damaged_file_is_read_or_refused(seed: int) -> None:
    assert_read_or_refused(SCAN, seed)


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
    ("data", "page", "error"), [(SCAN, 3, BadRequest), (encoded(SEVEN), 2, BadRequest), (SCAN[:300], 1, Undecodable)]
)
def test_a_page_that_is_not_there_is_refused(data: bytes, page: int, error: type[ServiceError]) -> None:
    with pytest.raises(error):
        open_image(data, max_pixels=MANY, page=page)


def test_what_is_said_binds() -> None:
    with pytest.raises(Undecodable, match="expected image/heic"):
        open_image(SCAN, "image/heic", max_pixels=MANY)


@pytest.mark.parametrize("name", [name for name in ATTACKS if "PDF" in name])
def test_an_attack_takes_no_more_than_it_may(name: str) -> None:
    assert_attack_within_budget(name)


def test_pages_that_are_given_up_are_paid_for() -> None:
    assert_within(0.25, documents.pdf(SEVEN, "L", "shadings", 9, 0), pages=9)
