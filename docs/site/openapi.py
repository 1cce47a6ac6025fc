"""The HTTP API, from the OpenAPI document that the service makes."""

import asyncio
from collections.abc import Iterator
from typing import Any

import httpx

from app.config import Settings
from app.main import create_app
from docs.site.markdown import code, table

Object = dict[str, Any]


def endpoints() -> str:
    """Every path with what it takes and gives, and every named schema."""
    whole = asyncio.run(document())
    lines = [
        line
        for path, methods in whole["paths"].items()
        for method, operation in methods.items()
        for line in _endpoint(method, path, operation)
    ]
    lines = ["## Paths", *lines, "## Schemas"]
    lines += [line for name, schema in whole["components"]["schemas"].items() for line in _schema(name, schema)]
    return "\n\n".join(filter(None, lines))


async def document() -> Object:
    """What the service says at /openapi.json."""
    transport = httpx.ASGITransport(create_app(Settings(workers=1)))
    async with httpx.AsyncClient(transport=transport, base_url="http://digitserve") as service:
        document: Object = (await service.get("/openapi.json")).raise_for_status().json()
    return document


def _endpoint(method: str, path: str, operation: Object) -> Iterator[str]:
    yield f"### {method.upper()} {path}"
    yield f"{operation['summary']}."
    yield operation.get("description", "")
    if parameters := operation.get("parameters"):
        yield table(
            ("parameter", "in", "type", "meaning"),
            ((code(one["name"]), one["in"], _type(one["schema"]), one.get("description", "")) for one in parameters),
        )
    if body := operation.get("requestBody"):
        kinds = ((code(media_type), _type(one.get("schema", {}))) for media_type, one in body["content"].items())
        yield table(("body", "type"), kinds)
    answers = {status: one for status, one in operation["responses"].items() if status.isdigit() and int(status) < 400}
    yield table(("answer", "media types", "type"), (_answer(status, answer) for status, answer in answers.items()))
    refusals = [code(status) for status in operation["responses"] if status not in answers]
    yield f"[Errors](errors.md): {', '.join(refusals)}."


def _answer(status: str, answer: Object) -> tuple[str, ...]:
    content = answer.get("content", {})
    kinds = (_type(one.get("schema", {})) for one in content.values())
    return code(status), ", ".join(map(code, content)), next(filter(None, kinds), "")


def _schema(name: str, schema: Object) -> Iterator[str]:
    yield f"### {name}"
    yield schema.get("description", "")
    required = schema.get("required", ())
    yield table(
        ("field", "type", "meaning"),
        (
            (code(field) + " (may be absent)" * (field not in required), _type(one), one.get("description", ""))
            for field, one in schema.get("properties", {}).items()
        ),
    )


def _type(schema: Object) -> str:
    match schema:
        case {"$ref": reference}:
            name = reference.rsplit("/", 1)[1]
            return f"[{name}](#{name.lower()})"
        case {"anyOf": kinds} | {"oneOf": kinds}:
            return " or ".join(map(_type, kinds))
        case {"enum": words}:
            return ", ".join(map(code, words))
        case {"const": word}:
            return code(word)
        case {"type": "array", "items": items}:
            return f"list of {_type(items)}"
        case {"type": "object", "properties": properties}:
            return "object of " + ", ".join(f"{code(name)}: {_type(one)}" for name, one in properties.items())
        case {"type": "string", "format": "binary"}:
            return "bytes"
        case {"type": "string", "format": "byte"}:
            return "base64"
        case {"type": kind}:
            return str(kind)
    return ""
