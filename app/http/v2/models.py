"""GET /v2/...: the server, its health and its models, as the Open Inference Protocol and Triton say them."""

from importlib.metadata import version
from typing import Annotated, Any

from fastapi import APIRouter, Path
from fastapi.responses import Response

from app.config import Right, Settings
from app.http.lifecycle import Lifecycle
from app.http.routes import needs, open_to_all
from app.http.v2.statistics import Statistics
from app.inference.contract import Tensor
from app.serving.repository import LiveModel, Repository
from app.telemetry.metrics import Metrics

EXTENSIONS = [
    "classification",
    "model_configuration",
    "model_repository",
    "binary_tensor_data",
    "parameters",
    "statistics",
]
Name, Version = Annotated[str, Path()], Annotated[str, Path()]
Object = dict[str, Any]


def router(repository: Repository, metrics: Metrics, lifecycle: Lifecycle, settings: Settings) -> APIRouter:
    """The routes, over a repository whose models may change between requests."""
    routes = APIRouter(prefix="/v2", tags=["Open Inference Protocol"])

    @routes.get("", summary="The server")
    @routes.get("/", include_in_schema=False)
    @open_to_all
    async def server() -> Object:
        return {"name": "digitserve", "version": version("digitserve"), "extensions": EXTENSIONS}

    @routes.get("/health/live", summary="The process answers")
    @open_to_all
    async def live() -> Object:
        return {"live": True}

    @routes.get("/health/ready", summary="All models answer")
    @open_to_all
    async def ready() -> Response:
        return Response(status_code=400 if lifecycle.draining else 200)

    @routes.get("/models/stats", summary="Counters of all models")
    @needs(Right.METRICS)
    async def all_statistics() -> Object:
        statistics = Statistics((await metrics.collect()).metrics)
        return {"model_stats": [statistics.of(model) for model in repository.all()]}

    @routes.get("/models/{name}/stats", summary="Counters of a model")
    @routes.get("/models/{name}/versions/{version}/stats", summary="Counters of a version")
    @needs(Right.METRICS)
    async def model_statistics(name: Name, version: str | None = None) -> Object:
        repository.get(name, version)
        statistics = Statistics((await metrics.collect()).metrics)
        found = [model for model in repository.all() if model.names[0] == name and version in {None, model.names[1]}]
        return {"model_stats": [statistics.of(model) for model in found]}

    @routes.get("/models/{name}/ready", summary="The model answers")
    @routes.get("/models/{name}/versions/{version}/ready", summary="The version answers")
    @needs(Right.PREDICT)
    async def model_ready(name: Name, version: str | None = None) -> Response:
        repository.get(name, version)
        return Response(status_code=200)

    @routes.get("/models/{name}", summary="What the model takes and gives")
    @routes.get("/models/{name}/versions/{version}", summary="What the version takes and gives")
    @needs(Right.PREDICT)
    async def metadata(name: Name, version: str | None = None) -> Object:
        model = repository.get(name, version)
        contract = model.runner.contract
        return {
            "name": name,
            "versions": [one.manifest.version for one in repository.all() if one.manifest.name == name],
            "platform": "onnxruntime_onnx",
            "inputs": [_tensor(tensor) for tensor in contract.inputs],
            "outputs": [_tensor(tensor) for tensor in contract.outputs],
        }

    @routes.get("/models/{name}/config", summary="Triton's model configuration")
    @routes.get("/models/{name}/versions/{version}/config", summary="Triton's model configuration")
    @needs(Right.PREDICT)
    async def config(name: Name, version: str | None = None) -> Object:
        return _config(repository.get(name, version), settings)

    return routes


def _tensor(tensor: Tensor) -> Object:
    return {"name": tensor.name, "datatype": tensor.datatype.name, "shape": tensor.shape}


def _config(model: LiveModel, settings: Settings) -> Object:
    """Source: Triton's model_config.proto, as JSON."""
    batched = model.runner.batched
    return {
        "name": model.manifest.name,
        "platform": "onnxruntime_onnx",
        "backend": "onnxruntime",
        "version_policy": {"latest": {"num_versions": settings.live_versions}},
        "max_batch_size": settings.max_batch_size if batched else 0,
        "input": [_configured(tensor, batched=batched) for tensor in model.runner.contract.inputs],
        "output": [_configured(tensor, batched=batched) for tensor in model.runner.contract.outputs],
        "instance_group": [{"name": model.label, "kind": "KIND_CPU", "count": settings.workers}],
        "dynamic_batching": {} if batched else None,
    }


def _configured(tensor: Tensor, *, batched: bool) -> Object:
    """Without the axis of the batch, where there is one."""
    return {
        "name": tensor.name,
        "data_type": "TYPE_STRING" if tensor.datatype.name == "BYTES" else f"TYPE_{tensor.datatype.name}",
        "dims": tensor.shape[1:] if batched else tensor.shape,
    }
