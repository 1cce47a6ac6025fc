"""The web page's and the documentation's files, held in memory: no disk, thread or loop of reads for each request."""

import gzip
import hashlib
import mimetypes
from functools import cache
from pathlib import Path
from typing import NamedTuple

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app.errors import NotFound
from app.http.routes import open_to_all
from app.http.v2 import compression

STATIC = Path(__file__).parent.parent / "static"
GZIP, LEVEL = "gzip", 6
PUBLISHED = frozenset({".html", ".js", ".css", ".svg"})
# The page takes nothing from anywhere else, and may not be framed.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "frame-ancestors 'none'; base-uri 'none'"
)
# It takes photos, and no foreign page in a frame could: there is none.
PERMISSIONS = "camera=(self), microphone=(), geolocation=(), display-capture=(), payment=(), usb=()"
# Swagger UI holds its icons as data: addresses, and React sets some elements' styles.
DOCS_POLICY = POLICY.replace("img-src 'self'", "img-src 'self' data:").replace(
    "style-src 'self'", "style-src 'self' 'unsafe-inline'"
)


class Form(NamedTuple):
    content: bytes
    headers: dict[str, str]


class Asset(NamedTuple):
    plain: Form
    packed: Form

    def answer(self, request: Request) -> Response:
        """The file, packed for a caller that unpacks it, or 304 to one that has it."""
        packs = compression.wanted(request.headers.get("accept-encoding", "")) == GZIP
        content, headers = self.packed if packs else self.plain
        if request.headers.get("if-none-match") == headers["ETag"]:
            return Response(status_code=304, headers=headers)
        return Response(content, headers=headers)


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


@cache  # packing takes longer than all else of building the app
def asset(content: bytes, suffix: str, policy: str) -> Asset:
    """What is answered with such a file's type."""
    kind = mimetypes.guess_type(f"file{suffix}")[0] or ""
    digest = hashlib.sha256(content).hexdigest()[:32]
    headers = {
        "Content-Type": f"{kind}; charset=utf-8" if kind.startswith("text/") else kind,
        "Content-Security-Policy": policy,
        "Permissions-Policy": PERMISSIONS,
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-cache",  # asks again each time, and is mostly told 304
        "Vary": "Accept-Encoding",
    }
    packed = headers | {"ETag": f'"{digest}-{GZIP}"', "Content-Encoding": GZIP}
    return Asset(Form(content, headers | {"ETag": f'"{digest}"'}), Form(gzip.compress(content, LEVEL, mtime=0), packed))


def _read(path: Path, policy: str) -> Asset:
    return asset(path.read_bytes(), path.suffix, policy)
