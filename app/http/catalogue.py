"""GET /problems: every error's code with its cause and its cure. It is what a problem's `type` points to, without any
network but the service's own.
"""

import re
from html import escape
from inspect import getdoc

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app.errors import ServiceError
from app.http.assets import POLICY, asset
from app.http.problems import CATALOGUE, kinds, status_of_kind
from app.http.routes import open_to_all

CODE = re.compile("`([^`]+)`")
PAGE = """<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>Errors of digitserve</title>
    <link rel="stylesheet" href="static/docs/problems.css">
    <link rel="icon" href="static/icon.svg">
  </head>
  <body>
    <main>
      <h1>Errors</h1>
      <p>An error says its <code>code</code> and, in <code>detail</code>, what was expected, what came and what to do.
      Its <code>request_id</code> finds it in the service&rsquo;s log. What can be asked is shown in
      <a href="docs">the API&rsquo;s documentation</a>.</p>
{entries}
    </main>
  </body>
</html>
"""
ENTRY = """      <section id="{code}">
        <h2>{title}</h2>
        <p class="code"><code>{code}</code> &middot; HTTP {status}</p>
        <p>{said}</p>
      </section>"""


def router() -> APIRouter:
    """The page, made once."""
    routes = APIRouter(include_in_schema=False)
    ordered = sorted(kinds(), key=lambda kind: (status_of_kind(kind), kind.code))
    page = asset(PAGE.format(entries="\n".join(map(_entry, ordered))).encode(), ".html", POLICY)

    @routes.get(CATALOGUE)
    @open_to_all
    async def problems(request: Request) -> Response:
        return page.answer(request)

    return routes


def _entry(kind: type[ServiceError]) -> str:
    said = CODE.sub(r"<code>\1</code>", escape(getdoc(kind) or ""))
    return ENTRY.format(code=kind.code, title=escape(kind.title), status=status_of_kind(kind), said=said)
