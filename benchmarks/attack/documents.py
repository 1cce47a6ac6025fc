"""PDF files that are cheap to say and dear to draw, and HEIC photos whose headers lie.

Source: ISO 32000-1; ISO/IEC 14496-12 for HEIC's boxes.
"""

import io
import struct
import zlib
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Grey = NDArray[np.uint8]
LINE, CURVE = b"0 0 m 999 999 l S\n", b"0 0 m 9 900 800 0 600 800 c 40 w S\n"
SHADING = (
    b"<</Shading<</S<</ShadingType 2/ColorSpace/DeviceRGB/Coords[0 0 600 800]/Extend[true true]"
    b"/Function<</FunctionType 2/Domain[0 1]/C0[0 0 0]/C1[1 1 1]/N 1>>>>>>>>"
)
SOON_WRITTEN = 250_000  # pixels; x265 takes seconds for more


def pdf(grey: Grey, _: str, trick: str, pieces: int, __: int) -> bytes:
    """`pieces`: how often something is drawn, or pages."""
    return PDF_TRICKS[trick](grey, pieces)


def _picture(grey: Grey, _: int) -> bytes:
    """An honest scan, one byte a pixel."""
    return _with_image(grey.shape[1], grey.shape[0], grey.tobytes(), 8)


def _bomb(grey: Grey, pieces: int) -> bytes:
    """An image of far more pixels than it has bytes, one bit each."""
    side = min(60_000, len(grey) + pieces)
    return _with_image(side, side, bytes((side + 7) // 8 * side), 1)


def _with_image(width: int, height: int, data: bytes, bits: int) -> bytes:
    said = b"/Type/XObject/Subtype/Image/Width %d/Height %d/ColorSpace/DeviceGray/BitsPerComponent %d"
    image = _stream(data, said % (width, height, bits))
    return page(b"600 0 0 800 0 0 cm /I Do", b"<</XObject<</I 5 0 R>>>>", image)


def _nested(_: Grey, pieces: int) -> bytes:
    """Forms that draw forms, each several times."""
    times, depth = 2 + pieces % 99, 2 + pieces % 7
    forms = [
        _stream(b"/F Do\n" * times, b"/Type/XObject/Subtype/Form/BBox[0 0 600 800]/Resources " + _forms(6 + level))
        for level in range(depth - 1)
    ]
    forms.append(_stream(LINE * times, b"/Type/XObject/Subtype/Form/BBox[0 0 600 800]"))
    return page(b"/F Do\n" * times, _forms(5), *forms)


def _forms(number: int) -> bytes:
    return b"<</XObject<</F %d 0 R>>>>" % number


def page(
    content: bytes, resources: bytes = b"<<>>", *more: bytes, box: bytes = b"0 0 600 800", pages: int = 1
) -> bytes:
    """A file of one page, or of that page so many times; further objects are numbered from 5."""
    one = b"<</Type/Page/Parent 2 0 R/MediaBox[%s]/Resources %s/Contents 4 0 R>>" % (box, resources)
    return _file(b"<</Type/Pages/Kids[%s]/Count %d>>" % (b"3 0 R " * pages, pages), one, _stream(content), *more)


def _file(*objects: bytes) -> bytes:
    data, places = b"%PDF-1.7\n", []
    for number, content in enumerate((b"<</Type/Catalog/Pages 2 0 R>>", *objects), 1):
        places.append(len(data))
        data += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    head = b"xref\n0 %d\n0000000000 65535 f \n" % (len(places) + 1)
    return (
        data + head + table + b"trailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF" % (len(places) + 1, len(data))
    )


def _stream(data: bytes, said: bytes = b"") -> bytes:
    packed = zlib.compress(data, 9)
    return b"<<%s/Length %d/Filter/FlateDecode>>stream\n%s\nendstream" % (said, len(packed), packed)


PDF_TRICKS: dict[str, Callable[[Grey, int], bytes]] = {
    "picture": _picture,
    "bomb": _bomb,
    "lines": lambda _, pieces: page(LINE * 100 * pieces),
    "curves": lambda _, pieces: page(CURVE * pieces),
    "shading": lambda _, pieces: page(b"/S sh\n" * pieces, SHADING),
    "nested": _nested,
    "pages": lambda _, pieces: page(b"", pages=pieces),
    "shadings": lambda _, pieces: page(b"/S sh\n" * 300, SHADING, pages=pieces),
}
HEIC_TRICKS = ("plain", "tiles", "less", "more")


def heic(grey: Grey, mode: str, trick: str, pieces: int, effort: int) -> bytes:
    """`pieces`: by how much its header tells less, or more, than it has. Raises ValueError where writing takes long."""
    import pillow_heif  # an extra

    if grey.size > SOON_WRITTEN:
        raise ValueError("too large to write")
    file = io.BytesIO()
    image = pillow_heif.from_pillow(Image.fromarray(grey).convert(mode if mode in {"RGB", "RGBA"} else "L"))
    image.save(file, quality=effort % 101, **({"tile_size": 64} if trick == "tiles" else {}))
    data = file.getvalue()
    if trick in {"plain", "tiles"}:
        return data
    at = data.index(b"ispe") + 8  # its version and flags are in between
    width, height = (size * pieces if trick == "more" else max(1, size // pieces) for size in grey.shape[::-1])
    return data[:at] + struct.pack(">II", min(width, 1 << 31), min(height, 1 << 31)) + data[at + 8 :]
