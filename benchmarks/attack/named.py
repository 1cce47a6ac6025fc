"""The attacks that are known: those that were found on commit 8c0ad12, made here byte for byte or of the same kind and
size, and those on named tensors.
"""

import io
from collections.abc import Callable

import numpy as np
from PIL import Image

from benchmarks.attack import containers, documents, named_tensors, pictures, wrappings
from benchmarks.attack.genomes import Genome
from benchmarks.attack.request import Request

JSON, ZIP, PDF = "application/json", "application/zip", "application/pdf"
BATCH = "/v1/predict/batch"


def dots(side: int) -> bytes:
    """A PNG of two colours, with a dot on every second pixel."""
    return containers.png(_drawn("dots", side, pitch=2), "1", "plain", 1, 90)


def hatch() -> bytes:
    return containers.png(_drawn("hatch", 300, pitch=7), "L", "plain", 1, 90)


def noisy_jpeg() -> bytes:
    """Some 7 kB, of an image small enough to be looked at at once."""
    noise = np.random.default_rng(0).integers(0, 256, (230, 230), np.uint8)
    return containers.saved(Image.fromarray(noise), "JPEG", quality=2)


def many_scans() -> bytes:
    """A JPEG of 8000x8000 pixels in 99 scans, in 259 kB."""
    return containers.scans(8000, 8000, 97, with_means=True)


def json_of_objects(megabytes: int = 32) -> bytes:
    """As many small objects as that many MiB hold, where numbers belong."""
    return wrappings.json_pixels("objects", "pixels", megabytes * 1024 * 1024 // 3 - 20)


def drawings(count: int) -> bytes:
    """An archive of the project's own small drawings."""
    file = io.BytesIO()
    Image.fromarray(_drawn("text", 56, pitch=56)).save(file, "PNG")
    return wrappings.separate_zip([file.getvalue()] * count)


def pdf(trick: str, pieces: int) -> bytes:
    return documents.pdf(_drawn("dots", 9, pitch=2), "L", trick, pieces, 0)


def heic(trick: str, pieces: int) -> bytes:
    return documents.heic(_drawn("dots", 400, pitch=9), "L", trick, pieces, 50)


def _drawn(pattern: str, side: int, *, pitch: int) -> pictures.Grey:
    return pictures.draw(pattern, side, side, pitch=pitch, thick=1, density=0.5, seed=0)


ATTACKS: dict[str, Callable[[], Request]] = {
    "dots of 316x316, a PNG": lambda: _post("/v1/predict", "image/png", dots(316)),
    "dots of 480x480, a PNG": lambda: _post("/v1/predict", "image/png", dots(480)),
    "dots of 2047x2047 at /v1/read": lambda: _post("/v1/read", "image/png", dots(2047)),
    "a hatch, a PNG": lambda: _post("/v1/predict", "image/png", hatch()),
    "noise, a JPEG": lambda: _post("/v1/predict", "image/jpeg", noisy_jpeg()),
    "ZIP: 230 entries share 1.1 MB": lambda: _post(BATCH, ZIP, wrappings.shared_zip(bytes(1_100_000), 230)),
    "ZIP: 3,700 entries share 70 kB": lambda: _post(BATCH, ZIP, wrappings.shared_zip(bytes(70_000), 3700)),
    "ZIP: 5,000 entries share dots": lambda: _post(BATCH, ZIP, wrappings.shared_zip(dots(316), 5000, packed=False)),
    "JSON: 32 MiB of {}": lambda: _post(BATCH, JSON, json_of_objects()),
    "a JPEG of 8000x8000 in 99 scans": lambda: _post("/v1/predict", "image/jpeg", many_scans()),
    "a TIFF of 60,000 strips": lambda: _post("/v1/predict", "image/tiff", containers.strips(100, 60_000)),
    "a PDF of 500,000 lines": lambda: _post("/v1/read", PDF, documents.page(documents.LINE * 500_000)),
    "a PDF of curves": lambda: _post("/v1/read", PDF, documents.page(documents.CURVE * 50_000)),
    "a PDF of nested forms": lambda: _post("/v1/read", PDF, pdf("nested", 68)),
    "a PDF with 900 megapixels": lambda: _post("/v1/read", PDF, pdf("bomb", 30_000)),
    "a PDF of 50,000 pages": lambda: _post(BATCH, PDF, pdf("pages", 50_000)),
    "a HEIC that is larger than it says": lambda: _post("/v1/predict", "image/heic", heic("less", 8)),
    "a HEIC that says more than it has": lambda: _post("/v1/predict", "image/heic", heic("more", 100)),
    "?include=seen on 200 drawings": lambda: _post(f"{BATCH}?include=seen", ZIP, drawings(200)),
    **named_tensors.attacks(dots(316)),
    **named_tensors.calls(dots(316)),
}

# What the search itself found there first, each the dearest of its niche: where a short search begins.
FOUND = (
    Genome("/v1/predict", "png", pattern="dots", width=316, height=316, pitch=2),
    Genome("/v1/read", "tiff", pattern="comb", width=307, height=20, pitch=3, mode="I;16", trick=2),
    Genome("/v1/predict", "webp", pattern="checkers", width=206, height=379, thick=16, trick=1),
    Genome("/v1/explain", "webp", pattern="grid", width=3331, height=2148, pitch=9, thick=19, trick=1),
    Genome("/v1/predict", "gif", query="include=heatmap", pattern="checkers", width=6, height=12, thick=6),
    Genome("/v1/predict/batch", "shared zip", inner="webp", items=586, pattern="comb", width=73, height=4709, pitch=11),
    Genome("/v1/predict/batch", "zip", inner="webp", pattern="stripes", width=700, height=2800, pitch=4, thick=2),
    Genome("/v1/predict", "jpeg", width=8000, height=8000, pieces=99, trick=3, packed=False),
    Genome("/v1/predict", "tiff", width=100, pieces=9000, trick=7),
    Genome("/v1/predict/batch", "json", pieces=20_000, trick=4),
    Genome("/openapi.json", ""),
    Genome("/v2/models/texts/infer", "texts", pieces=17_629, pitch=1, coding="gzip", as_bytes=False),
    Genome("/v2/models/lines/infer", "texts", pieces=27_356, pitch=1, coding="gzip"),
    Genome(
        "/v2/models/digits/infer",
        "pictures",
        inner="tiff",
        items=593,
        pattern="text",
        width=18,
        height=9,
        coding="gzip",
    ),
    Genome("/v2/models/centred/infer", "tensor in JSON", trick=41, pieces=19_413, seed=72, coding="gzip"),
    Genome("/v2/models/lines/infer", "tensor", trick=5, width=900, thick=2, coding="gzip"),
    Genome("/v2/models/doubled/infer", "tensor", trick=1, width=900, height=900, coding="gzip", as_bytes=False),
)


def _post(target: str, media_type: str, body: bytes) -> Request:
    return Request("POST", target, {"Content-Type": media_type}, body)
