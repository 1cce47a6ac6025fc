"""Inference on named tensors, for models of any task whose runner says its contract."""

import asyncio
from collections.abc import Coroutine, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from app.errors import BadRequest, WrongShape
from app.inference.contract import ANY, Contract, Tensor
from app.inference.datatypes import BY_NAME, BYTES
from app.inference.elements import check_strings
from app.inference.session import Tensors
from app.serving.context import RequestContext
from app.serving.repository import LiveModel
from app.serving.tensors import Array, InferenceRequest, InferenceResult, Output, Wanted

MOST_NAMES = 200  # characters of names that came
MOST_RANKED = 65_536  # numbers that are put in order in one go,
MOST_TEXTS = 4096  # and classes of them that are written


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
    ) -> InferenceResult | Coroutine[Any, Any, InferenceResult]:
        tensors = model.runner.contract.outputs
        given = {tensor.name: Output(tensor, values) for tensor, values in zip(tensors, outputs, strict=True)}
        return conclude_outputs(given, prepared.wanted, model.runner.labels)


def take_inputs(contract: Contract, came: Mapping[str, Array], *, batched: bool) -> Iterator[Array]:
    """A request's inputs in the model's order. Raises BadRequest, WrongShape where they are not what it takes."""
    if came.keys() != {tensor.name for tensor in contract.inputs}:
        got = ", ".join(came)[:MOST_NAMES] or "none"
        raise BadRequest(f"the model takes the inputs {_names(contract.inputs)}; got {got}")
    rows = {len(values) if values.ndim else 0 for values in came.values()} if batched else {1}
    if batched and not any(values.size for values in came.values()):
        raise WrongShape("no element came; rows of nothing are not run")
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
    if len({name for name, _ in wanted}) < len(wanted):
        raise BadRequest("an output is asked for twice")
    for name, classes in wanted:
        if name not in known:
            asked = name[:MOST_NAMES]
            raise BadRequest(f"the model gives the outputs {_names(contract.outputs)}; {asked!r} was asked for")
        if classes and (known[name].datatype.name == BYTES or not known[name].shape):
            raise BadRequest(f"the output `{name}` has no numbers of which the highest could be chosen")
    return wanted


def conclude_outputs(
    given: Mapping[str, Output], wanted: list[Wanted], labels: Mapping[str, list[str]]
) -> InferenceResult | Coroutine[Any, Any, InferenceResult]:
    """The outputs that are wanted, as they are wanted. Raises WrongShape where classes of too many are."""
    if any(classes for _, classes in wanted):
        return _classified(given, wanted, labels)
    return [given[name] for name, _ in wanted]


async def _classified(
    given: Mapping[str, Output], wanted: list[Wanted], labels: Mapping[str, list[str]]
) -> InferenceResult:
    return [
        await _highest(given[name], classes, labels.get(name, [])) if classes else given[name]
        for name, classes in wanted
    ]


async def _highest(output: Output, classes: int, labels: list[str]) -> Output:
    """The highest columns as "value:column:label"; others have their turn meanwhile. Source: Triton's classification
    extension.
    """
    tensor, values = output
    columns = values.shape[-1]
    if columns > MOST_RANKED:
        raise WrongShape(
            f"the output `{tensor.name}` has {columns:,} columns; of {MOST_RANKED:,} the highest are found"
        )
    classes = min(classes, columns)
    rows = values.reshape(values.size // max(1, columns), columns)
    check_strings(len(rows) * classes)
    at_once = min(MOST_RANKED // max(1, columns), MOST_TEXTS // max(1, classes)) or 1
    texts: list[str] = []
    for start in range(0, len(rows), at_once):
        some = rows[start : start + at_once]
        highest = np.argsort(-some.astype(np.float64), axis=1, kind="stable")[:, :classes]
        found = zip(np.take_along_axis(some, highest, axis=1).ravel().tolist(), highest.ravel().tolist(), strict=True)
        texts += [_class(value, column, labels) for value, column in found]  # of Python's numbers: twice as fast
        await asyncio.sleep(0)
    chosen = np.array(texts, np.object_).reshape(*values.shape[:-1], classes)
    return Output(tensor._replace(datatype=BY_NAME[BYTES]), chosen)


def _class(value: float, column: int, labels: list[str]) -> str:
    label = f":{labels[column]}" if column < len(labels) else ""
    return f"{value:f}:{column}{label}"


def _names(tensors: Iterable[Tensor]) -> str:
    return ", ".join(f"`{tensor.name}`" for tensor in tensors)


def _name_of(values: Array) -> str:
    return next((one.name for one in BY_NAME.values() if one.numpy == values.dtype), str(values.dtype))
