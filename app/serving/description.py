"""What a model takes and gives, as the Open Inference Protocol and Triton say it, in the form of JSON."""

from importlib.metadata import version
from typing import Any

from app.config import Settings
from app.inference.contract import Tensor
from app.inference.session import CPU
from app.serving.repository import LiveModel, Repository

Object = dict[str, Any]
EXTENSIONS = (
    "classification",
    "model_configuration",
    "binary_tensor_data",
    "parameters",
    "statistics",
)


def server() -> Object:
    return {"name": "digitserve", "version": version("digitserve"), "extensions": EXTENSIONS}


def metadata(model: LiveModel, repository: Repository) -> Object:
    """Of a version, with the others that are live."""
    name, _ = model.names
    return {
        "name": name,
        "versions": [other.names[1] for other in repository.named(name)],
        "platform": "onnxruntime_onnx",
        "inputs": [_tensor(tensor) for tensor in model.runner.contract.inputs],
        "outputs": [_tensor(tensor) for tensor in model.runner.contract.outputs],
    }


def _tensor(tensor: Tensor) -> Object:
    return {"name": tensor.name, "datatype": tensor.datatype.name, "shape": tensor.shape}


def configuration(model: LiveModel, settings: Settings) -> Object:
    """Source: Triton's model_config.proto, as JSON."""
    batched, kind = model.runner.batched, "KIND_CPU" if model.session.provider == CPU else "KIND_GPU"
    return {
        "name": model.manifest.name,
        "platform": "onnxruntime_onnx",
        "backend": "onnxruntime",
        "version_policy": {"latest": {"num_versions": settings.live_versions}},
        "max_batch_size": settings.max_batch_size if batched else 0,
        "input": [_configured(tensor, batched=batched) for tensor in model.runner.contract.inputs],
        "output": [_configured(tensor, batched=batched) for tensor in model.runner.contract.outputs],
        "instance_group": [{"name": model.label, "kind": kind, "count": settings.workers}],
        "dynamic_batching": {} if batched else None,
    }


def _configured(tensor: Tensor, *, batched: bool) -> Object:
    """Without the axis of the batch, where there is one."""
    return {
        "name": tensor.name,
        "data_type": "TYPE_STRING" if tensor.datatype.name == "BYTES" else f"TYPE_{tensor.datatype.name}",
        "dims": tensor.shape[1:] if batched else tensor.shape,
    }
