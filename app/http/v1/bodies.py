"""A request's body, of any media type in the contract -> items: frames that are ready, or encoded images.

What can take long is run in a process of the pool, which gets these functions by name.
"""

import base64
import binascii
from collections.abc import Callable, Iterable, Iterator, Sized
from functools import lru_cache, partial
from typing import Any, NamedTuple, TypeVar

from app import archive
from app.budget import Budget
from app.errors import BadRequest, BatchTooLarge, ServiceError, UnsupportedMediaType, WrongShape
from app.http.v1 import json_items, multipart
from app.http.v1.json_items import SMALL, Elements, kind_of, parse_object
from app.http.v1.media_types import ALIASES, FORM, JSON, LONG, NPY, PDF, RAW, ZIP, media_type_of, recognised
from app.http.v1.multipart import Part
from app.imaging.decode import EXTRAS, FORMATS, pages_of
from app.tasks.digits import arrays
from app.tasks.digits.arrays import FRAME_BYTES, Frames
from app.tasks.digits.requests import BatchRequest, Cut, ImageRequest, Item

T = TypeVar("T")
S = TypeVar("S", bound=Sized)

# Of one image and of many. HTTP libraries, pages and callers of earlier versions call them files.
FIELDS = frozenset({"image", "images", "file", "files"})
MOST_BRACKETS, MOST_COMMAS = 64, 4096  # in the JSON of one image: 28 rows of 28 numbers, or of what is told apart
USUAL_NPY_HEAD = 256  # bytes, which numpy writes half of; longer ones take long to evaluate


class BatchLimits(NamedTuple):
    """What a body may hold."""

    batch_images: int
    item_bytes: int
    unpacked_bytes: int


def image_request(content_type: str, body: bytes, *, explain: bool = False, page: int = 1) -> ImageRequest:
    """The one image of a body, cut out of it where that is quick. Raises as `single` does."""
    media_type = media_type_of(content_type, body)
    item = _single(body, media_type, content_type, page) if _is_read_quickly(media_type, body) else None
    return ImageRequest(body, cut_of(content_type, page), item, explain)


def cut_of(content_type: str, page: int = 1) -> Cut:
    """`page` is which of a PDF's is wanted."""
    return _remembered_cut(content_type, page) if len(content_type) < LONG else _new_cut(content_type, page)


def _new_cut(content_type: str, page: int) -> Cut:
    return partial(single, content_type=content_type, page=page)


_remembered_cut = lru_cache(_new_cut)


def batch_request(content_type: str, body: bytes, limits: BatchLimits) -> BatchRequest:
    """The many images of a body. Raises as `batch` does, where that is seen at once."""
    return BatchRequest(
        body,
        partial(batch, content_type=content_type, limits=limits),
        plain_batch(content_type, body, limits),
        is_batch_of_rows(content_type, body),
    )


def _is_read_quickly(media_type: str, body: bytes) -> bool:
    """Whether `single` takes less than a millisecond, whatever the body holds."""
    if media_type == JSON:
        return len(body) <= SMALL
    if media_type == NPY:
        return len(body) <= SMALL and arrays.npy_head_bytes(body) <= USUAL_NPY_HEAD
    return media_type != FORM


def single(body: bytes, *, content_type: str, page: int = 1) -> Item:
    """The one image of /v1/predict. Raises BadRequest, UnsupportedMediaType, WrongShape, Undecodable."""
    return _single(body, media_type_of(content_type, body), content_type, page)


def _single(body: bytes, media_type: str, content_type: str, page: int) -> Item:
    if page != 1:
        item = _single(body, media_type, content_type, 1)
        if item.image is None:
            raise BadRequest("only PDFs have pages; pixels came with ?page=")
        return item._replace(page=page)
    if media_type == RAW:
        return Item(None, None, _only(arrays.from_raw(_not_empty(body))))
    if media_type in FORMATS:
        return Item(_not_empty(body), media_type)
    if media_type == NPY:
        return Item(frame=_only(arrays.from_npy(_not_empty(body))))
    if media_type == JSON:
        return _single_json(body)
    if media_type == FORM:
        return _single_form(list(multipart.parse(content_type, body, most=1)))
    raise _unsupported(media_type, [*FORMATS, RAW, NPY, FORM, JSON])


