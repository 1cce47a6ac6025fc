"""Images by their first bytes."""

import numpy as np
import pytest

from app.imaging.signatures import FIRST_BYTES, media_type_of
from tests.pictures import encoded

GREY = np.full((40, 60), 128, np.uint8)
KINDS = {
    "PNG": "image/png",
    "JPEG": "image/jpeg",
    "GIF": "image/gif",
    "TIFF": "image/tiff",
    "WEBP": "image/webp",
    "BMP": "image/bmp",
    "PDF": "application/pdf",
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_is_known_and_its_first_byte_is_not_enough(kind: str) -> None:
    data = encoded(GREY, kind)
    assert data[:1] in FIRST_BYTES
    assert media_type_of(data) == KINDS[kind]
    assert media_type_of(data[:1] + bytes(783)) == ""


def test_a_photo_in_heic_is_known() -> None:
    pytest.importorskip("pillow_heif")
    assert media_type_of(encoded(GREY, "HEIF")) == "image/heic"


@pytest.mark.parametrize("shade", range(256))
def test_a_frame_of_one_shade_is_no_image(shade: int) -> None:
    assert media_type_of(bytes([shade]) * 784) == ""
