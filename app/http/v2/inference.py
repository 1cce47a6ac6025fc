"""POST /v2/models/{name}/infer."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from app.config import Settings
from app.errors import BadRequest, TooLarge
from app.http.endpoint import Endpoint
from app.http.exchange import Answer, Exchange
from app.http.v2 import codec, compression
from app.http.v2.codec import SMALL, Asked
from app.serving.held import HeldBytes
from app.serving.pool import Pool, run_for
from app.serving.repository import LiveModel
from app.serving.service import Operation, Service
from app.serving.tensors import InferenceRequest, InferenceResult
from app.serving.unpacking import most_unpacked

T = TypeVar("T")
MOST_JSON = 8 * 1024 * 1024  # bytes: what is more is better sent as bytes of tensors
SMALL_TEXTS = 16_384  # bytes of a body with texts that are read on the event loop: each text is an object
JSON, BINARY = b"application/json", b"application/octet-stream"
CODING = b"content-encoding"
HEADER_BYTES = b"inference-header-content-length"
INFER, INFER_VERSION = "/v2/models/{name}/infer", "/v2/models/{name}/versions/{version}/infer"

Operations = Mapping[str, Operation[InferenceRequest, Any, InferenceResult]]


class Inference:
    """Inference on named tensors, with any live model."""

    def __init__(
        self, settings: Settings, service: Service, pool: Pool, held: HeldBytes, operations: Operations
    ) -> None:
        """`operations` are by the models' tasks."""
        self._service = service
        self._pool = pool
        self._held = held
        self._operations = operations
        self._most_bytes = settings.max_body_bytes

    def endpoints(self) -> dict[str, Endpoint]:
        """By the templates of their routes."""
        infer = Endpoint(self._admit, self.infer)
        return {INFER: infer, INFER_VERSION: infer}

    def _admit(self, exchange: Exchange) -> LiveModel:
        name, version = exchange.parameters["name"], exchange.parameters.get("version")
        return self._service.admit(name, version, exchange, single=True)

    async def infer(self, exchange: Exchange, model: LiveModel, content: bytes) -> Answer:
        """Named tensors in, named tensors out, in JSON or as bytes, packed or not."""
        if CODING in exchange.headers:
            content = await self._unpacked(content, exchange)
        asked = await self._read(content, exchange)
        exchange.lap("decode")
        operation = self._operations[model.manifest.task]
        result = await self._service.infer(operation, model, asked.request, exchange)
        self._held.add_tensors(exchange, [values for _, values in result])
        written = await codec.write(model.reference, asked, result)
        headers: tuple[tuple[bytes, bytes], ...] = ()
        body, media_type, header_bytes = written.body, JSON, written.header_bytes
        if header_bytes is not None:
            media_type, headers = BINARY, ((HEADER_BYTES, b"%d" % header_bytes),)
        if len(body) >= compression.WORTH and (coding := compression.wanted(exchange.header(b"accept-encoding"))):
            body = await self._done(compression.pack, body, coding, exchange=exchange)
            headers = (*headers, (CODING, coding.encode()))
        exchange.lap("encode")
        return Answer(body, media_type, headers=headers)

    async def _unpacked(self, content: bytes, exchange: Exchange) -> bytes:
        coding = exchange.header(CODING).strip().lower()
        if coding in {"", "identity"}:
            return content
        most = min(self._most_bytes, most_unpacked(len(content)))
        unpacked = await self._done(compression.unpack, content, coding, most, exchange=exchange)
        self._held.add_made(exchange, len(unpacked))
        return unpacked

    async def _read(self, content: bytes, exchange: Exchange) -> Asked:
        sent_bytes, header_bytes = exchange.sent_bytes, _header_bytes(exchange)
        json_bytes = len(content) if header_bytes is None else header_bytes
        if json_bytes > MOST_JSON:
            raise TooLarge(
                f"JSON of at most {MOST_JSON:,} bytes is read; {json_bytes:,} came. Send tensors as bytes, with "
                "binary_data_size and Inference-Header-Content-Length."
            )
        if json_bytes <= SMALL and (len(content) <= SMALL_TEXTS or not _may_have_texts(content[:json_bytes])):
            return codec.read(content, header_bytes, sent_bytes)
        asked = await run_for(exchange, self._pool.admitting(), codec.read, header_bytes, sent_bytes, body=content)
        self._held.add_tensors(exchange, asked.request.inputs.values())
        return asked

    async def _done(self, work: Callable[..., T], content: bytes, *arguments: Any, exchange: Exchange) -> T:
        """Here where that is quick, else in a process."""
        if len(content) <= SMALL // 64:
            return work(content, *arguments)
        return await run_for(exchange, self._pool.admitting(), work, *arguments, body=content)


def _may_have_texts(header: bytes) -> bool:
    """Whether a tensor's datatype may be BYTES, which can be written with escapes too."""
    return b"BYTES" in header or b"\\" in header


def _header_bytes(exchange: Exchange) -> int | None:
    said = exchange.headers.get(HEADER_BYTES)
    if said is None:
        return None
    if not said.isdigit() or len(said) > 12:
        raise BadRequest("Inference-Header-Content-Length is a number of bytes")
    return int(said)