def plain_batch(content_type: str, body: bytes, limits: BatchLimits) -> Frames | None:
    """The frames of a batch that need no work at all, uint8 [N, 28, 28]; None of any other batch. Raises as `batch`."""
    media_type = media_type_of(content_type, body)
    if media_type == RAW:
        frames = arrays.from_raw(_not_empty(body))
    elif media_type == NPY and arrays.npy_head_bytes(_not_empty(body)) <= USUAL_NPY_HEAD:
        array = arrays.npy_array(body)
        if array.dtype != "uint8" or not array.flags.c_contiguous:
            return None
        frames = arrays.from_array(array)
    else:
        return None
    check_count(len(frames), limits)
    return _some(frames)


def is_batch_of_rows(content_type: str, body: bytes) -> bool:
    """Whether `batch` takes less than a millisecond for each of its items, whatever the body holds."""
    return media_type_of(content_type, body) == JSON and json_items.begins_with("pixels", body)


def batch(body: bytes, budget: Budget, *, content_type: str, limits: BatchLimits) -> Iterator[Item]:
    """The images of /v1/predict/batch, each read when it is asked for. An item that cannot be read is an item with an
    error; raises as `single` does where the body as a whole cannot be read, and BatchTooLarge, TooLarge, TooMuchWork.
    """
    media_type = media_type_of(content_type, body)
    readers: dict[str, Callable[[], Iterable[Item]]] = {
        RAW: lambda: _ready(arrays.from_raw(_not_empty(body)), limits),
        NPY: lambda: _ready(_npy(body, limits), limits),
        JSON: lambda: _batch_json(body, limits),
        FORM: lambda: _form_items(multipart.parse(content_type, body, most=limits.batch_images)),
        ZIP: lambda: _zip_items(_not_empty(body), limits, budget),
        **({PDF: lambda: [Item(_not_empty(body), PDF)]} if PDF in FORMATS else {}),
    }
    if media_type not in readers:
        raise _unsupported(media_type, [*readers])
    count = 0
    for item in (page for file in readers[media_type]() for page in _pages(file, budget)):
        count += 1
        check_count(count, limits)
        yield item
    _some(range(count))


def _pages(file: Item, budget: Budget) -> Iterator[Item]:
    """Of a PDF, each; any other item as it is."""
    if file.image is None:
        yield file
        return
    try:
        pages = pages_of(file.image, budget)
    except ServiceError as error:
        yield Item(error=error.bare(), name=file.name)
        return
    for page in range(1, pages + 1):
        said = file.name if pages == 1 else ", ".join(filter(None, (file.name, f"page {page}")))
        yield file._replace(page=page, name=said)


def check_count(images: int, limits: BatchLimits) -> None:
    """Raises BatchTooLarge."""
    if images > limits.batch_images:
        raise BatchTooLarge(
            f"a batch holds at most {limits.batch_images:,} images; {images:,} or more came. Send several batches."
        )


def _some(items: S) -> S:
    if not len(items):
        raise BadRequest("the batch holds no image; send at least one")
    return items


def _ready(frames: Frames, limits: BatchLimits) -> Iterator[Item]:
    check_count(len(frames), limits)
    return (Item(frame=frame) for frame in frames)


def _npy(body: bytes, limits: BatchLimits) -> Frames:
    array = arrays.npy_array(_not_empty(body))
    check_count(len(array) if array.ndim else 0, limits)
    return arrays.from_array(array)


def _unsupported(media_type: str, expected: list[str]) -> UnsupportedMediaType:
    came = f"{media_type!r} came" if media_type else "no Content-Type came, and the first bytes are no image's"
    advice = "Set the Content-Type header."
    if media_type in EXTRAS and media_type not in FORMATS:
        advice = f"This service lacks the extra {EXTRAS[media_type]!r}: send a PNG or JPEG, or install it."
    return UnsupportedMediaType(f"{came}; expected one of {', '.join(expected)}. {advice}")


def _not_empty(body: bytes) -> bytes:
    if not body:
        raise BadRequest("the body is empty; send the image as the request's body")
    return body


