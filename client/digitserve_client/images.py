"""Whatever the caller calls an image -> the bytes and the media type that go on the wire.

NumPy and Pillow are never imported for the caller: an array is known by its `__array_interface__`, a Pillow
image by the module that the caller must have loaded to hold one.
"""

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import IO, Any, Protocol, TypeAlias, TypeGuard, cast

from digitserve_client import arrays
from digitserve_client.errors import TooLarge

FRAME_BYTES = 28 * 28
RAW = "application/octet-stream"
# What a file begins with -> what it is. RIFF and TIFF need more than a plain prefix; see `media_type`.
MAGIC = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"BM": "image/bmp",
    b"GIF87a": "image/gif",
    b"GIF89a": "image/gif",
    b"II*\0": "image/tiff",
    b"MM\0*": "image/tiff",
    b"\x93NUMPY": "application/x-npy",
    b"%PDF-": "application/pdf",
}
# Pictures in ISO base media files say their brand after "ftyp": https://nokiatech.github.io/heif/technical.html
BRANDS = {
    **dict.fromkeys((b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1"), "image/heic"),
    **dict.fromkeys((b"avif", b"avis"), "image/avif"),
}
PNG_MODES = frozenset({"1", "L", "LA", "I;16", "P", "RGB", "RGBA"})
NEAREST_PNG_MODE = {"I": "I;16", "I;16B": "I;16", "La": "LA", "RGBa": "RGBA"}  # any other becomes RGB


class PillowImage(Protocol):
    """The part of `PIL.Image.Image` that is used."""

    @property
    def mode(self) -> str: ...
    @property
    def size(self) -> tuple[int, int]: ...
    def save(self, fp: IO[bytes], format: str | None = None) -> None: ...


class Readable(Protocol):
    """A file that is open in binary mode."""

    def read(self) -> bytes: ...


AnyImage: TypeAlias = str | os.PathLike[str] | bytes | bytearray | memoryview | Readable | arrays.Array | PillowImage


class NotAnImage(ValueError):
    """A file that is no picture by its first bytes."""


@dataclass(frozen=True, slots=True)
class Part:
    """One body or one part of a multipart body."""

    content: bytes
    media_type: str
    name: str | None = None

    @property
    def is_frame(self) -> bool:
        """Whether this is one raw 28x28 frame."""
        return self.media_type == RAW and len(self.content) == FRAME_BYTES


def encode(image: AnyImage) -> Part:
    """One image as the service takes it; reads the file when `image` is a path or an open file.

    Raises ValueError for an array of another dtype or shape and for a file that is no picture, TypeError for what is no
    image, OSError for a file that cannot be read.
    """
    if isinstance(image, str | os.PathLike):
        return _file(Path(image).read_bytes(), Path(image).name)
    if isinstance(image, bytes | bytearray | memoryview):
        return Part(bytes(image), media_type(bytes(image)))
    if is_pillow(image):
        return _pillow(image)
    if arrays.is_array(image):
        return Part(*arrays.encode(image))
    if hasattr(image, "read"):
        return _open_file(cast(Readable, image))
    raise TypeError(
        "expected an image as a path, bytes, a binary file, a NumPy array or a Pillow image; "
        f"got {type(image).__name__}; turn it into one of these"
    )


def read_file(path: Path, most_bytes: int) -> Part:
    """A file's content. Raises OSError, NotAnImage, and TooLarge before more than so many bytes are read."""
    with path.open("rb") as file:
        content = file.read(most_bytes + 1)
    if len(content) > most_bytes:
        detail = (
            f"expected up to {most_bytes:,} bytes, as the service takes; {shown(path.name)} holds more; make it smaller"
        )
        raise TooLarge(detail, code="body_too_large")
    return _file(content, path.name)


def check_several(images: object) -> None:
    """Raises TypeError for what is one image and not several."""
    if isinstance(images, str | bytes | os.PathLike) or is_pillow(images) or hasattr(images, "read"):
        raise TypeError(f"expected several images; got one {type(images).__name__}; call predict() or put it in a list")


def joined(parts: Sequence[Part]) -> Part | tuple[Part, ...]:
    """Many images as one raw body when all of them are 28x28 frames, else as the parts of a multipart body."""
    if all(part.is_frame for part in parts):
        return Part(b"".join(part.content for part in parts), RAW)
    return tuple(parts)


def is_at_hand(image: object) -> bool:
    """Whether `encode` is done in microseconds: no file to read, nothing to compress."""
    if isinstance(image, bytes):
        return True
    return arrays.is_array(image) and not is_pillow(image) and arrays.is_raw(image)


def media_type(content: bytes) -> str:
    """The media type by magic number; what has none is called raw, and the service judges its length."""
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    if content[4:8] == b"ftyp" and content[8:12] in BRANDS:
        return BRANDS[content[8:12]]
    return next((kind for magic, kind in MAGIC.items() if content.startswith(magic)), RAW)


def shown(name: str) -> str:
    r"""A file's name as text: a byte of it that is no UTF-8 stands as \xe9, as neither JSON nor a terminal takes it."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def is_pillow(image: object) -> TypeGuard[PillowImage]:
    """Whether the caller holds a Pillow image, asked without importing Pillow."""
    pillow = sys.modules.get("PIL.Image")
    return pillow is not None and isinstance(image, pillow.Image)


def _file(content: bytes, name: str | None = None) -> Part:
    name = None if name is None else shown(name)
    part = Part(content, media_type(content), name)
    if part.media_type == RAW and not part.is_frame:
        begins = f"begins with {content[:16]!r}" if content else "is empty"
        raise NotAnImage(
            f"expected a picture (PNG, JPEG, WebP, BMP, GIF, TIFF) or {FRAME_BYTES} raw bytes; "
            f"{name or 'the file'} {begins}; send a file that is one"
        )
    return part


def _open_file(file: Readable) -> Part:
    content = file.read()
    if not isinstance(content, bytes):
        raise TypeError("expected a file open in binary mode; its read() gave text; open it with mode 'rb'")
    name = getattr(file, "name", None)
    return _file(content, Path(name).name if isinstance(name, str) else None)


def _pillow(image: Any) -> Part:
    from PIL import ImageOps  # the caller holds a Pillow image, so Pillow is there

    if image.mode == "L" and image.size == (28, 28):
        return Part(image.tobytes(), RAW)
    # Saving drops the EXIF orientation: without this a photo held upright would arrive lying on its side.
    upright = ImageOps.exif_transpose(image)
    file = BytesIO()
    if upright.mode not in PNG_MODES:
        upright = upright.convert(NEAREST_PNG_MODE.get(upright.mode, "RGB"))
    upright.save(file, "PNG")
    return Part(file.getvalue(), "image/png")
