"""The page as a person meets it: a real browser draws on it, and the real service answers."""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, Route, expect, sync_playwright

from app.imaging import strokes

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
PHONE = {"viewport": {"width": 360, "height": 740}, "device_scale_factor": 3, "has_touch": True, "is_mobile": True}

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium, chromium-browser or google-chrome on PATH")

Line = list[tuple[float, float]]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser, service: str) -> Iterator[Page]:
    with opened(browser, service) as page:
        yield page


@contextmanager
def opened(browser: Browser, service: str, **context: Any) -> Iterator[Page]:
    """The page in a window of its own; leaving it fails if a script of the page failed."""
    failures: list[str] = []
    with browser.new_context(**context) as window:
        page = window.new_page()
        page.on("pageerror", lambda error: failures.append(str(error)))
        page.goto(f"{service}/")
        yield page
    assert failures == []


def lines_on(page: Page, digit: int) -> list[Line]:
    """The digit's strokes in pixels of the window, with a margin around them as people leave one."""
    box = page.locator("#paper").bounding_box()
    assert box is not None
    side, margin = box["width"] * 0.8, box["width"] * 0.1
    return [
        [(box["x"] + margin + side * x, box["y"] + margin + side * y) for x, y in stroke.tolist()]
        for stroke in strokes.paths()[digit]
    ]


def draw(page: Page, digit: int) -> None:
    for first, *rest in lines_on(page, digit):
        page.mouse.move(*first)
        page.mouse.down()
        for point in rest:
            page.mouse.move(*point)
        page.mouse.up()


def draw_by_touch(page: Page, digit: int) -> None:
    finger = page.context.new_cdp_session(page)

    def touch(kind: str, *points: tuple[float, float]) -> None:
        at = [{"x": x, "y": y} for x, y in points]
        finger.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": at})

    for first, *rest in lines_on(page, digit):
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


def wait_for(page: Page, held: list[Route], count: int) -> None:
    """Let the browser's events in until so many questions are held, for 5 seconds at most."""
    for _ in range(250):
        if len(held) >= count:
            return
        page.wait_for_timeout(20)


def answer_late(page: Page, held: Route) -> None:
    """Let the held question through, and give the page the time to do something wrong with its answer."""
    with page.expect_response("**/v1/predict*"):
        held.continue_()
    page.wait_for_timeout(200)


def digit_on(page: Page) -> Locator:
    return page.locator("#digit")


@pytest.mark.parametrize("digit", range(10))
def test_a_drawn_digit_is_read(page: Page, digit: int) -> None:
    draw(page, digit)
    expect(digit_on(page)).to_have_text(str(digit))


def test_the_answer_is_shown_in_full(page: Page) -> None:
    draw(page, 3)
    expect(digit_on(page)).to_have_text("3")
    expect(page.locator("#confidence")).to_have_text(re.compile(r"^\d+\.\d % sure$"))
    expect(page.locator("#decision")).to_have_attribute("data-decision", re.compile("accept|review|reject"))
    expect(page.locator("#bars li")).to_have_count(10)
    expect(page.locator("#bars li.top .label")).to_have_text("3")
    expect(page.locator("#seen")).to_be_visible()
    expect(page.locator("#steps")).to_contain_text("What the model saw")
    expect(page.locator("#model")).to_have_text(re.compile(r"^Model \S+, version \S+$"))
    expect(page.locator("#timing")).to_have_text(re.compile(r"\d ms$"))


def test_a_drawing_is_the_same_on_every_screen(browser: Browser, service: str) -> None:
    def answer(**context: Any) -> Any:
        with opened(browser, service, viewport={"width": 800, "height": 640}, **context) as page:
            with page.expect_response("**/v1/predict*") as response:
                draw(page, 1)
            assert response.value.request.headers["content-type"] == "image/png"
            return response.value.json()

    assert answer(color_scheme="light") == answer(color_scheme="dark", device_scale_factor=2)


