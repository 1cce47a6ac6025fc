"""The OpenAPI document against the service: what it promises is taken, and what comes back is what it promises."""

import io
import itertools
import json
import zipfile
from base64 import b64encode
from collections.abc import Iterator
from typing import Any

import httpx
import jsonschema
import numpy as np
import pytest
from PIL import Image

from app.config import Settings
from app.errors import ServiceError
from app.http.v1.media_types import FORM, JSON, NPY, PDF, RAW, ZIP
from app.imaging.decode import FORMATS
from app.main import create_app
from app.tasks.digits import strokes
from tests.conftest import DIGITS, MODELS, Serve
from tests.pictures import encoded, npy

Document = dict[str, Any]
FRAME = strokes.render(7)
PAPER = 255 - np.kron(FRAME, np.ones((5, 5), np.uint8))
SHEET = Image.fromarray(PAPER)
NUMBER = encoded(np.pad(PAPER, 20, constant_values=255))
TEXT = b64encode(NUMBER).decode()
EACH = {"name": "digits", "version": DIGITS.name}  # of a path's parameters
FILE = ("7.png", NUMBER, "image/png")
BLANK = encoded(Image.new("L", (90, 90), 255))


def zipped(*files: bytes) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        for number, content in enumerate(files):
            file.writestr(f"{number}.png", content)
    return archive.getvalue()


ONE: dict[str, list[Any]] = {
    **{media_type: [{"content": encoded(Image.fromarray(PAPER), kind)}] for media_type, kind in FORMATS.items()},
    RAW: [{"content": FRAME.tobytes()}],
    NPY: [{"content": npy(FRAME)}],
    FORM: [{"files": {"file": FILE}}],
    JSON: [{"json": {"image": TEXT}}, {"json": {"pixels": FRAME.tolist()}}],
}
MANY: dict[str, list[Any]] = {
    RAW: [{"content": FRAME.tobytes() * 3}],
    NPY: [{"content": npy(np.stack([FRAME] * 3))}],
    ZIP: [{"content": zipped(NUMBER, b"no image")}],
    FORM: [{"files": [("files", FILE), ("files", ("none", b"no image"))]}],
    JSON: [{"json": {"images": [TEXT, "%%%"]}}, {"json": {"pixels": [FRAME.tolist(), [[1]]]}}],
}
PROBLEM = "#/components/schemas/Problem"
OPERATIONS = """
    predict predictBatch explain read listModels getModel getModelVersion getLimits isLive isStarted isReady getMetrics
    infer inferVersion listRepository loadModel unloadModel getServerMetadata isServerLive isServerReady getStatistics
    getModelStatistics getVersionStatistics isModelReady isVersionReady getModelMetadata getVersionMetadata
    getModelConfig getVersionConfig
"""
if PDF in FORMATS:
    MANY[PDF] = [{"content": encoded(SHEET, "PDF", save_all=True, append_images=[SHEET])}]
BODIES = {"/v1/predict": ONE, "/v1/explain": ONE, "/v1/read": ONE, "/v1/predict/batch": MANY}
every_reader = pytest.mark.parametrize("path", BODIES)


@pytest.fixture(scope="module")
def document(client: httpx.Client) -> Document:
    found: Document = client.get("/openapi.json").json()
    return closed(found)


