"""A request's body, of any media type in the contract -> items: frames that are ready, or encoded images."""

import base64
import binascii
import io
import zipfile
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import Any, NamedTuple, TypeVar

import orjson

from app.api import multipart
from app.api.multipart import Part
from app.config import Settings
from app.errors import (
    BadRequest,
    BatchTooLarge,
    ServiceError,
    TooLarge,
    Undecodable,
    UnsupportedMediaType,
    WrongShape,
)
from app.imaging import arrays
from app.imaging.arrays import FRAME_BYTES, Frames
from app.imaging.decode import FORMATS

T = TypeVar("T")

RAW, NPY, JSON = "application/octet-stream", "application/x-npy", "application/json"
FORM, ZIP = "multipart/form-data", "application/zip"
LONG = 200  # characters of a Content-Type that are not remembered any more
ALIASES = {"image/jpg": "image/jpeg", "image/x-ms-bmp": "image/bmp", "application/x-zip-compressed": ZIP}


class Item(NamedTuple):
    """One image of a request: an encoded image, a frame that is ready, or why it is neither."""

    image: bytes | None = None
    media_type: str | None = None  # what `image` is said to be; None: whatever it turns out to be
    frame: Frames | None = None  # uint8 [28, 28]
    error: ServiceError | None = None
    name: str | None = None  # the file's, where it came with one


Body = Frames | Sequence[Item]  # pixels come as one array: a batch of them never becomes a list


def media_type_of(content_type: str) -> str:
    return _remembered(content_type) if len(content_type) < LONG else _plain(content_type)


def _plain(content_type: str) -> str:
    plain = content_type.partition(";")[0].strip().lower()
    return ALIASES.get(plain, plain)


_remembered = lru_cache(_plain)


def single(content_type: str, body: bytes) -> Item:
    """The one image of /v1/predict. Raises BadRequest, UnsupportedMediaType, WrongShape, Undecodable."""
    media_type = media_type_of(content_type)
    if media_type == RAW:
        return Item(None, None, _only(arrays.from_raw(_not_empty(body))))
    if media_type in FORMATS:
        return Item(_not_empty(body), media_type)
    if media_type == NPY:
        return Item(frame=_only(arrays.from_npy(_not_empty(body))))
    if media_type == JSON:
        return _single_json(_json_object(body), booleans=_may_hold_booleans(body))
    if media_type == FORM:
        return _single_form(multipart.parse(content_type, body, most=1))
    raise _unsupported(media_type, [*FORMATS, RAW, NPY, FORM, JSON])


def batch(content_type: str, body: bytes, settings: Settings) -> Body:
    """The images of /v1/predict/batch. An item that cannot be read is an item with an error; raises as `single`
    does where the body as a whole cannot be read, and BatchTooLarge."""
    media_type = media_type_of(content_type)
    readers: dict[str, Callable[[], Body]] = {
        RAW: lambda: arrays.from_raw(_not_empty(body)),
        NPY: lambda: arrays.from_npy(_not_empty(body)),
        JSON: lambda: _batch_json(_json_object(body), settings.max_batch_images, booleans=_may_hold_booleans(body)),
        FORM: lambda: _form_items(multipart.parse(content_type, body, most=settings.max_batch_images)),
        ZIP: lambda: _zip_items(_not_empty(body), settings),
    }
    if media_type not in readers:
        raise _unsupported(media_type, [*readers])
    items = readers[media_type]()
    _check_count(len(items), settings.max_batch_images)
    if not len(items):
        raise BadRequest("the batch holds no image; send at least one")
    return items


def _check_count(images: int, most: int) -> None:
    if images > most:
        raise BatchTooLarge(f"a batch holds at most {most:,} images; {images:,} came. Send several batches.")


def _unsupported(media_type: str, expected: list[str]) -> UnsupportedMediaType:
    came = f"{media_type!r} came" if media_type else "no Content-Type came"
    return UnsupportedMediaType(f"{came}; expected one of {', '.join(expected)}. Set the Content-Type header.")


def _not_empty(body: bytes) -> bytes:
    if not body:
        raise BadRequest("the body is empty; send the image as the request's body")
    return body


def _only(frames: Frames) -> Frames:
    if len(frames) != 1:
        raise WrongShape(f"expected one 28x28 image; {len(frames)} came. Send many to /v1/predict/batch.")
    frame: Frames = frames[0]
    return frame


def _json_object(body: bytes) -> dict[str, Any]:
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadRequest(f"the body is no JSON ({error})") from error
    if not isinstance(document, dict):
        raise BadRequest(f"expected a JSON object; got {_kind(document)}")
    return document


def _may_hold_booleans(json: bytes) -> bool:
    return b"true" in json or b"false" in json


def _single_json(document: dict[str, Any], *, booleans: bool) -> Item:
    match document:
        case {"image": image, **rest} if not rest:
            return _encoded(image)
        case {"pixels": pixels, **rest} if not rest:
            return _pixels(pixels, booleans=booleans)
    raise _wrong_fields(document, '{"image": base64} or {"pixels": 28 rows of 28 numbers, 0..255}')


