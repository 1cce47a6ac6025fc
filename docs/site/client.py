"""The Python client's classes, from their signatures and docstrings."""

import dataclasses
import inspect
import re
from collections.abc import Iterator
from typing import Any

import digitserve_client
from digitserve_client.testing import FakeService

MODULE = re.compile(r"\b(?:digitserve_client|collections|typing)\.(?:\w+\.)*")
ANY_IMAGE = inspect.formatannotation(digitserve_client.AnyImage)
WIDEST = 88  # characters of a signature on one line


def classes() -> str:
    """Every class that the client exports: first `Client`, last the errors."""
    exported = [*(getattr(digitserve_client, name) for name in digitserve_client.__all__), FakeService]
    kinds = [one for one in exported if inspect.isclass(one) and one is not digitserve_client.AsyncClient]
    kinds.sort(key=lambda kind: (kind is not digitserve_client.Client, issubclass(kind, Exception)))  # else by name
    any_image = f"## AnyImage\n\n```python\nAnyImage = {MODULE.sub('', ANY_IMAGE)}\n```"
    return "\n\n".join([*(line for kind in kinds for line in _class(kind)), any_image])


def _class(kind: type[Any]) -> Iterator[str]:
    yield f"## {kind.__name__}"
    if issubclass(kind, Exception) and kind is not digitserve_client.DigitserveError:
        yield f"An error: a `{kind.__base__.__name__}`." if kind.__base__ else ""
    yield _doc(kind)
    if dataclasses.is_dataclass(kind):
        fields = "\n".join(f"{one.name}: {_said(one.type)}" for one in dataclasses.fields(kind))
        yield f"```python\n{fields}\n```"
    elif not issubclass(kind, Exception):
        yield _signature(kind.__name__, kind)
        yield _doc(kind.__init__)
        for name, method in vars(kind).items():
            if not name.startswith("_") and inspect.isfunction(method):
                yield f"### {kind.__name__}.{name}"
                yield _signature(name, method)
                yield _doc(method)


def _signature(name: str, of: Any) -> str:
    signature = inspect.signature(of)
    given = []
    for one in signature.parameters.values():
        if one.kind is one.KEYWORD_ONLY and "*" not in given:
            given.append("*")
        if one.name != "self":
            given.append(_said(one))
    first = "class" if inspect.isclass(of) else "async def" if inspect.iscoroutinefunction(of) else "def"
    answer = "" if first == "class" else f" -> {_said(signature.return_annotation)}"
    line = f"{first} {name}({', '.join(given)}){answer}"
    if len(line) > WIDEST:
        line = f"{first} {name}(\n    " + ",\n    ".join(given) + f",\n){answer}"
    return f"```python\n{line}\n```"


def _said(annotation: object) -> str:
    """An annotation or a parameter, without the names of modules."""
    words = (
        inspect.formatannotation(annotation) if not isinstance(annotation, str | inspect.Parameter) else str(annotation)
    )
    return MODULE.sub("", words.replace(ANY_IMAGE, "AnyImage"))


def _doc(of: Any) -> str:
    return inspect.getdoc(of) or ""
