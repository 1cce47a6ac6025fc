"""What is wrong with a built site's links: every one leads somewhere, and nothing is fetched from elsewhere."""

from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

NOT_FOLLOWED = {"http", "https", "mailto"}  # pages that the reader may choose to visit
MADE_BY_SCRIPT = {"", "__consent"}


class Page(HTMLParser):
    """Its anchors, its links, and what a browser fetches to show it."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self.anchors: set[str] = set()
        self.links: set[str] = set()
        self.fetched: set[str] = set()
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.anchors |= {given[name] for name in ("id", "name") if name in given}
        if tag == "a" and "href" in given:
            self.links.add(given["href"])
        elif tag == "link" or "src" in given:
            self.fetched.add(given.get("src") or given.get("href", ""))


def wrong(site: Path) -> list[str]:
    """A line for each link to no file or no anchor, and for each asset from elsewhere or from nowhere."""
    pages = {path: Page(path) for path in sorted(site.rglob("*.html"))}
    return [line for path, page in pages.items() if path.name != "404.html" for line in _wrong(page, pages, site)]


def _wrong(page: Page, pages: dict[Path, Page], site: Path) -> Iterator[str]:
    where = page.path.relative_to(site)
    for link in sorted(page.links | page.fetched):
        scheme, host, path, _, anchor = urlsplit(link)
        if scheme or host:
            if link in page.fetched:
                yield f"{where} fetches {link}: nothing may come from elsewhere"
            elif scheme not in NOT_FOLLOWED:
                yield f"{where} links to {link}: no such scheme is known"
            continue
        target = (page.path.parent / unquote(path)).resolve() if path else page.path
        if target.is_dir():
            target /= "index.html"
        if not target.is_file():
            yield f"{where} links to {link}: there is no such file"
        elif target in pages and anchor not in pages[target].anchors | MADE_BY_SCRIPT:
            yield f"{where} links to {link}: {target.relative_to(site)} has no such anchor"