def _batch_json(document: dict[str, Any], most: int, *, booleans: bool) -> Body:
    match document:
        case {"images": list(images), **rest} if not rest:
            _check_count(len(images), most)
            return [_guarded(_encoded, image) for image in images]
        case {"pixels": list(pixels), **rest} if not rest:
            _check_count(len(pixels), most)
            return _batch_pixels(pixels, booleans=booleans)
    raise _wrong_fields(document, '{"images": [base64, ...]} or {"pixels": [28x28 numbers, ...]}')


def _batch_pixels(pixels: list[Any], *, booleans: bool) -> Body:
    try:
        return arrays.from_lists(pixels, booleans=booleans)
    except ServiceError:  # some of them are wrong: find out which, so that the others are still answered
        return [_guarded(_pixels, one) for one in pixels]


def _wrong_fields(document: dict[str, Any], expected: str) -> BadRequest:
    fields = ", ".join(repr(name) for name in list(document)[:5]) or "nothing"
    return BadRequest(f"expected {expected}, alone; got an object with {fields}")


def _pixels(numbers: Any, *, booleans: bool = True) -> Item:
    return Item(frame=arrays.from_rows(numbers, booleans=booleans))


def _encoded(text: Any) -> Item:
    if not isinstance(text, str):
        raise BadRequest(f"an image in JSON is a base64 string; got {_kind(text)}")
    encoded = text.partition(",")[2] if text.startswith("data:") else text  # a data: URL is what a canvas gives
    try:
        return Item(_not_empty(base64.b64decode(encoded, validate=True)))
    except (binascii.Error, ValueError) as error:
        raise BadRequest(f"the image is no valid base64 ({error})") from error


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "an array", str: "a string", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number")


def _single_form(parts: list[Part]) -> Item:
    if [part.field for part in parts] != ["file"]:
        names = ", ".join(repr(part.field) for part in parts) or "nothing"
        raise BadRequest(f"expected a form with one field `file`; got {names}")
    return _part_item(parts[0])


def _form_items(parts: list[Part]) -> list[Item]:
    if others := {part.field for part in parts} - {"files", "file"}:
        raise BadRequest(f"expected a form with fields named `files` alone; got {', '.join(map(repr, sorted(others)))}")
    return [_guarded(_part_item, part, part.filename) for part in parts]


def _part_item(part: Part) -> Item:
    """HTTP libraries guess a part's type by its file's name, so only a type that names a format binds."""
    data = bytes(part.data)
    media_type = ALIASES.get(part.media_type, part.media_type)
    if media_type in FORMATS:
        return Item(_not_empty(data), media_type, name=part.filename)
    if media_type == NPY:
        return Item(frame=_only(arrays.from_npy(_not_empty(data))), name=part.filename)
    if len(data) == FRAME_BYTES and media_type == RAW:
        return Item(frame=_only(arrays.from_raw(data)), name=part.filename)
    return Item(_not_empty(data), name=part.filename)


def _zip_items(body: bytes, settings: Settings) -> list[Item]:
    try:
        archive = zipfile.ZipFile(io.BytesIO(body))
    except Exception as error:  # zipfile lets struct.error and others through on hostile bytes
        raise Undecodable(f"the body is no ZIP archive ({error})") from error
    entries = [entry for entry in archive.infolist() if not _is_litter(entry)]
    _check_count(len(entries), settings.max_batch_images)
    unpacked = sum(entry.file_size for entry in entries)
    if unpacked > settings.max_unpacked_bytes:
        raise TooLarge(
            f"the archive unpacks to {unpacked:,} bytes; at most {settings.max_unpacked_bytes:,} are unpacked"
        )
    return [_guarded(partial(_zip_item, archive), entry, entry.filename) for entry in entries]


def _zip_item(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Item:
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise Undecodable("this file of the archive is packed by a rare method; pack with deflate, as ZIP does")
    try:
        with archive.open(entry) as file:
            data = file.read(entry.file_size + 1)  # bounded by the directory, which is counted; read() alone is not
    except Exception as error:  # a wrong checksum, a password, an unknown method, a broken stream
        raise Undecodable(f"this file of the archive cannot be unpacked ({error})") from error
    return Item(_not_empty(data), name=entry.filename)


def _is_litter(entry: zipfile.ZipInfo) -> bool:
    """Folders, and what macOS and editors leave in archives."""
    return entry.is_dir() or entry.filename.startswith("__MACOSX/") or entry.filename.rsplit("/", 1)[-1].startswith(".")


def _guarded(read: Callable[[T], Item], source: T, name: str | None = None) -> Item:
    """An error in one item is that item's answer, and never its neighbours'."""
    try:
        return read(source)
    except ServiceError as error:
        return Item(error=error.bare(), name=name)
