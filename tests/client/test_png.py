"""The PNG writer against Pillow, the reader that the service itself uses."""

from io import BytesIO
from random import Random

import numpy as np
import pytest
from digitserve_client import png
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image


@settings(deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.sampled_from([1, 3, 4]), st.randoms())
def test_pillow_reads_back_every_pixel(height: int, width: int, channels: int, random: Random) -> None:
    pixels = random.randbytes(height * width * channels)
    with Image.open(BytesIO(png.encode(pixels, height, width, channels))) as image:
        image.load()
        assert image.format == "PNG"
        assert image.size == (width, height)
        assert image.mode == {1: "L", 3: "RGB", 4: "RGBA"}[channels]
        assert np.asarray(image).tobytes() == pixels


def test_a_photo_of_one_colour_becomes_small() -> None:
    assert len(png.encode(bytes(2000 * 1000 * 3), 2000, 1000, 3)) < 60_000


@pytest.mark.parametrize("channels", [0, 2, 5])
def test_other_numbers_of_channels_are_refused(channels: int) -> None:
    with pytest.raises(KeyError):
        png.encode(bytes(4 * channels), 2, 2, channels)
