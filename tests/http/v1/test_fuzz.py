"""Whatever an outsider sends, the answer is an answer or a 4xx that says why: never a 5xx."""

from urllib.parse import quote

import httpx
import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.http.v1.media_types import FORM, JSON, NPY, RAW, ZIP
from app.imaging.decode import FORMATS
from tests.pictures import encoded, npy

FRAME = np.eye(28, dtype=np.uint8) * 255
SEEDS = [
    *(encoded(FRAME, kind) for kind in FORMATS.values()),
    npy(FRAME),
    FRAME.tobytes(),
    b'{"pixels": [[1, 2], [3]], "image": "AAAA"}',
    b'--x\r\nContent-Disposition: form-data; name="files"; filename="a"\r\n\r\nabc\r\n--x--\r\n',
    b"PK\x05\x06" + bytes(18),
]
MEDIA_TYPES = [*FORMATS, RAW, NPY, JSON, ZIP, f"{FORM}; boundary=x", f"{FORM}; boundary=", ""]
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["pixels", "image", "images"]), inner),
)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A valid body with some bytes changed and the end perhaps cut off."""
    body = bytearray(draw(st.sampled_from(SEEDS)))
    for _ in range(draw(st.integers(0, 6))):
        body[draw(st.integers(0, len(body) - 1))] = draw(st.integers(0, 255))
    return bytes(body[: draw(st.integers(0, len(body)))])


def check(answer: httpx.Response) -> None:
    assert answer.status_code < 500, answer.text
    if answer.status_code >= 400:
        assert answer.json()["detail"]


endpoints = st.sampled_from(["/v1/predict", "/v1/predict/batch"])
bounded = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@bounded
@given(path=endpoints, media_type=st.sampled_from(MEDIA_TYPES), body=mutated() | st.binary(max_size=2000))
def test_any_bytes_as_any_media_type(client: httpx.Client, path: str, media_type: str, body: bytes) -> None:
    check(client.post(path, content=body, headers={"Content-Type": media_type}))


@bounded
@given(path=endpoints, document=json_values)
def test_any_json(client: httpx.Client, path: str, document: object) -> None:
    check(client.post(path, json=document))


@bounded
@given(
    path=st.binary(max_size=30), query=st.binary(max_size=30), method=st.sampled_from(["GET", "POST", "PUT", "HEAD"])
)
def test_any_path(client: httpx.Client, path: bytes, query: bytes, method: str) -> None:
    answer = client.request(method, f"/{quote(path)}?model={quote(query)}&include={quote(query)}")
    assert answer.status_code < 500
