"""The error table of the HTTP contract, row by row."""

import io
import json
import re
import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tests.conftest import SERVED, Process, Serve, wait_until
from tests.pictures import encoded, npy, one_colour_png

Digits = NDArray[np.uint8]
PREDICT, BATCH = "/v1/predict", "/v1/predict/batch"
RAW = "application/octet-stream"
SEVEN = Path("examples/7.png").read_bytes()
PIXELS = bytes([0, 255] * 392)
SLOW_BATCH = np.full((16_384, 28, 28), 200, np.uint8).tobytes()


def assert_problem(answer: httpx.Response, status: int, code: str, *words: str) -> None:
    """A problem as RFC 9457 wants it, whose detail holds all of `words`."""
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (status, code), answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert problem["status"] == status
    assert problem["request_id"] == answer.headers["X-Request-ID"]
    assert all(word in problem["detail"] for word in words), problem["detail"]


def post(client: httpx.Client, content: bytes, media_type: str, path: str = PREDICT, **headers: str) -> httpx.Response:
    return client.post(path, content=content, headers={"Content-Type": media_type, **headers})


class Test400Malformed:
    def test_broken_json(self, client: httpx.Client) -> None:
        assert_problem(post(client, b'{"image": ', "application/json"), 400, "malformed", "JSON")

    def test_json_that_is_no_object(self, client: httpx.Client) -> None:
        assert_problem(post(client, b"[1]", "application/json"), 400, "malformed", "a JSON object", "an array")

    def test_json_with_other_fields(self, client: httpx.Client) -> None:
        answer = post(client, b'{"picture": "x"}', "application/json")
        assert_problem(answer, 400, "malformed", '{"image": base64}', "'picture'")

    def test_invalid_base64(self, client: httpx.Client) -> None:
        assert_problem(post(client, b'{"image": "%%%"}', "application/json"), 400, "malformed", "base64")

    def test_nan_pixels_in_json(self, client: httpx.Client) -> None:
        assert_problem(post(client, b'{"pixels": [[NaN]]}', "application/json"), 400, "malformed", "JSON")

    def test_an_empty_body(self, client: httpx.Client) -> None:
        assert_problem(post(client, b"", "image/png"), 400, "malformed", "empty")

    def test_an_empty_batch(self, client: httpx.Client) -> None:
        assert_problem(client.post(BATCH, json={"images": []}), 400, "malformed", "at least one")

    def test_a_form_without_the_field(self, client: httpx.Client) -> None:
        answer = client.post(PREDICT, files={"upload": SEVEN})
        assert_problem(answer, 400, "malformed", "`image`", "'upload'")

    def test_a_form_cut_off(self, client: httpx.Client) -> None:
        body = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nabc'
        assert_problem(post(client, body, "multipart/form-data; boundary=x"), 400, "malformed", "closing boundary")

    def test_a_form_without_a_boundary(self, client: httpx.Client) -> None:
        assert_problem(post(client, b"x", "multipart/form-data"), 400, "malformed", "boundary")

    @pytest.mark.parametrize("deadline", ["soon", "0", "-5", "nan", "inf"])
    def test_a_deadline_that_is_none(self, client: httpx.Client, deadline: str) -> None:
        answer = post(client, SEVEN, "image/png", **{"X-Deadline-Ms": deadline})
        assert_problem(answer, 400, "malformed", "X-Deadline-Ms", deadline)

    def test_an_unknown_addition(self, client: httpx.Client) -> None:
        answer = post(client, SEVEN, "image/png", f"{PREDICT}?include=everything")
        assert_problem(answer, 400, "malformed", "seen", "everything")

    @pytest.mark.parametrize(
        ("query", "words"),
        [
            ("modle=digits", ["?modle=", "did you mean ?model=?", "?include=", "?version="]),
            ("Version=1", ["did you mean ?version=?"]),
            ("modle=", ["?model="]),
            ("model=digits&q=1", ["?q="]),
            ("include=sene", ["did you mean seen?"]),
            ("x" * 5000 + "=1", ["x" * 40 + "= here"]),
            ("&".join(f"a{number}=1" for number in range(5000)), ["at most 16 parameters"]),
        ],
    )
    @pytest.mark.parametrize("path", [PREDICT, BATCH, "/v1/explain", "/v1/read"])
    def test_an_unknown_parameter(self, client: httpx.Client, path: str, query: str, words: list[str]) -> None:
        answer = post(client, SEVEN, "image/png", f"{path}?{query}")
        code = "malformed" if "sene" in query or "a7=" in query else "unknown_parameter"
        assert_problem(answer, 400, code, *words)
        assert len(answer.json()["detail"]) < 200

    @pytest.mark.parametrize("path", ["/v1/models", "/v1/models/digits", "/v1/models/digits/versions/1"])
    def test_an_unknown_parameter_where_there_is_none(self, client: httpx.Client, path: str) -> None:
        assert_problem(client.get(f"{path}?version=1"), 400, "unknown_parameter", "It takes none")

    def test_a_parameter_without_a_value_is_as_none(self, client: httpx.Client) -> None:
        assert post(client, SEVEN, "image/png", f"{PREDICT}?model=&version=&include=").status_code == 200
        assert client.get(f"{PREDICT}?modle=x").status_code == 405


