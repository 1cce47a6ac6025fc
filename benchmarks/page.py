"""`python -m benchmarks.page`: how long a movement of the pen waits for an answer that knows of it, in a real browser.

A wait ends with the frame in which the answer is shown that was asked for after the movement. The service's own time,
as it tells it, is taken off. On a machine that does anything else it says little.
"""

import os

import numpy as np
import typer
from playwright.sync_api import Page, expect, sync_playwright

from benchmarks import servers
from tests.page.window import CHROMIUM, FLAGS, draw, opened

WANTED = 50  # ms, of 95 of 100
ROUNDS = 5
WATCH = """() => {
    window.waits = [];
    let moved = [], about = null;
    addEventListener("pointermove", ({ timeStamp, buttons }) => buttons && moved.push(timeStamp), true);
    const fetched = window.fetch;
    window.fetch = async (...request) => {
        const asked = { moved, service: 0 };
        moved = [];
        const response = await fetched(...request);
        asked.service = Number(/total;dur=([\\d.]+)/.exec(response.headers.get("Server-Timing"))[1]);
        about = asked;
        return response;
    };
    new MutationObserver(() => {
        const shown = about;
        about = null;
        if (shown) requestAnimationFrame(() =>
            window.waits.push(...shown.moved.map((at) => performance.now() - at - shown.service)));
    }).observe(document.getElementById("digit"), { childList: true });
}"""


def main() -> None:
    """Draw all digits some times, and tell the waits of each round."""
    if CHROMIUM is None:
        raise typer.BadParameter("there is no Chromium; install one")
    every = ",".join(map(str, servers.cores()))
    with servers.digitserve(every) as running, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        with opened(browser, f"http://127.0.0.1:{running.port}") as page:
            page.evaluate(WATCH)
            for _ in range(ROUNDS):
                waits = drawn(page)
                half, most = np.percentile(waits, [50, 95])
                typer.echo(
                    f"{len(waits)} movements waited {half:.1f} ms (p50) and {most:.1f} ms (p95; wanted {WANTED}) "
                    f"beside the service's own time; load of the machine {os.getloadavg()[0]:.1f}"
                )
        browser.close()


def drawn(page: Page) -> list[float]:
    """The waits of one round, in milliseconds."""
    page.evaluate("window.waits = []")
    for digit in range(10):
        draw(page, digit)
        expect(page.locator("#said")).to_contain_text("Read as")
        page.locator("#clear").click()
    waits: list[float] = page.evaluate("window.waits")
    return waits


if __name__ == "__main__":
    typer.run(main)
