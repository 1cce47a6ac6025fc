"""Encoded image bytes -> pixels, grey or in colour. What an image would cost, in time and in memory, is decided by its
header and by what it is made of.
"""

import io
import math
import struct
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps, PngImagePlugin, UnidentifiedImageError

from app.budget import UNLIMITED, Budget
from app.errors import BadRequest, ImageTooLarge, ServiceError, Undecodable
from app.imaging import containers, costs, signatures
from app.imaging.apart import Apart
from app.imaging.arrays import Grey, Pixels
from app.imaging.containers import is_plain_png as is_plain_png
from app.imaging.costs import ENOUGH, OPENING, PLAIN_CHANNEL
from app.imaging.costs import pixels_of as pixels_of

FORMATS = {
    "image/png": "PNG",
    "image/jpeg": "JPEG",
    "image/webp": "WEBP",
    "image/bmp": "BMP",
    "image/gif": "GIF",
    "image/tiff": "TIFF",
}
PILLOWS = [*FORMATS.values()]  # that Pillow itself decodes
EXTRAS = {"image/heic": "heic", "image/heif": "heic", "application/pdf": "pdf"}  # by what is to be installed for them
if find_spec("pillow_heif"):
    FORMATS |= {"image/heic": "HEIF", "image/heif": "HEIF"}
if find_spec("pypdfium2"):
    FORMATS["application/pdf"] = "PDF"
MODULES = {"HEIF": f"{__package__}.heif", "PDF": f"{__package__}.pdf"}  # imported where some comes, and by the pool
MOST_BYTES = 100_000_000  # that one image may take while it is decoded
MOST_BYTES_APART = 150_000_000  # in a process that is gone with it: a photo of 24 megapixels by a newer iPhone
PREFIX_BYTES = 16  # by which Pillow's formats know themselves
UPRIGHT = 1  # of EXIF's orientations
SIXTEEN_BITS_A_SHADE = 257  # 65535 / 255

STRIP = 32_768  # pixels that are laid on paper at a time
BRIGHT = 127  # of 255: ink above it would vanish on white
COVERED = 0.5  # of a picture: what is opaque on more of it has a paper of its own

Image.preinit()  # registers PNG, JPEG, BMP and GIF; with the others, which are all of FORMATS, in half of init's time
for plugin in ("PIL.TiffImagePlugin", "PIL.WebPImagePlugin"):
    import_module(plugin)
Image.MAX_IMAGE_PIXELS = None  # `open_image` limits pixels itself, and answers with 413 rather than a warning
PngImagePlugin.MAX_TEXT_MEMORY = 4_000_000  # bytes of all texts beside the picture, unpacked


def open_image(
    data: bytes, media_type: str | None = None, *, max_pixels: int, budget: Budget = UNLIMITED, page: int = 1
) -> Image.Image:
    """Read an image's header. `media_type` is what the bytes are said to be; None takes any of FORMATS. `page` is which
    of a PDF's.

    Raises Undecodable where they are something else, ImageTooLarge where they hold more than `max_pixels`, TooMuchWork
    where they would take too long to decode.
    """
    contents = containers.walk(data)
    budget.charge(OPENING + contents.seconds, "looking through the image's header")
    with _Translated(data, media_type):
        image = _open(data, media_type, page, budget)
        width, height = costs.largest_piece(image)
    if width * height > max_pixels:
        raise ImageTooLarge(
            f"the image is {width}x{height} = {width * height:,} pixels; "
            f"at most {max_pixels:,} are decoded. Send it smaller."
        )
    _check_memory(image, costs.bytes_to_decode(image, contents.scans))
    seconds = costs.seconds_to_decode(image, len(data), contents.scans)
    budget.charge(seconds, "decoding the {}x{} {}", width, height, image.format)
    return image


def pages_of(data: bytes, budget: Budget) -> int:
    """How many a PDF has; 1 of any other image. Raises Undecodable, TooMuchWork."""
    if FORMATS.get(signatures.media_type_of(data)) != "PDF":
        return 1
    pages: int = import_module(MODULES["PDF"]).page_of(data, 1, budget).pages
    return pages


def decode_plain_png(data: bytes, enough: int, budget: Budget) -> Pixels:
    """`open_image` and `decode` of what `is_plain_png`: it has no EXIF, and what it costs is soon known.

    Raises Undecodable, TooMuchWork.
    """
    with _Translated(data, "image/png"):
        image = _open(data, "image/png")
        channels = len(image.getbands()) * image.width * image.height
        budget.charge(OPENING + PLAIN_CHANNEL * channels, "decoding the {}x{} PNG", *image.size)
        image.load()
        pixels = _pixels(_reduced(image, enough))
        image.close()
        return pixels


def decode(image: Image.Image, enough: int = ENOUGH, budget: Budget = UNLIMITED) -> Pixels:
    """The first frame, upright by EXIF, transparency laid on paper: uint8 [H, W], or [H, W, 3] where there are colours.

    A picture whose longer side is twice `enough` pixels or more comes smaller by a whole factor. The image is closed.

    Raises Undecodable where the data ends early or is broken, ImageTooLarge, TooMuchWork.
    """
    with _Translated():
        if isinstance(image, Apart):
            image = image.decoded(enough)
        image.draft(None, (enough, enough))  # JPEG alone: decodes straight to a smaller size, many times faster
        image.load()
        if image.getexif().get(ExifTags.Base.Orientation, UPRIGHT) != UPRIGHT:
            _check_memory(image, 2 * math.prod(image.size) * costs.bytes_a_pixel(image))
            ImageOps.exif_transpose(image, in_place=True)
        small = _reduced(image, enough)
        budget.charge(costs.seconds_to_convert(small), "converting {:,}x{:,} pixels", *small.size)
        pixels = _pixels(small)
        image.close()
        return pixels


