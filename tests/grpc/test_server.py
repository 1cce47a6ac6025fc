"""The real service over gRPC, by Triton's own client and by callers who mean no good."""

import asyncio
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import onnxruntime
import psutil
import pytest
from numpy.typing import NDArray

from app.config import MIB
from app.grpc.codec import ModelInferRequest
from app.grpc.errors import PUSHBACK
from app.grpc.server import MOST_BYTES, SERVICE, THREADS
from tests import models
from tests.conftest import Process, free_port, linked_models, serving, wait_until

triton = pytest.importorskip("tritonclient.grpc")
aio = pytest.importorskip("tritonclient.grpc.aio")
A, B = (np.random.default_rng(seed).normal(size=(5, 3)).astype(np.float32) for seed in (0, 1))
KEYS = [{"key": "the-key-of-a-caller", "rights": ["predict"]}]
BEARER = {"authorization": "Bearer the-key-of-a-caller"}
GZIP, DEFLATE = grpc.Compression.Gzip, grpc.Compression.Deflate


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = linked_models(tmp_path_factory.mktemp("models"))
    models.put(made, "add", models.add())
    return made


@pytest.fixture(scope="module")
def address(folder: Path) -> Iterator[str]:
    port = free_port()
    with serving(models=folder, grpc_port=port):
        yield f"127.0.0.1:{port}"


@pytest.fixture(scope="module")
def client(address: str) -> Iterator[Any]:
    made = triton.InferenceServerClient(address)
    yield made
    made.close()


@pytest.fixture(scope="module")
def expected(folder: Path) -> NDArray[np.float32]:
    session = onnxruntime.InferenceSession(folder / "add" / "1" / "model.onnx")
    (found,) = session.run(None, {"a": A, "b": B})
    return np.asarray(found)


def inputs() -> list[Any]:
    made = []
    for name, values in (("a", A), ("b", B)):
        one = triton.InferInput(name, list(values.shape), "FP32")
        one.set_data_from_numpy(values)
        made.append(one)
    return made


class TestTritonsClient:
    @pytest.mark.parametrize("packed", [None, "gzip", "deflate"])
    def test_infer(self, client: Any, expected: NDArray[np.float32], packed: str | None) -> None:
        wanted = [triton.InferRequestedOutput("sum")]
        answer = client.infer("add", inputs(), outputs=wanted, request_id="mine", compression_algorithm=packed)
        assert np.array_equal(answer.as_numpy("sum"), expected)
        assert answer.get_response().id == "mine"

    def test_many_at_once(self, client: Any, expected: NDArray[np.float32]) -> None:
        came: list[Any] = []
        for _ in range(2 * THREADS):
            client.async_infer("add", inputs(), lambda result, error: came.append(error or result.as_numpy("sum")))
        wait_until(lambda: len(came) == 2 * THREADS)
        assert [one for one in came if not np.array_equal(one, expected)] == []

    def test_asyncio(self, address: str, expected: NDArray[np.float32]) -> None:
        async def ask() -> Any:
            async with aio.InferenceServerClient(address) as client:
                assert await client.is_server_live()
                assert await client.is_server_ready()
                assert await client.is_model_ready("add")
                return await client.infer("add", inputs())

        assert np.array_equal(asyncio.run(ask()).as_numpy("sum"), expected)

    def test_digits_and_their_classes(self, client: Any, digits: NDArray[np.uint8]) -> None:
        image = triton.InferInput("image", list(digits.shape), "UINT8")
        image.set_data_from_numpy(digits)
        wanted = [triton.InferRequestedOutput("probabilities", class_count=1)]
        answer = client.infer("digits", [image], outputs=wanted).as_numpy("probabilities")
        assert [one.decode().split(":")[2] for one in answer.ravel()] == [str(digit) for digit in range(10)]

    def test_what_is_said_of_the_server_and_of_models(self, client: Any) -> None:
        assert client.is_server_live()
        assert client.is_server_ready()
        assert client.is_model_ready("add", "1")
        assert not client.is_model_ready("none")
        assert client.get_server_metadata().name == "digitserve"
        metadata = client.get_model_metadata("add")
        assert [(one.name, one.datatype, list(one.shape)) for one in metadata.inputs] == [
            ("a", "FP32", [-1, 3]),
            ("b", "FP32", [-1, 3]),
        ]
        assert client.get_model_config("add").config.max_batch_size == 64

    def test_counters_advance(self, client: Any) -> None:
        (before,) = client.get_inference_statistics("add").model_stats
        client.infer("add", inputs())
        wait_until(lambda: _rows(client) == before.inference_count + len(A))
        (after,) = client.get_inference_statistics("add").model_stats
        assert after.inference_stats.success.ns > before.inference_stats.success.ns
        assert len(client.get_inference_statistics().model_stats) > 1

    @pytest.mark.parametrize(
        ("call", "code", "words"),
        [
            (lambda client: client.infer("none", inputs()), "NOT_FOUND", "no live model is called 'none'"),
            (lambda client: client.infer("add", inputs()[:1]), "INVALID_ARGUMENT", "the inputs `a`, `b`; got a"),
            (lambda client: client.get_model_metadata("add", "9"), "NOT_FOUND", "no live version '9'"),
            (lambda client: client.get_system_shared_memory_status(), "UNIMPLEMENTED", "shared memory"),
        ],
    )
    def test_errors_say_what_is_wrong(self, client: Any, call: Callable[[Any], Any], code: str, words: str) -> None:
        with pytest.raises(triton.InferenceServerException, match=words) as raised:
            call(client)
        assert raised.value.status() == f"StatusCode.{code}"


