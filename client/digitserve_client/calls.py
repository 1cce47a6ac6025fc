"""Which request asks for what, as values: nothing here touches the network."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib.metadata import version as installed_version
from typing import Any

import httpx

from digitserve_client.images import Part

LOCAL = "http://127.0.0.1:8000"
JSON, PROBLEM = "application/json", "application/problem+json"


@dataclass(frozen=True, slots=True)
class Options:
    """What a caller may ask besides the image; `deadline_ms` is counted from the call, in milliseconds."""

    model: str | None = None
    version: str | int | None = None
    deadline_ms: float | None = None
    include_seen: bool = False

    def __post_init__(self) -> None:
        if self.deadline_ms is not None and not self.deadline_ms > 0:
            raise ValueError(f"expected deadline_ms over 0; got {self.deadline_ms}; leave it out for none")

    def query(self) -> dict[str, str]:
        """The URL's parameters."""
        wanted = {
            "model": self.model,
            "version": self.version,
            "include": "seen" if self.include_seen else None,
        }
        return {name: str(value) for name, value in wanted.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Call:
    """One HTTP request; a Part is the whole body, a tuple of them a multipart body."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Part | tuple[Part, ...] | None = None

    def within(self, seconds: float) -> "Call":
        """The same call, saying how much time is left for it."""
        if seconds == float("inf"):
            return self
        return replace(self, headers={**self.headers, "X-Deadline-Ms": str(max(1, int(seconds * 1000)))})

    def arguments(self) -> dict[str, Any]:
        """The arguments of httpx's `request`."""
        return {
            "method": self.method,
            "url": self.path,
            "params": self.query,
            "headers": self.headers,
            **_content(self.body),
        }


def address(base_url: str) -> httpx.URL:
    """The service's address. Raises ValueError for what is not http or https."""
    try:
        url = httpx.URL(base_url)
    except httpx.InvalidURL as error:
        raise ValueError(f"expected base_url like {LOCAL}; got {base_url!r}: {error}") from error
    if url.scheme not in ("http", "https") or not url.host:
        raise ValueError(f"expected base_url like {LOCAL}; got {base_url!r}; begin it with http://")
    return url


def common_headers(api_key: str | None) -> dict[str, str]:
    """What every request carries."""
    headers = {
        "Accept": f"{JSON}, {PROBLEM}",
        "User-Agent": f"digitserve-client/{installed_version('digitserve-client')}",
    }
    return headers if api_key is None else headers | {"Authorization": f"Bearer {api_key}"}


def limits() -> Call:
    """What one request may hold."""
    return Call("GET", "/v1/limits")


def predict(body: Part, options: Options) -> Call:
    """One image."""
    return _predict("/v1/predict", body, options)


def predict_batch(body: Part | tuple[Part, ...], options: Options, accept: str = JSON) -> Call:
    """Many images: raw frames end to end, or multipart; answered in that media type."""
    call = _predict("/v1/predict/batch", body, options)
    return call if accept == JSON else replace(call, headers={**call.headers, "Accept": f"{accept}, {PROBLEM}"})


def explain(body: Part, options: Options) -> Call:
    """One image, and why."""
    return _predict("/v1/explain", body, options)


def read(body: Part, options: Options) -> Call:
    """The numbers in one picture."""
    return _predict("/v1/read", body, options)


def _predict(path: str, body: Part | tuple[Part, ...], options: Options) -> Call:
    headers = {"Content-Type": body.media_type} if isinstance(body, Part) else {}
    return Call("POST", path, options.query(), headers, body)


def _content(body: Part | tuple[Part, ...] | None) -> dict[str, Any]:
    if isinstance(body, Part):
        return {"content": body.content}
    if body is None:
        return {}
    return {"files": [("files", (part.name, part.content, part.media_type)) for part in body]}
