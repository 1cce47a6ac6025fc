"""What a picture may cost is known before it is spent: time by its body's size, and memory."""

import io
import os
import struct
import time
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin, TiffImagePlugin

from app.budget import UNLIMITED, Budget, allowed_seconds
from app.errors import ImageTooLarge, TooMuchWork, Undecodable
from app.imaging.costs import ENOUGH
from app.imaging.decode import decode, is_plain_png, open_image
from app.imaging.normalise import normalise
from app.imaging.numbers import find_numbers
from app.imaging.shrink import WORKING
from tests.pictures import encoded, one_colour_png, png_chunk
from training.constants import PREPARATION
from training.lines.network import SHAPE

MANY = 64_000_000
SLACK = 2  # a machine that does other things besides takes so much longer for the same work
MOST_BYTES = 140_000_000

Grey = NDArray[np.uint8]


def lit(ink: NDArray[np.bool_]) -> Grey:
    return np.where(ink, 0, 255).astype(np.uint8)


def dots(side: int, pitch: int = 2) -> Grey:
    at = np.arange(side) % pitch == 0
    return lit(at[:, None] & at)


def squares(side: int) -> Grey:
    return lit(np.indices((side, side)).sum(axis=0) % 2 > 0)


def stripes(side: int, pitch: int) -> Grey:
    return lit((np.arange(side) % pitch < 2)[:, None].repeat(side, axis=1))


def hatch(side: int, pitch: int) -> Grey:
    down, across = np.indices((side, side))
    return lit(((down + across) % pitch < 1) | ((down - across) % pitch < 1))


