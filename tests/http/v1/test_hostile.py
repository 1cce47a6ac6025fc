"""Images that are meant to harm: each gets an answer or a 4xx that says why, and costs little memory."""

import struct
import time
import zlib
from collections.abc import Callable, Mapping

import httpx
import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from app.tasks.digits import strokes
from tests.conftest import Process
from tests.pictures import encoded, one_colour_png, png_chunk, tiled_tiff

PATHS = ("/v1/predict", "/v1/explain", "/v1/read")
MOST_MEMORY = 300_000_000
MOST_SECONDS = 5  # on a machine that does other things besides

SEVEN = np.full((280, 280), 255, np.uint8)
SEVEN[60:80, 80:200] = SEVEN[60:220, 180:200] = 0


def png(width: int, height: int, data: bytes = b"", depth: int = 8) -> bytes:
    """A PNG that says it is so large, whatever it holds."""
    header = struct.pack(">IIBBBBB", width, height, depth, 0, 0, 0, 0)
    chunks = png_chunk(b"IHDR", header) + png_chunk(b"IDAT", data) + png_chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def with_text(megabytes: int) -> bytes:
    info = PngImagePlugin.PngInfo()
    info.add_text("Comment", "a" * megabytes * 1_000_000, zip=True)
    return encoded(Image.fromarray(SEVEN), pnginfo=info)


def with_exif() -> bytes:
    exif = Image.Exif()
    exif[0x010E] = "b" * 60_000
    exif[0x0112] = 99  # no orientation
    return encoded(Image.fromarray(SEVEN), "JPEG", exif=exif)


def animated(frames: int) -> bytes:
    pictures = [Image.fromarray(np.roll(SEVEN, step, axis=1)) for step in range(frames)]
    return encoded(pictures[0], "GIF", save_all=True, append_images=pictures[1:])


def sixteen_bits() -> bytes:
    return encoded(Image.fromarray((255 - strokes.render(7, size=280)).astype(np.uint16) * 257))


def palette() -> bytes:
    """Drawn, since two bars in 150 bytes are less than their being read as a number may cost."""
    return encoded(Image.fromarray(255 - strokes.render(7, size=280)).convert("RGB").quantize(4))


def of_colours(mode: str) -> bytes:
    return encoded(Image.fromarray(SEVEN).convert(mode), "TIFF")


def noise(side: int) -> bytes:
    return encoded(np.random.default_rng(0).integers(0, 256, (side, side), np.uint8))


def squares(side: int) -> bytes:
    """As many parts as there may be."""
    return encoded((np.indices((side, side)).sum(axis=0) % 2 * 255).astype(np.uint8))


def stripes(side: int) -> bytes:
    """As many lines as there may be."""
    return encoded(np.where(np.arange(side) % 6 < 2, 0, 255).astype(np.uint8)[:, None].repeat(side, axis=1))


def tiles(side: int) -> bytes:
    """As many boxes as there may be."""
    along = np.arange(side) % 14 < 8
    return encoded(np.where(along[:, None] & along, 0, 255).astype(np.uint8))


def waves(count: int) -> bytes:
    """A few long parts that may be cut in a thousand places."""
    sheet, across = np.full((24 * count + 20, 2040), 255, np.uint8), np.arange(2040)
    for line in range(count):
        sheet[np.rint(15 + 24 * line + 6 * np.sin(across / 2)).astype(int), across] = 0
    return encoded(sheet)


def arcs(side: int, pitch: int) -> bytes:
    """Parts that lie inside each other, and are each as large as the picture."""
    down, across = np.indices((side, side)) - side / 2
    circles = np.hypot(down, across) % pitch < 2
    return encoded(np.where(circles & (np.abs(np.arctan2(down, across)) < 2.9), 0, 255).astype(np.uint8))


def rgba(side: int) -> bytes:
    return encoded(Image.new("RGBA", (side, side), (200, 200, 200, 255)))


ANSWERED = {
    "sixteen bits": sixteen_bits(),
    "palette": palette(),
    "CMYK": of_colours("CMYK"),
    "Lab": of_colours("LAB"),
    "YCbCr": of_colours("YCbCr"),
    "animated": animated(30),
    "interlaced GIF": encoded(Image.fromarray(SEVEN), "GIF", interlace=1),
    "progressive": encoded(Image.fromarray(SEVEN), "JPEG", progressive=True),
    "60 kB of EXIF": with_exif(),
}
HOSTILE = ANSWERED | {
    "1x100000": encoded(np.arange(100_000, dtype=np.uint32).astype(np.uint8)[:, None]),
    "100000x1": encoded(np.arange(100_000, dtype=np.uint32).astype(np.uint8)[None]),
    "0x0": png(0, 0),
    "a header alone": png(280, 280),
    "a bomb": one_colour_png(20_000, 20_000),
    "a bomb within limits": one_colour_png(8_000, 8_000),
    "a promise of gigabytes": png(2**31 - 1, 2**31 - 1),
    "fewer rows than said": png(280, 280, zlib.compress(bytes(281 * 10))),
    "50 MB of text": with_text(50),
    "one huge tile": tiled_tiff(28, 20_000),
    "noise": noise(1_000),
    "squares": squares(1_000),
    "stripes": stripes(1_000),
    "tiles": tiles(2_040),
    "three waves": waves(3),
    "forty waves": waves(40),
    "wide arcs": arcs(2_040, 24),
    "narrow arcs": arcs(2_040, 12),
    "36 megapixels of colours": rgba(6_000),
    "49 megapixels of colours": rgba(7_000),
}
HOSTILE |= {f"{name}, cut off": body[: len(body) // 2] for name, body in ANSWERED.items()}


def mime(body: bytes) -> str:
    kinds: Mapping[bytes, str] = {
        b"\x89PNG": "png",
        b"GIF8": "gif",
        b"\xff\xd8\xff\xe0": "jpeg",
        b"\xff\xd8\xff\xe1": "jpeg",
    }
    return f"image/{kinds.get(body[:4], 'tiff')}"


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("name", HOSTILE)
def test_an_answer_or_a_reason(client: httpx.Client, name: str, path: str) -> None:
    body = HOSTILE[name]
    started = time.monotonic()
    answer = client.post(path, content=body, headers={"Content-Type": mime(body)})
    assert time.monotonic() - started < MOST_SECONDS
    assert answer.status_code in ({200} if name in ANSWERED else {200, 413, 422}), answer.text
    if answer.status_code != 200:
        assert len(answer.json()["detail"]) > 20


def test_what_can_be_read_is_read(client: httpx.Client) -> None:
    for name, body in ANSWERED.items():
        answer = client.post("/v1/predict", content=body, headers={"Content-Type": mime(body)}).json()
        assert answer["digit"] == 7, name


def test_memory_stays_low(process: Callable[..., Process]) -> None:
    running = process()
    running.wait_until_ready()
    with httpx.Client(base_url=running.url, timeout=60) as client, running.peak_growth() as grown:
        for body in HOSTILE.values():
            for path in PATHS:
                client.post(path, content=body, headers={"Content-Type": mime(body)})
        print(f"{grown() / 1e6:.0f} MB more at the highest")
        assert grown() < MOST_MEMORY
