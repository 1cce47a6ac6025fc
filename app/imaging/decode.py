"""Encoded image bytes -> pixels, grey or in colour. What an image would cost is decided by its header."""

import io
import math
import struct

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from app.errors import ImageTooLarge, Undecodable

Grey = NDArray[np.uint8]  # [H, W], as bright as the picture is
Pixels = NDArray[np.uint8]  # [H, W] grey, or [H, W, 3] red, green and blue

FORMATS = {
    "image/png": "PNG",
    "image/jpeg": "JPEG",
    "image/webp": "WEBP",
    "image/bmp": "BMP",
    "image/gif": "GIF",
    "image/tiff": "TIFF",
}
ENOUGH = 1024  # pixels a side; more tell nothing of a number
START_OF_SCAN, MOST_SCANS = b"\xff\xda", 100  # of a JPEG; progressive ones have about ten
TILE_WIDTH, TILE_LENGTH = 322, 323  # TIFF tags
MOST_BYTES = 200_000_000  # that one image may take while it is decoded
PREFIX_BYTES = 16  # by which Pillow's formats know themselves
UPRIGHT = 1  # of EXIF's orientations
SIXTEEN_BITS_A_SHADE = 257  # 65535 / 255

Image.init()  # registers every format
Image.MAX_IMAGE_PIXELS = None  # `open_image` limits pixels itself, and answers with 413 rather than a warning


def open_image(data: bytes, media_type: str | None = None, *, max_pixels: int) -> Image.Image:
    """Read an image's header. `media_type` is what the bytes are said to be; None takes any of FORMATS.

    Raises Undecodable where they are something else, ImageTooLarge where they hold more than `max_pixels`.
    """
    with _Translated(data, media_type):
        image = _open(data, media_type)
        width, height = _largest_piece(image)
        many_scans = image.format in {"JPEG", "MPO"} and data.count(START_OF_SCAN) > MOST_SCANS
    if width * height > max_pixels:
        raise ImageTooLarge(
            f"the image is {width}x{height} = {width * height:,} pixels; "
            f"at most {max_pixels:,} are decoded. Send it smaller."
        )
    if (needed := width * height * _bytes_a_pixel(image)) > MOST_BYTES:
        raise ImageTooLarge(
            f"decoding the {width}x{height} {image.format} takes about {needed / 1e6:,.0f} MB; "
            f"at most {MOST_BYTES / 1e6:,.0f} MB are spent on one image. Send it smaller, or as a JPEG."
        )
    if many_scans:
        raise Undecodable(f"the JPEG has over {MOST_SCANS} scans, each of which costs a decoding; save it anew")
    return image


def pixels_of(image: Image.Image) -> int:
    """How many pixels decoding an image will hold, by its header."""
    return math.prod(_largest_piece(image))


def decode(image: Image.Image, enough: int = ENOUGH) -> Pixels:
    """The first frame, upright by EXIF, transparency laid on paper: uint8 [H, W], or [H, W, 3] where there are colours.

    A picture whose longer side is twice `enough` pixels or more comes smaller by a whole factor.

    Raises Undecodable where the data ends early or is broken.
    """
    with _Translated():
        image.draft(None, (enough, enough))  # JPEG alone: decodes straight to a smaller size, many times faster
        image.load()
        if image.getexif().get(ExifTags.Base.Orientation, UPRIGHT) != UPRIGHT:
            ImageOps.exif_transpose(image, in_place=True)
        factor = max(image.size) // enough
        return _pixels(_reducible(image).reduce(factor) if factor > 1 else image)


def _open(data: bytes, media_type: str | None) -> Image.Image:
    """Image.open, which spends a third of its time on a small image on finding out what is known already."""
    file = io.BytesIO(data)
    if media_type is None:
        return Image.open(file, formats=[*FORMATS.values()])
    make, accepts = Image.OPEN[FORMATS[media_type]]
    if accepts and not accepts(data[:PREFIX_BYTES]):
        raise UnidentifiedImageError
    try:
        return make(file, "")
    except (SyntaxError, IndexError, TypeError, struct.error) as error:  # as Image.open sees it
        raise UnidentifiedImageError from error


def _largest_piece(image: Image.Image) -> tuple[int, int]:
    """The image's size, or that of a TIFF's tiles, which are allocated whole however small the image is."""
    if image.format != "TIFF":
        return image.size
    tags = getattr(image, "tag_v2", {})
    tile = int(tags.get(TILE_WIDTH, 0)), int(tags.get(TILE_LENGTH, 0))
    return max(image.size, tile, key=math.prod)


