"""Pages of PDF files, drawn by PDFium apart, as pictures. An extra.

What a page may cost no header tells: it may take what is left of the request's budget, and that is measured.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple, TypeVar

import numpy as np
import pypdfium2
from numpy.typing import NDArray
from PIL import Image

from app.budget import Budget
from app.errors import BadRequest, Undecodable
from app.imaging.apart import FORK_SECONDS, Apart, run_apart

SIDE = 1600  # pixels of a page's longer side
MOST_PAGES = 200  # of a file
READING, DRAWING = "reading the PDF", "drawing the PDF's page"

T = TypeVar("T")


class Page(NamedTuple):
    """One page of a file."""

    size: tuple[int, int]
    """Width and height in pixels, as it is drawn."""
    pages: int
    """Of the file."""


def opened(data: bytes, number: int, budget: Budget) -> Apart:
    """The page of that number, from 1. Raises BadRequest where there is none, Undecodable, TooMuchWork."""
    page = page_of(data, number, budget)
    image = Apart("PDF", "RGB", page.size)
    image.info["pages"] = page.pages
    image.decoded = partial(_drawn, data, number, budget)
    return image


def _drawn(data: bytes, number: int, budget: Budget, enough: int) -> Image.Image:
    """Smaller where half of it would still be enough, or where the file is small: it has less time to be looked at."""
    side = max(1, min(2 * enough - 1, round(SIDE * min(1.0, budget.whole) ** 0.5)))
    return Image.fromarray(_apart(budget, DRAWING, _pixels, data, number, side))


def page_of(data: bytes, number: int, budget: Budget) -> Page:
    """The page of that number, from 1. Raises BadRequest where there is none, Undecodable, TooMuchWork."""
    return _apart(budget, READING, _page, data, number)


def _apart(budget: Budget, what: str, work: Callable[..., T], *arguments: Any) -> T:
    budget.charge(FORK_SECONDS, what)
    return run_apart(work, *arguments, budget=budget, what=what)


def _page(data: bytes, number: int) -> Page:
    document = _document(data)
    if len(document) > MOST_PAGES:
        raise Undecodable(f"the PDF has {len(document):,} pages; at most {MOST_PAGES} are taken. Send fewer at a time.")
    if not 1 <= number <= len(document):
        raise BadRequest(f"the PDF has {len(document)} pages; ?page={number} was asked for")
    width, height = document[number - 1].get_size()
    if not (0 < width < np.inf and 0 < height < np.inf):
        raise Undecodable("the PDF's page has no size")
    scale = SIDE / max(width, height)
    return Page((max(1, round(width * scale)), max(1, round(height * scale))), len(document))


def _pixels(data: bytes, number: int, side: int) -> NDArray[np.uint8]:
    """[H, W, 3]. Forms are not drawn, nor is anything run."""
    page = _document(data)[number - 1]
    return np.array(page.render(scale=side / max(page.get_size()), may_draw_forms=False, rev_byteorder=True).to_numpy())


def _document(data: bytes) -> pypdfium2.PdfDocument:
    try:
        return pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        raise Undecodable(
            f"the PDF cannot be opened ({error}); send one that is whole and needs no password"
        ) from error
