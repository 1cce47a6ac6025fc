"""The page in a real browser, and a hand that draws on it."""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import Browser, Locator, Page, Request, Route

from app.tasks.digits import strokes

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
# Without these the browser asks addresses of its own, or fails as root and without a GPU.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE_SECONDS = 20  # with a page on a busy machine; what does come is waited for no longer than it takes
PHONE = {"viewport": {"width": 360, "height": 740}, "device_scale_factor": 3, "has_touch": True, "is_mobile": True}
EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("?.png"))

Line = list[tuple[float, float]]


@contextmanager
def opened(browser: Browser, service: str, *, refusals: bool = False, **context: Any) -> Iterator[Page]:
    """The page in a window of its own; leaving it fails if something failed on its console.

    A browser writes refused and lost requests there too: `refusals` says that they are part of the test.
    """
    failures: list[str] = []
    with browser.new_context(**context) as window:
        page = window.new_page()
        page.on("pageerror", lambda error: failures.append(str(error)))
        page.on("console", lambda message: failures.append(message.text) if message.type == "error" else None)
        page.goto(f"{service}/")
        yield page
    unexpected = [text for text in failures if not (refusals and text.startswith("Failed to load resource"))]
    assert not unexpected, unexpected


def lines_on(page: Page, digits: Sequence[int]) -> list[Line]:
    """The digits' strokes in pixels of the window, in one row, with a margin as people leave one."""
    page.locator("#paper").scroll_into_view_if_needed()
    box = page.locator("#paper").bounding_box()
    assert box is not None
    cell = box["width"] / len(digits)
    side = 0.8 * min(cell, box["height"])
    top = box["y"] + (box["height"] - side) / 2
    lefts = [box["x"] + cell * place + (cell - side) / 2 for place in range(len(digits))]
    return [
        [(left + side * x, top + side * y) for x, y in [*stroke[:-1:3].tolist(), stroke[-1].tolist()]]
        for left, digit in zip(lefts, digits, strict=True)
        for stroke in strokes.paths()[digit]
    ]


def draw(page: Page, *digits: int) -> None:
    for line in lines_on(page, digits):
        draw_line(page, line)
        page.mouse.up()


def draw_line(page: Page, line: Line) -> None:
    """Without lifting the pen at its end."""
    page.mouse.move(*line[0])
    page.mouse.down()
    for point in line[1:]:
        page.mouse.move(*point)


def draw_by_touch(page: Page, *digits: int) -> None:
    finger = page.context.new_cdp_session(page)

    def touch(kind: str, *points: tuple[float, float]) -> None:
        at = [{"x": x, "y": y} for x, y in points]
        finger.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": at})

    for first, *rest in lines_on(page, digits):
        touch("touchStart", first)
        for point in rest:
            touch("touchMove", point)
        touch("touchEnd")


def ink_on(page: Page) -> int:
    """How many pixels of the paper are drawn on."""
    script = """paper => paper.getContext("2d").getImageData(0, 0, paper.width, paper.height)
        .data.filter((value, at) => at % 4 === 3 && value > 0).length"""
    ink: int = page.locator("#paper").evaluate(script)
    return ink


def read_as(page: Page) -> Locator:
    return page.locator("#digit")


def choose_mode(page: Page, mode: str) -> None:
    page.locator(f"[name=mode][value={mode}]").check()


def questions(page: Page) -> list[Request]:
    """The questions that the page will have asked, as they are asked."""
    asked: list[Request] = []
    page.on("request", lambda request: asked.append(request) if "/v1/" in request.url else None)
    return asked


def hold(page: Page) -> list[Route]:
    """The questions that the page will have asked, held back until a test lets them go."""
    held: list[Route] = []
    page.route("**/v1/**", lambda route: held.append(route))
    return held


def wait_for(page: Page, held: Sequence[Any], count: int) -> None:
    """Let the browser's events in until there are so many."""
    for _ in range(PATIENCE_SECONDS * 50):
        if len(held) >= count:
            return
        page.wait_for_timeout(20)
    raise AssertionError(f"waited in vain for {count}, there are {len(held)}")


def hand_over(page: Page, event: str, name: str, kind: str, data: bytes) -> None:
    """A file by `drop` or `paste`, as the browser's own events bring it."""
    script = """([event, name, type, bytes]) => {
        const transfer = new DataTransfer();
        transfer.items.add(new File([Uint8Array.from(bytes)], name, { type }));
        const options = { bubbles: true, cancelable: true };
        document.body.dispatchEvent(
            event === "drop"
                ? new DragEvent("drop", { ...options, dataTransfer: transfer })
                : new ClipboardEvent("paste", { ...options, clipboardData: transfer }));
    }"""
    page.evaluate(script, [event, name, kind, list(data)])


def scribble(page: Page) -> None:
    """Strokes all over the paper that are no digit, the same each time."""
    page.locator("#paper").scroll_into_view_if_needed()
    box = page.locator("#paper").bounding_box()
    assert box is not None
    spots = np.random.default_rng(3).uniform(0.05, 0.95, (40, 2)).tolist()
    draw_line(page, [(box["x"] + box["width"] * x, box["y"] + box["height"] * y) for x, y in spots])
    page.mouse.up()
