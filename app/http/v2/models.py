"""GET /v2/models/{name}: what it takes and gives, as the Open Inference Protocol and Triton say it."""

from typing import Annotated, Any

from fastapi import APIRouter, Path

from app.config import Right, Settings
from app.http.routes import needs
from app.http.v2.errors import REFUSALS
from app.inference.contract import Tensor
from app.serving.repository import LiveModel, Repository

Name = Annotated[str, Path()]
Object = dict[str, Any]


def router(repository: Repository, settings: Settings) -> APIRouter:
    """The routes of models, which may change between requests."""
    routes = APIRouter(prefix="/v2/models/{name}", tags=["Open Inference Protocol"], responses=REFUSALS)

    @routes.get("/ready", summary="The model answers")
    @routes.get("/versions/{version}/ready", summary="The version answers")
    @needs(Right.PREDICT)
    async def ready(name: Name, version: str | None = None) -> Object:
        return {"name": repository.get(name, version).names[0], "ready": True}

    @routes.get("", summary="What the model takes and gives")
    @routes.get("/versions/{version}", summary="What the version takes and gives")
    @needs(Right.PREDICT)
    async def metadata(name: Name, version: str | None = None) -> Object:
        return _metadata(repository.get(name, version), repository)

    @routes.get("/config", summary="Triton's model configuration")
    @routes.get("/versions/{version}/config", summary="Triton's model configuration")
    @needs(Right.PREDICT)
    async def config(name: Name, version: str | None = None) -> Object:
        return _config(repository.get(name, version), settings)

    return routes


def _metadata(model: LiveModel, repository: Repository) -> Object:
    name, _ = model.names
    return {
        "name": name,
        "versions": [other.names[1] for other in repository.all() if other.names[0] == name],
        "platform": "onnxruntime_onnx",
        "inputs": [_tensor(tensor) for tensor in model.runner.contract.inputs],
        "outputs": [_tensor(tensor) for tensor in model.runner.contract.outputs],
    }


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
