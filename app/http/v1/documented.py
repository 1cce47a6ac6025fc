"""The OpenAPI operations of /v1: what may be sent, and what comes back."""

from app.http.openapi import ERRORS, HEADERS, Documented, Object, examples_of, named, parameter
from app.http.v1 import schemas
from app.http.v1.answers import NDJSON
from app.http.v1.digits import BATCH, EXPLAIN, READ, SINGLE, Digits
from app.http.v1.media_types import FORM, JSON, NPY, PDF, RAW, ZIP
from app.imaging.decode import FORMATS
from app.tasks.digits.arrays import SIDE

BINARY: Object = {"type": "string", "format": "binary"}
BASE64: Object = {"type": "string", "format": "byte"}
PIXELS: Object = {
    "type": "array",
    "minItems": SIDE,
    "maxItems": SIDE,
    "items": {
        "type": "array",
        "minItems": SIDE,
        "maxItems": SIDE,
        "items": {"type": "number", "minimum": 0, "maximum": 255},
    },
    "description": f"{SIDE} rows of {SIDE} shades: 0 background, 255 ink. Fractions up to 1 are refused: multiply them "
    "by 255.",
}


ADDITIONS = {
    "seen": "`seen`: the picture that the model saw.",
    "heatmap": "`heatmap`: what in it spoke for the digit.",
    "stages": "`stages`: what each stage made of the picture, on the way to what the model saw.",
    "layers": "`layers`: what each of the model's layers made of that.",
}
PARAMETERS = [
    parameter("model", "query", {"type": "string"}, "A live model's name; left out: the default model."),
    parameter("version", "query", {"type": "string"}, "A live version; left out: the newest."),
    *HEADERS,
]
PAGE = parameter("page", "query", {"type": "integer", "minimum": 1, "default": 1}, "Which page of a PDF.")


def _including(*additions: str) -> list[Object]:
    """The parameters of an endpoint whose answer can hold these too."""
    schema = {"type": "array", "items": {"type": "string", "enum": [*additions]}}
    described = "Additions, in base64. " + " ".join(ADDITIONS[name] for name in additions)
    return [*PARAMETERS, parameter("include", "query", schema, described) | {"style": "form", "explode": False}]


def _object(**properties: Object) -> Object:
    return {
        "type": "object",
        "required": [*properties],
        "properties": properties,
        "additionalProperties": False,
    }


def _list_of(items: Object) -> Object:
    return {"type": "array", "items": items}


def _operation(content: Object, parameters: list[Object]) -> Object:
    return {"parameters": parameters, "requestBody": {"required": True, "content": content}}


SCHEMAS: dict[str, Object] = {
    "ImageForm": _object(image=BINARY),
    "ImagesForm": _object(images=_list_of(BINARY)),
    "EncodedImage": _object(image=BASE64),
    "EncodedImages": _object(images=_list_of(BASE64)),
    "Pixels": PIXELS,
    "PixelsOfOne": _object(pixels=named("Pixels")),
    "PixelsOfMany": _object(pixels=_list_of(named("Pixels"))),
}


def _either(*schemas: str, examples: tuple[str, ...]) -> Object:
    return {"schema": {"oneOf": [*map(named, schemas)]}, "examples": examples_of(*examples)}


# What takes any file is first: Swagger UI begins with it.
FILE: Object = {"schema": BINARY | {"description": "An image of any of these formats, or 784 shades."}}
FILES: Object = {"schema": BINARY | {"description": "A ZIP, an .npy file, or 784 shades for each image."}}
ONE_IMAGE: Object = {
    RAW: FILE,
    FORM: {"schema": named("ImageForm")},
    JSON: _either("EncodedImage", "PixelsOfOne", examples=("image", "pixels")),
    **{media_type: {"schema": BINARY} for media_type in (*FORMATS, NPY)},
}
MANY = [ZIP, NPY, *(kind for kind in (PDF,) if kind in FORMATS)]
MANY_IMAGES: Object = {
    FORM: {"schema": named("ImagesForm")},
    JSON: _either("EncodedImages", "PixelsOfMany", examples=("images", "pixelsOfMany")),
    RAW: FILES,
    **{media_type: {"schema": BINARY} for media_type in MANY},
}
ONE_DIGIT = _operation(ONE_IMAGE, [*_including("seen", "heatmap"), PAGE])
SINGLE_ANSWERS: dict[int | str, Object] = {200: {"model": schemas.Prediction}, **ERRORS}
MANY_DIGITS = _operation(MANY_IMAGES, _including("seen"))
BATCH_ANSWERS: dict[int | str, Object] = {
    200: {
        "model": schemas.BatchPrediction,
        "content": {NDJSON: {"schema": {"type": "string"}}, NPY: {"schema": BINARY}},
    },
    **ERRORS,
}
ONE_EXPLAINED = _operation(ONE_IMAGE, [*_including("stages", "layers"), PAGE])
EXPLAIN_ANSWERS: dict[int | str, Object] = {200: {"model": schemas.Explained}, **ERRORS}
NUMBERS = _operation(ONE_IMAGE, [*PARAMETERS, PAGE])
READ_ANSWERS: dict[int | str, Object] = {200: {"model": schemas.FoundNumbers}, **ERRORS}


def documented(digits: Digits) -> list[Documented]:
    """What is answered in front of FastAPI."""
    return [
        Documented(SINGLE, digits.single, "Read one digit", SINGLE_ANSWERS, ONE_DIGIT, "predict"),
        Documented(BATCH, digits.batch, "Read many digits", BATCH_ANSWERS, MANY_DIGITS, "predictBatch"),
        Documented(EXPLAIN, digits.explain, "Read one digit, and say why", EXPLAIN_ANSWERS, ONE_EXPLAINED, "explain"),
        Documented(READ, digits.read, "Read whole numbers", READ_ANSWERS, NUMBERS, "read"),
    ]