def _rows(client: Any) -> int:
    (found,) = client.get_inference_statistics("add").model_stats
    return int(found.inference_count)


class TestRepository:
    def test_loading_and_unloading(self, folder: Path) -> None:
        port = free_port()
        with (
            serving(models=folder, grpc_port=port, model_control=True),
            triton.InferenceServerClient(f"127.0.0.1:{port}") as client,
        ):
            client.unload_model("add")
            assert not client.is_model_ready("add")
            states = {one.name: one.state for one in client.get_model_repository_index().models}
            assert (states["add"], states["digits"]) == ("UNAVAILABLE", "READY")
            client.load_model("add")
            assert client.infer("add", inputs()).as_numpy("sum") is not None
            for call, code in (
                (lambda: client.load_model("none"), "NOT_FOUND"),
                (lambda: client.unload_model("digits"), "FAILED_PRECONDITION"),
                (lambda: client.load_model("add", config="{}"), "INVALID_ARGUMENT"),
            ):
                with pytest.raises(triton.InferenceServerException) as raised:
                    call()
                assert raised.value.status() == f"StatusCode.{code}"

    def test_is_closed_unless_the_setting_says_more(self, client: Any) -> None:
        assert client.get_model_repository_index().models
        with pytest.raises(triton.InferenceServerException, match="--model-control") as raised:
            client.unload_model("add")
        assert raised.value.status() == "StatusCode.PERMISSION_DENIED"


class TestKeys:
    def test_calls_need_what_their_routes_need(self, folder: Path) -> None:
        port = free_port()
        with (
            serving(models=folder, grpc_port=port, api_keys=KEYS),
            triton.InferenceServerClient(f"127.0.0.1:{port}") as client,
        ):
            assert client.is_server_live()
            for headers, code in (({}, "UNAUTHENTICATED"), ({"x-api-key": "wrong"}, "UNAUTHENTICATED")):
                with pytest.raises(triton.InferenceServerException) as raised:
                    client.infer("add", inputs(), headers=headers)
                assert raised.value.status() == f"StatusCode.{code}"
            assert client.infer("add", inputs(), headers=BEARER).as_numpy("sum") is not None
            with pytest.raises(triton.InferenceServerException, match="needs the right 'metrics'"):
                client.get_inference_statistics("add", headers=BEARER)

    def test_who_guesses_keys_is_slowed_down_on_both_doors(self, folder: Path) -> None:
        port = free_port()
        with serving(models=folder, grpc_port=port, api_keys=KEYS) as http:
            channel = grpc.insecure_channel(f"127.0.0.1:{port}")
            codes = [_refused(channel, [("x-api-key", f"wrong-{number}")]).code() for number in range(14)]
            assert codes == [grpc.StatusCode.UNAUTHENTICATED] * 12 + [grpc.StatusCode.RESOURCE_EXHAUSTED] * 2
            last = _refused(channel, [("x-api-key", "wrong")])
            assert int(dict(last.trailing_metadata())[PUSHBACK]) > 0
            assert http.get("/v1/models", headers={"x-api-key": "wrong"}).status_code == 429