def _check_memory(image: Image.Image, needed: int) -> None:
    most = MOST_BYTES_APART if isinstance(image, Apart) else MOST_BYTES
    if needed > most:
        raise ImageTooLarge(
            f"decoding the {image.width}x{image.height} {image.format} takes about {needed / 1e6:,.0f} MB; "
            f"at most {most / 1e6:,.0f} MB are spent on one image of this kind. Send it smaller, or as a JPEG."
        )


def _open(data: bytes, media_type: str | None, page: int = 1, budget: Budget = UNLIMITED) -> Image.Image:
    """Image.open, which spends a third of its time on a small image on finding out what is known already."""
    kind = FORMATS.get(media_type or signatures.media_type_of(data), "")
    if kind in MODULES:
        return _open_apart(data, kind, page, budget)
    _check_page(page)
    file = io.BytesIO(data)
    if not kind:
        return Image.open(file, formats=PILLOWS)
    make, accepts = Image.OPEN[kind]
    if accepts and not accepts(data[:PREFIX_BYTES]):
        raise UnidentifiedImageError
    try:
        return make(file, "")
    except (SyntaxError, IndexError, TypeError, struct.error) as error:  # as Image.open sees it
        raise UnidentifiedImageError from error


def _open_apart(data: bytes, kind: str, page: int, budget: Budget) -> Apart:
    if FORMATS.get(signatures.media_type_of(data)) != kind:
        raise UnidentifiedImageError
    opened: Callable[..., Apart] = import_module(MODULES[kind]).opened
    if kind == "PDF":
        return opened(data, page, budget)
    _check_page(page)
    return opened(data, budget)


def _check_page(page: int) -> None:
    if page != 1:
        raise BadRequest(f"only PDFs have pages; ?page={page} was asked for")


def _reduced(image: Image.Image, enough: int) -> Image.Image:
    """By a whole factor, where its longer side is twice `enough` pixels or more."""
    factor = max(image.size) // enough
    return _reducible(image).reduce(factor) if factor > 1 else image


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
        shades: Grey = (np.asarray(image).clip(0, 65535) // SIXTEEN_BITS_A_SHADE).astype(np.uint8)
        return shades
    if image.mode == "F":
        return _stretched(np.array(image, np.float64))
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
    strips = np.array_split(pixels.reshape(-1, 1, 4), -(-pixels.size // (4 * STRIP)))
    light, opacity = np.sum([_light(strip) for strip in strips], axis=0).tolist()
    ink_is_bright = opacity > 0 and light / (3 * opacity) > BRIGHT
    paper = 0.0 if ink_is_bright and opacity < COVERED * 255 * pixels.size / 4 else 255.0
    laid = np.concatenate([_laid(strip, paper) for strip in strips])
    return _colours_if_any(laid.reshape(*pixels.shape[:2], 3))


def _light(pixels: Pixels) -> tuple[float, float]:
    """The sum of all shades, each as far as it is opaque, and that of all opacity."""
    *colours, opacity = cv2.split(pixels)
    light = sum(cv2.sumElems(cv2.multiply(colour, opacity, dtype=cv2.CV_32F))[0] for colour in colours)
    return light, cv2.sumElems(opacity)[0]


def _laid(pixels: Pixels, paper: float) -> Pixels:
    *colours, opacity = (channel.astype(np.float32) for channel in cv2.split(pixels))
    opacity /= 255
    beneath = paper * (1 - opacity)
    laid: Pixels = cv2.merge([np.rint(colour * opacity + beneath).astype(np.uint8) for colour in colours])
    return laid


def _stretched(pixels: NDArray[np.float64]) -> Grey:
    """In place."""
    np.nan_to_num(pixels, copy=False, nan=0.0, posinf=0.0, neginf=0.0)
    least, most = float(pixels.min()), float(pixels.max())
    pixels -= least
    pixels *= 255 / (most - least) if most > least else 0
    return pixels.astype(np.uint8)


class _Translated:
    """Pillow says that an image is broken in many ways; a caller is told in one."""

    def __init__(self, data: bytes = b"", media_type: str | None = None) -> None:
        self._data = data
        self._media_type = media_type

    def __enter__(self) -> None:
        pass

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, ServiceError):
            return
        if isinstance(error, UnidentifiedImageError):
            raise Undecodable(_not_an_image(self._data, self._media_type)) from error
        if isinstance(error, Exception):  # a hostile file can make a decoder raise anything, MemoryError too
            reason = str(error) or type(error).__name__
            raise Undecodable(f"the image is truncated or broken ({reason}); send the whole file") from error


def _not_an_image(data: bytes, media_type: str | None) -> str:
    expected = media_type or f"an image ({', '.join(FORMATS)})"
    check = "the file and its Content-Type" if media_type else "the file"
    return f"expected {expected}, but the {len(data):,} bytes begin with {data[:12]!r}; check {check}"