def closed(schema: Any) -> Any:
    """The same, but that no object may hold what it does not name, unless it says so."""
    if isinstance(schema, list):
        return [closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {name: closed(one) for name, one in schema.items()}
    return (
        {"additionalProperties": False, **inner} if schema.get("type") == "object" and "properties" in schema else inner
    )


def check(document: Document, path: str, answer: httpx.Response) -> None:
    """That the document foresees this answer to a request for this path, by its template."""
    responses = document["paths"][path][answer.request.method.lower()]["responses"]
    status = str(answer.status_code)
    assert status in responses or f"{status[0]}XX" in responses, answer.text
    content = responses.get(status, responses.get(f"{status[0]}XX"))["content"]
    media_type = answer.headers["Content-Type"].partition(";")[0]
    assert media_type in content, answer.text
    if media_type in {JSON, "application/problem+json"}:
        schema = whole(document, content[media_type]["schema"])
        jsonschema.validate(answer.json(), schema, jsonschema.Draft202012Validator)


def whole(document: Document, schema: Document) -> Document:
    """With what it refers to."""
    return {**schema, "components": document["components"]}


def sent(client: httpx.Client, path: str, media_type: str, body: Any, **more: Any) -> httpx.Response:
    headers = {} if media_type == FORM else {"Content-Type": media_type}
    return client.post(path, **body, headers={**headers, **more.pop("headers", {})}, **more)


def operations(document: Document) -> Iterator[tuple[str, str]]:
    return ((path, method) for path, methods in document["paths"].items() for method in methods)


def test_it_is_valid_and_names_every_route_of_the_api(document: Document) -> None:
    front = create_app(Settings(models=MODELS))
    assert set(document["paths"]) == {route.template for route in front.routes if route.entry.include_in_schema}
    for path, method in operations(document):
        for response in document["paths"][path][method]["responses"].values():
            for media in response.get("content", {}).values():
                jsonschema.Draft202012Validator.check_schema(media["schema"])


@every_reader
def test_every_body_that_it_names_is_taken(client: httpx.Client, document: Document, path: str) -> None:
    named = document["paths"][path]["post"]["requestBody"]["content"]
    assert set(named) == set(BODIES[path])
    for media_type, bodies in BODIES[path].items():
        for body in bodies:
            answer = sent(client, path, media_type, body)
            assert answer.status_code == 200, (media_type, answer.text)
            check(document, path, answer)
            if media_type == JSON and BODIES[path] is ONE:  # the batch's hold an item that is wrong
                jsonschema.validate(body["json"], whole(document, named[media_type]["schema"]))


@every_reader
def test_every_parameter_that_it_names_is_taken(client: httpx.Client, document: Document, path: str) -> None:
    parameters = {one["name"]: one for one in document["paths"][path]["post"]["parameters"]}
    media_type, body = next((kind, body[0]) for kind, body in BODIES[path].items() if kind in {"image/png", RAW})
    additions = parameters.get("include", {"schema": {"items": {"enum": []}}})["schema"]["items"]["enum"]
    chosen = [some for size in range(len(additions) + 1) for some in itertools.combinations(additions, size)]
    for some in chosen:
        query = {"include": ",".join(some)} if some else {}
        answer = sent(client, path, media_type, body, params={"model": "digits", "version": DIGITS.name, **query})
        assert answer.status_code == 200, answer.text
        check(document, path, answer)
        entry = answer.json()["predictions"][0] if "predictions" in answer.json() else answer.json()
        assert set(some) <= set(entry)
    deadline = parameters["X-Deadline-Ms"]["schema"]
    for milliseconds, status in ((deadline["exclusiveMaximum"] / 2, 200), (deadline["exclusiveMinimum"], 400)):
        answer = sent(client, path, media_type, body, headers={"X-Deadline-Ms": f"{milliseconds:f}"})
        assert answer.status_code == status
        check(document, path, answer)


@pytest.mark.parametrize(
    ("path", "addition"),
    [("/v1/read", "seen"), ("/v1/predict/batch", "heatmap"), ("/v1/predict", "everything")],
)
def test_what_it_does_not_name_is_refused(client: httpx.Client, document: Document, path: str, addition: str) -> None:
    assert addition not in json.dumps(document["paths"][path]["post"]["parameters"])
    answer = client.post(path, params={"include": addition}, content=FRAME.tobytes(), headers={"Content-Type": RAW})
    assert answer.status_code == 400
    check(document, path, answer)


@every_reader
@pytest.mark.parametrize(
    ("status", "request_"),
    [
        (400, {"content": b"", "headers": {"Content-Type": RAW}}),
        (400, {"json": {"picture": 1}}),
        (404, {"params": {"model": "none"}}),
        (415, {"content": b"x", "headers": {"Content-Type": "text/plain"}}),
        (422, {"content": b"x", "headers": {"Content-Type": RAW}}),
        (504, {"content": NUMBER, "headers": {"Content-Type": "image/png", "X-Deadline-Ms": "0.0001"}}),
        (403, {"headers": {"Sec-Fetch-Site": "cross-site"}}),
    ],
)
def test_every_refusal_is_as_it_says(
    client: httpx.Client, document: Document, path: str, status: int, request_: Any
) -> None:
    if path == "/v1/predict/batch" and status == 504:
        request_ = {**request_, "content": FRAME.tobytes(), "headers": {**request_["headers"], "Content-Type": RAW}}
    answer = client.post(path, **request_)
    assert answer.status_code == status, answer.text
    check(document, path, answer)


def test_refusals_of_a_service_with_limits_are_as_it_says(serve: Serve, document: Document) -> None:
    keys = [{"key": "for-predictions-00", "rights": ["predict"]}, {"key": "for-metrics-00000", "rights": ["metrics"]}]
    with serve(api_keys=keys, max_body_bytes=784, max_held_bytes=784, body_seconds=0.1) as client:
        for path in BODIES:
            for key, status in (("", 401), ("for-metrics-00000", 403), ("for-predictions-00", 413)):
                answer = client.post(path, content=bytes(785), headers={"Content-Type": RAW, "X-API-Key": key})
                assert answer.status_code == status
                check(document, path, answer)
        for path, method in operations(document):
            answer = client.request(method, path.format(**EACH), headers={"Connection": "close"})
            check(document, path, answer)
    with serve(rate_images_per_second=0.01) as client:
        answers = [client.post("/v1/predict", content=FRAME.tobytes(), headers={"Content-Type": RAW}) for _ in "12"]
        assert answers[1].status_code == 429
        check(document, "/v1/predict", answers[1])


def test_pictures_with_something_wrong_and_other_forms_of_answers(client: httpx.Client, document: Document) -> None:
    for path in ("/v1/predict", "/v1/explain"):
        answer = sent(client, path, "image/png", {"content": BLANK})
        assert answer.json()["verdict"] == "blank"
        check(document, path, answer)
    batch = "/v1/predict/batch"
    for accepted in ("application/x-ndjson", NPY):
        answer = sent(client, batch, RAW, MANY[RAW][0], headers={"Accept": accepted})
        assert answer.headers["Content-Type"] == accepted
        check(document, batch, answer)
    answer = client.post(batch, files=[("files", FILE), ("files", ("blank.png", BLANK))])
    assert answer.json()["failed"] == 1
    check(document, batch, answer)


def test_everything_that_can_be_got_is_as_it_says(client: httpx.Client, document: Document) -> None:
    for path, method in operations(document):
        if method == "get":
            answer = client.get(path.format(**EACH))
            assert answer.status_code == 200
            check(document, path, answer)
            if "{" in path:
                answer = client.get(path.format(name="none", version="9"))
                assert answer.status_code == 404
                check(document, path, answer)


def test_every_code_is_named(document: Document) -> None:
    codes: set[str] = set()
    kinds = [ServiceError]
    while kinds:
        kind = kinds.pop()
        codes.add(kind.code)
        kinds += kind.__subclasses__()
    assert set(document["components"]["schemas"]["KnownCode"]["enum"]) == codes >= {"too_much_work", "cross_site"}


def test_operations_keep_their_names(document: Document) -> None:
    """Generated clients call them by these: none may change, and new ones are added here."""
    named = sorted(document["paths"][path][method]["operationId"] for path, method in operations(document))
    assert named == sorted(set(named))
    assert set(named) >= set(OPERATIONS.split())


def test_every_error_of_v1_is_the_same_problem(document: Document) -> None:
    for path, method in operations(document):
        if path.startswith("/v1"):
            responses = document["paths"][path][method]["responses"].items()
            refused = [one["content"] for status, one in responses if status[0] in "45"]
            assert refused
            assert {content["application/problem+json"]["schema"]["$ref"] for content in refused} == {PROBLEM}


def test_every_example_is_what_its_schema_says(document: Document) -> None:
    examples = document["components"]["examples"]
    seen = set()
    for path, method in operations(document):
        content = document["paths"][path][method].get("requestBody", {}).get("content", {})
        for media_type, media in content.items():
            for name in media.get("examples", {}):
                jsonschema.validate(examples[name]["value"], whole(document, media["schema"]))
                seen.add(name)
            assert media_type != JSON or media["examples"], path
    assert seen == set(examples)