def _refused(channel: grpc.Channel, metadata: list[tuple[str, str]]) -> Any:
    with pytest.raises(grpc.RpcError) as raised:
        infer(channel)(b"", metadata=metadata)
    return raised.value


def infer(channel: grpc.Channel) -> Any:
    return channel.unary_unary(f"/{SERVICE}/ModelInfer")


class TestAttacks:
    @pytest.fixture
    def channel(self, address: str) -> Iterator[grpc.Channel]:
        with grpc.insecure_channel(address, [("grpc.max_send_message_length", -1)]) as channel:
            yield channel

    @pytest.mark.parametrize("packed", [GZIP, DEFLATE])
    def test_what_unpacks_to_too_much_is_not_unpacked(self, channel: grpc.Channel, packed: Any) -> None:
        bomb = ModelInferRequest(model_name="add", raw_input_contents=[bytes(300 * MOST_BYTES)]).SerializeToString()
        before = psutil.Process().cpu_times().user
        with pytest.raises(grpc.RpcError, match="unpacks to more than 4,194,304 bytes") as raised:
            infer(channel)(bomb, compression=packed)
        assert raised.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert psutil.Process().cpu_times().user - before < 10  # most of which is this test's own packing

    @pytest.mark.parametrize("packed", [GZIP, DEFLATE])
    def test_small_messages_unpack_to_what_their_size_allows(self, channel: grpc.Channel, packed: int) -> None:
        bomb = ModelInferRequest(model_name="add", raw_input_contents=[bytes(3 * MIB)]).SerializeToString()
        with pytest.raises(grpc.RpcError, match=r"unpacks to more than [12],\d{3},\d{3} bytes"):
            infer(channel)(bomb, compression=packed)

    def test_texts_of_packed_messages_are_counted_by_what_was_sent(self, channel: grpc.Channel) -> None:
        request = ModelInferRequest(model_name="add")
        request.inputs.add(name="a", datatype="BYTES", shape=[20_000]).contents.bytes_contents.extend([b""] * 20_000)
        with pytest.raises(grpc.RpcError, match=r"a request of this size holds at most \d,\d{3} elements"):
            infer(channel)(request.SerializeToString(), compression=GZIP)

    def test_messages_that_are_too_large(self, channel: grpc.Channel) -> None:
        with pytest.raises(grpc.RpcError, match="larger than max") as raised:
            infer(channel)(bytes(MOST_BYTES + 1))
        assert raised.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED

    @pytest.mark.parametrize("content", [b"\xff" * 20, b"", b"\x1f\x8b" * 9])
    def test_what_is_no_message(self, channel: grpc.Channel, content: bytes) -> None:
        with pytest.raises(grpc.RpcError) as raised:
            infer(channel)(content)
        assert raised.value.code() in {grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND}

    def test_no_message_at_all(self, channel: grpc.Channel) -> None:
        with pytest.raises(grpc.RpcError, match="none came") as raised:
            channel.stream_unary(f"/{SERVICE}/ModelInfer")(iter(()))
        assert raised.value.code() is grpc.StatusCode.INVALID_ARGUMENT

    def test_a_million_texts_do_not_hold_the_loop(self, channel: grpc.Channel) -> None:
        request = ModelInferRequest(model_name="add")
        request.inputs.add(name="a", datatype="BYTES", shape=[10**6]).contents.bytes_contents.extend([b""] * 10**6)
        with pytest.raises(grpc.RpcError, match="at most 50,000 elements"):
            infer(channel)(request.SerializeToString())

    def test_callers_who_send_no_message_hold_the_door_for_a_while_only(self, folder: Path) -> None:
        port, silence = free_port(), threading.Event()

        def silent() -> Iterator[bytes]:
            silence.wait()
            yield b""

        with serving(models=folder, grpc_port=port, body_seconds=1):
            channels = [
                grpc.insecure_channel(f"127.0.0.1:{port}", [("grpc.use_local_subchannel_pool", 1)]) for _ in "ab"
            ]
            hanging = [channels[n % 2].stream_unary(f"/{SERVICE}/ModelInfer").future(silent()) for n in range(THREADS)]
            time.sleep(0.3)
            with triton.InferenceServerClient(f"127.0.0.1:{port}") as client:
                assert client.infer("add", inputs(), client_timeout=10).as_numpy("sum") is not None
            assert {one.code() for one in hanging} == {grpc.StatusCode.CANCELLED}
            silence.set()
            for channel in channels:
                channel.close()