@pytest.mark.parametrize("how", ["button", "escape"])
def test_clear_leaves_a_blank_page(page: Page, how: str) -> None:
    draw(page, 8)
    expect(digit_on(page)).to_have_text("8")
    assert ink_on(page) > 0
    page.locator("#clear").click() if how == "button" else page.keyboard.press("Escape")
    expect(digit_on(page)).to_be_empty()
    expect(page.locator("#bars li.top")).to_have_count(0)
    expect(page.locator("#seen")).to_be_hidden()
    expect(page.locator("#hint")).to_be_visible()
    assert ink_on(page) == 0


def test_a_blank_page_asks_nothing(page: Page) -> None:
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.locator("#clear").click()
    page.locator("#paper").hover()
    page.mouse.down()
    page.keyboard.press("Escape")  # in the middle of a stroke
    page.mouse.move(0, 0)
    page.mouse.up()
    page.wait_for_timeout(500)
    assert [url for url in requests if "predict" in url] == []  # the icon may be asked for, late
    assert ink_on(page) == 0


def test_an_older_answer_is_discarded(page: Page) -> None:
    held: list[Route] = []
    page.route("**/v1/predict*", lambda route: held.append(route))
    for count, digit in enumerate((1, 7), start=1):
        page.keyboard.press("Escape")
        draw(page, digit)
        wait_for(page, held, count)
    oldest, newest = held
    newest.continue_()
    expect(digit_on(page)).to_have_text("7")
    answer_late(page, oldest)
    expect(digit_on(page)).to_have_text("7")


def test_an_answer_to_what_was_cleared_is_discarded(page: Page) -> None:
    held: list[Route] = []
    page.route("**/v1/predict*", lambda route: held.append(route))
    draw(page, 1)
    wait_for(page, held, 1)
    page.keyboard.press("Escape")
    answer_late(page, held[0])
    expect(digit_on(page)).to_be_empty()


def test_nothing_fails_on_the_console(browser: Browser, service: str) -> None:
    messages: list[str] = []
    with opened(browser, service) as page:
        page.on("console", lambda message: messages.append(message.text))
        page.reload()
        draw(page, 4)
        expect(digit_on(page)).to_have_text("4")
        page.locator("#clear").click()
    assert messages == []


def test_a_phone_draws_by_touch_and_shows_all(browser: Browser, service: str) -> None:
    with opened(browser, service, **PHONE) as page:
        draw_by_touch(page, 2)
        expect(digit_on(page)).to_have_text("2")
        expect(page.locator("#seen")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert page.evaluate("scrollY") == 0


def test_a_refusal_is_shown_as_its_sentence_and_passes(page: Page) -> None:
    detail = "No ink was found: draw darker."
    problem = {"status": 422, "content_type": "application/problem+json", "json": {"detail": detail}}
    page.route("**/v1/predict*", lambda route: route.fulfill(**problem), times=1)
    draw(page, 1)
    expect(page.locator("#problem")).to_have_text(detail)
    expect(digit_on(page)).to_be_hidden()
    page.keyboard.press("Escape")
    draw(page, 6)
    expect(digit_on(page)).to_have_text("6")
    expect(page.locator("#problem")).to_be_hidden()


def test_a_lost_service_is_said_and_found_again(page: Page) -> None:
    page.context.set_offline(True)
    draw(page, 1)
    expect(page.locator("#problem")).to_have_text(re.compile(r"cannot be reached.*\.$"))
    page.context.set_offline(False)
    page.keyboard.press("Escape")
    draw(page, 9)
    expect(digit_on(page)).to_have_text("9")
    expect(page.locator("#problem")).to_be_hidden()


def test_every_control_has_a_name_and_shows_its_focus(page: Page) -> None:
    for role, name in (("img", "Paper"), ("button", "Clear"), ("list", "Probability"), ("link", "API")):
        expect(page.get_by_role(role, name=name)).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.locator("#clear")).to_be_focused()
    expect(page.locator("#clear")).to_have_css("outline-style", "solid")