def _only(frames: Frames) -> Frames:
    if len(frames) != 1:
        raise WrongShape(f"expected one 28x28 image; {len(frames)} came. Send many to /v1/predict/batch.")
    frame: Frames = frames[0]
    return frame


def _may_hold_booleans(json: bytes) -> bool:
    return json.find(b"t") >= 0 or json.find(b"f") >= 0  # of true and false; single letters are found faster than words


def _single_json(body: bytes) -> Item:
    """Brackets and commas are counted before it is parsed: each could become an object of sixty bytes."""
    if body.count(b"[") + body.count(b"{") > MOST_BRACKETS or body.count(b",") > MOST_COMMAS:
        raise WrongShape(f"expected one image, {arrays.EXPECTED}; the JSON has more brackets or commas than that takes")
    match document := parse_object(body):
        case {"image": image, **rest} if not rest:
            return _encoded(image)
        case {"pixels": pixels, **rest} if not rest:
            return _pixels(pixels, booleans=_may_hold_booleans(body))
    raise json_items.wrong_fields(document, '{"image": base64} or {"pixels": 28 rows of 28 numbers, 0..255}')


def _batch_json(body: bytes, limits: BatchLimits) -> Iterator[Item]:
    elements = Elements(body)
    check_count(elements.least, limits)
    if elements.field == "images":
        return (_guarded(_encoded, image) for image in elements)
    booleans = _may_hold_booleans(body)
    return (_guarded(lambda rows: _pixels(rows, booleans=booleans), rows) for rows in elements)


def _pixels(numbers: Any, *, booleans: bool) -> Item:
    return Item(frame=arrays.from_rows(numbers, booleans=booleans))


def _encoded(text: Any) -> Item:
    if not isinstance(text, str):
        raise BadRequest(f"an image in JSON is a base64 string; got {kind_of(text)}")
    encoded = text.partition(",")[2] if text.startswith("data:") else text  # a data: URL is what a canvas gives
    try:
        return Item(_not_empty(base64.b64decode(encoded, validate=True)))
    except (binascii.Error, ValueError) as error:
        raise BadRequest(f"the image is no valid base64 ({error})") from error


def _single_form(parts: list[Part]) -> Item:
    if len(parts) != 1 or parts[0].field not in FIELDS:
        names = ", ".join(repr(part.field) for part in parts) or "nothing"
        raise BadRequest(f"expected a form with one field `image`; got {names}")
    return _part_item(parts[0])


def _form_items(parts: Iterable[Part]) -> Iterator[Item]:
    for part in parts:
        if part.field not in FIELDS:
            raise BadRequest(f"expected a form with fields named `images` alone; got {part.field!r}")
        yield _guarded(_part_item, part, part.filename)


def _part_item(part: Part) -> Item:
    """HTTP libraries guess a part's type by its file's name, so only a type that names a format binds."""
    media_type = ALIASES.get(part.media_type, part.media_type)
    return _item(part.data, media_type if media_type in {*FORMATS, NPY} else "", part.filename, part.media_type == RAW)


def _zip_items(body: bytes, limits: BatchLimits, budget: Budget) -> Iterator[Item]:
    files = archive.files(
        body, budget, most=limits.batch_images, most_bytes=limits.item_bytes, most_unpacked=limits.unpacked_bytes
    )
    return (_guarded(_file_item, file, file.name) for file in files)


def _file_item(file: archive.File) -> Item:
    if isinstance(file.content, ServiceError):
        raise file.content
    return _item(file.content, name=file.name)


def _item(content: bytes, media_type: str = "", name: str | None = None, may_be_raw: bool = False) -> Item:
    """One file: what it is said to be, or else whatever it begins as."""
    media_type = media_type or recognised(_not_empty(content))
    if media_type == NPY:
        return Item(frame=_only(arrays.from_npy(_not_empty(content))), name=name)
    if may_be_raw and not media_type and len(content) == FRAME_BYTES:
        return Item(frame=_only(arrays.from_raw(content)), name=name)
    return Item(_not_empty(content), media_type if media_type in FORMATS else None, name=name)


def _guarded(read: Callable[[T], Item], source: T, name: str | None = None) -> Item:
    """An error in one item is that item's answer, and never its neighbours'."""
    try:
        return read(source)
    except ServiceError as error:
        return Item(error=error.bare(), name=name)
