"""What the search varies: one request, as a few dozen choices that can be written down, changed, and built again."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import numpy as np

from benchmarks.attack import containers, pictures, tensor_genomes, tensors, wrappings
from benchmarks.attack.request import Request

MOST_BYTES = 64 * 1024  # of a body: the search is for small ones
MOST_PIXELS, MOST_UNPACKED = 40_000_000, 4_000_000  # that the search itself draws, and packs
GETS = (
    "/",
    "/docs",
    "/openapi.json",
    "/metrics",
    "/health/live",
    "/health/ready",
    "/v1/models",
    "/v1/models/digits",
    "/v1/models/digits/versions/2",
    "/static/page.js",
    "/static/docs/swagger-ui-bundle.js",
    "/nothing",
    "/v2",
    "/v2/health/ready",
    "/v2/models/digits",
    "/v2/models/doubled/config",
    "/v2/models/stats",
)
POSTS = ("/v1/predict", "/v1/predict/batch", "/v1/explain", "/v1/read")
IMAGES = tuple(containers.WRITERS)
SINGLES = (*IMAGES, "form", "json image", "json", "npy", "raw")
BATCHES = ("zip", "shared zip", "pdf", "form", "json images", "json", "npy", "raw")
QUERIES = (
    "",
    "include=seen",
    "include=heatmap",
    "include=seen,heatmap",
    "page=2",
    "model=mlp-128-64",
    "model=none",
    "long",
)
ACCEPTS = ("", "application/x-npy", "application/x-ndjson", "long")
LONG = 4000  # characters
MEDIA = {"zip": "application/zip", "shared zip": "application/zip", "npy": "application/x-npy"}
MEDIA |= {"raw": "application/octet-stream", "json": "application/json"}
MEDIA |= {"pdf": "application/pdf"}
MEDIA |= {"json image": "application/json", "json images": "application/json"}

Random = np.random.Generator


@dataclass(frozen=True)
class Genome:
    """A request in the making. Which choices count depends on others: those that do not are carried along."""

    route: str
    kind: str  # of the body; "" where there is none
    query: str = ""
    accept: str = ""
    headers: int = 0  # lines that nobody asked for
    inner: str = "png"  # the images that an archive, a form or JSON holds
    items: int = 1  # of a batch
    packed: bool = True
    pattern: str = "dots"
    width: int = 316
    height: int = 316
    pitch: int = 2
    thick: int = 1
    density: float = 0.5
    dark: bool = False
    mode: str = "1"
    trick: int = 0  # which of the tricks that a container knows
    pieces: int = 1
    effort: int = 90  # quality, or how hard to pack
    seed: int = 0
    kept: float = 1.0  # of the body: the rest is cut off
    datatype: str = "FP32"  # of named tensors, as all that follows
    coding: str = ""
    classes: int = 0
    wanted: int = 1  # times that an output is
    as_bytes: bool = True

    @property
    def niche(self) -> tuple[str, str]:
        """What it competes with others in."""
        return self.route, self.kind

    def text(self) -> str:
        return json.dumps(asdict(self))

    def request(self) -> Request | None:
        """The request; None where it would be too large, or an encoder refuses to write it."""
        if not self.kind:
            return Request("GET", self._target(), self._headers(""), b"")
        try:
            if self.route in tensor_genomes.ROUTES:
                made = tensor_genomes.request_of(self, self._images() if self.kind == "pictures" else [])
                return self._cut(made)
            media_type, body = self._body()
        except (OSError, ValueError, KeyError, TypeError, SystemError):  # Pillow's, of what a format does not know
            return None
        return self._cut(Request("POST", self._target(), self._headers(media_type), body))

    def _cut(self, whole: Request) -> Request | None:
        body = whole.body[: max(1, int(len(whole.body) * self.kept))]
        return whole._replace(body=body) if len(body) <= MOST_BYTES else None

    def _target(self) -> str:
        query = "a=" + "%41&" * (LONG // 4) if self.query == "long" else self.query
        return f"{self.route}?{query}" if query else self.route

    def _headers(self, media_type: str) -> dict[str, str]:
        given = {
            "Content-Type": media_type,
            "Accept": "a/b;q=0.1," * (LONG // 10) if self.accept == "long" else self.accept,
        }
        given |= {f"X-{number}": "a" * 20 for number in range(self.headers)}
        return {name: value for name, value in given.items() if value}

    def _body(self) -> tuple[str, bytes]:
        """Its media type, and itself."""
        match self.kind:
            case "form":
                field = "files" if self.route.endswith("batch") else "file"
                boundary, body = wrappings.form(
                    field, self._images(), _pick(wrappings.FORM_TRICKS, self.trick), self.pieces
                )
                return f"multipart/form-data; boundary={boundary}", body
            case "zip":
                body = wrappings.separate_zip(self._images(), packed=self.packed)
            case "shared zip":
                body = wrappings.shared_zip(self._image(self.inner), self.items, packed=self.packed)
            case "json images":
                body = wrappings.json_of_images(self._images())
            case "json image":
                body = wrappings.json_of_image(self._image(self.inner))
            case "json":
                shape = _pick(tuple(wrappings.JSON_PIECES), self.trick)
                fitting = (MOST_BYTES - 20) // max(1, len(wrappings.JSON_PIECES[shape]))
                field = "images" if self.seed % 3 == 2 else "pixels"
                body = wrappings.json_pixels(shape, field, min(self.pieces, fitting))
            case "npy":
                head = _pick(tuple(wrappings.NPY_HEADS), self.trick)
                body = wrappings.npy(head, self.items, wrappings.frames(min(self.items, 84), self.seed))
            case "raw":
                body = wrappings.frames(min(self.items, 84), self.seed)
            case "pdf":
                body = self._image(self.kind)
            case _:
                return f"image/{self.kind}", self._image(self.kind)
        return MEDIA[self.kind], body

    def _images(self) -> list[bytes]:
        image, count = self._image(self.inner), min(self.items, MOST_BYTES // 60)
        if len(image) * count > MOST_UNPACKED:
            raise ValueError("too much to pack")
        return [image] * count

    def _image(self, kind: str) -> bytes:
        if kind == "raw":
            return wrappings.frames(1, self.seed)
        trick = _pick(containers.TRICKS[kind], self.trick)
        if (kind, trick) == ("jpeg", "scans"):  # needs no pixels to be drawn
            return containers.scans(self.width, self.height, self.pieces, with_means=self.packed)
        if self.width * self.height > MOST_PIXELS:
            raise ValueError("too large to draw")
        grey = pictures.draw(
            self.pattern,
            self.width,
            self.height,
            pitch=self.pitch,
            thick=self.thick,
            density=self.density,
            seed=self.seed,
        )
        return containers.WRITERS[kind](255 - grey if self.dark else grey, self.mode, trick, self.pieces, self.effort)


def named(text: str) -> Genome:
    """The genome of which `text` is the description. Raises ValueError, TypeError where it is none."""
    return Genome(**json.loads(text))


def any_genome(random: Random) -> Genome:
    niches = [(route, "") for route in GETS]
    niches += [(route, kind) for route in POSTS for kind in (BATCHES if route.endswith("batch") else SINGLES)] * 3
    niches += [(route, kind) for route in tensor_genomes.ROUTES for kind in tensor_genomes.KINDS] * 2
    route, kind = niches[random.integers(len(niches))]
    return Genome(route, kind, **{name: draw(random) for name, draw in GENES.items()})


def mutated(genome: Genome, random: Random) -> Genome:
    """A few choices made anew, or numbers moved a little."""
    names = random.choice(list(GENES), size=int(random.integers(1, 4)), replace=False)
    return replace(genome, **{str(name): _moved(str(name), getattr(genome, name), random) for name in names})


def crossed(one: Genome, other: Genome, random: Random) -> Genome:
    """Of one niche, with half of the other's choices."""
    taken = [field.name for field in fields(Genome) if field.name in GENES and random.random() < 0.5]
    return replace(one, **{name: getattr(other, name) for name in taken})