class Test401And403Keys:
    KEYS = ({"key": "the-right-one-000"}, {"key": "only-for-metrics-0", "rights": ["metrics"]})

    def test_no_key(self, serve: Serve) -> None:
        with serve(api_keys=self.KEYS) as client:
            answer = post(client, SEVEN, "image/png")
        assert_problem(answer, 401, "key_required", "Authorization: Bearer")
        assert answer.headers["WWW-Authenticate"] == "Bearer"

    def test_an_unknown_key(self, serve: Serve) -> None:
        with serve(api_keys=self.KEYS) as client:
            assert_problem(post(client, SEVEN, "image/png", Authorization="Bearer guess"), 401, "key_required")

    def test_a_key_without_that_right(self, serve: Serve) -> None:
        with serve(api_keys=self.KEYS) as client:
            answer = post(client, SEVEN, "image/png", **{"X-API-Key": "only-for-metrics-0"})
        assert_problem(answer, 403, "key_lacks_right", "'predict'", "metrics")


class Test404And405NotThere:
    def test_no_such_path(self, client: httpx.Client) -> None:
        assert_problem(client.get("/v1/nothing"), 404, "not_found", "/v1/nothing", "/docs")

    def test_no_such_model(self, client: httpx.Client) -> None:
        answer = post(client, SEVEN, "image/png", f"{PREDICT}?model=letters")
        assert_problem(answer, 404, "model_not_found", "'letters'", "digits")

    def test_no_such_version(self, client: httpx.Client) -> None:
        answer = post(client, SEVEN, "image/png", f"{PREDICT}?version=99")
        assert_problem(answer, 404, "model_not_found", "'99'", f"live are {SERVED['digits']}")

    def test_wrong_method(self, client: httpx.Client) -> None:
        answer = client.get(PREDICT)
        assert_problem(answer, 405, "method_not_allowed", "POST", "GET")
        assert answer.headers["Allow"] == "POST"


class Test413TooLarge:
    def test_a_body_that_announces_too_much(self, serve: Serve) -> None:
        with serve(max_body_bytes=1000) as client:
            assert_problem(post(client, bytes(1001), RAW), 413, "body_too_large", "1,000", "1,001")

    def test_a_body_that_does_not_say_how_long_it_is(self, serve: Serve) -> None:
        with serve(max_body_bytes=1000) as client:
            answer = client.post(PREDICT, content=iter([bytes(600)] * 2), headers={"Content-Type": RAW})
            assert_problem(answer, 413, "body_too_large", "1,000")
            assert post(client, bytes(1000), RAW).status_code == 422  # the connection is still of use

    def test_a_body_far_over_the_limit(self, client: httpx.Client) -> None:
        assert_problem(post(client, bytes(40 * 1024**2), RAW), 413, "body_too_large", "33,554,432")

    def test_a_batch_of_too_many_images(self, client: httpx.Client) -> None:
        answer = post(client, bytes(784 * 16_385), RAW, BATCH)
        assert_problem(answer, 413, "batch_too_large", "16,384", "16,385")

    def test_an_image_of_400_megapixels_costs_nothing(self, process: type[Process]) -> None:
        bomb = one_colour_png(20_000, 20_000)
        running = process()
        running.wait_until_ready()
        with httpx.Client(base_url=running.url) as client:
            post(client, SEVEN, "image/png")
            with running.peak_growth() as grown:
                answer = post(client, bomb, "image/png")
                peak = grown()
        assert_problem(answer, 413, "image_too_large", "20000x20000", "64,000,000")
        assert answer.elapsed.total_seconds() < 0.1
        assert peak < 20e6


