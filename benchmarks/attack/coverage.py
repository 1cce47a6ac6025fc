"""`python -m benchmarks.attack.coverage`: what takes bytes apart, led by coverage to where it has not been.

Looks for what no caller may cause: anything but a ServiceError. atheris is no dependency; where it is not installed,
this says so. Its own options may follow, such as -max_total_time=600.
"""

import sys
from typing import Any

from benchmarks.attack import containers, pictures, wrappings
from benchmarks.servers import ROOT

CORPUS = ROOT / ".fuzz" / "coverage"


def main() -> int:
    try:
        import atheris
    except ImportError:
        print("atheris is not installed here: `.venv/bin/pip install atheris`, where there is a wheel of it")
        return 0
    with atheris.instrument_imports(include=["app", "zipfile", "PIL"]):
        from app.budget import Budget, allowed_seconds
        from app.errors import ServiceError
        from app.http.v1 import bodies
        from app.http.v1.media_types import FORM, JSON, NPY, RAW, ZIP
        from app.imaging.decode import FORMATS, decode, open_image
        from app.tasks.digits.requests import Item

    limits = bodies.BatchLimits(batch_images=100, item_bytes=1_000_000, unpacked_bytes=2_000_000)
    media_types = [*FORMATS, RAW, NPY, JSON, ZIP, f"{FORM}; boundary=x"]

    def picture(item: Item) -> None:
        if item.image is not None:
            decode(open_image(item.image, item.media_type, max_pixels=1_000_000))

    def take_apart(data: bytes) -> None:
        """The first byte says as what."""
        media_type, body = media_types[data[0] % len(media_types)] if data else "", data[1:]
        reads: list[Any] = [lambda: [bodies.single(body, content_type=media_type)]]
        budget = Budget(allowed_seconds(len(body)))
        reads.append(lambda: bodies.batch(body, budget, content_type=media_type, limits=limits))
        for read in reads:
            try:
                for item in read():
                    picture(item)
            except ServiceError:
                continue

    CORPUS.mkdir(parents=True, exist_ok=True)
    for name, seed in _seeds().items():
        (CORPUS / name).write_bytes(seed)
    atheris.Setup([*sys.argv, str(CORPUS)], take_apart)
    atheris.Fuzz()
    return 0


def _seeds() -> dict[str, bytes]:
    """Something valid of every media type, in the order in which the first byte tells them apart."""
    grey = pictures.draw("text", 28, 28, pitch=28, thick=1, density=0.5, seed=0)
    images = [write(grey, "L", containers.TRICKS[kind][0], 1, 90) for kind, write in containers.WRITERS.items()]
    frame = wrappings.frames(1, 0)
    others = [frame, wrappings.npy("frames", 1, frame), wrappings.json_pixels("frames", "pixels", 1)]
    others += [wrappings.separate_zip(images[:2]), wrappings.form("files", images[:2], "plain", 1)[1]]
    return {f"seed-{place}": bytes([place]) + body for place, body in enumerate([*images, *others])}


if __name__ == "__main__":
    sys.exit(main())