MANY = ModelInferRequest(model_name="digits", raw_input_contents=[bytes(5000 * 28 * 28)])
MANY.inputs.add(name="image", datatype="UINT8", shape=[5000, 28, 28])


def test_what_calls_hold_together_is_bounded(folder: Path) -> None:
    """Outputs too; what calls held is free again after them, refused ones too."""
    port = free_port()
    with (
        serving(models=folder, grpc_port=port, max_body_bytes=400_000, max_held_bytes=400_000),
        grpc.insecure_channel(f"127.0.0.1:{port}") as channel,
    ):
        rows = 14_000
        message = ModelInferRequest(model_name="add", raw_input_contents=[bytes(12 * rows)] * 2)
        for name in "ab":
            message.inputs.add(name=name, datatype="FP32", shape=[rows, 3])
        for _ in range(3):
            with pytest.raises(grpc.RpcError, match="hold 400,000 bytes together") as raised:
                infer(channel)(message.SerializeToString())
            assert raised.value.code() is grpc.StatusCode.UNAVAILABLE
        with triton.InferenceServerClient(f"127.0.0.1:{port}") as client:
            assert client.infer("add", inputs()).as_numpy("sum") is not None


def test_the_services_deadline_holds(folder: Path) -> None:
    port = free_port()
    with (
        serving(models=folder, grpc_port=port, deadline_seconds=0.05),
        _channel(port) as channel,
        pytest.raises(grpc.RpcError, match="the deadline passed") as raised,
    ):
        infer(channel)(MANY.SerializeToString())
    assert raised.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED


def test_the_callers_deadline_ends_the_work(folder: Path) -> None:
    port, calls = free_port(), 0
    unfinished = re.compile(r'digitserve_requests_total{.*ModelInfer.*"(DEADLINE_EXCEEDED|CANCELLED)"} 1')
    with serving(models=folder, grpc_port=port) as http, _channel(port) as channel:

        def counted() -> object:
            nonlocal calls
            calls += 1
            with pytest.raises(grpc.RpcError) as raised:
                infer(channel)(MANY.SerializeToString(), timeout=0.1)  # on a busy machine it may not even arrive
            assert raised.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
            return unfinished.search(http.get("/metrics").text)

        wait_until(counted)
        ran = re.search(r'digitserve_run_images_sum{model="digits"} (\S+)', http.get("/metrics").text)
    assert ran
    assert float(ran[1]) < 5000 * calls


def _channel(port: int) -> grpc.Channel:
    return grpc.insecure_channel(f"127.0.0.1:{port}")


def test_a_call_in_flight_is_answered_though_the_service_ends(process: Callable[..., Process], folder: Path) -> None:
    port = free_port()
    running = process("--models", str(folder), "--grpc-port", str(port), DIGITSERVE_DRAIN_SECONDS="0")
    running.wait_until_ready()
    with triton.InferenceServerClient(f"127.0.0.1:{port}") as client:
        images = np.zeros((5000, 28, 28), np.uint8)
        image = triton.InferInput("image", list(images.shape), "UINT8")
        image.set_data_from_numpy(images)
        came: list[Any] = []
        client.async_infer("digits", [image], lambda result, error: came.append(error or result))
        time.sleep(0.1)
        running.terminate()
        status, log = running.wait()
    assert (status, len(came)) == (0, 1)
    assert came[0].as_numpy("probabilities").shape == (5000, 10)
    assert "Traceback" not in log


def test_all_workers_share_the_port(process: Callable[..., Process]) -> None:
    port = free_port()
    running = process("--workers", "2", "--grpc-port", str(port))
    running.wait_until_ready()
    wait_until(lambda: all(port in [one.laddr.port for one in _listening(pid)] for pid in running.workers()))
    served = [one.laddr.port for pid in running.workers() for one in _listening(pid)]
    assert served.count(port) == 2
    with triton.InferenceServerClient(f"127.0.0.1:{port}") as client:
        assert client.is_server_ready()


def _listening(pid: int) -> list[Any]:
    return [one for one in psutil.Process(pid).net_connections("tcp") if one.status == psutil.CONN_LISTEN]


def test_a_port_that_is_taken_is_said(process: Callable[..., Process]) -> None:
    with socket.create_server(("127.0.0.1", free_port())) as taken:
        status, log = process("--grpc-port", str(taken.getsockname()[1])).wait()
    assert status == 3
    assert "choose another --grpc-port" in log
