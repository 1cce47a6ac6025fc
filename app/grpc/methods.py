"""The protocol's calls. Source: Open Inference Protocol 2.0 over gRPC, and Triton's extensions."""

from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import suppress
from typing import Any, NamedTuple

from google.protobuf.json_format import ParseDict
from google.protobuf.message import DecodeError

from app.config import Right, Settings
from app.errors import BadRequest, ModelNotFound, Unsupported
from app.grpc import codec
from app.grpc.messages import message
from app.serving import description
from app.serving.context import RequestContext
from app.serving.control import Control, check_parameters
from app.serving.description import Object
from app.serving.held import HeldBytes
from app.serving.pool import Pool, run_for
from app.serving.repository import Repository
from app.serving.service import Operation, Service
from app.serving.statistics import statistics_of
from app.serving.tensors import InferenceRequest, InferenceResult
from app.telemetry.metrics import Metrics

Operations = Mapping[str, Operation[InferenceRequest, Any, InferenceResult]]
Answering = Callable[[bytes, RequestContext], Coroutine[Any, Any, bytes]]
DECLINED = {
    "ModelStreamInfer": "streams of requests are not offered; call ModelInfer for each",
    **{
        f"{kind}SharedMemory{what}": "shared memory is not offered here; send the tensors themselves"
        for kind in ("System", "Cuda")
        for what in ("Status", "Register", "Unregister")
    },
}


class Method(NamedTuple):
    """A call that is answered."""

    right: Right | None
    """That it needs; None where it shows nothing that a key protects."""
    answer: Answering


class Methods:
    """All of them, by name."""

    def __init__(
        self,
        settings: Settings,
        service: Service,
        repository: Repository,
        pool: Pool,
        metrics: Metrics,
        held: HeldBytes,
        operations: Operations,
        control: Control,
        is_draining: Callable[[], bool],
    ) -> None:
        """`operations` are by the models' tasks."""
        self._settings = settings
        self._service = service
        self._repository = repository
        self._pool = pool
        self._metrics = metrics
        self._held = held
        self._operations = operations
        self._control = control
        self._is_draining = is_draining

    def all(self) -> dict[str, Method]:
        asked: dict[str, tuple[Right | None, Callable[[Any], Awaitable[Object]]]] = {
            "ServerLive": (None, self._live),
            "ServerReady": (None, self._ready),
            "ServerMetadata": (None, self._server),
            "ModelReady": (Right.PREDICT, self._model_ready),
            "ModelMetadata": (Right.PREDICT, self._metadata),
            "ModelConfig": (Right.PREDICT, self._configuration),
            "ModelStatistics": (Right.METRICS, self._statistics),
            "RepositoryIndex": (Right.REPOSITORY, self._index),
            "RepositoryModelLoad": (Right.REPOSITORY, self._load),
            "RepositoryModelUnload": (Right.REPOSITORY, self._unload),
        }
        return {
            "ModelInfer": Method(Right.PREDICT, self._infer),
            **{name: Method(right, _answering(name, what)) for name, (right, what) in asked.items()},
            **{name: Method(Right.PREDICT, _declining(why)) for name, why in DECLINED.items()},
        }

    async def _infer(self, content: bytes, call: RequestContext) -> bytes:
        if codec.is_light(content):
            asked = codec.read(content, call.sent_bytes)
        else:
            asked = await run_for(call, self._pool.admitting(), codec.read, call.sent_bytes, body=content)
            self._held.add_tensors(call, asked.request.inputs.values())
        call.lap("read")
        model = self._service.admit(asked.model, asked.version, call, single=True)
        operation = self._operations[model.manifest.task]
        result = await self._service.infer(operation, model, asked.request, call)
        self._held.add_tensors(call, [values for _, values in result])
        written = codec.write(model.reference, asked.id, result)
        call.lap("encode")
        return written

    async def _live(self, _: Any) -> Object:
        return {"live": True}

    async def _ready(self, _: Any) -> Object:
        return {"ready": not self._is_draining()}

    async def _server(self, _: Any) -> Object:
        return description.server()

    async def _model_ready(self, request: Any) -> Object:
        """Of a model that is not live it is said, not refused, as Triton does."""
        with suppress(ModelNotFound):
            self._repository.get(request.name, request.version or None)
            return {"ready": True}
        return {"ready": False}

    async def _metadata(self, request: Any) -> Object:
        return description.metadata(self._repository.get(request.name, request.version or None), self._repository)

    async def _configuration(self, request: Any) -> Object:
        model = self._repository.get(request.name, request.version or None)
        return {"config": description.configuration(model, self._settings)}

    async def _statistics(self, request: Any) -> Object:
        """Of all models where none is named."""
        models = self._repository.named(request.name, request.version or None) if request.name else None
        return await statistics_of(self._repository.all() if models is None else models, self._metrics)

    async def _index(self, request: Any) -> Object:
        return {"models": await self._control.index(ready=request.ready)}

    async def _load(self, request: Any) -> Object:
        check_parameters(request.parameters)
        await self._control.load(request.model_name)
        return {}

    async def _unload(self, request: Any) -> Object:
        check_parameters(request.parameters)
        await self._control.unload(request.model_name)
        return {}


def _answering(name: str, what: Callable[[Any], Awaitable[Object]]) -> Answering:
    """The answer is what JSON would say, as a message."""
    asked, answered = message(f"{name}Request"), message(f"{name}Response")

    async def answer(content: bytes, _: RequestContext) -> bytes:
        try:
            request = asked.FromString(content)
        except DecodeError as error:
            raise BadRequest(f"the message is no {name}Request") from error
        said: bytes = ParseDict(await what(request), answered(), ignore_unknown_fields=True).SerializeToString()
        return said

    return answer


def _declining(why: str) -> Answering:
    async def answer(_: bytes, __: RequestContext) -> bytes:
        raise Unsupported(why)

    return answer
