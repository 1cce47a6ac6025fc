"""What the OpenAPI document has to try the service with: the project's own drawing of a digit, in each form of JSON."""

import numpy as np

from app.http.openapi import Object
from app.http.v1.answers import png
from app.tasks.digits import strokes

DRAWN, SIDE = (7, 3), 56  # pixels a side of a picture


def examples() -> dict[str, Object]:
    """By the names that operations refer to."""
    frames = [strokes.render(digit) for digit in DRAWN]
    images = [png((255 - strokes.render(digit, size=SIDE)).astype(np.uint8)) for digit in DRAWN]
    shades = [frame.tolist() for frame in frames]
    tensor = {"name": "image", "shape": [1, *frames[0].shape], "datatype": "UINT8", "data": frames[0].ravel().tolist()}
    return {
        "image": _example("A picture, base64", {"image": images[0]}),
        "images": _example("Pictures, base64", {"images": images}),
        "pixels": _example("28 rows of 28 shades", {"pixels": shades[0]}),
        "pixelsOfMany": _example("Several of these", {"pixels": shades}),
        "inference": _example("A digit as a tensor", {"inputs": [tensor]}),
        "nothing": _example("No parameters", {}),
    }


def _example(summary: str, value: Object) -> Object:
    return {"summary": summary, "value": value}
