"""The OpenAPI operations of /v1: what may be sent, and what comes back."""

from app.http.exchange import MOST_DEADLINE_MS
from app.http.openapi import ERRORS, Documented, Object
from app.http.v1 import bodies, schemas
from app.http.v1.answers import NDJSON, NPY
from app.http.v1.digits import BATCH, EXPLAIN, READ, SINGLE, Digits
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


def _parameter(name: str, where: str, schema: Object, description: str) -> Object:
    return {"name": name, "in": where, "required": False, "description": description, "schema": schema}


ADDITIONS = {
    "seen": "`seen`: the picture that the model saw.",
    "heatmap": "`heatmap`: what in it spoke for the digit.",
}
PARAMETERS = [
    _parameter("model", "query", {"type": "string"}, "A live model's name; left out: the default model."),
    _parameter("version", "query", {"type": "string"}, "A live version; left out: the newest."),
    _parameter(
        "X-Deadline-Ms",
        "header",
        {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": MOST_DEADLINE_MS},
        "Milliseconds after which nobody waits for the answer.",
    ),
    _parameter("X-Request-ID", "header", {"type": "string"}, "The caller's own id; it comes back with the answer."),
]


def _including(*additions: str) -> list[Object]:
    """The parameters of an endpoint whose answer can hold these too."""
    schema = {"type": "array", "items": {"type": "string", "enum": [*additions]}}
    described = "Additions, as base64 PNG. " + " ".join(ADDITIONS[name] for name in additions)
    return [*PARAMETERS, _parameter("include", "query", schema, described) | {"style": "form", "explode": False}]


def _object(**properties: Object) -> Object:
    return {
        "type": "object",
        "required": [*properties],
        "properties": properties,
        "additionalProperties": False,
    }


def _list_of(items: Object) -> Object:
    return {"type": "array", "items": items}


def _operation(body: dict[str, Object], parameters: list[Object]) -> Object:
    content = {media_type: {"schema": schema} for media_type, schema in body.items()}
    return {"parameters": parameters, "requestBody": {"required": True, "content": content}}


ONE_IMAGE = {
    **dict.fromkeys([*FORMATS, bodies.RAW, bodies.NPY], BINARY),
    bodies.FORM: _object(file=BINARY),
    bodies.JSON: {"oneOf": [_object(image=BASE64), _object(pixels=PIXELS)]},
}
MANY_IMAGES = {
    **dict.fromkeys([bodies.RAW, bodies.NPY, bodies.ZIP], BINARY),
    bodies.FORM: _object(files=_list_of(BINARY)),
    bodies.JSON: {"oneOf": [_object(images=_list_of(BASE64)), _object(pixels=_list_of(PIXELS))]},
}
ONE_DIGIT = _operation(ONE_IMAGE, _including("seen", "heatmap"))
SINGLE_ANSWERS: dict[int | str, Object] = {200: {"model": schemas.Prediction}, **ERRORS}
MANY_DIGITS = _operation(MANY_IMAGES, _including("seen"))
BATCH_ANSWERS: dict[int | str, Object] = {
    200: {
        "model": schemas.BatchPrediction,
        "content": {NDJSON: {"schema": {"type": "string"}}, NPY: {"schema": BINARY}},
    },
    **ERRORS,
}
ONE_EXPLAINED = _operation(ONE_IMAGE, PARAMETERS)
EXPLAIN_ANSWERS: dict[int | str, Object] = {200: {"model": schemas.Explained}, **ERRORS}
NUMBERS = _operation(ONE_IMAGE, PARAMETERS)
READ_ANSWERS: dict[int | str, Object] = {200: {"model": schemas.FoundNumbers}, **ERRORS}


def documented(digits: Digits) -> list[Documented]:
    """What is answered in front of FastAPI."""
    return [
        Documented(SINGLE, digits.single, "Read one digit", SINGLE_ANSWERS, ONE_DIGIT),
        Documented(BATCH, digits.batch, "Read many digits", BATCH_ANSWERS, MANY_DIGITS),
        Documented(EXPLAIN, digits.explain, "Read one digit, and say why", EXPLAIN_ANSWERS, ONE_EXPLAINED),
        Documented(READ, digits.read, "Read whole numbers", READ_ANSWERS, NUMBERS),
    ]
