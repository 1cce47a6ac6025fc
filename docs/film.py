"""`python -m docs.film`: the page while a hand draws on it, by the real service in a real browser -> docs/page.webp."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from PIL import Image
from playwright.sync_api import Page, sync_playwright

from benchmarks import servers
from tests.page.window import CHROMIUM, FLAGS, choose_mode, lines_on, opened

OUT = Path(__file__).with_name("page.webp")
WINDOW = {"width": 1000, "height": 640}
POINTS = 3  # of a stroke between two pictures
MOVING, READ = 60, 1600  # milliseconds that a picture stands: within a stroke, and when all is read
ANSWER = 500  # milliseconds that the page is given to show an answer
Shot = tuple[Image.Image, int]


def main(out: Annotated[Path, typer.Option(help="The picture, an animated WebP.")] = OUT) -> None:
    """Draw a digit and a number on the page, and film it."""
    if CHROMIUM is None:
        raise typer.BadParameter("there is no Chromium; install one")
    every = ",".join(map(str, servers.cores()))
    with servers.digitserve(every) as running, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        with opened(browser, f"http://127.0.0.1:{running.port}", viewport=WINDOW, color_scheme="light") as page:
            first, *others = [*_drawn(page, 5), *_number(page, 2, 0, 2, 6)]
        browser.close()
    pictures, times = zip(first, *others, strict=True)
    pictures[0].save(out, save_all=True, append_images=pictures[1:], duration=times, loop=0, quality=60, method=6)
    typer.echo(f"{out}: {len(pictures)} pictures, {out.stat().st_size / 1024:,.0f} KB")


def _number(page: Page, *digits: int) -> Iterator[Shot]:
    page.locator("#clear").click()
    choose_mode(page, "number")
    yield from _drawn(page, *digits)


def _drawn(page: Page, *digits: int) -> Iterator[Shot]:
    for line in lines_on(page, digits):
        page.mouse.move(*line[0])
        page.mouse.down()
        for place, point in enumerate(line[1:]):
            page.mouse.move(*point)
            if place % POINTS == 0:
                yield _shot(page, MOVING)
        page.mouse.up()
    page.mouse.move(0, 0)
    page.wait_for_timeout(ANSWER)
    page.locator("#busy").wait_for(state="hidden")
    yield _shot(page, READ)


def _shot(page: Page, milliseconds: int) -> Shot:
    return Image.open(io.BytesIO(page.screenshot())).convert("RGB"), milliseconds


if __name__ == "__main__":
    typer.run(main)
