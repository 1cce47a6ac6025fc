"""HEIC photos: decoded as other pictures are, and within the budget whatever they hold."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from app.errors import BadRequest, ImageTooLarge, Undecodable
from app.imaging.decode import decode, open_image
from benchmarks.attack import documents
from benchmarks.attack.named import ATTACKS
from tests.imaging.documents import (
    MANY,
    PHOTO,
    SEVEN,
    assert_attack_within_budget,
    assert_read_or_refused,
    difference,
)
from tests.pictures import encoded


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


@settings(deadline=None, max_examples=20)  # each takes two processes
@given(seed=st.integers(0, 2**32))
def test_a_damaged_photo_is_read_or_refused(seed: int) -> None:
    assert_read_or_refused(PHOTO, seed)


def test_a_photo_has_no_second_page() -> None:
    with pytest.raises(BadRequest):
        open_image(PHOTO, max_pixels=MANY, page=2)


@pytest.mark.parametrize(("data", "media_type"), [(PHOTO, "application/pdf"), (encoded(SEVEN), "image/heif")])
def test_what_is_said_binds(data: bytes, media_type: str) -> None:
    with pytest.raises(Undecodable, match=f"expected {media_type}"):
        open_image(data, media_type, max_pixels=MANY)


def test_pixels_and_memory_are_limited_by_the_header() -> None:
    with pytest.raises(ImageTooLarge, match="at most 300,000"):
        open_image(PHOTO, max_pixels=300_000)
    with pytest.raises(ImageTooLarge, match="MB"):
        open_image(documents.heic(SEVEN[:128, :128], "L", "more", 45, 50), max_pixels=MANY)


def test_a_photo_of_a_newer_iphone_is_not_too_large() -> None:
    assert open_image(documents.heic(SEVEN[:102, :136], "L", "more", 42, 50), max_pixels=MANY).size == (5712, 4284)


@pytest.mark.parametrize("name", [name for name in ATTACKS if "HEIC" in name])
def test_an_attack_takes_no_more_than_it_may(name: str) -> None:
    assert_attack_within_budget(name)
