"""What the client that was generated is told by the service at an address, as JSON. Run as a process of its own."""

import io
import json
import sys
from base64 import b64encode
from pathlib import Path
from typing import Any

from digits_api import Client
from digits_api.api.models import get_model, list_models
from digits_api.api.open_inference_protocol import infer
from digits_api.api.predict import explain, predict, predict_batch, read
from digits_api.models import (
    EncodedImage,
    ImageForm,
    ImagesForm,
    InferenceRequest,
    ItemPrediction,
    PixelsOfOne,
    PredictIncludeItem,
    Problem,
    Tensor,
    TensorDatatype,
)
from digits_api.types import File
from PIL import Image

SEVEN = Path("examples/7.png").read_bytes()
# The same as a frame is: 28x28, ink on black.
SHADES = list(Image.open(io.BytesIO(SEVEN)).convert("L").resize((20, 20)).tobytes())
FRAME = [[0] * 28 for _ in range(28)]
for place, shade in enumerate(SHADES):
    FRAME[4 + place // 20][4 + place % 20] = 255 - shade


def file(content: bytes = SEVEN) -> File:
    return File(io.BytesIO(content), "7.png")


def refusal(problem: Any) -> dict[str, Any]:
    assert isinstance(problem, Problem)
    return {"kind": type(problem).__name__, "code": str(problem.code), "status": problem.status}


def told(client: Client) -> dict[str, Any]:
    def digit(**arguments: Any) -> int:
        return predict.sync(client=client, **arguments).digit

    batch = predict_batch.sync(client=client, body=ImagesForm([file(), file(b"no image"), file()]))
    additions = predict.sync(client=client, body=file(), include=[PredictIncludeItem.SEEN, PredictIncludeItem.HEATMAP])
    bytes_ = Tensor("image", [1, 28, 28], TensorDatatype.UINT8, data=[FRAME])
    inferred = infer.sync("digits", client=client, body=InferenceRequest([bytes_]))
    probabilities = next(output.data for output in inferred.outputs if output.name == "probabilities")
    return {
        "file": digit(body=file()),
        "form": digit(body=ImageForm(file())),
        "encoded": digit(body=EncodedImage(b64encode(SEVEN).decode())),
        "pixels": digit(body=PixelsOfOne(FRAME)),
        "batch": [one.digit if isinstance(one, ItemPrediction) else str(one.error.code) for one in batch.predictions],
        "additions": sorted(name for name in ("seen", "heatmap") if getattr(additions, name)),
        "refused": refusal(predict.sync(client=client)),
        "no model": refusal(get_model.sync("none", client=client)),
        "v2 refused": infer.sync("none", client=client, body=InferenceRequest([bytes_])).error,
        "numbers": read.sync(client=client, body=file()).text,
        "explained": explain.sync(client=client, body=ImageForm(file())).digit,
        "models": [one.name for one in list_models.sync(client=client).models],
        "card": type(get_model.sync("digits", client=client)).__name__,
        "inferred": max(range(10), key=probabilities.__getitem__),
    }


with Client(base_url=sys.argv[1]) as client:
    print(json.dumps(told(client)))