class Test408TooSlow:
    def test_a_body_that_does_not_arrive(self, serve: Serve) -> None:
        with serve(body_seconds=0.2) as client, closing(connect(client)) as connection:
            connection.sendall(b"POST /v1/predict HTTP/1.1\r\nHost: x\r\nContent-Length: 784\r\n\r\nhalf")
            assert connection.recv(1000).startswith(b"HTTP/1.1 408 ")


class Test415UnsupportedMediaType:
    @pytest.mark.parametrize("media_type", ["application/msword", "image/svg+xml", "text/plain", "nonsense"])
    def test_an_unknown_media_type(self, client: httpx.Client, media_type: str) -> None:
        assert_problem(post(client, SEVEN, media_type), 415, "unsupported_media_type", "image/png", media_type)

    def test_a_single_image_on_the_batch_path(self, client: httpx.Client) -> None:
        answer = post(client, SEVEN, "image/png", BATCH)
        assert_problem(answer, 415, "unsupported_media_type", "multipart/form-data", "image/png")


class Test422NotWhatItSaysItIs:
    def test_a_truncated_png(self, client: httpx.Client) -> None:
        answer = post(client, SEVEN[: len(SEVEN) // 2], "image/png")
        assert_problem(answer, 422, "undecodable", "truncated")

    def test_a_text_file_called_png(self, client: httpx.Client) -> None:
        answer = post(client, b"Dear Sir or Madam, ...", "image/png")
        assert_problem(answer, 422, "undecodable", "expected image/png", "Dear Sir")

    def test_a_png_called_jpeg(self, client: httpx.Client) -> None:
        assert_problem(post(client, SEVEN, "image/jpeg"), 422, "undecodable", "expected image/jpeg", "PNG")

    def test_783_bytes(self, client: httpx.Client) -> None:
        assert_problem(post(client, bytes(783), RAW), 422, "wrong_shape", "784", "783")

    def test_two_frames_where_one_is_expected(self, client: httpx.Client) -> None:
        assert_problem(post(client, bytes(1568), RAW), 422, "wrong_shape", "/v1/predict/batch")

    def test_pixels_of_another_shape(self, client: httpx.Client) -> None:
        answer = client.post(PREDICT, json={"pixels": [[1, 2], [3, 4]]})
        assert_problem(answer, 422, "wrong_shape", "28x28", "2 rows of 2")

    def test_rows_of_unequal_length(self, client: httpx.Client) -> None:
        answer = client.post(PREDICT, json={"pixels": [[1, 2], [3]]})
        assert_problem(answer, 422, "wrong_shape", "2 rows of 1 and 2")

    def test_a_long_string_among_pixels(self, client: httpx.Client) -> None:
        pixels: list[list[object]] = [[0] * 28 for _ in range(28)]
        pixels[3][5] = "9" * 1_000_000
        answer = client.post(PREDICT, json={"pixels": pixels})
        assert_problem(answer, 422, "undecodable", "no numbers")
        assert answer.elapsed.total_seconds() < 0.5

    def test_pixels_out_of_range(self, client: httpx.Client) -> None:
        answer = client.post(PREDICT, json={"pixels": [[256] * 28] * 28})
        assert_problem(answer, 422, "undecodable", "255", "256")

    def test_pixels_of_zero_and_one(self, client: httpx.Client, digits: Digits) -> None:
        """A picture that somebody has scaled: read as it is, it would be read wrong, and confidently."""
        scaled = json.dumps({"pixels": (digits[7] / 255).tolist()}).encode()
        assert_problem(post(client, scaled, "application/json"), 422, "undecodable", "multiply by 255")

    def test_fractions(self, client: httpx.Client) -> None:
        answer = post(client, npy(np.full((28, 28), 0.5)), "application/x-npy")
        assert_problem(answer, 422, "undecodable", "multiply by 255")

    def test_nan_pixels(self, client: httpx.Client) -> None:
        answer = post(client, npy(np.full((28, 28), np.nan)), "application/x-npy")
        assert_problem(answer, 422, "undecodable", "NaN")

    def test_an_npy_file_of_objects(self, client: httpx.Client) -> None:
        answer = post(client, npy(np.full((28, 28), None)), "application/x-npy")
        assert_problem(answer, 422, "undecodable", "objects")

    def test_an_npy_file_that_promises_a_terabyte(self, client: httpx.Client) -> None:
        body = npy(np.zeros((28, 28), np.uint8)).replace(b"(28, 28), }            ", b"(1000000000000, 28), } ")
        assert_problem(post(client, body, "application/x-npy"), 422, "undecodable", "numpy.save")

    def test_a_zip_that_is_none(self, client: httpx.Client) -> None:
        assert_problem(post(client, b"PK\x03\x04 no", "application/zip", BATCH), 422, "undecodable", "ZIP")

    @pytest.mark.parametrize("shade", [0, 127, 255])
    def test_no_ink_at_all(self, client: httpx.Client, shade: int) -> None:
        answer = post(client, encoded(Image.new("L", (100, 80), shade)), "image/png")
        assert_problem(answer, 422, "no_ink", "Draw darker")
        assert answer.json()["verdict"] == "blank"

    def test_a_frame_without_ink(self, client: httpx.Client) -> None:
        assert_problem(post(client, bytes(784), RAW), 422, "no_ink", "background")


class Test429TooBusy:
    def test_the_queue_is_full(self, serve: Serve) -> None:
        with serve(max_batch_size=1, max_queue_images=16_384) as client, ThreadPoolExecutor() as pool:
            waiting = [pool.submit(post, client, SLOW_BATCH, RAW, BATCH) for _ in range(3)]
            answers = [one.result() for one in waiting]
        refused = [answer for answer in answers if answer.status_code == 429]
        assert 1 <= len(refused) <= 2
        assert_problem(refused[0], 429, "queue_full", "16384")
        assert int(refused[0].headers["Retry-After"]) >= 1

    def test_photos_would_wait_too_long_for_a_thread(self, serve: Serve) -> None:
        digit = np.asarray(Image.open(io.BytesIO(SEVEN)).convert("L").resize((2500, 2500)))
        grain = np.random.default_rng(0).normal(0, 12, digit.shape)
        photo = encoded(Image.fromarray(np.clip(digit + grain, 0, 255).astype(np.uint8)), "JPEG")
        with serve(max_wait_seconds=0.02) as client, ThreadPoolExecutor(16) as pool:
            assert post(client, photo, "image/jpeg").status_code == 200  # teaches it how long one takes
            answers = list(pool.map(lambda _: post(client, photo, "image/jpeg"), range(32)))
        refused = [answer for answer in answers if answer.status_code == 429]
        assert {answer.status_code for answer in answers} == {200, 429}
        assert_problem(refused[0], 429, "queue_full", "wait to be decoded", "for 0.02 s")
        assert int(refused[0].headers["Retry-After"]) >= 1

    def test_a_caller_over_its_rate(self, serve: Serve, digits: Digits) -> None:
        with serve(rate_images_per_second=10) as client:
            assert post(client, np.concatenate([digits] * 10).tobytes(), RAW, BATCH).status_code == 200
            answer = post(client, digits[0].tobytes(), RAW)
        assert_problem(answer, 429, "rate_exceeded", "10 images a second")
        assert 8 <= int(answer.headers["Retry-After"]) <= 10  # ninety images in debt, ten a second

    def test_too_many_bodies_at_a_time(self, serve: Serve) -> None:
        limits = {"max_body_bytes": 2000, "max_held_bytes": 3000}
        half = b"POST /v1/predict HTTP/1.1\r\nHost: x\r\nContent-Length: 2000\r\n\r\n" + bytes(1500)
        with serve(**limits) as client, closing(connect(client)) as first, closing(connect(client)) as second:
            first.sendall(half)
            second.sendall(half)
            wait_until(lambda: post(client, PIXELS, RAW).status_code == 429)
            assert_problem(post(client, PIXELS, RAW), 429, "queue_full", "3,000 bytes")
            first.close()
            second.close()
            wait_until(lambda: post(client, PIXELS, RAW).status_code == 200)

    def test_the_first_request_is_never_over_the_rate(self, serve: Serve) -> None:
        with serve(rate_images_per_second=0.5) as client:
            assert [post(client, PIXELS, RAW).status_code for _ in range(2)] == [200, 429]

    def test_bodies_that_cannot_be_read_count_too(self, serve: Serve) -> None:
        with serve(rate_images_per_second=2) as client:
            assert [post(client, b"x", RAW).status_code for _ in range(3)] == [422, 422, 429]

    def test_a_caller_cannot_make_up_its_address(self, serve: Serve) -> None:
        with serve(rate_images_per_second=1) as client:
            made_up = [post(client, PIXELS, RAW, **{"X-Forwarded-For": f"10.0.0.{n}"}) for n in range(2)]
        assert [answer.status_code for answer in made_up] == [200, 429]
        with serve(rate_images_per_second=1, trusted_proxies="127.0.0.1") as client:
            told = [post(client, PIXELS, RAW, **{"X-Forwarded-For": f"10.0.0.{n}"}) for n in range(2)]
        assert [answer.status_code for answer in told] == [200, 200]


class Test503NotNow:
    def test_draining(self, process: type[Process]) -> None:
        running = process(DIGITSERVE_DRAIN_SECONDS="3")
        running.wait_until_ready()
        running.terminate()
        with httpx.Client(base_url=running.url) as client:
            answer = client.get("/health/ready")
            assert_problem(answer, 503, "draining", "another instance")
            assert int(answer.headers["Retry-After"]) >= 1
            last = post(client, SEVEN, "image/png")
            assert (last.status_code, last.headers["Connection"]) == (200, "close")


class Test504DeadlineExceeded:
    def test_in_the_queue(self, serve: Serve) -> None:
        with serve(max_batch_size=1) as client:
            answer = post(client, SLOW_BATCH, RAW, BATCH, **{"X-Deadline-Ms": "60"})
        assert_problem(answer, 504, "deadline_exceeded", "X-Deadline-Ms")
        assert answer.elapsed.total_seconds() < 0.5  # on its own clock, not when the batch would have been done

    def test_while_decoding(self, client: httpx.Client) -> None:
        photo = encoded(Image.effect_noise((1500, 1500), 50), "JPEG")
        answer = client.post(BATCH, files=[("files", photo)] * 20, headers={"X-Deadline-Ms": "50"})
        assert_problem(answer, 504, "deadline_exceeded", "50 ms", "decoded")


def connect(client: httpx.Client) -> socket.socket:
    return socket.create_connection((client.base_url.host, client.base_url.port or 0), timeout=10)


def test_head_works_wherever_get_does(client: httpx.Client) -> None:
    for path in ("/", "/health/ready", "/metrics", "/static/page.js"):
        answer = client.head(path)
        assert (answer.status_code, answer.content) == (200, b"")
    assert client.head(PREDICT).status_code == 405


def test_the_work_of_a_caller_that_hung_up_is_dropped(serve: Serve) -> None:
    head = f"POST {BATCH} HTTP/1.1\r\nHost: x\r\nContent-Type: {RAW}\r\nContent-Length: {len(SLOW_BATCH)}\r\n\r\n"
    with serve(max_batch_size=1) as client:
        with closing(connect(client)) as connection:
            connection.sendall(head.encode() + SLOW_BATCH)
            wait_until(lambda: runs_counted(client) > 1)
        wait_until(lambda: 'route="/v1/predict/batch",status="499"} 1.0' in client.get("/metrics").text)
        assert runs_counted(client) < 16_384


def runs_counted(client: httpx.Client) -> float:
    found = re.search(r'^digitserve_run_images_sum\{model="digits"\} (\S+)$', client.get("/metrics").text, re.MULTILINE)
    return float(found[1]) if found else 0.0


def test_static_files_stay_in_their_folder(client: httpx.Client) -> None:
    for path in (b"/static/../main.py", b"/static/%2e%2e/main.py", b"/static//etc/passwd"):
        with closing(connect(client)) as connection:
            connection.sendall(b"GET " + path + b" HTTP/1.1\r\nHost: x\r\n\r\n")
            assert connection.recv(1000).startswith(b"HTTP/1.1 404 ")


def test_a_caller_that_hangs_up_harms_nobody(client: httpx.Client) -> None:
    with closing(connect(client)) as connection:
        connection.sendall(b"POST /v1/predict HTTP/1.1\r\nHost: x\r\nContent-Length: 784\r\n\r\nhalf")
    assert post(client, SEVEN, "image/png").json()["digit"] == 7
