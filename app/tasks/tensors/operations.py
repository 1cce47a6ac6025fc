"""Inference on named tensors, for models of any task whose runner says its contract."""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import numpy as np

from app.errors import BadRequest, WrongShape
from app.inference.contract import ANY, Contract, Tensor
from app.inference.datatypes import BY_NAME, BYTES
from app.inference.session import Tensors
from app.serving.context import RequestContext
from app.serving.repository import LiveModel
from app.serving.tensors import Array, InferenceRequest, InferenceResult, Output, Wanted


class PreparedTensors(NamedTuple):
    inputs: Tensors
    wanted: list[Wanted]
    rows: int

    @property
    def images(self) -> int:
        return self.rows


class Infer:
    """Tensors in, tensors out, as they are."""

    def prepare(self, model: LiveModel, request: InferenceRequest, _: RequestContext) -> PreparedTensors:
        contract = model.runner.contract
        inputs = tuple(take_inputs(contract, request.inputs, batched=model.runner.batched))
        rows = len(inputs[0]) if model.runner.batched else 1
        return PreparedTensors(inputs, take_wanted(contract, request.wanted), rows)

    def conclude(
        self, model: LiveModel, prepared: PreparedTensors, outputs: Tensors, _: RequestContext
    ) -> InferenceResult:
        tensors = model.runner.contract.outputs
        given = {tensor.name: Output(tensor, values) for tensor, values in zip(tensors, outputs, strict=True)}
        return conclude_outputs(given, prepared.wanted, model.runner.labels)


def take_inputs(contract: Contract, came: Mapping[str, Array], *, batched: bool) -> Iterator[Array]:
    """A request's inputs in the model's order. Raises BadRequest, WrongShape where they are not what it takes."""
    if came.keys() != {tensor.name for tensor in contract.inputs}:
        raise BadRequest(f"the model takes the inputs {_names(contract.inputs)}; got {', '.join(came) or 'none'}")
    rows = {len(values) if values.ndim else 0 for values in came.values()} if batched else {1}
    if len(rows) > 1 or 0 in rows:
        raise WrongShape(f"all inputs have the same number of rows, at least one; got {sorted(rows)}")
    for tensor in contract.inputs:
        values = came[tensor.name]
        if values.dtype != tensor.datatype.numpy:
            raise WrongShape(f"the input `{tensor.name}` is {tensor.datatype.name}; got {_name_of(values)}")
        if not tensor.allows(values.shape):
            raise WrongShape(
                f"the input `{tensor.name}` has the shape {list(tensor.shape)}, {ANY} for any size; "
                f"got {list(values.shape)}"
            )
        yield _texts(values) if tensor.datatype.name == BYTES else values


def _texts(values: Array) -> Array:
    """As ONNX Runtime wants them. Raises WrongShape where one is no UTF-8."""
    texts = np.empty(values.size, np.object_)
    try:
        texts[:] = [one.decode() for one in values.ravel().tolist()]
    except UnicodeDecodeError as error:
        raise WrongShape(f"a model's texts are UTF-8; others came ({error.reason})") from error
    return texts.reshape(values.shape)


def take_wanted(contract: Contract, wanted: list[Wanted] | None) -> list[Wanted]:
    """Raises BadRequest where there is no such output, or it has no columns to choose the highest of."""
    if wanted is None:
        return [Wanted(tensor.name) for tensor in contract.outputs]
    known = {tensor.name: tensor for tensor in contract.outputs}
    for name, classes in wanted:
        if name not in known:
            raise BadRequest(f"the model gives the outputs {_names(contract.outputs)}; {name!r} was asked for")
        if classes and (known[name].datatype.name == BYTES or not known[name].shape):
            raise BadRequest(f"the output `{name}` has no numbers of which the highest could be chosen")
    return wanted


def conclude_outputs(
    given: Mapping[str, Output], wanted: Iterable[Wanted], labels: Mapping[str, list[str]]
) -> InferenceResult:
    """The outputs that are wanted, as they are wanted."""
    return [
        _classified(given[name], classes, labels.get(name, [])) if classes else given[name] for name, classes in wanted
    ]


def _classified(output: Output, classes: int, labels: list[str]) -> Output:
    """The highest columns as "value:column:label". Source: Triton's classification extension."""
    tensor, values = output
    rows = values.reshape(-1, values.shape[-1])
    highest = np.argsort(-rows.astype(np.float64), axis=1, kind="stable")[:, :classes]
    texts = [
        [_class(row[column], column, labels) for column in columns]
        for row, columns in zip(rows, highest.tolist(), strict=True)
    ]
    chosen = np.array(texts, np.object_).reshape(*values.shape[:-1], highest.shape[1])
    return Output(tensor._replace(datatype=BY_NAME[BYTES]), chosen)


def _class(value: float, column: int, labels: list[str]) -> str:
    label = f":{labels[column]}" if column < len(labels) else ""
    return f"{value:f}:{column}{label}"


def _names(tensors: Iterable[Tensor]) -> str:
    return ", ".join(f"`{tensor.name}`" for tensor in tensors)


def _name_of(values: Array) -> str:
    return next((one.name for one in BY_NAME.values() if one.numpy == values.dtype), str(values.dtype))