def _moved(name: str, value: Any, random: Random) -> Any:
    if name in LARGEST and random.random() < 0.7:
        moved = round(value * float(np.exp(random.normal(0, 0.4)))) + int(random.integers(-1, 2))
        return int(min(max(moved, 1), LARGEST[name]))
    return GENES[name](random)


def _of(choices: Sequence[Any]) -> Any:
    return lambda random: choices[int(random.integers(len(choices)))]


def _up_to(most: int) -> Any:
    """1 to `most`, small ones as often as large ones."""
    return lambda random: int(np.exp(random.uniform(0, np.log(most))))


LARGEST = {"items": 1400, "width": 9000, "height": 9000, "pitch": 120, "thick": 40, "pieces": 30_000}
GENES: dict[str, Any] = {
    "query": _of(QUERIES),
    "accept": _of(ACCEPTS),
    "headers": _of((0, 0, 0, 0, 30, 90)),
    "inner": _of((*IMAGES, "raw")),
    "packed": _of((True, False)),
    "pattern": _of(pictures.NAMES),
    "density": lambda random: round(float(random.random()), 3),
    "dark": _of((True, False)),
    "mode": _of(containers.MODES),
    "trick": lambda random: int(random.integers(840)),
    "effort": lambda random: int(random.integers(1, 101)),
    "seed": lambda random: int(random.integers(1000)),
    "kept": _of((1.0, 1.0, 1.0, 1.0, 0.9, 0.5)),
    "datatype": _of(tensor_genomes.DATATYPES),
    "coding": _of(tensors.CODINGS),
    "classes": _of((0, 0, 1, 3, 10**9)),
    "wanted": _of((0, 1, 1, 1, 2, 1000)),
    "as_bytes": _of((True, False)),
    **{name: _up_to(most) for name, most in LARGEST.items()},
}


def _pick(choices: Sequence[str], number: int) -> str:
    return choices[number % len(choices)]
