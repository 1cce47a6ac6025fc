"""The web page's and the documentation's files, held in memory: no disk, thread or loop of reads for each request."""

import hashlib
import mimetypes
from pathlib import Path
from typing import NamedTuple

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app.errors import NotFound
from app.http.routes import open_to_all

STATIC = Path(__file__).parent.parent / "static"
PUBLISHED = frozenset({".html", ".js", ".css", ".svg"})
# The page takes nothing from anywhere else, and may not be framed.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "frame-ancestors 'none'; base-uri 'none'"
)
# Swagger UI holds its icons as data: addresses, and React sets some elements' styles.
DOCS_POLICY = POLICY.replace("img-src 'self'", "img-src 'self' data:").replace(
    "style-src 'self'", "style-src 'self' 'unsafe-inline'"
)


class Asset(NamedTuple):
    content: bytes
    headers: dict[str, str]

    def answer(self, request: Request) -> Response:
        """The file, or 304 to a caller that has it."""
        if request.headers.get("if-none-match") == self.headers["ETag"]:
            return Response(status_code=304, headers=self.headers)
        return Response(self.content, headers=self.headers)


def router() -> APIRouter:
    """/, /docs and /static."""
    routes = APIRouter(include_in_schema=False)
    assets = {
        path.relative_to(STATIC).as_posix(): _read(path, POLICY)
        for path in STATIC.rglob("*")
        if path.suffix in PUBLISHED
    }
    docs = _read(STATIC / "docs" / "index.html", DOCS_POLICY)

    @routes.get("/")
    @open_to_all
    async def page(request: Request) -> Response:
        return assets["index.html"].answer(request)

    @routes.get("/docs")
    @open_to_all
    async def documentation(request: Request) -> Response:
        return docs.answer(request)

    @routes.get("/static/{name:path}")
    @open_to_all
    async def static(name: str, request: Request) -> Response:
        if name not in assets:
            raise NotFound(f"there is no file /static/{name}")
        return assets[name].answer(request)

    return routes


def asset(content: bytes, suffix: str, policy: str) -> Asset:
    """What is answered with such a file's type."""
    kind = mimetypes.guess_type(f"file{suffix}")[0] or ""
    headers = {
        "Content-Type": f"{kind}; charset=utf-8" if kind.startswith("text/") else kind,
        "Content-Security-Policy": policy,
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-cache",  # asks again each time, and is mostly told 304
        "ETag": f'"{hashlib.sha256(content).hexdigest()[:32]}"',
    }
    return Asset(content, headers)


def _read(path: Path, policy: str) -> Asset:
    return asset(path.read_bytes(), path.suffix, policy)
