"""A program: tells what is wrong with custom resources by the models that packages bring of them.

It reads a JSON list of them from stdin and writes a list of errors for each. KEDA's and the Prometheus operator's are
cloudcoil's models, made from CRDs (KEDA 2.16, operator 0.80: later ones ask for Python 3.14). KServe's are of its
SDK, made from the types of which its CRDs are made.
"""

import json
import re
import sys
from collections.abc import Iterator
from typing import Any

import kserve.models
import kubernetes.client
from cloudcoil.models.keda.v1alpha1 import ScaledObject
from cloudcoil.models.prometheus_operator.v1 import PrometheusRule, ServiceMonitor
from pydantic import BaseModel, ValidationError

PYDANTIC = {model.__name__: model for model in (ScaledObject, PrometheusRule, ServiceMonitor)}
KSERVE = {"InferenceService": "V1beta1InferenceService", "ServingRuntime": "V1alpha1ServingRuntime"}
NATIVE = {"str": str, "int": int, "bool": bool, "float": float}


def errors(value: Any, kind: str, at: str) -> Iterator[str]:
    """What in `value` is no `kind`: a model's name or a type, as KServe's models name them."""
    if inner := re.fullmatch(r"list\[(.+)\]", kind):
        for number, one in enumerate(value):
            yield from errors(one, inner[1], f"{at}[{number}]")
    elif inner := re.fullmatch(r"dict\(str, (.+)\)", kind):
        for key, one in value.items():
            yield from errors(one, inner[1], f"{at}.{key}")
    elif kind in NATIVE:
        if type(value) is not NATIVE[kind]:
            yield f"{at}: {value!r} is no {kind}"
    elif hasattr(kserve.models, kind):
        model = getattr(kserve.models, kind)
        names = {name: attribute for attribute, name in model.attribute_map.items()}
        for key, one in value.items():
            if key in names:
                yield from errors(one, model.openapi_types[names[key]], f"{at}.{key}")
            else:
                yield f"{at}: {kind} has no {key}"
    else:
        yield from pydantic_errors(value, getattr(kubernetes.client, kind), at)


def pydantic_errors(value: Any, model: type[BaseModel], at: str) -> Iterator[str]:
    try:
        model.model_validate(value, extra="forbid")
    except ValidationError as error:
        yield from (f"{at}.{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())


def wrong(resource: Any) -> list[str]:
    """Raises KeyError for a kind of which no package brings a model."""
    kind = resource["kind"]
    if kind in PYDANTIC:
        return list(pydantic_errors(resource, PYDANTIC[kind], kind))
    return list(errors(resource, KSERVE[kind], kind))


if __name__ == "__main__":
    print(json.dumps([wrong(resource) for resource in json.load(sys.stdin)]))