def _bytes_a_pixel(image: Image.Image) -> int:
    """What decoding holds at its highest, as measured; a JPEG is decoded straight to a smaller size."""
    if image.format in {"JPEG", "MPO"}:
        return 1
    if image.format == "WEBP":
        return 12
    return 3 if image.mode in {"1", "L"} else 7


def _reducible(image: Image.Image) -> Image.Image:
    """Pillow averages pixels of whole shades alone, not of palettes, bits or 16-bit words."""
    if image.mode in {"1", "P", "PA"}:
        return _without_palette(image)
    return image.convert("I") if image.mode.startswith("I;") else image


def _pixels(image: Image.Image) -> Pixels:
    if image.mode != "L" or "transparency" in image.info:
        return _pixels_of_others(image)
    return np.frombuffer(image.tobytes(), np.uint8).reshape(image.height, image.width)  # asarray takes longer


def _pixels_of_others(image: Image.Image) -> Pixels:
    if image.mode.startswith("I"):  # 16 bits a pixel, and TIFF's 32
        shades: Grey = (np.asarray(image, np.int64).clip(0, 65535) // SIXTEEN_BITS_A_SHADE).astype(np.uint8)
        return shades
    if image.mode == "F":
        return _stretched(np.asarray(image, np.float64))
    if image.has_transparency_data:
        return _on_paper(np.asarray(image.convert("RGBA")))
    return _colours_if_any(np.asarray(image if image.mode == "RGB" else _without_palette(image)))


def _without_palette(image: Image.Image) -> Image.Image:
    if image.has_transparency_data:
        return image.convert("RGBA")
    return image.convert("L" if image.mode == "1" else "RGB")


def _colours_if_any(pixels: Pixels) -> Pixels:
    """[H, W, 3 or 4] -> [H, W] where red, green and blue are the same everywhere, else [H, W, 3]."""
    if pixels.ndim == 2:
        return pixels
    grey: Pixels
    grey, green, blue = cv2.split(pixels)[:3]
    if np.array_equal(grey, green) and np.array_equal(green, blue):
        return grey
    return pixels[..., :3]


def _on_paper(pixels: Pixels) -> Pixels:
    """Lay a transparent drawing on white, or on black where its ink is bright: else it would vanish. [H, W, 4]."""
    if pixels[..., 3].min() == 255:
        return _colours_if_any(pixels)
    colours, opacity = pixels[..., :3].astype(np.float32), pixels[..., 3:].astype(np.float32) / 255
    ink_is_bright = bool(opacity.any()) and float((colours * opacity).sum() / (3 * opacity.sum())) > 127
    paper = 0.0 if ink_is_bright and opacity.mean() < 0.5 else 255.0
    return _colours_if_any(np.rint(colours * opacity + paper * (1 - opacity)).astype(np.uint8))


def _stretched(pixels: NDArray[np.float64]) -> Grey:
    finite = np.nan_to_num(pixels, nan=0.0, posinf=0.0, neginf=0.0)
    spread = finite.max() - finite.min()
    shades: Grey = ((finite - finite.min()) * (255 / spread if spread else 0)).astype(np.uint8)
    return shades


class _Translated:
    """Pillow says that an image is broken in many ways; a caller is told in one."""

    def __init__(self, data: bytes = b"", media_type: str | None = None) -> None:
        self._data = data
        self._media_type = media_type

    def __enter__(self) -> None:
        pass

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, UnidentifiedImageError):
            raise Undecodable(_not_an_image(self._data, self._media_type)) from error
        if isinstance(error, Exception):  # a hostile file can make a decoder raise anything, MemoryError too
            reason = str(error) or type(error).__name__
            raise Undecodable(f"the image is truncated or broken ({reason}); send the whole file") from error


def _not_an_image(data: bytes, media_type: str | None) -> str:
    expected = media_type or f"an image ({', '.join(FORMATS)})"
    return f"expected {expected}, but the {len(data):,} bytes begin with {data[:12]!r}; check the file and Content-Type"


def is_plain_png(data: bytes) -> bool:
    return (
        data.startswith(b"\x89PNG")
        and len(data) <= 65_536
        and struct.unpack(">II", data[16:24].ljust(8, b"\xff"))[0]
        * struct.unpack(">II", data[16:24].ljust(8, b"\xff"))[1]
        <= 100_000
    )