def boxes(side: int, pitch: int) -> Grey:
    at = np.arange(side) % pitch
    border, middle = (at < 2) | (at > pitch - 8), (at > pitch // 3) & (at < pitch // 2)
    return lit(
        ((border[:, None] | border) & ~((at > pitch - 6)[:, None] | (at > pitch - 6))) | middle[:, None] & middle
    )


def comb(side: int) -> Grey:
    ink = np.zeros((side, side), bool)
    ink[side // 2 - 2 : side // 2] = ink[5:-5, ::3] = True
    return lit(ink)


def rings(side: int, pitch: int) -> Grey:
    down, across = np.indices((side, side)) - side / 2
    return lit((np.hypot(down, across) % pitch < 2) & (np.abs(np.arctan2(down, across)) < 2.9))


def noise(side: int, most: int = 256, channels: int = 1) -> Grey:
    return np.random.default_rng(0).integers(0, most, (side, side, channels), np.uint8).squeeze()


def blots(side: int, size: int) -> Grey:
    coarse = np.random.default_rng(0).random((side // size + 1,) * 2) < 0.3
    return lit(coarse.repeat(size, axis=0).repeat(size, axis=1)[:side, :side])


def bit(pixels: Grey) -> bytes:
    return encoded(Image.fromarray(pixels).convert("1"), optimize=True)


def of_many_scans(side: int, scans: int) -> bytes:
    data = encoded(Image.new("L", (side, side), 90), "JPEG", progressive=True)
    start = data.rindex(b"\xff\xda")
    return data[:start] + data[start:-2] * scans + data[-2:]


def of_many_segments(count: int) -> bytes:
    data = encoded(Image.new("L", (28, 28), 90), "JPEG")
    return data[:2] + b"\xff\xe1\x00\x0aExif\0\0MM" * count + data[2:]


def of_many_chunks(count: int) -> bytes:
    data = bit(dots(64, 20))
    return data[:33] + png_chunk(b"teSt", b"") * count + data[33:]


def of_texts(count: int) -> bytes:
    data, text = bit(dots(64, 20)), zlib.compress(bytes(1_000_000), 9)
    return data[:33] + png_chunk(b"iCCP", b"a\0\0" + text) * count + data[33:]


def of_many_strips(count: int) -> bytes:
    file = io.BytesIO()
    info = TiffImagePlugin.ImageFileDirectory_v2()
    info[TiffImagePlugin.ROWSPERSTRIP] = 1
    TiffImagePlugin.STRIP_SIZE, before = 1, TiffImagePlugin.STRIP_SIZE
    try:
        Image.new("L", (1, count), 200).save(file, "TIFF", tiffinfo=info)
    finally:
        TiffImagePlugin.STRIP_SIZE = before
    return file.getvalue()


def of_shared_strips(count: int, shared: bytes) -> bytes:
    """A row of two pixels each, that all read the same bytes."""
    tags = [(256, 4, 1, 2), (257, 4, 1, count), (258, 3, 1, 8), (259, 3, 1, 8), (262, 3, 1, 1), (277, 3, 1, 1)]
    start = 8 + 2 + 12 * 9 + 4
    tags += [(273, 4, count, start), (278, 4, 1, 1), (279, 4, count, start + 4 * count)]
    directory = b"".join(struct.pack("<HHII", *tag) for tag in sorted(tags))
    offsets = struct.pack("<I", start + 8 * count) * count + struct.pack("<I", len(shared)) * count
    return struct.pack("<2sHIH", b"II", 42, 8, len(tags)) + directory + bytes(4) + offsets + shared


def of_many_tags(count: int) -> bytes:
    tags = b"".join(struct.pack("<HHII", 40_000 + number % 20_000, 4, 1, 1) for number in range(count))
    return struct.pack("<2sHIH", b"II", 42, 8, count) + tags + bytes(4)


def of_many_blocks(count: int) -> bytes:
    data = encoded(Image.fromarray(dots(64, 20)), "GIF")
    start = data.index(b",")
    return data[:start] + b"!\xfe" + b"\x01a" * count + b"\0" + data[start:]


def run_lengths(side: int) -> bytes:
    """A BMP in which every row ends at once, so that it is filled up pixel by pixel."""
    rows = b"\0\0" * side + b"\0\1"
    header = struct.pack("<IiiHHIIiiII", 40, side, side, 1, 8, 1, len(rows), 0, 0, 256, 0)
    palette = bytes(4 * 256)
    start = 14 + len(header) + len(palette)
    return struct.pack("<2sIII", b"BM", start + len(rows), 0, start) + header + palette + rows


def with_much_text() -> bytes:
    info = PngImagePlugin.PngInfo()
    for name in range(12):
        info.add_text(f"note {name}", "a" * 1_000_000, zip=True)
    return encoded(Image.fromarray(dots(280, 40)), pnginfo=info)


NASTY: dict[str, Callable[[], bytes]] = {
    "a dot on every second pixel, 316": lambda: bit(dots(316)),
    "a dot on every second pixel, 480": lambda: bit(dots(480)),
    "a dot on every second pixel, 2047": lambda: bit(dots(2047)),
    "a dot on every third pixel": lambda: bit(dots(480, 3)),
    "a dot on every seventh pixel": lambda: bit(dots(2047, 7)),
    "squares, 64": lambda: bit(squares(64)),
    "squares, 2047": lambda: bit(squares(2047)),
    "narrow stripes": lambda: bit(stripes(480, 6)),
    "wide stripes": lambda: bit(stripes(2047, 20)),
    "a narrow hatch": lambda: encoded(Image.fromarray(hatch(480, 6)), "JPEG", quality=10),
    "a wide hatch": lambda: bit(hatch(480, 60)),
    "small boxes": lambda: bit(boxes(64, 30)),
    "large boxes": lambda: bit(boxes(480, 160)),
    "forty boxes": lambda: bit(boxes(480, 60)),
    "a comb": lambda: bit(comb(480)),
    "a large comb": lambda: bit(comb(2047)),
    "arcs": lambda: bit(rings(480, 12)),
    "wide arcs": lambda: bit(rings(2047, 24)),
    "blots": lambda: bit(blots(480, 7)),
    "large blots": lambda: bit(blots(1000, 13)),
    "noise in a JPEG": lambda: encoded(Image.fromarray(noise(280)), "JPEG", quality=5),
    "coloured noise": lambda: encoded(Image.fromarray(noise(480, channels=3)), "JPEG", quality=20),
    "faint noise": lambda: encoded(Image.fromarray(noise(480, 12) + 200), "PNG"),
    "noise in a WebP": lambda: encoded(Image.fromarray(noise(480, channels=3)), "WEBP", quality=10),
    "one colour, 8000": lambda: one_colour_png(8_000, 8_000),
    "one colour in a WebP": lambda: encoded(Image.new("RGB", (6_000, 6_000)), "WEBP", lossless=True, method=0),
    "one colour in a GIF": lambda: encoded(Image.new("P", (6_000, 6_000)), "GIF"),
    "one colour in a fax": lambda: encoded(Image.new("1", (8_000, 8_000), 1), "TIFF", compression="group4"),
    "one colour, deflated": lambda: encoded(Image.new("L", (6_000, 6_000)), "TIFF", compression="tiff_adobe_deflate"),
    "one colour in a JPEG": lambda: encoded(Image.new("RGB", (8_000, 6_000)), "JPEG", quality=10),
    "transparent": lambda: encoded(Image.new("RGBA", (2_047, 2_047), (0, 0, 0, 9))),
    "99 scans": lambda: of_many_scans(2_000, 90),
    "many segments": lambda: of_many_segments(60_000),
    "many chunks": lambda: of_many_chunks(50_000),
    "many profiles": lambda: of_texts(60),
    "much text": with_much_text,
    "many strips": lambda: of_many_strips(60_000),
    "strips that share their bytes": lambda: of_shared_strips(
        5_000, b"\x78\x01" + b"\0\0\0\xff\xff" * 10_000 + zlib.compress(b"ab")[2:]
    ),
    "many tags": lambda: of_many_tags(60_000),
    "many blocks": lambda: of_many_blocks(200_000),
    "run lengths": lambda: run_lengths(3_000),
    "interlaced GIF": lambda: encoded(Image.fromarray(squares(2_000)), "GIF", interlace=1),
}


def looked_at(data: bytes, numbers: bool, budget: Budget) -> None:
    with suppress(ImageTooLarge, Undecodable):
        enough = ENOUGH if numbers else WORKING
        pixels = decode(open_image(data, max_pixels=MANY, budget=budget), enough, budget)
        if numbers:
            find_numbers(pixels, PREPARATION, budget, SHAPE)
        else:
            normalise(pixels, PREPARATION, budget)


def budget_of(seconds: float) -> Budget:
    budget = Budget(0)
    budget.whole = budget.left = seconds
    return budget


def budget_for(data: bytes) -> Budget:
    return budget_of(allowed_seconds(len(data)))


@pytest.mark.parametrize("numbers", [False, True], ids=["a digit", "numbers"])
@pytest.mark.parametrize("name", NASTY)
def test_it_takes_no_more_time_than_its_body_allows(name: str, numbers: bool) -> None:
    data = NASTY[name]()
    taken = []
    for _ in range(3):
        started = time.process_time()
        looked_at(data, numbers, budget_for(data))
        taken.append(time.process_time() - started)
    print(f"{len(data):,} bytes, {min(taken) * 1e3:.1f} of {allowed_seconds(len(data)) * 1e3:.1f} ms")
    assert min(taken) <= SLACK * allowed_seconds(len(data))


@pytest.mark.parametrize("name", NASTY)
def test_it_takes_little_memory(name: str) -> None:
    """Of a process of its own, whose memory is measured, with as much time as it likes."""
    data = NASTY[name]()
    for numbers in (False, True):
        reading, writing = os.pipe()
        if not (child := os.fork()):
            before = _peak(anew=True)
            looked_at(data, numbers, budget_for(data))
            os.write(writing, str(_peak() - before).encode())
            os._exit(0)
        os.close(writing)
        grown = int(os.read(reading, 100) or b"-1")
        os.close(reading)
        os.waitpid(child, 0)
        assert 0 <= grown < MOST_BYTES


def _peak(*, anew: bool = False) -> int:
    """Bytes that this process held at its highest, of all its life or from now on."""
    if anew:
        Path("/proc/self/clear_refs").write_text("5")
    status = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))


def test_what_is_charged_bounds_what_it_takes() -> None:
    """With time for all of it: what is spent is about what was said, or less."""
    for name in ("squares, 64", "large boxes", "blots", "a wide hatch", "coloured noise", "one colour in a fax"):
        data, ratios = NASTY[name](), []
        for _ in range(3):
            budget = budget_of(1_000)
            started = time.process_time()
            looked_at(data, False, budget)
            ratios.append((time.process_time() - started) / (budget.whole - budget.left))
        print(f"{name}: {min(ratios):.2f}")
        assert min(ratios) < SLACK


def test_a_refusal_says_what_would_take_too_long() -> None:
    data = bit(squares(480))
    with pytest.raises(TooMuchWork, match=r"looking for straight lines would take about \d+ ms, and \d+ ms are left"):
        normalise(decode(open_image(data, max_pixels=MANY)), PREPARATION, budget_for(data))


@pytest.mark.parametrize(
    ("name", "what"),
    [("many segments", "segments"), ("many chunks", "chunks"), ("many tags", "tags"), ("many blocks", "blocks")],
)
def test_an_image_of_too_many_pieces_is_refused(name: str, what: str) -> None:
    with pytest.raises(Undecodable, match=f"over 1.*,000 {what}"):
        open_image(NASTY[name](), max_pixels=MANY)


@pytest.mark.parametrize("version", [42, 43])
def test_tiffs_of_other_kinds_are_refused(version: int) -> None:
    tags = struct.pack("<HHHIIHHII", 2, 256, 4, 1, 28, 259, 4, 1, 34_925)
    with pytest.raises(Undecodable, match="save it as PNG"):
        open_image(struct.pack("<2sHI", b"II", version, 8) + tags + bytes(4), max_pixels=MANY)


def test_rows_of_one_pixel_are_charged_for_as_rows() -> None:
    data, ratios = one_colour_png(1, 3_000_000), []
    for _ in range(3):  # the best counts: what else the machine does makes the work dearer, never cheaper
        budget, started = Budget(1.0), time.thread_time()
        decode(open_image(data, max_pixels=MANY, budget=budget), WORKING, budget)
        ratios.append((time.thread_time() - started) / (budget.whole - budget.left))
    assert min(ratios) < SLACK


def test_a_small_png_without_anything_else_is_plain() -> None:
    drawing = Image.fromarray(dots(280, 40)).convert("RGBA")
    assert is_plain_png(encoded(drawing))
    assert is_plain_png(bit(dots(28, 9)))
    info = PngImagePlugin.PngInfo()
    info.add_text("note", "a", zip=True)
    for other in (
        encoded(drawing, pnginfo=info),
        encoded(drawing, "GIF"),
        encoded(drawing)[:100],
        bit(dots(400, 40)),
        of_many_chunks(40),
        b"\x89PNG\r\n\x1a\n",
        b"",
    ):
        assert not is_plain_png(other)


def test_without_a_budget_everything_is_looked_at() -> None:
    looked_at(bit(squares(100)), False, UNLIMITED)
