"""What the page costs: bytes until it can be drawn on, and pauses between what it asks. `benchmarks.page` has times."""

import gzip

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.page.window import draw, hold, read_as, wait_for

MOST_BYTES = 150_000


def test_the_first_load_is_small(browser: Browser, service: str) -> None:
    with browser.new_context() as window:
        page = window.new_page()
        answers = []
        page.on("response", lambda response: answers.append(response))
        page.goto(f"{service}/", wait_until="networkidle")
        files = {answer.url.removeprefix(service): answer for answer in answers}
        sent = {name: answer.request.sizes()["responseBodySize"] for name, answer in files.items()}
        unpacked = {name: answer.body() for name, answer in files.items()}
    assert {"/", "/static/page.js", "/static/page.css", "/static/paper.js"} <= files.keys()
    early = [name for name in files for part in ("service", "labelled", "many/") if part in name]
    assert not early, "fetched before it is wanted"
    assert {answer.headers["content-encoding"] for answer in files.values()} == {"gzip"}
    assert sum(sent.values()) < MOST_BYTES
    assert sum(sent.values()) < 1.1 * sum(len(gzip.compress(body)) for body in unpacked.values())


@pytest.mark.parametrize(("took", "pause"), [(10, 0), (60, 0), (190, 80)])
def test_questions_follow_at_once_while_the_service_is_quick(page: Page, took: int, pause: int) -> None:
    page.clock.install(time=0)
    page.reload()
    page.clock.pause_at(60_000)  # no time passes but by the test's hand
    held = hold(page)
    draw(page, 4)
    wait_for(page, held, 1)
    page.clock.run_for(took)
    held[0].continue_()
    expect(read_as(page)).not_to_be_empty()
    page.wait_for_timeout(100)
    if pause:
        page.clock.run_for(pause - 1)
        page.wait_for_timeout(100)
        assert len(held) == 1
    page.clock.run_for(2)
    wait_for(page, held, 2)


@pytest.mark.parametrize("coding", ["", "br", "gzip;q=0"])
def test_who_does_not_unpack_gets_it_plain(page: Page, coding: str) -> None:
    answer = page.request.get(page.url, headers={"Accept-Encoding": coding})
    assert "content-encoding" not in answer.headers
    assert answer.text().startswith("<!doctype html>")
